//! The state of a stage: everything that the rest of it depends on, and nothing else.
//!
//! Random numbers depend only on where they are used, so there is no generator state to save.

use serde::{Deserialize, Serialize};

use super::evaluate::{Prediction, RunningMean};
use crate::base::ingredient::Ingredient;
use crate::engine::TrainerState;
use crate::event::{EpochMetrics, EpochTimes};
use crate::model::weights::Weights;

/// A stage between two steps.
#[derive(Clone, Debug, PartialEq)]
pub struct StageState {
    /// Finished epochs.
    pub done: Done,
    /// The epoch in progress.
    pub partial: PartialEpoch,
    /// State of the trainer.
    pub trainer: TrainerState,
}

/// The results of finished epochs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// Metrics of each epoch.
    pub epochs: Vec<FinishedEpoch>,
    /// Best epoch.
    pub best: Option<Best>,
    /// The best epochs, from best to worst, if their weights are averaged in the end.
    pub ranked: Vec<Ranked>,
}

/// One of the best epochs, of this stage or another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranked {
    /// What it is called in a soup.
    pub name: Ingredient,
    /// Metrics.
    pub metrics: EpochMetrics,
    /// Weights at its end, at least of the trainable part.
    pub weights: Weights,
}

impl Done {
    /// Metrics of each epoch.
    pub fn metrics(&self) -> Vec<EpochMetrics> {
        self.epochs.iter().map(|epoch| epoch.metrics).collect()
    }
}

/// A finished epoch.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct FinishedEpoch {
    /// Metrics.
    pub metrics: EpochMetrics,
    /// Whether it is the best so far.
    pub is_best: bool,
    /// Duration. It differs between runs.
    pub times: EpochTimes,
}

/// The best epoch so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Best {
    /// Metrics. Those of a soup have the number, the training metrics and the learning rate of the
    /// best epoch in it.
    pub metrics: EpochMetrics,
    /// The ingredients of a soup: only the best epoch if nothing else could be added. `None` if there is
    /// no soup.
    pub soup: Option<Vec<Ingredient>>,
    /// Weights of the trainable part at its end.
    pub weights: Weights,
    /// Predictions for the validation images.
    pub predictions: Vec<Prediction>,
}

/// The epoch in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct PartialEpoch {
    /// Number of finished steps.
    pub n_steps: usize,
    /// Loss and score over these steps.
    pub mean: RunningMean,
    /// Duration of these steps. It differs between runs.
    pub times: EpochTimes,
}
