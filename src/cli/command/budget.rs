//! `--budget` of a run: numbers of epochs for a given time.

use std::time::{Duration, Instant};

use super::sessions::session;
use super::{Fetching, on_threads, pipeline_directory, select};
use crate::base::text;
use crate::cli::args::{PipelineArguments, RunArguments};
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::exec::prepare::images_read::ImagesRead;
use crate::exec::run::budget::{self, StageTime};

/// The arguments with the numbers of epochs for which a run that began at `began` takes about `time`, and
/// the images that were read to find them.
pub(super) fn within(
    arguments: &RunArguments,
    (began, time): (Instant, Duration),
    settings: &Settings,
    terminal: &Terminal,
) -> Result<(PipelineArguments, ImagesRead), Failure> {
    let fetching = Fetching::IfMissing(terminal);
    let RunArguments { pipeline, stages, .. } = arguments;
    let (loaded, prepared, options) = select(pipeline, stages, settings, fetching)?;
    if loaded.spec.stages.iter().all(|stage| stage.train().is_none()) {
        let message =
            "`--budget` changes numbers of epochs, and no stage of the pipeline has epochs";
        return Err(Failure::usage_with(anyhow::anyhow!(message), vec!["leave it out".to_owned()]));
    }
    let session = session(settings, pipeline_directory(pipeline, settings));
    let shown = ShownWork::watch(terminal, &session.tally);
    let (found, known) = on_threads(settings, || {
        let planned = session.plan(&loaded.spec, prepared, &options, None)?;
        session.stage_times(&loaded.spec, &planned, time).map(|times| (times, planned.known()))
    })??;
    drop(shown);
    let epochs = budget::epochs_within(&found, time.saturating_sub(began.elapsed()));
    terminal.note(&said(time, &found, &epochs));
    let mut pipeline = pipeline.clone();
    let overrides = found.iter().zip(&epochs);
    pipeline.overrides.extend(
        overrides.map(|(StageTime { name, .. }, n)| format!("stages.{name}.train.epochs={n}")),
    );
    Ok((pipeline, known))
}

/// The numbers of epochs, and the time that they take.
fn said(time: Duration, stages: &[StageTime], epochs: &[usize]) -> String {
    let changes = stages.iter().zip(epochs).map(|(StageTime { name, n_epochs, .. }, n)| {
        format!("{} in stage {name} instead of {n_epochs}", text::count(*n, "epoch"))
    });
    let total: Duration = stages.iter().zip(epochs).map(|(stage, n)| stage.of(*n)).sum();
    let is_most = |(stage, n): (&StageTime, &usize)| *n == budget::MOST * stage.n_epochs;
    let note = if total > time {
        ", which is more than the budget"
    } else if stages.iter().zip(epochs).all(is_most) {
        "; no stage gets more than ten times its epochs"
    } else {
        ""
    };
    format!(
        "budget {}: {}; training takes about {}{note}",
        text::duration(time),
        text::join(changes, "and"),
        text::duration(total)
    )
}
