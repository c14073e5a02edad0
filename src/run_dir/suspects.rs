//! Labels that look wrong, by the predictions of a run or of all folds.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::layout;
use super::measured::{self, Predictions};
use super::table;
use crate::base::fs::FileError;
use crate::metrics::Scored;
use crate::metrics::suspects;
use crate::spec::TargetSpec;

/// Images whose labels look wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Suspects {
    /// Number of images that were predicted by a model that was not trained on them.
    pub n_images: usize,
    /// Those whose labels look wrong, the most doubtful first.
    pub images: Vec<SuspectImage>,
}

/// An image whose label looks wrong.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SuspectImage {
    /// Path in the dataset.
    pub path: String,
    /// Name of its class.
    pub label: String,
    /// Probability of that class.
    pub probability: f64,
    /// Name of the class that is likelier.
    pub suggested: String,
    /// Probability of that class.
    pub suggested_probability: f64,
}

impl Suspects {
    /// The suspects among predictions of one class an image; `None` for other predictions.
    pub fn among(predictions: &Predictions) -> Option<Self> {
        let Predictions { target, classes, rows } = predictions;
        if *target != TargetSpec::Class {
            return None;
        }
        let scored: Vec<Scored<'_>> = rows.iter().map(|row| row.scored()).collect();
        let images = suspects::suspects(&scored).into_iter().map(|found| {
            let row = &rows[found.position];
            let label = row.target.class();
            SuspectImage {
                path: row.path.clone(),
                label: classes[label].clone(),
                probability: row.outputs[label],
                suggested: classes[found.suggested].clone(),
                suggested_probability: row.outputs[found.suggested],
            }
        });
        Some(Self { n_images: rows.len(), images: images.collect() })
    }
}

/// Reads the predictions in the directory of a run, or of all folds: each image by a model that was not
/// trained on it.
///
/// # Errors
/// When there are none.
pub fn predictions(directory: &Path) -> Result<Predictions, FileError> {
    let mut predictions = measured::read_predictions(&directory.join(layout::PREDICTIONS))?;
    let of_training = directory.join(layout::OUT_OF_FOLD);
    if of_training.exists() {
        predictions.rows.extend(measured::read_predictions(&of_training)?.rows);
    }
    Ok(predictions)
}

/// Writes a table of all images with their labels, in which suspects have the weight 0 in training.
///
/// # Errors
/// When it cannot be written.
pub fn write_table(
    path: &Path,
    predictions: &Predictions,
    found: &Suspects,
) -> Result<(), FileError> {
    let columns = ["path", "label", "suggested", "sample_weight"].map(str::to_owned);
    let suggested: BTreeMap<&str, &str> =
        found.images.iter().map(|image| (image.path.as_str(), image.suggested.as_str())).collect();
    let rows = predictions.rows.iter().map(|row| {
        let label = predictions.classes[row.target.class()].as_str();
        let suggested = suggested.get(row.path.as_str()).copied();
        let weight = if suggested.is_some() { "0" } else { "1" };
        [&row.path, label, suggested.unwrap_or_default(), weight].map(str::to_owned).to_vec()
    });
    table::write(path, &columns, rows)
}
