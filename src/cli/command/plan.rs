//! `alpaca-run plan PIPELINE`

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::sessions::{named, session};
use super::{Fetching, json_text, on_threads, pipeline_directory, select};
use crate::base::text;
use crate::cache::records::Fit;
use crate::cli::args::PlanArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::progress::{dataset_line, pixels_line};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::exec::plan::{Plan, PlannedStage, Reason};
use crate::exec::run::features::KeptFeatures;
use crate::pipeline::document::Document;
use crate::pipeline::resolved;

/// Shows what a run would do, and why.
pub(in crate::cli) fn run(
    arguments: &PlanArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (loaded, prepared, options) =
        select(&arguments.pipeline, &arguments.stages, settings, Fetching::Never)?;
    let mut session = session(settings, pipeline_directory(&arguments.pipeline, settings));
    named(&loaded, settings, terminal)?.into_session(&mut session);
    let _shown = ShownWork::watch(terminal, &session.tally);
    let planned = on_threads(settings, || session.plan(&loaded.spec, prepared, &options, None))??;
    planned.check_dataset(&loaded.spec)?;
    let text = if arguments.json {
        json_text(&as_json(&planned.plan, &loaded.document))
    } else {
        let mut text = render(&planned.plan, &loaded.document, arguments.explain);
        let features = planned.features(&loaded.spec, &session.caches);
        let features = features.iter().map(|(stage, kept)| features_line(stage, kept));
        let _ = write!(
            text,
            "\n{}\n{}{}",
            dataset_line(&planned.dataset()),
            pixels_line(&planned.pixels()).map(|line| line + "\n").unwrap_or_default(),
            features.collect::<String>()
        );
        text
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// The plan as text: a line per stage and task, and with `explain` a line per reason.
pub(super) fn render(plan: &Plan, document: &Document, explain: bool) -> String {
    let names = plan.stages.iter().map(|stage| &stage.name);
    let names = names.chain(plan.tasks.iter().map(|task| &task.name));
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for stage in &plan.stages {
        let (name, epochs) = (&stage.name, text::count(stage.n_epochs, "epoch"));
        let action = if stage.is_reused() { "reuse" } else { "run  " };
        let begun = match stage.n_epochs_done() {
            0 => String::new(),
            n => format!(", the first {n} already done"),
        };
        let _ = write!(text, "{name:width$}  {action}  {epochs}{begun}");
        match &stage.reasons[..] {
            [] => {}
            [first, others @ ..] if !explain => {
                let more = match others.len() {
                    0 => String::new(),
                    n => format!(", and {n} more (--explain)"),
                };
                let _ = write!(text, ": {}{more}", first_line(&first.to_string()));
            }
            _ => {}
        }
        text.push('\n');
        if explain {
            for reason in &stage.reasons {
                let reason = said(reason, document).replace('\n', "\n        ");
                let _ = writeln!(text, "    {reason}");
            }
            let _ = writeln!(text, "    key {}", stage.key.digest());
        }
    }
    for task in &plan.tasks {
        let _ = writeln!(text, "{:width$}  run    {task}", task.name);
    }
    text
}

/// A reason, and where its value is set.
fn said(reason: &Reason, document: &Document) -> String {
    match reason {
        Reason::Changed(change) if change.now.is_some() => {
            format!("{reason} ({})", resolved::origin(document, &change.path))
        }
        reason => reason.to_string(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_end_matches(':')
}

fn as_json(plan: &Plan, document: &Document) -> Value {
    let stages = plan.stages.iter().map(|stage: &PlannedStage| {
        let changes = stage.reasons.iter().filter_map(|reason| match reason {
            Reason::Changed(change) => Some(json!({
                "path": change.path.to_string(),
                "before": change.before,
                "now": change.now,
                "origin": resolved::origin(document, &change.path),
            })),
            _ => None,
        });
        json!({
            "stage": stage.name,
            "action": if stage.is_reused() { "reuse" } else { "run" },
            "epochs": stage.n_epochs,
            "epochs_done": stage.n_epochs_done(),
            "reasons": stage.reasons.iter().map(Reason::to_string).collect::<Vec<_>>(),
            "changes": changes.collect::<Vec<_>>(),
            "key": stage.key.digest(),
        })
    });
    let tasks = plan.tasks.iter().map(|task| json!({ "task": task.name, "does": &task.kind }));
    json!({ "stages": stages.collect::<Vec<_>>(), "tasks": tasks.collect::<Vec<_>>() })
}

fn features_line(stage: &str, kept: &KeptFeatures) -> String {
    let KeptFeatures { bytes_each, fit: Fit { in_memory, on_disk }, of_training } = *kept;
    let size = |n: usize| text::bytes(n as u64 * bytes_each);
    let on_disk = match on_disk {
        0 => String::new(),
        n => format!(", {n} on disk ({})", size(n)),
    };
    let which = if of_training { "training and validation" } else { "validation" };
    format!(
        "features of {stage}: {in_memory} cached in memory ({}){on_disk}, of {which}\n",
        size(in_memory)
    )
}
