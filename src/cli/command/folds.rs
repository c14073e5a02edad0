//! `alpaca-run folds PIPELINE`

use std::path::PathBuf;

use super::run::{failure, perform};
use super::sessions::session;
use super::{Fetching, on_threads, pipeline_directory, select};
use crate::base::fs;
use crate::base::names;
use crate::cli::args::{FoldsArguments, PipelineArguments};
use crate::cli::exit::{Exit, Failure};
use crate::cli::log::Log;
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::{Terminal, Verbosity};
use crate::cli::work::ShownWork;
use crate::exec::prepare::images_read::ImagesRead;
use crate::exec::run::session::{Session, Texts};
use crate::folds;
use crate::pipeline::resolved;
use crate::run_dir::layout;
use crate::spec::FoldsSpec;

/// Folds if neither the pipeline nor the command line says how many.
const USUAL: usize = 5;

/// Runs all folds of a pipeline, and summarizes them.
pub(in crate::cli) fn run(
    arguments: &FoldsArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let FoldsSpec { folds, repeats, .. } = folds_of(arguments, settings)?;
    let n = folds * repeats;
    let folder = pipeline_directory(&arguments.run.pipeline, settings);
    let session = session(settings, folder);
    signals::listen(&session.cancel);
    let _shown = ShownWork::watch(terminal, &session.tally);
    let mut all = All { arguments, settings, terminal, session, known: None, directory: None };
    let mut runs = vec![];
    for fold in 0..n {
        terminal.note(&format!("fold {fold} ({} of {n})", fold + 1));
        runs.push(all.run(FoldsSpec { folds, fold, repeats })?);
    }
    let (directory, name) = all.directory.expect("there is at least one fold");
    let found = folds::summarize(&runs, folds).map_err(Failure::usage)?;
    folds::write(&directory, &found).map_err(Failure::usage)?;
    let image = |path: &str, side: u32| all.known.as_ref()?.thumbnail(path, side);
    let page = folds::render_page(&name, &found, &image);
    fs::write_atomic(&directory.join(layout::REPORT), page.as_bytes()).map_err(Failure::usage)?;
    let shown = names::text_of_path(&directory);
    let text = match terminal.verbosity() {
        Verbosity::Quiet => format!("{shown}\n"),
        _ => format!(
            "\n{}The result is in {shown}: see report.html, folds.csv, predictions.csv\n",
            folds::render(&found)
        ),
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// The number of folds and repeats.
fn folds_of(arguments: &FoldsArguments, settings: &Settings) -> Result<FoldsSpec, Failure> {
    let written = super::load(&arguments.run.pipeline, settings)?.spec.dataset.split.folds;
    let usual = FoldsSpec { folds: USUAL, fold: 0, repeats: 1 };
    let FoldsSpec { folds, repeats, .. } = written.unwrap_or(usual);
    Ok(FoldsSpec {
        folds: arguments.folds.unwrap_or(folds),
        fold: 0,
        repeats: arguments.repeats.unwrap_or(repeats),
    })
}

/// The runs of all folds.
struct All<'a> {
    arguments: &'a FoldsArguments,
    settings: &'a Settings,
    terminal: &'a Terminal,
    session: Session,
    /// The images, once they have been read.
    known: Option<ImagesRead>,
    /// The directory of the run directories, and the name of the pipeline.
    directory: Option<(PathBuf, String)>,
}

impl All<'_> {
    /// Runs one fold. Returns its run directory.
    fn run(&mut self, of: FoldsSpec) -> Result<PathBuf, Failure> {
        let Self { arguments, settings, terminal, session, .. } = self;
        let FoldsSpec { folds, fold, repeats } = of;
        let mut overrides = arguments.run.pipeline.overrides.clone();
        overrides.push(format!("dataset.split.folds={folds}"));
        overrides.push(format!("dataset.split.fold={fold}"));
        overrides.push(format!("dataset.split.repeats={repeats}"));
        let pipeline =
            PipelineArguments { pipeline: arguments.run.pipeline.pipeline.clone(), overrides };
        let fetching = Fetching::IfMissing(terminal);
        let (mut loaded, prepared, options) =
            select(&pipeline, &arguments.run.stages, settings, fetching)?;
        let resolved = resolved::render(&loaded.spec, &loaded.document);
        let texts = Texts { pipeline: &loaded.document.sources()[0].text, resolved: &resolved };
        let planned = on_threads(settings, || {
            session.plan(&loaded.spec, prepared, &options, self.known.as_ref())
        })??;
        self.known = Some(planned.known());
        if self.directory.is_none() {
            let name = loaded.spec.name.clone();
            let directory = layout::create(&arguments.run.runs_dir, &format!("{name}-folds"));
            self.directory = Some((directory.map_err(Failure::usage)?, name));
        }
        let (directory, _) = self.directory.as_ref().expect("it has just been made");
        loaded.spec.name = format!("fold-{fold}");
        let mut log = Log::start(terminal);
        let report = perform(settings, terminal, &mut log, |sinks| {
            session.run(&loaded.spec, planned, directory, &texts, sinks)
        })?;
        let report = report.map_err(|error| {
            let mut failed = failure(error, None);
            if let Failure::Other { hints, .. } = &mut failed {
                let again = "run the same command again: stages that are finished are reused";
                hints.push(again.to_owned());
            }
            failed
        })?;
        Ok(report.directory)
    }
}
