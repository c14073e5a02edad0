//! What the tasks of a directory compute. The command line of a task names it; this says what it is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::jobs;
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::spec::Setting;

/// The file, next to the list of what was submitted.
const FILE: &str = "work.json";

/// What the tasks of a directory compute.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Work {
    /// The program that computes: another one has other results.
    pub program: String,
    /// The pipeline of the tasks that are runs, or compute features.
    pub pipeline: Option<WrittenPipeline>,
    /// What each task computes, by its name.
    pub tasks: BTreeMap<String, TaskWork>,
}

/// A run, or one of its stages.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct RunWork {
    /// The values that make the pipeline that of the run.
    pub settings: Vec<Setting>,
    /// The stages that run.
    pub stages: Vec<String>,
    /// Whether it is a run of its own, and does not only train a stage for others.
    pub is_whole: bool,
    /// The key of each stage that runs.
    pub keys: Vec<Digest>,
}

/// A pipeline file as a command was given it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct WrittenPipeline {
    /// The file, for messages. Its text is in the directory of the results.
    pub file: PathBuf,
    /// The directory that paths in the pipeline are relative to.
    pub folder: PathBuf,
    /// Texts of the `-S` options, in order.
    pub overrides: Vec<String>,
    /// The directory that paths in the `-S` options are relative to.
    pub current_dir: PathBuf,
}

/// A shard of images.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ShardFile {
    /// The absolute path of the archive, or its URL.
    pub place: String,
    /// Its name in the results: its path below the directory that all shards are in.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// When it last changed, in nanoseconds since 1970.
    pub modified: u128,
}

/// What is computed for shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShardWork {
    /// The prediction for each image.
    Predict,
    /// The prediction for each image with a label, and metrics.
    Evaluate,
    /// The features of each image that the head predicts from.
    Embed,
    /// The features of each image that the first stage of a pipeline trains on.
    Features,
}

/// The format of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShardFormat {
    /// CSV, with one file of all rows.
    Csv,
    /// Parquet.
    Parquet,
    /// Numbers with digests of their images.
    Features,
}

/// A model that is applied to shards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ShardModel {
    /// What it is used for.
    pub work: ShardWork,
    /// The format of its outputs.
    pub format: ShardFormat,
    /// The absolute path of the run directory, of the exported file or of the pipeline.
    pub model: PathBuf,
    /// The digest of all that decides its outputs.
    pub digest: Digest,
    /// Whether files that cannot be read as images are left out of an evaluation.
    pub skip_bad: bool,
}

/// What a task computes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskWork {
    /// A run, or one of its stages for other runs to reuse.
    Run(RunWork),
    /// Shards of images, one after the other.
    Shards {
        /// The model that is applied.
        model: ShardModel,
        /// The shards.
        shards: Vec<ShardFile>,
    },
}

impl Work {
    /// Reads what the tasks of a directory compute.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(home: &Path) -> Result<Self, FileError> {
        let path = home.join(jobs::FOLDER).join(FILE);
        serde_json::from_str(&fs::read_text(&path)?)
            .map_err(|error| FileError::new("read", &path, std::io::Error::from(error)))
    }

    /// Writes what the tasks of a directory compute.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, home: &Path) -> Result<(), FileError> {
        fs::create_dir_all(&home.join(jobs::FOLDER))?;
        let text = serde_json::to_string(self).expect("work is plain data");
        fs::write_atomic(&home.join(jobs::FOLDER).join(FILE), text.as_bytes())
    }
}
