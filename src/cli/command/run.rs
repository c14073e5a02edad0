//! `alpaca-run PIPELINE`

use std::fmt::Write as _;

use super::{on_threads, prepare};
use crate::base::fs;
use crate::cli::args::RunArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::log::Log;
use crate::cli::progress::Progress;
use crate::cli::settings::Settings;
use crate::cli::terminal::{Terminal, Verbosity};
use crate::event::Sinks;
use crate::event::{EpochMetrics, Evaluated};
use crate::exec::session::{Caches, PixelRoom, Room, RunReport, Session};
use crate::pipeline::load::folder_of;
use crate::pipeline::resolved;
use crate::run_dir::history::StageHistory;

/// Runs a pipeline from its file to a finished run directory.
pub(in crate::cli) fn run(
    arguments: &RunArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (loaded, prepared) = prepare(&arguments.pipeline, settings)?;
    let mut log = Log::start(terminal.verbosity());
    let mut progress = Progress::new(terminal);
    let session = Session {
        runs_dir: arguments.runs_dir.clone(),
        pipeline_text: &loaded.document.sources()[0].text,
        resolved_text: &resolved::render(&loaded.spec, &loaded.document),
        pipeline_directory: fs::normalise(
            &settings.current_dir.join(folder_of(&arguments.pipeline.pipeline)),
        ),
        n_threads: settings.threads,
        caches: caches(settings),
    };
    let mut sinks = Sinks(vec![&mut log, &mut progress]);
    let result = on_threads(settings, || session.run(&loaded.spec, prepared, &mut sinks))?;
    match result {
        Ok(report) => {
            terminal.result(&summary(&report, terminal)).map_err(Failure::usage)?;
            Ok(Exit::Done)
        }
        Err(error) => {
            let (code, hints) = (error.code(), error.hints());
            Err(Failure::stage(error, code, hints))
        }
    }
}

/// What a run may keep: little enough memory for any machine, and as much disk as a dataset of a
/// hundred thousand small pictures takes. Features need less memory than pixels: they are read in
/// one piece each, and cost a hundred times as much to make as to read.
fn caches(settings: &Settings) -> Caches {
    const PIXELS: u64 = 256 << 20;
    const FEATURES: u64 = 32 << 20;
    const DISK: u64 = 8 << 30;
    let root = settings.cache_dir.clone();
    Caches {
        pixels: PixelRoom { memory: PIXELS, disk: DISK, root: root.clone() },
        features: Room { memory: FEATURES, disk: DISK, folder: root },
    }
}

/// What a run came to: validation before and after each stage, and where the files are.
fn summary(report: &RunReport, terminal: &Terminal) -> String {
    let directory = report.directory.display();
    if terminal.verbosity() == Verbosity::Quiet {
        return format!("{directory}\n");
    }
    let stages = &report.history.stages;
    let width = stages.iter().map(|stage| stage.name.len()).max().unwrap_or(0).max("stage".len());
    let mut text = format!(
        "\n{:width$}  validation accuracy            validation loss\n\
         {:width$}  before    best    last           before    best    last\n",
        "stage", ""
    );
    for stage in stages {
        let (Some(best), Some(last)) = (stage.best_epoch(), stage.epochs.last()) else { continue };
        let accuracy = figures(stage, best, last, |evaluated| evaluated.accuracy);
        let loss = figures(stage, best, last, |evaluated| evaluated.loss);
        let (name, epoch) = (&stage.name, best.epoch);
        let _ =
            writeln!(text, "{name:width$}  {accuracy}           {loss}   best in epoch {epoch}");
    }
    let _ = writeln!(
        text,
        "\nThe run is in {directory}: see plots/accuracy.svg, metrics.csv, predictions.csv"
    );
    text
}

fn figures(
    stage: &StageHistory,
    best: &EpochMetrics,
    last: &EpochMetrics,
    of: fn(&Evaluated) -> f64,
) -> String {
    let [before, best, last] = [&stage.before, &best.validation, &last.validation].map(of);
    format!("{before:.4}  {best:.4}  {last:.4}")
}
