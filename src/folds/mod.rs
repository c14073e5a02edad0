//! The runs of all folds of a cross-validation as one result: metrics with their spread, and
//! predictions for every image by models that were not trained on it.

mod page;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use page::render as render_page;
pub use text::render;

use crate::base::fs::{self, FileError};
use crate::metrics::{self, Metrics, Scored, interval};
use crate::run_dir::measured::{self, Measured, PredictionRow};
use crate::run_dir::{layout, table};

/// The table of the folds.
pub const FOLDS: &str = "folds.csv";
/// The result as JSON.
pub const SUMMARY: &str = "folds.json";

/// A metric that is averaged: its name and value.
type Metric = (&'static str, fn(&Metrics) -> Option<f64>);

const METRICS: [Metric; 6] = [
    ("accuracy", |metrics| Some(metrics.accuracy)),
    ("balanced_accuracy", |metrics| Some(metrics.balanced_accuracy)),
    ("macro_f1", |metrics| Some(metrics.macro_f1)),
    ("log_loss", |metrics| Some(metrics.log_loss)),
    ("roc_auc", |metrics| metrics.roc_auc),
    ("average_precision", |metrics| metrics.average_precision),
];

/// The result of a cross-validation.
#[derive(Clone, Debug, Serialize)]
pub struct CrossValidation {
    /// The folds, in order.
    pub folds: Vec<Fold>,
    /// Each metric over the folds.
    pub metrics: Vec<OverFolds>,
    /// The metrics of the out-of-fold predictions: each image once, with the mean of its
    /// probabilities over the repeats.
    pub out_of_fold: Metrics,
    /// The out-of-fold predictions.
    #[serde(skip)]
    pub predictions: Vec<PredictionRow>,
}

/// A fold.
#[derive(Clone, Debug, Serialize)]
pub struct Fold {
    /// Its number, through all repeats.
    pub fold: usize,
    /// The repeat that it belongs to.
    pub repeat: usize,
    /// Its run directory, below that of the cross-validation.
    pub run: String,
    /// Number of training images.
    pub n_train: usize,
    /// Number of validation images.
    pub n_validation: usize,
    /// The metrics on its validation images; `None` where one is not defined.
    pub metrics: BTreeMap<&'static str, Option<f64>>,
}

/// A metric over all folds.
#[derive(Clone, Debug, Serialize)]
pub struct OverFolds {
    /// Its name.
    pub name: &'static str,
    /// Mean over the folds.
    pub mean: f64,
    /// Standard deviation of the folds.
    pub deviation: f64,
    /// 95 % interval of the mean that takes into account that training sets overlap.
    pub interval: Option<[f64; 2]>,
}

/// Reads the runs of all folds, which are in `runs` in order, with `n_folds` in each repeat.
///
/// # Errors
/// When a file of a run cannot be read.
///
/// # Panics
/// When there are no runs, or one has no validation images.
pub fn summarize(runs: &[PathBuf], n_folds: usize) -> Result<CrossValidation, FileError> {
    let mut folds = vec![];
    let mut classes: Vec<String> = vec![];
    // The sum of the probabilities of each image, and the number of its predictions.
    let mut sums: BTreeMap<String, (usize, Vec<f64>, usize)> = BTreeMap::new();
    for (number, run) in runs.iter().enumerate() {
        let (of_run, rows) = measured::read_predictions(&run.join(layout::PREDICTIONS))?;
        let scored: Vec<Scored<'_>> = rows.iter().map(PredictionRow::scored).collect();
        let metrics = metrics::measure(&of_run, &scored);
        folds.push(Fold {
            fold: number,
            repeat: number / n_folds,
            run: run.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            n_train: count_training(&run.join(layout::SPLITS))?,
            n_validation: rows.len(),
            metrics: METRICS.iter().map(|(name, of)| (*name, of(&metrics))).collect(),
        });
        classes = of_run;
        for row in rows {
            let none = || (row.label, vec![0.0; row.probabilities.len()], 0);
            let (_, sum, n) = sums.entry(row.path).or_insert_with(none);
            sum.iter_mut().zip(&row.probabilities).for_each(|(sum, p)| *sum += p);
            *n += 1;
        }
    }
    let predictions: Vec<PredictionRow> = sums.into_iter().map(mean_prediction).collect();
    let scored: Vec<Scored<'_>> = predictions.iter().map(PredictionRow::scored).collect();
    let out_of_fold = metrics::measure(&classes, &scored);
    let metrics = METRICS.iter().filter_map(|(name, _)| over_folds(name, &folds)).collect();
    Ok(CrossValidation { folds, metrics, out_of_fold, predictions })
}

/// Writes the result into the directory of the cross-validation: the folds as a table and as JSON,
/// and metrics, predictions and plots of the out-of-fold predictions.
///
/// # Errors
/// When a file cannot be written.
pub fn write(directory: &Path, found: &CrossValidation) -> Result<(), FileError> {
    let mut columns =
        ["fold", "repeat", "run", "n_train", "n_validation"].map(str::to_owned).to_vec();
    columns.extend(METRICS.iter().map(|(name, _)| (*name).to_owned()));
    let rows = found.folds.iter().map(|fold| {
        let mut cells = vec![fold.fold.to_string(), fold.repeat.to_string(), fold.run.clone()];
        cells.extend([fold.n_train.to_string(), fold.n_validation.to_string()]);
        let value = |value: &Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        cells.extend(METRICS.iter().map(|(name, _)| value(&fold.metrics[name])));
        cells
    });
    table::write(&directory.join(FOLDS), &columns, rows)?;
    let text = serde_json::to_string_pretty(found).expect("metrics are plain data");
    fs::write_atomic(&directory.join(SUMMARY), format!("{text}\n").as_bytes())?;
    let measured = Measured {
        stage: "all folds".to_owned(),
        weights: "best".to_owned(),
        on: "out-of-fold".to_owned(),
        n_trained_on: 0,
        metrics: found.out_of_fold.clone(),
    };
    measured::write(directory, &measured, &found.predictions)
}

/// The prediction with the mean probabilities of an image.
fn mean_prediction((path, (label, sum, n)): (String, (usize, Vec<f64>, usize))) -> PredictionRow {
    let probabilities: Vec<f64> = sum.iter().map(|sum| sum / n as f64).collect();
    PredictionRow { path, label, predicted: metrics::predicted(&probabilities), probabilities }
}

/// A metric over the folds in which it is defined.
fn over_folds(name: &'static str, folds: &[Fold]) -> Option<OverFolds> {
    let values: Vec<f64> = folds.iter().filter_map(|fold| fold.metrics[name]).collect();
    let (n_validation, n_train) = folds.iter().fold((0, 0), |(validation, train), fold| {
        (validation + fold.n_validation, train + fold.n_train)
    });
    (!values.is_empty()).then(|| {
        let ratio = n_validation as f64 / n_train.max(1) as f64;
        let (mean, deviation, interval) = interval::over_folds(&values, ratio);
        // All metrics are at least 0, and all but the loss at most 1.
        let most = if name == "log_loss" { f64::INFINITY } else { 1.0 };
        let interval = interval.map(|[low, high]| [low.max(0.0), high.min(most)]);
        OverFolds { name, mean, deviation, interval }
    })
}

/// The number of training images in a splits.csv.
fn count_training(path: &Path) -> Result<usize, FileError> {
    let rows = table::read(path)?;
    let Some(split) = rows.column("split") else { return Ok(0) };
    Ok(rows.rows.iter().filter(|row| row[split] == "train").count())
}
