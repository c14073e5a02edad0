//! The checkpoint from which an interrupted run is resumed: a directory in its run directory, which
//! is removed when the run finishes.
//!
//! `run.json` records the inputs of the run. Each finished stage has a file. The stage in progress
//! has one too, which is replaced as a whole after every epoch.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::base::sealed;
use crate::event::StageFacts;
use crate::exec::error::CheckpointError;
use crate::exec::plan::outcome::StageOutcome;
use crate::exec::plan::stage_in_progress::{self, Begun};
use crate::model::weights::bundle::BundleError;
use crate::run_dir::{catalog, layout};
use crate::train::state::StageState;

/// The version of the file format.
pub const FORMAT: u32 = 3;

/// The inputs that a run was started with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct RunFacts {
    /// The version of the file format.
    pub format: u32,
    /// The program that computes, and its settings.
    pub program: String,
    /// The directory that paths in the pipeline are relative to.
    #[serde(with = "names")]
    pub pipeline_directory: PathBuf,
    /// The fingerprint of the dataset.
    pub dataset: Digest,
    /// The digest of the weights file, if there is one.
    pub weights: Option<Digest>,
    /// The digest of the teacher of each stage that has one.
    pub teachers: BTreeMap<String, Digest>,
    /// The fingerprint of the images without labels, if there are some.
    pub unlabeled: Option<Digest>,
    /// The digests of the files that were written before its first stage.
    pub files: BTreeMap<String, Digest>,
}

/// The progress of a run before it was interrupted.
#[derive(Default)]
pub(crate) struct Past {
    /// Finished stages in their order.
    pub(crate) outcomes: Vec<StageOutcome>,
    /// The stage that was in progress.
    pub(crate) current: Option<Begun>,
    /// Damaged files. Their stages run again.
    pub(crate) damaged: Vec<PathBuf>,
}

/// The checkpoint of a run directory.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    folder: PathBuf,
}

/// Reads the inputs that the run in a directory was started with.
///
/// # Errors
/// When there is no checkpoint, or this program cannot read it.
pub fn facts(directory: &Path) -> Result<RunFacts, CheckpointError> {
    let path = directory.join(layout::CHECKPOINT).join(layout::STARTED_WITH);
    if !path.exists() {
        return Err(CheckpointError::Missing(directory.to_path_buf()));
    }
    let text = fs::read_text(&path)?;
    let facts: RunFacts = serde_json::from_str(&text).map_err(|error| {
        CheckpointError::Damaged { path: path.clone(), source: BundleError::new(error.to_string()) }
    })?;
    if facts.format == FORMAT {
        return Ok(facts);
    }
    let [theirs, ours] = [facts.format, FORMAT]
        .map(|number| format!("a program with checkpoints of format {number}"));
    Err(CheckpointError::Other { theirs, ours })
}

/// Removes the remains of the checkpoint of a finished run, such as after it was killed at its end.
/// Nothing is removed from directories that are not runs.
///
/// # Errors
/// When a file cannot be removed.
pub fn discard(directory: &Path) -> Result<(), FileError> {
    if !catalog::has_files_of_a_run(directory) {
        return Ok(());
    }
    fs::remove_partial_files(directory)?;
    let checkpoint = Checkpoint::of(directory);
    if checkpoint.folder.exists() { checkpoint.remove() } else { Ok(()) }
}

impl Checkpoint {
    pub(crate) fn of(directory: &Path) -> Self {
        Self { folder: directory.join(layout::CHECKPOINT) }
    }

    /// Creates the checkpoint of a run. All files that stay unchanged must have been written.
    pub(crate) fn begin(&self, facts: &RunFacts) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(facts).expect("facts are plain data");
        fs::write_atomic(&self.folder.join(layout::STARTED_WITH), text.as_bytes())
    }

    pub(crate) fn save_outcome(
        &self,
        position: usize,
        outcome: &StageOutcome,
    ) -> Result<(), FileError> {
        self.write(&outcome_name(position), &outcome.encode())
    }

    pub(crate) fn save_state(
        &self,
        key: Digest,
        start: &StageFacts,
        state: &StageState,
    ) -> Result<(), FileError> {
        let bytes = stage_in_progress::encode(key, start, state);
        self.write(layout::STAGE_IN_PROGRESS, &bytes)
    }

    /// Writes a file with a digest of its name and content.
    fn write(&self, name: &str, content: &[u8]) -> Result<(), FileError> {
        sealed::write(&self.folder.join(name), name.as_bytes(), content)
    }

    /// The content of a file, if there is such a file.
    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, CheckpointError> {
        let path = self.folder.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let content = sealed::open(name.as_bytes(), fs::read(&path)?);
        content.map(Some).ok_or_else(|| CheckpointError::Damaged {
            path,
            source: BundleError::new("its content does not match its digest"),
        })
    }

    /// Reads the progress of a run. Everything after a damaged file is computed again. `keys` are
    /// those of all stages.
    pub(crate) fn load(&self, keys: &[Digest]) -> Result<Past, CheckpointError> {
        let mut past = Past::default();
        for (position, key) in keys.iter().enumerate() {
            let name = outcome_name(position);
            let bytes = match self.read(&name) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => break,
                Err(CheckpointError::Damaged { path, .. }) => {
                    past.damaged.push(path);
                    break;
                }
                Err(error) => return Err(error),
            };
            match StageOutcome::decode(&bytes) {
                Ok(outcome) if outcome.facts.record.key == *key => past.outcomes.push(outcome),
                _ => {
                    past.damaged.push(self.folder.join(name));
                    break;
                }
            }
        }
        let current = match self.read(layout::STAGE_IN_PROGRESS) {
            Ok(Some(bytes)) => stage_in_progress::decode(&bytes).ok(),
            Ok(None) => return Ok(past),
            Err(CheckpointError::Damaged { .. }) => None,
            Err(error) => return Err(error),
        };
        match (current, keys.get(past.outcomes.len())) {
            (Some((key, current)), Some(next)) if key == *next => past.current = Some(current),
            // It belongs to a finished stage, or to one after a damaged file.
            (Some(_), _) => {}
            (None, _) => past.damaged.push(self.folder.join(layout::STAGE_IN_PROGRESS)),
        }
        Ok(past)
    }

    /// Removes the checkpoint of a finished run. Files of others in it stay.
    pub(crate) fn remove(&self) -> Result<(), FileError> {
        for path in fs::read_dir_sorted(&self.folder)? {
            let name = path.file_name().and_then(OsStr::to_str).map(fs::without_partial);
            if name.is_some_and(layout::is_in_checkpoint) {
                fs::remove_if_there(&path)?;
            }
        }
        fs::remove_dir_if_empty(&self.folder)
    }
}

/// The file name of a finished stage.
fn outcome_name(position: usize) -> String {
    format!("{}{}", layout::STAGE, position + 1)
}
