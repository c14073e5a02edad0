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
    /// The pipeline file, for messages. Its text is in the directory of the results.
    pub file: PathBuf,
    /// The directory that paths in the pipeline are relative to.
    pub folder: PathBuf,
    /// Texts of the `-S` options, in order.
    pub overrides: Vec<String>,
    /// The directory that paths in the `-S` options are relative to.
    pub current_dir: PathBuf,
    /// What each task computes, by its name.
    pub tasks: BTreeMap<String, TaskWork>,
}

/// What a task computes.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskWork {
    /// A run, or one of its stages for other runs to reuse.
    Run {
        /// The values that make the pipeline that of the run.
        settings: Vec<Setting>,
        /// The stages that run.
        stages: Vec<String>,
        /// Whether it is a run of its own, and does not only train a stage for others.
        is_whole: bool,
        /// The key of each stage that runs.
        keys: Vec<Digest>,
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
