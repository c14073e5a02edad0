//! The file with a threshold for each class, chosen for a wanted precision.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::measured::Predictions;
use crate::base::fs::{self, FileError};
use crate::base::target::Target;
use crate::metrics::threshold::{self, Candidate, Given};
use crate::spec::TargetSpec;

/// The name of the file in the directory of an evaluation.
pub const THRESHOLDS: &str = "thresholds.json";

/// A threshold for each class, and what it does to the images that it was chosen by, or to others.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Thresholds {
    /// The wanted precision.
    pub min_precision: f64,
    /// The runs that predicted the images.
    #[serde(default)]
    pub runs: Vec<String>,
    /// The weights of the runs: `best` or `last`.
    #[serde(default)]
    pub weights: String,
    /// The images: `validation`, `test` or a directory.
    #[serde(default)]
    pub on: String,
    /// Number of images.
    pub n_images: usize,
    /// How many of them are given a class.
    pub n_answered: usize,
    /// How many classes they are given, and how many of these are right.
    pub n_given: usize,
    /// How many of these are right.
    pub n_right: usize,
    /// Each class, in the order of the outputs.
    pub classes: Vec<ClassThreshold>,
}

/// The threshold of a class.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ClassThreshold {
    /// Name of the class.
    pub name: String,
    /// The lowest probability with which an image is given the class. `None` if no threshold reaches
    /// the precision, so that it is never given.
    pub threshold: Option<f64>,
    /// How many images could be given it: those for which it is the likeliest class, or all if an image
    /// may have several.
    pub n_predicted: usize,
    /// How many images are given it.
    pub n_given: usize,
    /// How many of these have it.
    pub n_right: usize,
    /// Precision: fraction of the images given the class that have it.
    pub precision: Option<f64>,
    /// 95 % confidence interval of the precision (Wilson 1927).
    pub precision_interval: Option<[f64; 2]>,
}

impl Thresholds {
    /// Chooses the lowest threshold of each class with at least a precision. Numbers have none.
    ///
    /// # Panics
    /// When predictions are numbers.
    pub fn choose(predictions: &Predictions, min_precision: f64) -> Self {
        let candidates = candidates(predictions);
        let chosen = candidates.iter().map(|of| threshold::lowest(of, min_precision));
        Self::at(predictions, &chosen.collect::<Vec<_>>(), min_precision)
    }

    /// What given thresholds do to images, in the order of the classes.
    ///
    /// # Panics
    /// When predictions are numbers.
    pub fn at(predictions: &Predictions, chosen: &[Option<f64>], min_precision: f64) -> Self {
        let candidates = candidates(predictions);
        let names = predictions.classes.iter();
        let classes = names.zip(candidates.iter().zip(chosen)).map(|(name, (of, threshold))| {
            let given = Given::at(of, threshold.unwrap_or(f64::INFINITY));
            ClassThreshold {
                name: name.clone(),
                threshold: *threshold,
                n_predicted: of.len(),
                n_given: given.n,
                n_right: given.n_right,
                precision: given.precision(),
                precision_interval: given.interval(),
            }
        });
        let classes: Vec<ClassThreshold> = classes.collect();
        let is_answered = |outputs: &[f64]| match predictions.target {
            TargetSpec::Class => is_sure(outputs, chosen),
            _ => given(outputs, chosen).next().is_some(),
        };
        Self {
            min_precision,
            runs: vec![],
            weights: String::new(),
            on: String::new(),
            n_images: predictions.rows.len(),
            n_answered: predictions.rows.iter().filter(|row| is_answered(&row.outputs)).count(),
            n_given: classes.iter().map(|class| class.n_given).sum(),
            n_right: classes.iter().map(|class| class.n_right).sum(),
            classes,
        }
    }

    /// What is given to all images together.
    pub fn given(&self) -> Given {
        Given { n: self.n_given, n_right: self.n_right }
    }

    /// The classes that no threshold makes precise enough.
    pub fn unreached(&self) -> Vec<&str> {
        let classes = self.classes.iter().filter(|class| class.threshold.is_none());
        classes.map(|class| class.name.as_str()).collect()
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(self).expect("thresholds are plain data");
        fs::write_atomic(path, format!("{text}\n").as_bytes())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read, or is not such a file.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text = fs::read_text(path)?;
        serde_json::from_str(&text).map_err(|error| FileError::new("read", path, error.into()))
    }
}

/// Whether the likeliest class of an image reaches its threshold.
pub fn is_sure(outputs: &[f64], thresholds: &[Option<f64>]) -> bool {
    let class = crate::metrics::predicted(outputs);
    thresholds[class].is_some_and(|threshold| outputs[class] >= threshold)
}

/// The classes that reach their thresholds.
fn given(outputs: &[f64], thresholds: &[Option<f64>]) -> impl Iterator<Item = usize> {
    let pairs = outputs.iter().zip(thresholds).enumerate();
    let is_given =
        |(p, threshold): (&f64, &Option<f64>)| threshold.is_some_and(|least| *p >= least);
    pairs.filter(move |(_, pair)| is_given(*pair)).map(|(class, _)| class)
}

/// The images that may be given each class.
fn candidates(predictions: &Predictions) -> Vec<Vec<Candidate>> {
    let mut of_classes = vec![vec![]; predictions.classes.len()];
    for row in &predictions.rows {
        match &row.target {
            Target::Class(label) => {
                let class = row.predicted();
                let (probability, is_right) = (row.outputs[class], class == *label);
                of_classes[class].push(Candidate { probability, is_right });
            }
            Target::Classes(_) => {
                for (class, &probability) in row.outputs.iter().enumerate() {
                    let is_right = row.target.has(class);
                    of_classes[class].push(Candidate { probability, is_right });
                }
            }
            Target::Number(_) => unreachable!("numbers have no probabilities"),
        }
    }
    of_classes
}
