//! The file names in a run directory, and the creation of one.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, Created, FileError};
use crate::spec::TargetSpec;

/// The pipeline file as the user wrote it.
pub const PIPELINE: &str = "pipeline.yaml";
/// Every value of the pipeline, with its origin.
pub const RESOLVED: &str = "pipeline.resolved.yaml";
/// Path, label, split and digest of every image.
pub const SPLITS: &str = "splits.csv";
/// The metrics of each epoch, one row per epoch.
pub const METRICS: &str = "metrics.csv";
/// The predictions, one row per validation image.
pub const PREDICTIONS: &str = "predictions.csv";
/// The predictions for training images by heads that were not fitted to them, if a stage fits a head.
pub const OUT_OF_FOLD: &str = "out_of_fold.csv";
/// The metrics of the last stage on the validation set.
pub const METRICS_JSON: &str = "metrics.json";
/// The directory of evaluations; each has a subdirectory with its name.
pub const EVALUATIONS: &str = "evaluations";
/// The directory of exported models.
pub const EXPORTS: &str = "exports";
/// The class names, in the order of the outputs.
pub const CLASSES: &str = "classes.json";
/// The digests of all other files; its presence means that the run finished.
pub const MANIFEST: &str = "manifest.json";
/// The timings of each epoch. Volatile.
pub const TIMINGS: &str = "timings.csv";
/// The events of the run, one JSON object per line. Volatile.
pub const EVENTS: &str = "events.jsonl";
/// The state from which an unfinished run resumes; removed when the run finishes.
pub const CHECKPOINT: &str = "checkpoint";
/// The checkpoint file with the pipeline and options of the run.
pub const STARTED_WITH: &str = "run.json";
/// The prefix of checkpoint files of finished stages, before the stage number.
pub const STAGE: &str = "stage-";
/// The checkpoint file of the stage in progress.
pub const STAGE_IN_PROGRESS: &str = "stage-in-progress";
/// The checkpoint file that the running process locks.
pub const LOCK: &str = "lock";
/// The HTML report of the run.
pub const REPORT: &str = "report.html";
/// The directory of plots.
pub const PLOTS: &str = "plots";
/// The directory of weights: those of the run, and a subdirectory for each stage.
pub const WEIGHTS: &str = "weights";
/// The ONNX base model of the run, cut down to the nodes that compute the features.
pub const BASE_MODEL: &str = "base.onnx";
/// The weights of a stage's best epoch.
pub const BEST_WEIGHTS: &str = "best.safetensors";
/// The weights of a stage's last epoch.
pub const LAST_WEIGHTS: &str = "last.safetensors";

/// The names of the column of splits.csv with the label of each image; `class` in runs of earlier
/// builds.
pub const LABEL_COLUMNS: [&str; 4] = ["label", "class", "labels", "target"];

/// The column of tables with the label of each image.
pub fn label_column(target: TargetSpec) -> &'static str {
    match target {
        TargetSpec::Class => "label",
        TargetSpec::Classes => "labels",
        TargetSpec::Number => "target",
    }
}

/// The files that may differ between two executions of the same run.
pub const VOLATILE: [&str; 3] = [TIMINGS, EVENTS, MANIFEST];

/// Whether a run directory may have a file or directory of this name.
pub fn is_known(name: &str) -> bool {
    [
        PIPELINE,
        RESOLVED,
        SPLITS,
        METRICS,
        PREDICTIONS,
        OUT_OF_FOLD,
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

/// Whether a checkpoint may have a file of this name.
pub fn is_in_checkpoint(name: &str) -> bool {
    [STARTED_WITH, LOCK, STAGE_IN_PROGRESS].contains(&name)
        || name.strip_prefix(STAGE).is_some_and(|number| number.parse::<usize>().is_ok())
}

/// Creates a run directory in `runs`: `name`, or `name-2`, `name-3` … if that exists. Two processes
/// that do this at the same time get different directories.
///
/// # Errors
/// When a directory cannot be created.
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
            // Files in the directory are lost if a power failure removes its entry.
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
