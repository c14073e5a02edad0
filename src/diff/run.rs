//! Reads a finished run from its directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::DiffError;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::key_path::KeyPath;
use crate::base::names;
use crate::event::{EpochMetrics, Evaluated};
use crate::metrics::calibration::surprise;
use crate::metrics::{self, Metrics, Scored};
use crate::pipeline::load::{self, PipelineInput};
use crate::pipeline::resolved;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::plot::overlay::Curves;
use crate::run_dir::table::{self, Rows};
use crate::run_dir::{layout, measured, verify};
use crate::spec::DatasetSpec;

/// A finished run.
pub(super) struct FinishedRun {
    /// The directory, as the user named it.
    pub(super) name: String,
    pub(super) manifest: Manifest,
    /// The values of the resolved pipeline.
    pub(super) values: Value,
    /// The origin of each value.
    pub(super) origins: BTreeMap<KeyPath, String>,
    /// The images, by path.
    pub(super) images: BTreeMap<String, ImageRecord>,
    /// The epochs of each stage, in order.
    pub(super) stages: Vec<(String, Vec<EpochMetrics>)>,
    /// The prediction for each validation image, by path.
    pub(super) predictions: BTreeMap<String, Prediction>,
}

/// An image of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImageRecord {
    pub(super) part: String,
    pub(super) digest: String,
}

/// The prediction for an image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Prediction {
    pub(super) label: String,
    pub(super) predicted: String,
    pub(super) probabilities: BTreeMap<String, f64>,
}

impl Prediction {
    pub(super) fn is_correct(&self) -> bool {
        self.label == self.predicted
    }

    /// The probability of a class; zero for a class that the run does not have.
    pub(super) fn probability(&self, class: &str) -> f64 {
        self.probabilities.get(class).copied().unwrap_or(0.0)
    }

    /// The cross-entropy loss, in nats.
    pub(super) fn log_loss(&self) -> f64 {
        surprise(self.probability(&self.label))
    }
}

impl FinishedRun {
    pub(super) fn read(directory: &Path) -> Result<Self, DiffError> {
        let manifest = verify::read_manifest(directory)?;
        let used = [layout::RESOLVED, layout::SPLITS, layout::METRICS, layout::PREDICTIONS];
        verify::check(directory, &manifest, |name| used.contains(&name))?;
        let path = directory.join(layout::RESOLVED);
        let recorded = resolved::read(&fs::read_text(&path)?).ok_or_else(|| {
            DiffError::Content { path, what: "it is not a resolved pipeline".to_owned() }
        })?;
        Ok(Self {
            name: directory.display().to_string(),
            manifest,
            values: recorded.values,
            origins: recorded.origins,
            images: images(&directory.join(layout::SPLITS))?,
            stages: stages(&directory.join(layout::METRICS))?,
            predictions: predictions(&directory.join(layout::PREDICTIONS))?,
        })
    }

    /// The metrics of its predictions.
    ///
    /// # Panics
    /// When there are no predictions.
    pub(super) fn measured(&self) -> Metrics {
        let said = || self.predictions.values();
        let known =
            said().flat_map(|said| said.probabilities.keys().chain([&said.label, &said.predicted]));
        let classes: Vec<String> = known.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let class = |name| classes.binary_search(name).expect("all names are among them");
        let probabilities: Vec<Vec<f64>> = said()
            .map(|said| classes.iter().map(|class| said.probability(class)).collect())
            .collect();
        let scored = said().zip(&probabilities).map(|(said, probabilities)| Scored {
            label: class(&said.label),
            predicted: class(&said.predicted),
            probabilities,
        });
        metrics::measure(&classes, &scored.collect::<Vec<_>>())
    }

    /// The digests of the final weights: best and last.
    pub(super) fn weights(&self) -> [Option<Digest>; 2] {
        [layout::BEST_WEIGHTS, layout::LAST_WEIGHTS].map(|name| {
            let name = format!("{}/{name}", layout::WEIGHTS);
            self.manifest.files.get(&name).copied()
        })
    }

    /// The dataset of the run, with its place on this machine. `None` if another version of this
    /// program wrote the pipeline.
    pub(super) fn dataset(&self) -> Option<DatasetSpec> {
        let folder = names::path_of(&self.manifest.volatile.pipeline_directory);
        let file = Path::new(&self.name).join(layout::RESOLVED);
        let input = PipelineInput { file, folder, overrides: vec![], current_dir: PathBuf::new() };
        load::load(&input).ok().map(|loaded| loaded.spec.dataset)
    }

    pub(super) fn curves(&self) -> Curves {
        Curves { name: self.name.clone(), stages: self.stages.clone() }
    }
}

/// The index of the column called `name`.
fn column(rows: &Rows, path: &Path, name: &str) -> Result<usize, DiffError> {
    rows.column(name).ok_or_else(|| DiffError::Content {
        path: path.to_path_buf(),
        what: format!("it has no column `{name}`"),
    })
}

fn number(path: &Path, text: &str) -> Result<f64, DiffError> {
    text.parse().map_err(|_| DiffError::Content {
        path: path.to_path_buf(),
        what: format!("`{text}` is not a number"),
    })
}

fn images(path: &Path) -> Result<BTreeMap<String, ImageRecord>, DiffError> {
    let rows = table::read(path)?;
    let [name, part, digest] = ["path", "split", "digest"].map(|name| column(&rows, path, name));
    let (name, part, digest) = (name?, part?, digest?);
    let images = rows.rows.iter().map(|row| {
        (row[name].clone(), ImageRecord { part: row[part].clone(), digest: row[digest].clone() })
    });
    Ok(images.collect())
}

fn stages(path: &Path) -> Result<Vec<(String, Vec<EpochMetrics>)>, DiffError> {
    let rows = table::read(path)?;
    let stage = column(&rows, path, "stage")?;
    let columns =
        ["epoch", "train/loss", "train/accuracy", "val/loss", "val/accuracy", "learning_rate"]
            .iter()
            .map(|name| column(&rows, path, name))
            .collect::<Result<Vec<_>, _>>()?;
    let mut stages: Vec<(String, Vec<EpochMetrics>)> = vec![];
    for row in &rows.rows {
        let cells: Vec<f64> =
            columns.iter().map(|column| number(path, &row[*column])).collect::<Result<_, _>>()?;
        let metrics = EpochMetrics {
            epoch: cells[0] as usize,
            train: Evaluated { loss: cells[1], accuracy: cells[2] },
            validation: Evaluated { loss: cells[3], accuracy: cells[4] },
            // Not compared, because runs of earlier builds do not have them.
            balanced_accuracy: 0.0,
            macro_f1: 0.0,
            learning_rate: cells[5],
        };
        match stages.last_mut() {
            Some((name, epochs)) if *name == row[stage] => epochs.push(metrics),
            _ => stages.push((row[stage].clone(), vec![metrics])),
        }
    }
    Ok(stages)
}

fn predictions(path: &Path) -> Result<BTreeMap<String, Prediction>, DiffError> {
    let (classes, rows) = measured::read_predictions(path)?;
    let named = rows.into_iter().map(|row| {
        let probabilities = classes.iter().cloned().zip(row.probabilities).collect();
        let (label, predicted) = (classes[row.label].clone(), classes[row.predicted].clone());
        (row.path, Prediction { label, predicted, probabilities })
    });
    Ok(named.collect())
}
