//! Reads a finished run from its directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::DiffError;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::key_path::KeyPath;
use crate::base::label_list;
use crate::base::names;
use crate::base::target::Target;
use crate::event::{EpochMetrics, Evaluated, Further, Score};
use crate::metrics::calibration::surprise;
use crate::metrics::{self, Measures, Scored, number, several};
use crate::pipeline::load::{self, PipelineInput};
use crate::pipeline::resolved;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::measured::Predictions;
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

/// The prediction for an image. Classes are compared by name, since runs may have different ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Prediction {
    /// Of an image of one class.
    Class { label: String, predicted: String, probabilities: BTreeMap<String, f64> },
    /// Of an image that may have several classes.
    Several { labels: BTreeSet<String>, probabilities: BTreeMap<String, f64> },
    /// Of an image with a number.
    Number { number: f64, estimate: f64 },
}

impl Prediction {
    /// Whether it is of the same kind as another, so that they can be compared.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Whether it is correct; never for a number.
    pub(super) fn is_correct(&self) -> bool {
        match self {
            Self::Class { label, predicted, .. } => label == predicted,
            Self::Several { labels, .. } => self.given() == labels.iter().collect(),
            Self::Number { .. } => false,
        }
    }

    /// The truth as text.
    pub(super) fn truth(&self) -> String {
        match self {
            Self::Class { label, .. } => label.clone(),
            Self::Several { labels, .. } => label_list::written(labels.iter().map(String::as_str)),
            Self::Number { number, .. } => number.to_string(),
        }
    }

    /// What is predicted as text.
    pub(super) fn predicted(&self) -> String {
        match self {
            Self::Class { predicted, .. } => predicted.clone(),
            Self::Several { .. } => {
                label_list::written(self.given().into_iter().map(String::as_str))
            }
            Self::Number { estimate, .. } => estimate.to_string(),
        }
    }

    /// The probability of what is predicted.
    pub(super) fn confidence(&self) -> f64 {
        match self {
            Self::Class { predicted, .. } => self.probability(predicted),
            Self::Several { probabilities, .. } => {
                let sure = probabilities.values().map(|p| libm::log(p.max(1.0 - p)));
                libm::exp(sure.sum::<f64>() / probabilities.len().max(1) as f64)
            }
            Self::Number { .. } => 0.0,
        }
    }

    /// The probability of the truth.
    pub(super) fn of_truth(&self) -> f64 {
        match self {
            Self::Class { label, .. } => self.probability(label),
            Self::Several { .. } => libm::exp(-self.loss()),
            Self::Number { .. } => 0.0,
        }
    }

    /// The classes that are given, if there may be several.
    fn given(&self) -> BTreeSet<&String> {
        let Self::Several { probabilities, .. } = self else { return BTreeSet::new() };
        let given = probabilities.iter().filter(|(_, p)| **p >= several::THRESHOLD);
        given.map(|(class, _)| class).collect()
    }

    /// The probability of a class; zero for a class that the run does not have.
    pub(super) fn probability(&self, class: &str) -> f64 {
        match self {
            Self::Class { probabilities, .. } | Self::Several { probabilities, .. } => {
                probabilities.get(class).copied().unwrap_or(0.0)
            }
            Self::Number { .. } => 0.0,
        }
    }

