//! The cache of stage results by key, and of the last keys of each pipeline.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::StageKey;
use super::outcome::StageOutcome;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::names;
use crate::cache::directory::{Bucket, CacheDirectory, Found};
use crate::dataset::examine::Dataset;
use crate::exec::plan::PlannedStage;

/// The most bytes that cached stage results take; the oldest are removed first.
const ROOM: u64 = 2 << 30;

/// The stage results in a cache directory.
pub(crate) struct StageStore {
    outcomes: CacheDirectory,
    last_times: CacheDirectory,
}

/// The result of a lookup in the cache.
pub(crate) enum Stored {
    Outcome(Box<StageOutcome>),
    Nothing,
    Damaged(PathBuf),
}

/// The state of a pipeline when it last ran.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub(crate) struct LastTime {
    /// The key of each stage, as a document.
    pub(crate) stages: BTreeMap<String, Value>,
    /// The digest of each image by its path. Earlier builds have another name for it.
    #[serde(alias = "pictures")]
    pub(crate) images: BTreeMap<String, String>,
}

impl StageStore {
    /// The store in the cache at `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            outcomes: CacheDirectory::new(root, Bucket::Stages),
            last_times: CacheDirectory::new(root, Bucket::LastTimes),
        }
    }

    /// Looks up the result of a stage.
    pub(crate) fn find(&self, key: &StageKey) -> Stored {
        match self.outcomes.find(key.digest()) {
            Found::Nothing => Stored::Nothing,
            Found::Damaged(path) => Stored::Damaged(path),
            Found::Entry(bytes) => match StageOutcome::decode(&bytes) {
                Ok(outcome) => Stored::Outcome(Box::new(outcome)),
                // Another build wrote it in another format.
                Err(_) => Stored::Nothing,
            },
        }
    }

    /// Whether there is a file with the result of a stage.
    pub(crate) fn has(&self, key: Digest) -> bool {
        self.outcomes.has(key)
    }

    /// Caches the result of a stage.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, key: &StageKey, outcome: &StageOutcome) -> Result<(), FileError> {
        self.outcomes.write(key.digest(), &outcome.encode())?;
        self.outcomes.shrink(ROOM)
    }

    /// Marks the result of a stage as used, so that it is not among the oldest.
    pub(crate) fn touch(&self, key: &StageKey) {
        self.outcomes.touch(key.digest());
    }

    /// The last state of the pipeline called `name` in `directory`.
    pub(crate) fn last_time(&self, directory: &Path, name: &str) -> Option<LastTime> {
        match self.last_times.find(pipeline(directory, name)) {
            Found::Entry(bytes) => serde_json::from_slice(&bytes).ok(),
            Found::Nothing | Found::Damaged(_) => None,
        }
    }

    /// Stores the keys of the stages of a run, and its images.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn remember(
        &self,
        directory: &Path,
        name: &str,
        stages: &[PlannedStage],
        dataset: &Dataset,
    ) -> Result<(), FileError> {
        let mut last = self.last_time(directory, name).unwrap_or_default();
        for stage in stages {
            last.stages.insert(stage.name.clone(), stage.key.document().clone());
        }
        last.images = dataset
            .samples
            .iter()
            .map(|sample| (sample.candidate.path.to_string(), sample.digest.to_string()))
            .collect();
        let bytes = serde_json::to_vec(&last).expect("keys are plain data");
        self.last_times.write(pipeline(directory, name), &bytes)
    }
}

fn pipeline(directory: &Path, name: &str) -> Digest {
    Digest::of(format!("{}\n{name}", names::text_of_path(directory)).as_bytes())
}
