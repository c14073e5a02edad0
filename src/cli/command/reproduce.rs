//! `alpaca-run reproduce RUN`

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::prepare_recorded;
use super::run::perform;
use super::sessions::session;
use crate::base::fs;
use crate::base::names;
use crate::base::tally::Tally;
use crate::base::text;
use crate::cli::args::ReproduceArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::log::Log;
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::exec::plan::PlanOptions;
use crate::exec::plan::program;
use crate::exec::run::session::Texts;
use crate::pipeline::logs::LogValues;
use crate::run_dir::lock::{self, RunLock};
use crate::run_dir::manifest::Manifest;
use crate::run_dir::{compare, layout, verify};

/// Repeats a finished run from its recorded pipeline, and compares the results.
pub(in crate::cli) fn run(
    arguments: &ReproduceArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let directory = &arguments.run;
    let recorded = verify::read_manifest(directory)?;
    let tally = Tally::default();
    let shown = ShownWork::watch(terminal, &tally);
    let verdict = verify::verify(directory, &tally)?;
    drop(shown);
    if !verdict.is_intact() {
        let changed: Vec<String> = verdict.changed.into_iter().chain(verdict.missing).collect();
        return Err(Failure::Other {
            exit: Exit::Failed,
            code: None,
            error: anyhow!("files of the run changed since it finished"),
            notes: vec![format!("these files:\n{}", text::first_lines(&changed, 10))],
            hints: vec!["restore them, or run the pipeline again".to_owned()],
        });
    }
    for difference in versions(&recorded) {
        terminal.note(&format!("note: {difference}"));
    }
    let scratch = Scratch::new(arguments.keep.as_deref())?;
    let again = again(arguments, settings, terminal, &recorded, scratch.path())?;
    let manifest = verify::read_manifest(&again)?;
    let difference = compare::first_difference(directory, &recorded, &again, &manifest)
        .map_err(Failure::usage)?;
    let shown = directory.display();
    let (text, exit) = match difference {
        None => {
            let n = text::count(recorded.files.len(), "file");
            (format!("identical: {n} and the manifest match {shown}\n"), Exit::Done)
        }
        Some(difference) => {
            let text = format!("different from {shown}: {difference}\n");
            (text, Exit::Failed)
        }
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(exit)
}

/// Repeats the run in `scratch` without cached stage results, and returns the new run directory.
fn again(
    arguments: &ReproduceArguments,
    settings: &Settings,
    terminal: &Terminal,
    recorded: &Manifest,
    scratch: &Path,
) -> Result<PathBuf, Failure> {
    let directory = &arguments.run;
    let folder = names::path_of(&recorded.volatile.pipeline_directory);
    let (overrides, weights) = (&arguments.overrides, recorded.weights.digest);
    let (loaded, prepared) =
        prepare_recorded(directory, &folder, overrides, weights, settings, terminal)?;
    let read = |name| fs::read_text(&directory.join(name)).map_err(Failure::usage);
    let (pipeline, resolved) = (read(layout::PIPELINE)?, read(layout::RESOLVED)?);
    let texts = Texts { pipeline: &pipeline, resolved: &resolved };
    let mut session = session(settings, folder);
    session.caches.stages = None;
    signals::listen(&session.cancel);
    let mut log = Log::start(terminal);
    let _shown = ShownWork::watch(terminal, &session.tally);
    let report = perform((settings, terminal), (&mut log, &LogValues::default()), |sinks| {
        let planned = session.plan(&loaded.spec, prepared, &PlanOptions::default(), None)?;
        planned.check_inputs(directory, recorded)?;
        session.run(&loaded.spec, planned, scratch, &texts, sinks)
    });
    Ok(report??.directory)
}

/// How the current program and libraries differ from the recorded ones.
fn versions(recorded: &Manifest) -> Vec<String> {
    let now = program::versions();
    now.into_iter()
        .filter_map(|(name, now)| {
            let then = recorded.versions.get(name).map_or("unknown", String::as_str);
            (then != now).then(|| format!("{name} was {then} and is now {now}"))
        })
        .collect()
}

/// The directory of the second run, which is removed afterwards without `--keep`.
enum Scratch {
    Temporary {
        folder: tempfile::TempDir,
        /// Keeps other processes from removing the directory while this one runs.
        _lock: RunLock,
    },
    Named(PathBuf),
}

/// Prefix of the names of temporary directories.
const PREFIX: &str = "alpaca-run-reproduce-";

impl Scratch {
    fn new(keep: Option<&Path>) -> Result<Self, Failure> {
        if let Some(folder) = keep {
            return Ok(Self::Named(folder.to_path_buf()));
        }
        tidy(&std::env::temp_dir());
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir().map_err(Failure::usage)?;
        let lock = RunLock::acquire(folder.path()).map_err(Failure::usage)?;
        Ok(Self::Temporary { folder, _lock: lock })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Temporary { folder, .. } => folder.path(),
            Self::Named(folder) => folder,
        }
    }
}

/// Removes temporary directories of processes that were killed. Those that cannot be read or
/// removed belong to another user, or are tried again the next time.
fn tidy(folder: &Path) {
    for path in fs::read_dir_sorted(folder).unwrap_or_default() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // A lock that can be acquired belongs to no running process.
        if name.starts_with(PREFIX)
            && !path.is_symlink()
            && lock::was_taken(&path)
            && RunLock::acquire(&path).is_ok()
        {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_processes_that_were_killed_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let [left, busy, others] =
            [format!("{PREFIX}1"), format!("{PREFIX}2"), format!("{PREFIX}3")]
                .map(|name| folder(&name));
        let named_otherwise = folder("other-4");
        for path in [&left, &named_otherwise] {
            drop(RunLock::acquire(path).unwrap());
        }
        let lock = RunLock::acquire(&busy).unwrap();
        tidy(root.path());
        assert!(!left.exists() && busy.exists() && others.exists() && named_otherwise.exists());
        drop(lock);
    }
}
