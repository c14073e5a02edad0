//! `alpaca-run lr-find PIPELINE`

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use super::run::failure;
use super::sessions::session;
use super::{Fetching, check_directory, json_text, on_threads, pipeline_directory, prepare};
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::cli::args::LrFindArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::event::Sinks;
use crate::exec::error::RunError;
use crate::exec::plan::{PlanOptions, PlannedStage};
use crate::exec::run::begin::Planned;
use crate::exec::run::lr_find::{self, Found, RangeTest, Tried};
use crate::exec::run::session::{RunReport, Session, Texts};
use crate::pipeline::load::Loaded;
use crate::pipeline::resolved;
use crate::run_dir::plot::rates;
use crate::spec::{OptimizerSpec, PipelineSpec, StageSpec};

/// Rows of the table.
const ROWS: usize = 15;

/// Tries learning rates in a stage, and suggests one.
pub(in crate::cli) fn run(
    arguments: &LrFindArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let LrFindArguments { from, to, steps: n_steps, .. } = *arguments;
    let test = RangeTest { from, to, n_steps };
    if from >= to {
        let error = anyhow::anyhow!("`--from {from}` is not below `--to {to}`");
        let hint = "the learning rate grows from the first to the second: `--from 1e-7 --to 1`";
        return Err(Failure::usage_with(error, vec![hint.to_owned()]));
    }
    arguments.svg.as_deref().map_or(Ok(()), check_directory)?;
    let fetching = Fetching::IfMissing(terminal);
    let (mut loaded, prepared) = prepare(&arguments.pipeline, settings, fetching)?;
    let stage = chosen(&loaded.spec, arguments.stage.as_deref())?.clone();
    keep_chain(&mut loaded.spec, &stage);
    let folder = pipeline_directory(&arguments.pipeline, settings);
    let mut session = session(settings, folder);
    signals::listen(&session.cancel);
    let _shown = ShownWork::watch(terminal, &session.tally);
    // The stages before it need a cache to be found in.
    let temporary = tempfile::tempdir().map_err(Failure::usage)?;
    session.caches.stages.get_or_insert_with(|| temporary.path().join("cache"));
    let options = PlanOptions::default();
    let plan = || session.plan(&loaded.spec, prepared, &options, None);
    let mut planned = on_threads(settings, plan)??;
    for is_again in [false, true] {
        if is_ready(&planned) {
            break;
        }
        if is_again {
            // The cache cannot be written.
            session.caches.stages = Some(temporary.path().join("cache"));
        }
        run_before(arguments, (settings, terminal), &session, &loaded, temporary.path())?;
        session.plan_again(&loaded.spec, &mut planned, &options);
    }
    terminal.note(&format!(
        "stage {}: {} with learning rates from {} to {}",
        stage.name,
        text::count(n_steps, "step"),
        rate(from),
        rate(to)
    ));
    let tried = on_threads(settings, || session.try_rates(&loaded.spec, &planned, &test))?
        .map_err(|error| failure(error, None))?;
    let found = lr_find::find(&tried);
    if let Some(file) = &arguments.svg {
        let steps = tried.iter().map(|step| rates::Step {
            rate: step.rate,
            loss: step.loss,
            average: step.average,
        });
        let steps: Vec<rates::Step> = steps.collect();
        let svg = rates::render(&stage.name, &steps, found.map(|found| found.steepest));
        fs::write_atomic(file, svg.as_bytes()).map_err(Failure::usage)?;
    }
    let said = Said { stage: &stage, test, tried: &tried, found };
    let text = if arguments.json { said.json() } else { said.text() };
    terminal.result(&text).map_err(Failure::usage)?;
    if let Some(file) = &arguments.svg {
        terminal.note(&format!("the plot is in {}", names::text_of_path(file)));
    }
    Ok(Exit::Done)
}

/// Whether the results of all stages before the last one are cached.
fn is_ready(planned: &Planned) -> bool {
    let (_, before) = planned.plan.stages.split_last().expect("there is a stage");
    before.iter().all(PlannedStage::is_reused)
}

/// The stage with a name, or the last one that trains.
fn chosen<'a>(spec: &'a PipelineSpec, name: Option<&str>) -> Result<&'a StageSpec, Failure> {
    let trained = || spec.stages.iter().filter(|stage| stage.train().is_some());
    let names = text::all_of(trained().map(|stage| stage.name.as_str()));
    let refuse = |message: String| {
        let hint = match trained().next() {
            None => "all stages of the pipeline fit their head, without a learning rate".to_owned(),
            Some(_) => format!("the stages that train are {names}"),
        };
        Err(Failure::usage_with(anyhow::anyhow!(message), vec![hint]))
    };
    match (name, spec.stages.iter().find(|stage| Some(stage.name.as_str()) == name)) {
        (Some(name), None) => refuse(format!("the pipeline has no stage `{name}`")),
        (_, Some(stage)) if stage.train().is_none() => {
            refuse(format!("stage `{}` does not train", stage.name))
        }
        (_, Some(stage)) => Ok(stage),
        (None, None) => match trained().next_back() {
            Some(stage) => Ok(stage),
            None => refuse("no stage of the pipeline trains".to_owned()),
        },
    }
}

