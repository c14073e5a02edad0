//! What a run measured, epoch by epoch and stage by stage.

use crate::event::{EpochMetrics, Evaluated};

/// The epochs of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The stages in the order they ran.
    pub stages: Vec<StageHistory>,
}

/// The epochs of a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct StageHistory {
    /// Its name.
    pub name: String,
    /// The stage it went on from.
    pub from: Option<String>,
    /// What it says about itself on a plot: what trains.
    pub caption: String,
    /// What validation said before its first epoch.
    pub before: Evaluated,
    /// What decides which epoch is the best, as pipelines name it.
    pub best_by: String,
    /// Its epochs.
    pub epochs: Vec<EpochMetrics>,
    /// The number of its best epoch.
    pub best: usize,
}

impl StageHistory {
    /// Its best epoch, if it has one yet.
    pub fn best_epoch(&self) -> Option<&EpochMetrics> {
        self.epochs.iter().find(|epoch| epoch.epoch == self.best)
    }
}

impl History {
    /// The stage called `name`.
    pub fn stage(&self, name: &str) -> Option<&StageHistory> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}
