//! The manifest: what a run was made of and what it made, with a digest of each file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::event::EpochMetrics;

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
    /// The root of all random numbers.
    pub seed: u64,
    /// The program and the libraries that computed, and the instructions they used.
    pub versions: BTreeMap<String, String>,
    /// The pictures.
    pub dataset: DatasetRecord,
    /// What the base model started from.
    pub weights: WeightsRecord,
    /// The stages in the order they ran.
    pub stages: Vec<StageRecord>,
    /// The best epoch of the run, whose weights are its best ones.
    #[serde(default)]
    pub best: Option<BestRecord>,
    /// Tasks that failed after all stages had trained, with the reason.
    #[serde(default)]
    pub failed: BTreeMap<String, String>,
    /// The BLAKE3 digest of each file that reproduces, by its path in the run directory.
    pub files: BTreeMap<String, Digest>,
    /// Facts that change from one execution to the next.
    pub volatile: Volatile,
}

/// The dataset of a run.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct DatasetRecord {
    /// A digest of classes, and of path and content of each picture.
    pub fingerprint: Digest,
    /// The names of the classes in the order of the outputs.
    pub classes: Vec<String>,
    /// Pictures in each part of the split.
    pub split: BTreeMap<String, usize>,
    /// Bad pictures and copies that were left out, with the reason.
    pub skipped: BTreeMap<String, String>,
    /// Files that are no pictures.
    pub ignored: Vec<String>,
}

/// What the base model started from.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct WeightsRecord {
    /// `none`, the file as the pipeline names it, or the name of a published file.
    pub source: String,
    /// The digest of the file.
    pub digest: Option<Digest>,
    /// Where its publisher has the file; none for a file of the user's own.
    #[serde(default)]
    pub url: Option<String>,
    /// The SHA-256 of a published file, in lower case.
    #[serde(default)]
    pub sha256: Option<String>,
    /// How the network was built, which its weights need: `keras` or `torch`.
    pub convention: String,
}

/// The best epoch over all stages of a run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct BestRecord {
    /// The stage.
    pub stage: String,
    /// The number of the epoch, counted on through the stages.
    pub epoch: usize,
    /// What it is the best by, as pipelines name it.
    pub by: String,
}

impl Manifest {
    /// The stage whose best epoch is that of the run.
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
    /// Its name.
    pub name: String,
    /// The stage it went on from.
    pub from: Option<String>,
    /// The first layer that trained.
    pub first_trainable: String,
    /// How many weights trained.
    pub n_trainable: usize,
    /// How many tensors stood still; their digests were equal before and after the stage.
    pub n_frozen_tensors: usize,
    /// The best epoch.
    pub best: EpochMetrics,
    /// The digest of everything that decides its result.
    pub key: Digest,
}

/// Facts that change from one execution to the next.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Volatile {
    /// When the run started, in UTC.
    pub started: String,
    /// When the manifest was written, in UTC.
    pub finished: String,
    /// Seconds in between.
    pub seconds: f64,
    /// How many threads computed.
    pub threads: usize,
    /// Operating system and processor architecture.
    pub platform: String,
    /// The folder that paths in the pipeline are relative to.
    pub pipeline_directory: String,
    /// The commit of the git repository that folder is in, with `-dirty` where files differ from it.
    pub commit: Option<String>,
    /// Stages whose result was taken from an earlier run.
    pub reused: Vec<String>,
}
