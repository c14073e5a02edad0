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

/// What a column of probabilities begins with, before the name of the class.
const PROBABILITY: &str = "probability/";

/// Reads the classes and the predictions of a predictions.csv.
///
/// # Errors
/// When the file cannot be read, or is not such a table.
pub fn read_predictions(path: &Path) -> Result<(Vec<String>, Vec<PredictionRow>), FileError> {
    let failed = |what: String| FileError::new("read", path, std::io::Error::other(what));
    let rows = table::read(path)?;
    let column =
        |name: &str| rows.column(name).ok_or_else(|| failed(format!("it has no column `{name}`")));
    let (name, label, predicted) = (column("path")?, column("label")?, column("predicted")?);
    let columns = rows.columns.iter().enumerate();
    let (places, classes): (Vec<usize>, Vec<String>) = columns
        .filter_map(|(at, column)| Some((at, column.strip_prefix(PROBABILITY)?.to_owned())))
        .unzip();
    let class = |cell: &String| {
        let place = classes.iter().position(|class| class == cell);
        place.ok_or_else(|| failed(format!("it has no probabilities of `{cell}`")))
    };
    let number =
        |cell: &String| cell.parse().map_err(|_| failed(format!("`{cell}` is not a number")));
    let read = |row: &Vec<String>| -> Result<PredictionRow, FileError> {
        Ok(PredictionRow {
            path: row[name].clone(),
            label: class(&row[label])?,
            predicted: class(&row[predicted])?,
            probabilities: places.iter().map(|&at| number(&row[at])).collect::<Result<_, _>>()?,
        })
    };
    let predictions = rows.rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok((classes, predictions))
}

/// Writes the predictions. Probabilities have all their digits, so that metrics computed from the
/// table are exactly the recorded ones.
fn write_predictions(
    path: &Path,
    classes: &[&str],
    rows: &[PredictionRow],
) -> Result<(), FileError> {
    let mut columns = ["path", "label", "predicted"].map(str::to_owned).to_vec();
    columns.extend(classes.iter().map(|class| format!("{PROBABILITY}{class}")));
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
