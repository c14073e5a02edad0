//! How far a stage has come: everything that the rest of it depends on, and nothing else.
//!
//! Random numbers are functions of where they are used, so there is no generator to remember.

use serde::{Deserialize, Serialize};

use super::evaluate::{Prediction, RunningMean};
use crate::engine::TrainerState;
use crate::event::{EpochMetrics, EpochTimes};
use crate::model::weights::Weights;

/// A stage between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct StageState {
    /// The epochs that are done.
    pub done: Done,
    /// The epoch in progress.
    pub partial: PartialEpoch,
    /// The trainer.
    pub trainer: TrainerState,
}

/// What finished epochs leave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// What was measured in each.
    pub epochs: Vec<FinishedEpoch>,
    /// The best of them.
    pub best: Option<Best>,
}

impl Done {
    /// What was measured in each epoch.
    pub fn metrics(&self) -> Vec<EpochMetrics> {
        self.epochs.iter().map(|epoch| epoch.metrics).collect()
    }
}

/// An epoch that is done.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct FinishedEpoch {
    /// What was measured.
    pub metrics: EpochMetrics,
    /// Whether it was the best so far.
    pub is_best: bool,
    /// How long it took. Volatile.
    pub times: EpochTimes,
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// What was measured.
    pub metrics: EpochMetrics,
    /// The trainable part's weights at its end.
    pub weights: Weights,
    /// What they say about the validation images.
    pub predictions: Vec<Prediction>,
}

/// The epoch in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct PartialEpoch {
    /// Steps that are done.
    pub n_steps: usize,
    /// Loss and accuracy over them.
    pub mean: RunningMean,
    /// How long they took. Volatile.
    pub times: EpochTimes,
}
