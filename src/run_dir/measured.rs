//! The files of an evaluation: metrics, predictions and plots.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout;
use super::plot;
use super::table;
use crate::base::fs::{self, FileError};
use crate::metrics::{Metrics, Scored};

/// The metrics of a model on a set of images, as in metrics.json.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Measured {
    /// The stage that the evaluated model is from.
    pub stage: String,
    /// The weights of the stage: `best` or `last`.
    pub weights: String,
    /// The evaluated images: `validation`, `test` or a directory.
    pub on: String,
    /// How many of them the model was trained on; the metrics are too optimistic for these.
    #[serde(default, skip_serializing_if = "is_none")]
    pub n_trained_on: usize,
    /// The metrics.
    #[serde(flatten)]
    pub metrics: Metrics,
}

fn is_none(n: &usize) -> bool {
    *n == 0
}

/// The prediction for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionRow {
    /// The path relative to the dataset directory.
    pub path: String,
    /// The true class.
    pub label: usize,
    /// The class with the highest probability.
    pub predicted: usize,
    /// The probability of each class.
    pub probabilities: Vec<f64>,
}

impl PredictionRow {
    /// The prediction in the form that metrics are computed from.
    pub fn scored(&self) -> Scored<'_> {
        Scored { label: self.label, predicted: self.predicted, probabilities: &self.probabilities }
    }
}

/// Writes metrics, predictions and plots into a directory.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, measured: &Measured, rows: &[PredictionRow]) -> Result<(), FileError> {
    fs::create_dir_all(&folder.join(layout::PLOTS))?;
    let text = serde_json::to_string_pretty(measured).expect("metrics are plain data");
    fs::write_atomic(&folder.join(layout::METRICS_JSON), format!("{text}\n").as_bytes())?;
    let classes: Vec<&str> =
        measured.metrics.classes.iter().map(|class| class.name.as_str()).collect();
    write_predictions(&folder.join(layout::PREDICTIONS), &classes, rows)?;
    let scored: Vec<Scored<'_>> = rows.iter().map(PredictionRow::scored).collect();
    for (name, svg) in plot::measured::render_all(&measured.metrics, &scored) {
        fs::write_atomic(&folder.join(layout::PLOTS).join(name), svg.as_bytes())?;
    }
    Ok(())
}

/// Writes the predictions. Probabilities have all their digits, so that metrics computed from the
/// table are exactly the recorded ones.
fn write_predictions(
    path: &Path,
    classes: &[&str],
    rows: &[PredictionRow],
) -> Result<(), FileError> {
    let mut columns = ["path", "label", "predicted"].map(str::to_owned).to_vec();
    columns.extend(classes.iter().map(|class| format!("probability/{class}")));
    columns.push("correct".to_owned());
    let rows = rows.iter().map(|row| {
        let mut cells = vec![
            row.path.clone(),
            classes[row.label].to_owned(),
            classes[row.predicted].to_owned(),
        ];
        cells.extend(row.probabilities.iter().map(f64::to_string));
        cells.push((row.label == row.predicted).to_string());
        cells
    });
    table::write(path, &columns, rows)
}
