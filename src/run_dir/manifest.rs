//! The manifest: the inputs and results of a run, with a digest of each file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::ingredient::{self, Ingredient};
use crate::event::{EpochMetrics, FitFacts};

/// The version of the manifest's format. A change that an older reader would misread raises it.
pub const FORMAT: u32 = 1;

/// The JSON schema of manifests.
pub const SCHEMA: &str = include_str!("../../schemas/manifest.schema.json");

/// The record of a finished run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Manifest {
    /// The version of this format.
    pub format: u32,
    /// The pipeline's name.
    pub name: String,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The versions of the program and its libraries, and the instruction set.
    pub versions: BTreeMap<String, String>,
    /// The dataset.
    pub dataset: DatasetRecord,
    /// The initial weights of the base model.
    pub weights: WeightsRecord,
    /// The stages, in the order they ran.
    pub stages: Vec<StageRecord>,
    /// The best epoch over all stages; its weights are the best weights of the run.
    #[serde(default)]
    pub best: Option<BestRecord>,
    /// The tasks that failed after training, with the reason.
    #[serde(default)]
    pub failed: BTreeMap<String, String>,
    /// The BLAKE3 digest of each reproducible file, by its path in the run directory.
    pub files: BTreeMap<String, Digest>,
    /// Facts that change from one execution to the next.
    pub volatile: Volatile,
}

/// The dataset of a run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct DatasetRecord {
    /// A digest of the classes and of the path and content of each image.
    pub fingerprint: Digest,
    /// The class names, in the order of the outputs; for numbers, the name of the number.
    pub classes: Vec<String>,
    /// For numbers, the units in which the network gives them; otherwise `None`.
    #[serde(default)]
    pub standard: Option<StandardRecord>,
    /// The number of images in each split.
    pub split: BTreeMap<String, usize>,
    /// The images without labels, if there are some.
    #[serde(default)]
    pub unlabeled: Option<UnlabeledRecord>,
    /// The bad images and copies that were skipped, with the reason.
    pub skipped: BTreeMap<String, String>,
    /// The files that are not images.
    pub ignored: Vec<String>,
}

/// The images without labels of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct UnlabeledRecord {
    /// Their number.
    pub n_images: usize,
    /// The digest of their paths and contents.
    pub fingerprint: Digest,
}

/// The units in which a network gives a number: it is `mean + deviation * output`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct StandardRecord {
    /// The mean of the training numbers.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
}

/// The initial weights of the base model.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct WeightsRecord {
    /// `none`, the file as named in the pipeline, or the name of a published file.
    pub source: String,
    /// The digest of the file.
    pub digest: Option<Digest>,
    /// The URL of a published file; `None` for a local file.
    #[serde(default)]
    pub url: Option<String>,
    /// The SHA-256 of a published file, in lower case.
    #[serde(default)]
    pub sha256: Option<String>,
    /// The conventions that the weights require: `keras` or `torch`.
    pub convention: String,
}

/// The best epoch over all stages of a run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct BestRecord {
    /// The name of the stage.
    pub stage: String,
    /// The number of the epoch, counted over all stages.
    pub epoch: usize,
    /// The metric that decides, as named in pipelines.
    pub by: String,
}

impl Manifest {
    /// The stage of the best epoch of the run.
    pub fn best_stage(&self) -> Option<&StageRecord> {
        match &self.best {
            Some(best) => self.stages.iter().find(|stage| stage.name == best.stage),
            // Earlier builds took the best epoch of the last stage.
            None => self.stages.last(),
        }
    }
}

/// A stage of a run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct StageRecord {
    /// The name of the stage.
    pub name: String,
    /// The stage it starts from, if any.
    pub from: Option<String>,
    /// The first trained layer.
    pub first_trainable: String,
    /// The number of trained weights.
    pub n_trainable: usize,
    /// The number of frozen tensors; their digests are the same before and after the stage.
    pub n_frozen_tensors: usize,
    /// How its head was fitted, if it was not trained.
    #[serde(default)]
    pub fit: Option<FitFacts>,
    /// The epochs and stages whose weights were averaged; only the best epoch if nothing else could be
    /// added. `None` without `soup`. The validation metrics of the best epoch are those of the average.
    #[serde(default)]
    pub soup: Option<Vec<Ingredient>>,
    /// The digest of the model that it learned from, if any.
    #[serde(default)]
    pub teacher: Option<Digest>,
    /// The best epoch.
    pub best: EpochMetrics,
    /// The digest of everything that affects the result of the stage.
    pub key: Digest,
}

impl StageRecord {
    /// The best epoch, or the epochs whose weights were averaged, in words.
    pub fn best_in_words(&self) -> String {
        let own = [Ingredient::Epoch(self.best.epoch)];
        ingredient::words(self.soup.as_deref().unwrap_or(&own))
    }
}

/// Facts that change from one execution to the next.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Volatile {
    /// The time when the run started, in UTC.
    pub started: String,
    /// The time when the manifest was written, in UTC.
    pub finished: String,
    /// The duration of the run in seconds.
    pub seconds: f64,
    /// The number of compute threads.
    pub threads: usize,
    /// The operating system and the processor architecture.
    pub platform: String,
    /// The directory that paths in the pipeline are relative to.
    pub pipeline_directory: String,
    /// The git commit of that directory, with `-dirty` if files differ from it.
    pub commit: Option<String>,
    /// The stages with results reused from an earlier run.
    pub reused: Vec<String>,
}
