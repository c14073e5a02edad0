//! The cache of stage results by key, and of the last keys of each pipeline.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::key::StageKey;
use super::outcome::StageOutcome;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::names;
use crate::base::sealed;
use crate::cache::directory::{self, Bucket, CacheDirectory, Found};
use crate::cache::leases;
use crate::cache::shared::{SharedError, SharedStore};
use crate::cache::stores;
use crate::dataset::examine::Dataset;
use crate::exec::plan::PlannedStage;

/// The most bytes that cached stage results take; the oldest are removed first.
const ROOM: u64 = 2 << 30;

/// The stage results in a cache directory, and in a cache that other machines share.
pub(crate) struct StageStore {
    root: PathBuf,
    outcomes: CacheDirectory,
    last_times: CacheDirectory,
    shared: Option<Arc<dyn SharedStore>>,
}

/// What became of a result that other machines can share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shared {
    /// Nothing is shared.
    No,
    /// It is there, by this machine or by another one with an equal result.
    Yes,
    /// Another machine has another result for the same key; where it is.
    Different(String),
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
    /// The store in the cache at `root`, and in a shared one.
    pub(crate) fn new(root: &Path, shared: Option<Arc<dyn SharedStore>>) -> Self {
        Self {
            root: root.to_path_buf(),
            shared,
            outcomes: CacheDirectory::new(root, Bucket::Stages),
            last_times: CacheDirectory::new(root, Bucket::LastTimes),
        }
    }

    /// Looks up the result of a stage.
    pub(crate) fn find(&self, key: &StageKey) -> Stored {
        match self.outcomes.find(key.digest()) {
            Found::Nothing => self.find_shared(key).map_or(Stored::Nothing, |outcome| {
                // Next time it is here.
                let _ = self.outcomes.write(key.digest(), &outcome.encode());
                Stored::Outcome(Box::new(outcome))
            }),
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
            || self
                .shared
                .as_ref()
                .is_some_and(|shared| shared.has(&shared_name(key)).unwrap_or(false))
    }

    /// The result of a stage in the shared cache. A store that does not answer counts as empty; it
    /// will not take the result either, which is reported.
    fn find_shared(&self, key: &StageKey) -> Option<StageOutcome> {
        read_shared(&**self.shared.as_ref()?, key.digest()).ok()?
    }

    /// Puts the result of a stage into the shared cache, unless it is there. Two machines may do this
    /// at once.
    ///
    /// # Errors
    /// When the shared cache cannot be written.
    pub(crate) fn share(
        &self,
        key: &StageKey,
        outcome: &StageOutcome,
    ) -> Result<Shared, SharedError> {
        let Some(shared) = &self.shared else { return Ok(Shared::No) };
        let (name, content) = (shared_name(key.digest()), outcome.encode());
        let seal = sealed::seal(key.digest().as_bytes(), &content);
        let bytes = [&seal.as_bytes()[..], &content].concat();
        if shared.create(&name, &bytes)? {
            return Ok(Shared::Yes);
        }
        match read_shared(&**shared, key.digest())? {
            Some(other) if other.is_same(outcome) => Ok(Shared::Yes),
            Some(_) => Ok(Shared::Different(format!("{}/{name}", shared.place()))),
            // It is damaged, or of another build.
            None => shared.replace(&name, &bytes).map(|()| Shared::Yes),
        }
    }

    /// Caches the result of a stage.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self, key: &StageKey, outcome: &StageOutcome) -> Result<(), FileError> {
        self.outcomes.write(key.digest(), &outcome.encode())?;
        let held = leases::held(&*stores::of_directory(&self.root)).unwrap_or_default();
        self.outcomes.shrink(ROOM, &held)
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

/// The name of the result of a stage in a shared cache.
fn shared_name(key: Digest) -> String {
    format!("{}/{}", Bucket::Stages.folder(), directory::name_of(key))
}

/// The result of a stage in a shared cache; `None` if there is none that is whole.
fn read_shared(shared: &dyn SharedStore, key: Digest) -> Result<Option<StageOutcome>, SharedError> {
    let bytes = shared.get(&shared_name(key))?;
    let content = bytes.and_then(|bytes| sealed::open(key.as_bytes(), bytes));
    Ok(content.and_then(|content| StageOutcome::decode(&content).ok()))
}

fn pipeline(directory: &Path, name: &str) -> Digest {
    Digest::of(format!("{}\n{name}", names::text_of_path(directory)).as_bytes())
}
