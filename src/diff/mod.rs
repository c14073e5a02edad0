//! What differs between finished runs: pipeline, pictures, program, figures, predictions; and
//! whether the difference is more than chance.
//!
//! Reads run directories and nothing else, so it works wherever they were copied to.

mod chance;
mod flips;
mod metrics;
mod page;
mod pictures;
mod run;
mod text;
mod values;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use chance::Chance;
pub use flips::Flip;
pub use metrics::MetricRow;
pub use page::render_html;
pub use pictures::PictureChanges;
pub use text::{Style, render};
pub use values::{Setting, ValueRow};

use crate::base::fs::FileError;
use crate::base::names;
use crate::run_dir::plot::overlay::{self, Curves};
use crate::run_dir::verify::ManifestError;
use run::FinishedRun;

/// Runs that cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// A run is not finished, or its manifest cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file of a run cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of a run is not as this program writes it.
    #[error("`{}` is not as a run writes it: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong, in a fragment.
        what: String,
    },
}

/// What differs between runs. The first one is what the others are compared with.
#[derive(Clone, Debug, Serialize)]
pub struct Diff {
    /// The run directories, as they were named.
    pub runs: Vec<String>,
    /// Whether nothing that matters differs: pipeline, pictures, program, figures, predictions and
    /// weights are the same.
    pub is_same: bool,
    /// Values of the resolved pipelines.
    pub values: Vec<ValueRow>,
    /// What computed, and where.
    pub environment: Vec<Setting>,
    /// Figures of all runs.
    pub metrics: Vec<MetricRow>,
    /// The first run with each of the others.
    pub pairs: Vec<Pair>,
    #[serde(skip)]
    curves: Vec<Curves>,
    /// Where the pictures of the first run are, if they are still there.
    #[serde(skip)]
    pictures: Option<PathBuf>,
}

/// The first run and another one.
#[derive(Clone, Debug, Serialize)]
pub struct Pair {
    /// The other run.
    pub other: String,
    /// How their pictures differ.
    pub pictures: PictureChanges,
    /// Pictures that both validated with and got different classes for.
    pub flips: Vec<Flip>,
    /// Whether the difference in accuracy is more than chance; none without common pictures.
    pub chance: Option<Chance>,
    /// Whether the weights at the end are the same, bit for bit.
    pub same_weights: bool,
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
        pictures: pictures::changes(first, other),
        flips: flips::flips(first, other),
        chance: chance::chance(first, other),
        same_weights: first.weights() == other.weights(),
    };
    let pairs: Vec<Pair> = runs[1..].iter().map(pair).collect();
    let values = values::values(&runs);
    let environment = values::environment(&runs);
    let metrics = metrics::metrics(&runs);
    let is_same = values.iter().all(|row| !(row.differs && row.matters))
        && environment.iter().all(|setting| !(setting.differs && setting.matters))
        && metrics.iter().all(|row| !row.differs)
        && pairs.iter().all(|pair| pair.pictures.is_empty() && pair.same_weights)
        && runs.iter().all(|run| run.predictions == first.predictions);
    Ok(Diff {
        runs: runs.iter().map(|run| run.name.clone()).collect(),
        is_same,
        values,
        environment,
        metrics,
        pairs,
        curves: runs.iter().map(FinishedRun::curves).collect(),
        pictures: first.pictures(),
    })
}

/// The curves of all runs in one drawing, as SVG.
pub fn render_svg(diff: &Diff) -> String {
    let named = diff.curves.iter().zip(text::labels(diff));
    let curves: Vec<Curves> =
        named.map(|(curves, name)| Curves { name, ..curves.clone() }).collect();
    overlay::render(&curves)
}

/// The path of a picture of the first run, if its dataset is still in place.
fn picture_file(diff: &Diff, path: &str) -> Option<PathBuf> {
    let file = diff.pictures.as_deref().map(|folder: &Path| folder.join(names::path_of(path)));
    file.filter(|file| file.is_file())
}
