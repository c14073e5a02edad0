//! Writes the run directory during a run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::history::{History, StageHistory};
use super::layout;
use super::manifest::Manifest;
use super::plot;
use super::table::{self, GrowingTable, figure};
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::event::{EpochMetrics, EpochTimes, Event, EventSink, Further, StageFacts};
use crate::model::weights::{Weights, file};
use crate::spec::{Convention, TargetSpec};

/// The columns of `metrics.csv`.
fn metrics_columns(target: TargetSpec) -> &'static [&'static str] {
    match target {
        TargetSpec::Class => &[
            "stage",
            "epoch",
            "train/loss",
            "train/accuracy",
            "val/loss",
            "val/accuracy",
            "val/balanced_accuracy",
            "val/macro_f1",
            "learning_rate",
        ],
        TargetSpec::Classes => &[
            "stage",
            "epoch",
            "train/loss",
            "train/subset_accuracy",
            "val/loss",
            "val/subset_accuracy",
            "val/macro_f1",
            "val/average_precision",
            "learning_rate",
        ],
        TargetSpec::Number => &[
            "stage",
            "epoch",
            "train/loss",
            "train/mae",
            "val/loss",
            "val/mae",
            "val/rmse",
            "val/r2",
            "val/spearman",
            "learning_rate",
        ],
    }
}
/// The columns of `timings.csv`.
const TIMINGS_COLUMNS: [&str; 11] = [
    "stage",
    "epoch",
    "seconds",
    "images",
    "images_per_second",
    "waiting",
    "frozen",
    "forward",
    "backward",
    "optimizer",
    "validation",
];

/// Writes the files of one run.
pub struct Recorder {
    directory: PathBuf,
    metrics: GrowingTable,
    timings: GrowingTable,
    history: History,
    target: TargetSpec,
    n_images: usize,
}

impl Recorder {
    /// Starts a run in a directory that [`layout::create`] created.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn begin(
        directory: &Path,
        pipeline: &str,
        resolved: &str,
        target: TargetSpec,
    ) -> Result<Self, FileError> {
        fs::write_atomic(&directory.join(layout::PIPELINE), pipeline.as_bytes())?;
        fs::write_atomic(&directory.join(layout::RESOLVED), resolved.as_bytes())?;
        Self::reopen(directory, target)
    }

    /// Resumes a run. Its tables start empty, because all earlier events are sent again.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn reopen(directory: &Path, target: TargetSpec) -> Result<Self, FileError> {
        fs::remove_partial_files(directory)?;
        Ok(Self {
            metrics: GrowingTable::create(
                &directory.join(layout::METRICS),
                metrics_columns(target),
            )?,
            timings: GrowingTable::create(&directory.join(layout::TIMINGS), &TIMINGS_COLUMNS)?,
            directory: directory.to_path_buf(),
            history: History::default(),
            target,
            n_images: 0,
        })
    }

    /// The run directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The metrics recorded so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Writes the path, label, split and digest of each image, and what the columns `more` name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_splits(
        &self,
        more: impl Iterator<Item = &'static str>,
        rows: impl Iterator<Item = Vec<String>>,
    ) -> Result<(), FileError> {
        let label = layout::label_column(self.target);
        let mut columns = ["path", label, "split", "digest"].map(str::to_owned).to_vec();
        columns.extend(more.map(str::to_owned));
        table::write(&self.directory.join(layout::SPLITS), &columns, rows)
    }

    /// Writes the class names, in the order of the outputs.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_classes(&self, classes: &[String]) -> Result<(), FileError> {
        self.write_json(layout::CLASSES, &classes)
    }

    /// Makes the best weights of one stage and the last weights of another those of the run.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn promote_weights(&self, best: &str, last: &str) -> Result<(), FileError> {
        let folder = self.directory.join(layout::WEIGHTS);
        for (stage, name) in [(best, layout::BEST_WEIGHTS), (last, layout::LAST_WEIGHTS)] {
            fs::link_or_copy(&folder.join(stage).join(name), &folder.join(name))?;
        }
        Ok(())
    }

    /// Writes the plots of the epochs.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_plots(&self) -> Result<(), FileError> {
        let folder = self.directory.join(layout::PLOTS);
        fs::create_dir_all(&folder)?;
        for (name, svg) in plot::of_epochs(&self.history) {
            fs::write_atomic(&folder.join(name), svg.as_bytes())?;
        }
        Ok(())
    }

    /// Writes the HTML report.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_report(&self, page: &str) -> Result<(), FileError> {
        fs::write_atomic(&self.directory.join(layout::REPORT), page.as_bytes())
    }

    /// Writes the manifest, which marks the run as finished.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&self, manifest: &Manifest) -> Result<(), FileError> {
        // The manifest vouches for all other files, so they must be on disk before it is.
        for path in fs::files_below(&self.directory)? {
            fs::sync(&path)?;
            fs::sync_folder_of(&path)?;
        }
        fs::sync_folder_of(&self.directory)?;
        self.write_json(layout::MANIFEST, manifest)
    }

    fn write_json(&self, name: &str, value: &impl serde::Serialize) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(value).expect("recorded types are plain data");
        fs::write_atomic(&self.directory.join(name), format!("{text}\n").as_bytes())
    }

    fn begin_stage(&mut self, facts: &StageFacts) {
        self.n_images = facts.n_images;
        let caption = format!("from {}", facts.first_trainable);
        self.history.stages.push(StageHistory {
            name: facts.stage.clone(),
            from: facts.from.clone(),
            caption,
            before: facts.before,
            best_by: facts.best_by.clone(),
            epochs: vec![],
            best: 0,
            soup: None,
        });
    }

    fn add_epoch(
        &mut self,
        stage: &str,
        metrics: &EpochMetrics,
        is_best: bool,
        times: &EpochTimes,
    ) -> Result<(), FileError> {
        let EpochMetrics { epoch, train, validation, further, learning_rate } = *metrics;
        let (train_score, score) = (train.score.value(), validation.score.value());
        let figures = [train.loss, train_score, validation.loss, score].map(figure);
        let mut row = vec![stage.to_owned(), epoch.to_string()];
        row.extend(figures);
        row.extend(cells(further).iter().map(|value| value.map(figure).unwrap_or_default()));
        row.push(learning_rate.to_string());
        self.metrics.append(&row)?;
        let rate = self.n_images as f64 / times.total.as_secs_f64();
        let EpochTimes { total, waiting, frozen, forward, backward, optimizer, validation } =
            *times;
        let mut timing = vec![
            stage.to_owned(),
            epoch.to_string(),
            seconds(total),
            self.n_images.to_string(),
            format!("{rate:.1}"),
        ];
        timing.extend([waiting, frozen, forward, backward, optimizer, validation].map(seconds));
        self.timings.append(&timing)?;
        if let Some(stage) = self.history.stages.last_mut() {
            stage.epochs.push(*metrics);
            if is_best {
                stage.best = epoch;
            }
        }
        Ok(())
    }
}

