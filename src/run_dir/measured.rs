//! What was measured on some pictures, as files: figures, predictions, plots.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::layout;
use super::plot;
use super::table;
use crate::base::fs::{self, FileError};
use crate::metrics::{Metrics, Scored};

/// The figures of a model on some pictures, as metrics.json has them.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Measured {
    /// The stage whose model was measured.
    pub stage: String,
    /// Which of its weights: `best` or `last`.
    pub weights: String,
    /// The pictures: `validation`, `test`, or a folder.
    pub on: String,
    /// How many of them trained the model, which makes the figures too good.
    #[serde(default, skip_serializing_if = "is_none")]
    pub n_trained_on: usize,
    /// The figures.
    #[serde(flatten)]
    pub metrics: Metrics,
}

fn is_none(n: &usize) -> bool {
    *n == 0
}

/// What was said about one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct PredictionRow {
    /// Its path below the dataset directory.
    pub path: String,
    /// Its class.
    pub label: usize,
    /// The class with the highest probability.
    pub predicted: usize,
    /// The probability of each class.
    pub probabilities: Vec<f64>,
}

impl PredictionRow {
    /// What was said, as figures are made of it.
    pub fn scored(&self) -> Scored<'_> {
        Scored { label: self.label, predicted: self.predicted, probabilities: &self.probabilities }
    }
}

/// Writes figures, predictions and plots into a folder.
///
/// # Errors
/// When a file cannot be written.
pub fn write(folder: &Path, measured: &Measured, rows: &[PredictionRow]) -> Result<(), FileError> {
    fs::create_dir_all(&folder.join(layout::PLOTS))?;
    let text = serde_json::to_string_pretty(measured).expect("figures are plain data");
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

/// Writes what was said about each picture. Probabilities have all their digits, so that figures
/// made from the table are the figures.
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