/// Keeps a stage and those that it builds on.
fn keep_chain(spec: &mut PipelineSpec, stage: &StageSpec) {
    let mut chain = vec![stage.name.clone()];
    let mut at = stage;
    while let Some(from) = at.from()
        && let Some(before) = spec.stages.iter().find(|other| other.name == from)
    {
        chain.push(before.name.clone());
        at = before;
    }
    spec.stages.retain(|stage| chain.contains(&stage.name));
    spec.tasks.clear();
}

/// Runs the stages before the last one, in a directory that is removed afterwards.
fn run_before(
    arguments: &LrFindArguments,
    (settings, terminal): (&Settings, &Terminal),
    session: &Session,
    loaded: &Loaded,
    directory: &Path,
) -> Result<(), Failure> {
    let (_, prepared) = prepare(&arguments.pipeline, settings, Fetching::Never)?;
    let mut spec = loaded.spec.clone();
    spec.stages.pop();
    let resolved = resolved::render(&spec, &loaded.document);
    let texts = Texts { pipeline: &loaded.document.sources()[0].text, resolved: &resolved };
    let names = text::all_of(spec.stages.iter().map(|stage| stage.name.as_str()));
    terminal.note(&format!("first, the stages before it: {names}"));
    let run = || {
        let planned = session.plan(&spec, prepared, &PlanOptions::default(), None)?;
        session.run(&spec, planned, &directory.join("runs"), &texts, &mut Sinks(vec![]))
    };
    let report: Result<RunReport, RunError> = on_threads(settings, run)?;
    report.map(drop).map_err(|error| failure(error, None))
}

/// The result of a test.
struct Said<'a> {
    stage: &'a StageSpec,
    test: RangeTest,
    tried: &'a [Tried],
    found: Option<Found>,
}

impl Said<'_> {
    fn optimizer(&self) -> Option<&OptimizerSpec> {
        self.stage.train().map(|train| &train.optimizer)
    }

    fn json(&self) -> String {
        let Self { stage, test, tried, found } = self;
        let steps = tried.iter().map(
            |step| json!({ "learning_rate": step.rate, "loss": step.loss, "average": step.average }),
        );
        json_text(&json!({
            "stage": stage.name,
            "learning_rate": self.optimizer().map(OptimizerSpec::learning_rate),
            "suggestion": found.map(|found| found.steepest),
            "lowest": found.map(|found| found.lowest),
            "diverged": tried.len() < test.n_steps,
            "steps": steps.collect::<Vec<_>>(),
        }))
    }

    fn text(&self) -> String {
        let Self { stage, test, tried, found } = self;
        let mut table = vec![["learning rate", "loss", "average loss"].map(str::to_owned).to_vec()];
        let every = tried.len().div_ceil(ROWS).max(1);
        for step in tried.iter().step_by(every) {
            let loss = |loss: f64| format!("{loss:.4}");
            table.push(vec![rate(step.rate), loss(step.loss), loss(step.average)]);
        }
        let mut text = text::align(&table, &[0, 1, 2]);
        if tried.len() < test.n_steps {
            let n = text::count(tried.len(), "step");
            let _ = writeln!(text, "\nthe loss diverged after {n}");
        }
        let Some(Found { steepest, lowest }) = found else {
            text.push_str(
                "\nthe loss does not fall by more than chance at any of these learning rates\n\
                 try more steps (`--steps`) or other rates (`--from`, `--to`)\n",
            );
            return text;
        };
        let (suggestion, lowest) = (rate(*steepest), rate(*lowest));
        let _ = writeln!(
            text,
            "\nsuggested learning rate: {suggestion}, where the average loss falls fastest; it is lowest at {lowest}"
        );
        if let Some(optimizer) = self.optimizer() {
            let (name, now) = (&stage.name, rate(optimizer.learning_rate()));
            let kind = optimizer.name();
            let _ = writeln!(
                text,
                "stage {name} has {now}; to try the suggestion: \
                 -S stages.{name}.train.optimizer.{kind}.learning_rate={suggestion}"
            );
        }
        text
    }
}

/// A learning rate with two digits.
fn rate(rate: f64) -> String {
    format!("{rate:.1e}")
}
