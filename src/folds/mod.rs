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
use crate::base::target::Target;
use crate::metrics::{Measures, interval};
use crate::run_dir::measured::{self, Measured, PredictionRow, Predictions};
use crate::run_dir::{layout, table};
use crate::spec::TargetSpec;

/// The table of the folds.
pub const FOLDS: &str = "folds.csv";
/// The result as JSON.
pub const SUMMARY: &str = "folds.json";

/// The metrics that are averaged, with their values.
fn averaged(measures: &Measures) -> Vec<(&'static str, Option<f64>)> {
    match measures {
        Measures::Class(of) => vec![
            ("accuracy", Some(of.accuracy)),
            ("balanced_accuracy", Some(of.balanced_accuracy)),
            ("macro_f1", Some(of.macro_f1)),
            ("log_loss", Some(of.log_loss)),
            ("roc_auc", of.roc_auc),
            ("average_precision", of.average_precision),
        ],
        Measures::Several(of) => vec![
            ("average_precision", of.average_precision),
            ("macro_f1", Some(of.macro_f1)),
            ("subset_accuracy", Some(of.subset_accuracy)),
            ("hamming_loss", Some(of.hamming_loss)),
            ("log_loss", Some(of.log_loss)),
            ("micro_f1", Some(of.micro_f1)),
            ("micro_average_precision", of.micro_average_precision),
            ("roc_auc", of.roc_auc),
        ],
        Measures::Number(of) => vec![
            ("mae", Some(of.mae)),
            ("rmse", Some(of.rmse)),
            ("r2", of.r2),
            ("spearman", of.spearman),
        ],
    }
}

/// The range that a metric can have.
fn range(name: &str) -> [f64; 2] {
    match name {
        "log_loss" | "mae" | "rmse" => [0.0, f64::INFINITY],
        "r2" => [f64::NEG_INFINITY, 1.0],
        "spearman" => [-1.0, 1.0],
        _ => [0.0, 1.0],
    }
}

/// The result of a cross-validation.
#[derive(Clone, Debug, Serialize)]
pub struct CrossValidation {
    /// The folds, in order.
    pub folds: Vec<Fold>,
    /// Each metric over the folds.
    pub metrics: Vec<OverFolds>,
    /// The metrics of the out-of-fold predictions: each image once, with the mean of its
    /// probabilities over the repeats.
    pub out_of_fold: Measures,
    /// The out-of-fold predictions.
    #[serde(skip)]
    pub predictions: Predictions,
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
    let (mut target, mut classes) = (TargetSpec::Class, vec![]);
    // The sum of the outputs for each image, and the number of its predictions.
    let mut sums: BTreeMap<String, (Target, Vec<f64>, usize)> = BTreeMap::new();
    for (number, run) in runs.iter().enumerate() {
        let mut of_run = measured::read_predictions(&run.join(layout::PREDICTIONS))?;
        if of_run.target == TargetSpec::Number {
            of_run.classes = names(&run.join(layout::CLASSES))?;
        }
        let metrics = of_run.measure();
        folds.push(Fold {
            fold: number,
            repeat: number / n_folds,
            run: run.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            n_train: count_training(&run.join(layout::SPLITS))?,
            n_validation: of_run.rows.len(),
            metrics: averaged(&metrics).into_iter().collect(),
        });
        (target, classes) = (of_run.target, of_run.classes);
        for row in of_run.rows {
            let PredictionRow { path, target, outputs } = row;
            let none = || (target, vec![0.0; outputs.len()], 0);
            let (_, sum, n) = sums.entry(path).or_insert_with(none);
            sum.iter_mut().zip(&outputs).for_each(|(sum, output)| *sum += output);
            *n += 1;
        }
    }
    let rows = sums.into_iter().map(mean_prediction).collect();
    let predictions = Predictions { target, classes, rows };
    let out_of_fold = predictions.measure();
    let metrics = averaged(&out_of_fold).into_iter();
    let metrics = metrics.filter_map(|(name, _)| over_folds(name, &folds)).collect();
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
    let names: Vec<&str> = averaged(&found.out_of_fold).into_iter().map(|(name, _)| name).collect();
    columns.extend(names.iter().map(|name| (*name).to_owned()));
    let rows = found.folds.iter().map(|fold| {
        let mut cells = vec![fold.fold.to_string(), fold.repeat.to_string(), fold.run.clone()];
        cells.extend([fold.n_train.to_string(), fold.n_validation.to_string()]);
        let value = |value: &Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
        cells.extend(names.iter().map(|name| value(&fold.metrics[name])));
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
        ensemble: vec![],
        test_time_augmentation: None,
        metrics: found.out_of_fold.clone(),
    };
    measured::write(directory, &measured, &found.predictions)
}

/// The prediction with the mean outputs for an image.
fn mean_prediction((path, (target, sum, n)): (String, (Target, Vec<f64>, usize))) -> PredictionRow {
    PredictionRow { path, target, outputs: sum.iter().map(|sum| sum / n as f64).collect() }
}

/// The names in a classes.json.
fn names(path: &Path) -> Result<Vec<String>, FileError> {
    let text = fs::read_text(path)?;
    serde_json::from_str(&text).map_err(|error| FileError::new("read", path, error.into()))
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
        let [least, most] = range(name);
        let interval = interval.map(|[low, high]| [low.max(least), high.min(most)]);
        OverFolds { name, mean, deviation, interval }
    })
}

/// The number of training images in a splits.csv.
fn count_training(path: &Path) -> Result<usize, FileError> {
    let rows = table::read(path)?;
    let Some(split) = rows.column("split") else { return Ok(0) };
    Ok(rows.rows.iter().filter(|row| row[split] == "train").count())
}