/// The further metrics of an epoch in the order of their columns.
fn cells(further: Further) -> Vec<Option<f64>> {
    match further {
        Further::Class { balanced_accuracy, macro_f1 } => {
            vec![Some(balanced_accuracy), Some(macro_f1)]
        }
        Further::Several { macro_f1, average_precision } => {
            vec![Some(macro_f1), average_precision]
        }
        Further::Number { rmse, r2, spearman } => vec![Some(rmse), r2, spearman],
        Further::None {} => vec![],
    }
}

/// Writes the ONNX base model of a run.
///
/// # Errors
/// When the file cannot be written.
pub fn write_base_model(directory: &Path, file: &[u8]) -> Result<(), FileError> {
    let folder = directory.join(layout::WEIGHTS);
    fs::create_dir_all(&folder)?;
    fs::write_atomic(&folder.join(layout::BASE_MODEL), file)
}

fn seconds(duration: Duration) -> String {
    format!("{:.3}", duration.as_secs_f64())
}

/// Writes the weights of a stage's best or last epoch into a run directory.
///
/// # Errors
/// When the file cannot be written.
pub fn write_weights(
    directory: &Path,
    stage: &str,
    name: &str,
    weights: &Weights,
    convention: Convention,
) -> Result<(), FileError> {
    let folder = directory.join(layout::WEIGHTS).join(stage);
    fs::create_dir_all(&folder)?;
    file::save(&folder.join(name), weights, convention)
}

/// Writes the weights of a stage unless the run directory has them. Returns the path of the file in
/// the run directory and the digest of its content.
///
/// # Errors
/// When the file cannot be written.
pub fn ensure_weights(
    directory: &Path,
    stage: &str,
    name: &str,
    weights: &Weights,
    convention: Convention,
) -> Result<(String, Digest), FileError> {
    let below = format!("{}/{stage}/{name}", layout::WEIGHTS);
    let path = directory.join(&below);
    let bytes = file::encode(weights, convention);
    let digest = Digest::of(&bytes);
    if Digest::of_file(&path).ok() != Some(digest) {
        fs::create_dir_all(&directory.join(layout::WEIGHTS).join(stage))?;
        fs::write_atomic(&path, &bytes)?;
    }
    Ok((below, digest))
}

impl EventSink for Recorder {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        match event {
            Event::StageStarted(facts) => {
                self.begin_stage(facts);
                Ok(())
            }
            Event::EpochFinished { stage, metrics, is_best, times } => {
                self.add_epoch(stage, metrics, *is_best, times)
            }
            Event::StageFinished { best, soup, .. } => {
                if let Some(stage) = self.history.stages.last_mut() {
                    let soup = soup.clone().filter(|epochs| epochs.len() > 1);
                    stage.soup = soup.map(|epochs| (epochs, *best));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