    /// The cross-entropy loss in nats, the mean of several classes; or the absolute error of a number.
    pub(super) fn loss(&self) -> f64 {
        match self {
            Self::Class { label, .. } => surprise(self.probability(label)),
            Self::Several { labels, probabilities } => {
                let losses = probabilities
                    .iter()
                    .map(|(class, p)| surprise(if labels.contains(class) { *p } else { 1.0 - p }));
                losses.sum::<f64>() / probabilities.len().max(1) as f64
            }
            Self::Number { number, estimate } => (estimate - number).abs(),
        }
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
    pub(super) fn measured(&self) -> Measures {
        match self.predictions.values().next() {
            Some(Prediction::Number { .. }) => {
                let scored = self.predictions.values().filter_map(|said| match said {
                    Prediction::Number { number, estimate } => {
                        Some(number::Scored { number: *number, estimate: *estimate })
                    }
                    _ => None,
                });
                let name = self.manifest.dataset.classes.first().map_or("number", String::as_str);
                let metrics = number::measure(name, &scored.collect::<Vec<_>>());
                Measures::Number(Box::new(metrics))
            }
            Some(Prediction::Several { .. }) => self.of_several(),
            _ => self.of_class(),
        }
    }

    fn of_class(&self) -> Measures {
        let said = || {
            self.predictions.values().filter_map(|said| match said {
                Prediction::Class { label, predicted, probabilities } => {
                    Some((said, label, predicted, probabilities))
                }
                _ => None,
            })
        };
        let known = said().flat_map(|(_, label, predicted, probabilities)| {
            probabilities.keys().chain([label, predicted])
        });
        let classes: Vec<String> = known.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        let class = |name| classes.binary_search(name).expect("all names are among them");
        let probabilities: Vec<Vec<f64>> = said()
            .map(|(said, ..)| classes.iter().map(|class| said.probability(class)).collect())
            .collect();
        let scored = said().zip(&probabilities).map(|((_, label, predicted, _), probabilities)| {
            Scored { label: class(label), predicted: class(predicted), probabilities }
        });
        let metrics = metrics::measure(&classes, &scored.collect::<Vec<_>>());
        Measures::Class(Box::new(metrics))
    }

    fn of_several(&self) -> Measures {
        let said = || {
            self.predictions.values().filter_map(|said| match said {
                Prediction::Several { labels, probabilities } => Some((labels, probabilities)),
                _ => None,
            })
        };
        let classes: Vec<String> =
            said().next().map(|(_, all)| all.keys().cloned().collect()).unwrap_or_default();
        let place = |name: &String| classes.binary_search(name).ok().map(|at| at as u32);
        let rows: Vec<(Vec<u32>, Vec<f64>)> = said()
            .map(|(labels, all)| {
                (labels.iter().filter_map(place).collect(), all.values().copied().collect())
            })
            .collect();
        let scored =
            rows.iter().map(|(labels, probabilities)| several::Scored { labels, probabilities });
        let metrics = several::measure(&classes, &scored.collect::<Vec<_>>());
        Measures::Several(Box::new(metrics))
    }

    /// The name of the score of its epochs.
    pub(super) fn score(&self) -> &'static str {
        let epoch = self.stages.iter().find_map(|(_, epochs)| epochs.first());
        epoch.map_or("accuracy", |epoch| epoch.validation.score.words())
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
    let scores: [fn(f64) -> Score; 3] =
        [Score::Accuracy, Score::SubsetAccuracy, Score::MeanAbsoluteError];
    let is_there =
        |score: &fn(f64) -> Score| rows.column(&format!("val/{}", score(0.0).column())).is_some();
    let score = scores.into_iter().find(is_there).unwrap_or(Score::Accuracy);
    let [of_training, of_validation] =
        ["train", "val"].map(|part| format!("{part}/{}", score(0.0).column()));
    let names = ["epoch", "train/loss", &of_training, "val/loss", &of_validation, "learning_rate"];
    let columns =
        names.iter().map(|name| column(&rows, path, name)).collect::<Result<Vec<_>, _>>()?;
    let mut stages: Vec<(String, Vec<EpochMetrics>)> = vec![];
    for row in &rows.rows {
        let cells: Vec<f64> =
            columns.iter().map(|column| number(path, &row[*column])).collect::<Result<_, _>>()?;
        let metrics = EpochMetrics {
            epoch: cells[0] as usize,
            train: Evaluated { loss: cells[1], score: score(cells[2]) },
            validation: Evaluated { loss: cells[3], score: score(cells[4]) },
            // Not compared, because runs of earlier builds do not have them.
            further: Further::None {},
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
    let Predictions { classes, rows, .. } = measured::read_predictions(path)?;
    let named = rows.into_iter().map(|row| {
        let probabilities = || classes.iter().cloned().zip(row.outputs.iter().copied()).collect();
        let said = match &row.target {
            Target::Class(label) => Prediction::Class {
                label: classes[*label].clone(),
                predicted: classes[row.predicted()].clone(),
                probabilities: probabilities(),
            },
            Target::Classes(labels) => Prediction::Several {
                labels: labels.iter().map(|class| classes[*class as usize].clone()).collect(),
                probabilities: probabilities(),
            },
            Target::Number(number) => {
                Prediction::Number { number: *number, estimate: row.outputs[0] }
            }
        };
        (row.path, said)
    });
    Ok(named.collect())
}
