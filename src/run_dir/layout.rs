//! The names of the files of a run directory, and how one is made.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, Created, FileError};

/// The pipeline file as written.
pub const PIPELINE: &str = "pipeline.yaml";
/// Every value of the pipeline and where it came from.
pub const RESOLVED: &str = "pipeline.resolved.yaml";
/// Path, class, part and digest of every picture.
pub const SPLITS: &str = "splits.csv";
/// One row an epoch.
pub const METRICS: &str = "metrics.csv";
/// One row a validation picture.
pub const PREDICTIONS: &str = "predictions.csv";
/// The figures of the last stage on the validation pictures.
pub const METRICS_JSON: &str = "metrics.json";
/// The folder of what evaluations measured, each in a folder of its name.
pub const EVALUATIONS: &str = "evaluations";
/// The folder of exported models.
pub const EXPORTS: &str = "exports";
/// The names of the classes in the order of the outputs.
pub const CLASSES: &str = "classes.json";
/// Digests of everything else; its presence means that the run finished.
pub const MANIFEST: &str = "manifest.json";
/// How long things took. Volatile.
pub const TIMINGS: &str = "timings.csv";
/// What happened, one JSON object a line. Volatile.
pub const EVENTS: &str = "events.jsonl";
/// What an unfinished run goes on from; gone once it is finished.
pub const CHECKPOINT: &str = "checkpoint";
/// The file in it that says what the run was started with.
pub const STARTED_WITH: &str = "run.json";
/// How the names of the files of finished stages in it begin; their numbers follow.
pub const STAGE: &str = "stage-";
/// The file in it of the stage in progress.
pub const STAGE_IN_PROGRESS: &str = "stage-in-progress";
/// The file in it that the process at work has locked.
pub const LOCK: &str = "lock";
/// The page about the run.
pub const REPORT: &str = "report.html";
/// The folder of plots.
pub const PLOTS: &str = "plots";
/// The folder of weights: those of the last stage, and a folder for each stage.
pub const WEIGHTS: &str = "weights";
/// The base model of the run where it is a file, cut down to what computes the features.
pub const BASE_MODEL: &str = "base.onnx";
/// The weights of a stage's best epoch.
pub const BEST_WEIGHTS: &str = "best.safetensors";
/// The weights of a stage's last epoch.
pub const LAST_WEIGHTS: &str = "last.safetensors";

/// The files that may differ between two executions of the same run.
pub const VOLATILE: [&str; 3] = [TIMINGS, EVENTS, MANIFEST];

/// Whether a run writes a file or folder of this name into its directory.
pub fn is_known(name: &str) -> bool {
    [
        PIPELINE,
        RESOLVED,
        SPLITS,
        METRICS,
        PREDICTIONS,
        METRICS_JSON,
        EVALUATIONS,
        EXPORTS,
        CLASSES,
        MANIFEST,
        TIMINGS,
        EVENTS,
        CHECKPOINT,
        REPORT,
        PLOTS,
        WEIGHTS,
    ]
    .contains(&name)
}

/// Whether a checkpoint has a file of this name.
pub fn is_in_checkpoint(name: &str) -> bool {
    [STARTED_WITH, LOCK, STAGE_IN_PROGRESS].contains(&name)
        || name.strip_prefix(STAGE).is_some_and(|number| number.parse::<usize>().is_ok())
}

/// Makes a run directory below `runs`: `name`, or `name-2`, `name-3` … where that is taken. Of two
/// processes that try at once, each gets its own.
///
/// # Errors
/// When a folder cannot be made.
pub fn create(runs: &Path, name: &str) -> Result<PathBuf, FileError> {
    if !runs.exists() {
        fs::create_dir_all(runs)?;
        fs::sync_folder_of(runs)?;
    }
    let mut number = 1;
    loop {
        let path = match number {
            1 => runs.join(name),
            _ => runs.join(format!("{name}-{number}")),
        };
        if fs::create_dir(&path)? == Created::New {
            // What is kept in it is worth nothing if a power cut takes the directory away.
            fs::sync_folder_of(&path)?;
            return Ok(path);
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_names_are_numbered_on_and_nobody_gets_the_same() {
        let root = tempfile::tempdir().unwrap();
        let runs = root.path().join("runs");
        let make = || create(&runs, "transfer").unwrap();
        let made: Vec<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut names: Vec<_> = made.iter().map(|path| path.file_name().unwrap()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 8);
        assert!(runs.join("transfer").is_dir() && runs.join("transfer-8").is_dir());
    }
}
