//! Compares finished runs: pipeline, images, program, metrics and predictions, and whether the
//! difference is more than chance.
//!
//! Reads nothing but run directories, so it works on copies in any location.

mod chance;
mod flips;
mod metrics;
mod page;
mod images;
mod run;
mod text;
mod values;

use std::path::PathBuf;

use serde::Serialize;

pub use chance::{Chance, CorrectChange, ErrorChange};
pub use flips::Flip;
pub use images::ImageChanges;
pub use metrics::MetricRow;
pub use page::{render_html, render_section};
pub use text::{Style, render, sentences};
pub use values::{Setting, ValueRow};

use crate::base::fs::FileError;
use crate::run_dir::plot::overlay::{self, Curves};
use crate::run_dir::verify::ManifestError;
use crate::spec::DatasetSpec;
use run::FinishedRun;

/// Runs cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A run is not finished, or its manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file of a run cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of a run does not have the format that this program writes.
    #[error("cannot read `{}`: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The problem, as a fragment.
        what: String,
    },
}

/// The differences between runs. All others are compared with the first one.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// The run directories, as the user named them.
    pub runs: Vec<String>,
    /// Whether pipeline, images, program, metrics, predictions and weights are the same.
    pub is_same: bool,
    /// The values of the resolved pipelines.
    pub values: Vec<ValueRow>,
    /// The program and the machine.
    pub environment: Vec<Setting>,
    /// The metrics of all runs.
    pub metrics: Vec<MetricRow>,
    /// The first run compared with each of the others.
    pub pairs: Vec<Pair>,
    /// The name of the score of the first run: accuracy, or that of several classes.
    #[serde(skip)]
    score: &'static str,
    #[serde(skip)]
    curves: Vec<Curves>,
    /// The dataset of the first run, if it is known.
    #[serde(skip)]
    dataset: Option<DatasetSpec>,
}

/// The comparison of the first run with another one.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The other run.
    pub other: String,
    /// The differences between their images.
    pub images: ImageChanges,
    /// Shared validation images for which they predict different classes.
    pub flips: Vec<Flip>,
    /// Whether the difference in accuracy is more than chance; `None` without shared images.
    pub chance: Option<Chance>,
    /// Whether the final weights are the same, bit for bit.
    pub same_weights: bool,
    /// Whether both learn the same: one class, several classes or a number an image.
    #[serde(skip)]
    same_target: bool,
}

/// Compares finished runs with the first of them.
///
/// # Errors
/// When a run is not finished or a file of it cannot be read.
pub fn diff(directories: &[PathBuf]) -> Result<Diff, DiffError> {
    let runs: Vec<FinishedRun> =
        directories.iter().map(|path| FinishedRun::read(path)).collect::<Result<_, _>>()?;
    let first = &runs[0];
    let pair = |other: &FinishedRun| Pair {
        other: other.name.clone(),
        images: images::changes(first, other),
        flips: flips::flips(first, other),
        chance: chance::chance(first, other),
        same_weights: first.weights() == other.weights(),
        same_target: first.score() == other.score(),
    };
    let pairs: Vec<Pair> = runs[1..].iter().map(pair).collect();
    let values = values::values(&runs);
    let environment = values::environment(&runs);
    let metrics = metrics::metrics(&runs);
    let is_same = values.iter().all(|row| !(row.differs && row.matters))
        && environment.iter().all(|setting| !(setting.differs && setting.matters))
        && metrics.iter().all(|row| !row.differs)
        && pairs.iter().all(|pair| pair.images.is_empty() && pair.same_weights)
        && runs.iter().all(|run| run.predictions == first.predictions);
    Ok(Diff {
        runs: runs.iter().map(|run| run.name.clone()).collect(),
        is_same,
        values,
        environment,
        metrics,
        pairs,
        score: first.score(),
        curves: runs.iter().map(FinishedRun::curves).collect(),
        dataset: first.dataset(),
    })
}

/// Draws the curves of all runs in one SVG.
pub fn render_svg(diff: &Diff) -> String {
    overlay::render(&labelled_curves(diff))
}

/// Draws validation accuracy and validation loss of all runs as an SVG each.
fn render_panels(diff: &Diff) -> [String; 2] {
    overlay::panels(&labelled_curves(diff))
}

fn labelled_curves(diff: &Diff) -> Vec<Curves> {
    let named = diff.curves.iter().zip(text::labels(diff));
    named.map(|(curves, name)| Curves { name, ..curves.clone() }).collect()
}
