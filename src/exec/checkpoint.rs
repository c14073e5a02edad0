//! What a run that was cut short goes on from: a folder in its run directory, gone once the run is
//! finished.
//!
//! `run.json` says what the run was started with. Each finished stage is a file; the stage in
//! progress has one too, replaced as a whole after every epoch.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::outcome::StageOutcome;
use super::plan::Begun;
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::engine::TrainerState;
use crate::event::EpochMetrics;
use crate::event::StageFacts;
use crate::model::weights::bundle::{self, BundleError};
use crate::run_dir::layout;
use crate::train::evaluate::Prediction;
use crate::train::state::{Best, Done, FinishedEpoch, PartialEpoch, StageState};

/// The version of the files.
const FORMAT: u32 = 1;
const CURRENT: &str = "stage-in-progress";

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// There is none.
    #[error("`{}` holds nothing to go on from", .0.display())]
    Missing(PathBuf),
    /// A file of it cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file of it is not what was written.
    #[error("`{}` is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: BundleError,
    },
    /// It was written by another version.
    #[error("the checkpoint was written by {theirs}, and this is {ours}")]
    Other {
        /// The program that wrote it.
        theirs: String,
        /// This one.
        ours: String,
    },
}

/// What a run was started with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct RunFacts {
    format: u32,
    /// The program that computes, and how.
    pub program: String,
    /// The folder that paths in the pipeline are relative to.
    #[serde(with = "names")]
    pub pipeline_directory: PathBuf,
    /// The pictures.
    pub dataset: Digest,
    /// The file of weights, if there is one.
    pub weights: Option<Digest>,
    /// The files that were written before its first stage.
    pub files: BTreeMap<String, Digest>,
}

impl RunFacts {
    /// The facts of a run.
    pub fn new(
        program: String,
        pipeline_directory: PathBuf,
        dataset: Digest,
        weights: Option<Digest>,
        files: BTreeMap<String, Digest>,
    ) -> Self {
        Self { format: FORMAT, program, pipeline_directory, dataset, weights, files }
    }
}

/// What was done before a run was cut short.
#[derive(Default)]
pub(super) struct Past {
    /// Finished stages in their order.
    pub(super) outcomes: Vec<StageOutcome>,
    /// The stage that was in progress.
    pub(super) current: Option<Begun>,
}

/// Everything about a stage in progress but its weights.
#[derive(Deserialize, Serialize)]
struct CurrentFacts {
    /// The digest of the stage's key.
    key: Digest,
    start: StageFacts,
    epochs: Vec<FinishedEpoch>,
    partial: PartialEpoch,
    best: Option<(EpochMetrics, Vec<Prediction>)>,
    n_steps: u64,
}

/// The checkpoint of a run directory.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    folder: PathBuf,
}

/// Reads what the run in a directory was started with.
///
/// # Errors
/// When there is no checkpoint, or one that this program cannot read.
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
    let format = |number: u32| format!("a program with checkpoints of format {number}");
    Err(CheckpointError::Other { theirs: format(facts.format), ours: format(FORMAT) })
}

/// The stage that the run in a directory was cut short in, with the digest of its key; none where
/// there is no such stage or it cannot be read.
pub(super) fn stage_in_progress(directory: &Path) -> Option<(Digest, Begun)> {
    let path = Checkpoint::of(directory).folder.join(CURRENT);
    let bytes = read(&path).ok()??;
    decode_state(&bytes).ok()
}

/// Removes what a finished run was about to remove when it was stopped.
///
/// # Errors
/// When it cannot be removed.
pub fn discard(directory: &Path) -> Result<(), FileError> {
    fs::remove_partial_files(directory)?;
    let checkpoint = Checkpoint::of(directory);
    if checkpoint.folder.exists() { checkpoint.remove() } else { Ok(()) }
}

impl Checkpoint {
    pub(super) fn of(directory: &Path) -> Self {
        Self { folder: directory.join(layout::CHECKPOINT) }
    }

    /// Begins the checkpoint of a run, all of whose files that do not grow are written.
    pub(super) fn begin(&self, facts: &RunFacts) -> Result<(), FileError> {
        let text = serde_json::to_string_pretty(facts).expect("facts are plain data");
        fs::write_atomic(&self.folder.join(layout::STARTED_WITH), text.as_bytes())
    }

    pub(super) fn save_outcome(
        &self,
        position: usize,
        outcome: &StageOutcome,
    ) -> Result<(), FileError> {
        fs::write_atomic(&self.outcome_path(position), &outcome.encode())
    }

    pub(super) fn save_state(
        &self,
        key: Digest,
        start: &StageFacts,
        state: &StageState,
    ) -> Result<(), FileError> {
        let StageState { done: Done { epochs, best }, partial, trainer } = state;
        let facts = CurrentFacts {
            key,
            start: start.clone(),
            epochs: epochs.clone(),
            partial: *partial,
            best: best.as_ref().map(|best| (best.metrics, best.predictions.clone())),
            n_steps: trainer.n_steps,
        };
        let mut sets = vec![
            ("weights", &trainer.weights),
            ("first", &trainer.first_moments),
            ("second", &trainer.second_moments),
        ];
        sets.extend(trainer.average.as_ref().map(|average| ("average", average)));
        sets.extend(best.as_ref().map(|best| ("best", &best.weights)));
        fs::write_atomic(&self.folder.join(CURRENT), &bundle::encode(&facts, &sets))
    }

    /// Reads what was done.
    pub(super) fn load(&self) -> Result<Past, CheckpointError> {
        let mut past = Past::default();
        while let Some(bytes) = read(&self.outcome_path(past.outcomes.len()))? {
            let path = self.outcome_path(past.outcomes.len());
            let outcome = StageOutcome::decode(&bytes)
                .map_err(|source| CheckpointError::Damaged { path, source })?;
            past.outcomes.push(outcome);
        }
        let path = self.folder.join(CURRENT);
        if let Some(bytes) = read(&path)? {
            let (_, current) =
                decode_state(&bytes).map_err(|source| CheckpointError::Damaged { path, source })?;
            // A stage is in progress until its outcome is written.
            let is_done = |outcome: &StageOutcome| outcome.facts.start.stage == current.facts.stage;
            if !past.outcomes.iter().any(is_done) {
                past.current = Some(current);
            }
        }
        Ok(past)
    }

    /// Removes the checkpoint of a finished run.
    pub(super) fn remove(&self) -> Result<(), FileError> {
        fs::remove_dir_all(&self.folder)
    }

    fn outcome_path(&self, position: usize) -> PathBuf {
        self.folder.join(format!("stage-{}", position + 1))
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    if path.exists() { fs::read(path).map(Some) } else { Ok(None) }
}

fn decode_state(bytes: &[u8]) -> Result<(Digest, Begun), BundleError> {
    let (facts, mut sets) = bundle::decode::<CurrentFacts>(bytes)?;
    let CurrentFacts { key, start, epochs, partial, best, n_steps } = facts;
    let average = sets.remove("average");
    let mut set = |name: &str| sets.remove(name).unwrap_or_default();
    let trainer = TrainerState {
        weights: set("weights"),
        first_moments: set("first"),
        second_moments: set("second"),
        average,
        n_steps,
    };
    let best =
        best.map(|(metrics, predictions)| Best { metrics, weights: set("best"), predictions });
    let state = StageState { done: Done { epochs, best }, partial, trainer };
    Ok((key, Begun { facts: start, state }))
}
