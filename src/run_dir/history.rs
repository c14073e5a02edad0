//! The metrics of a run, by stage and epoch.

use crate::base::ingredient::{self, Ingredient};
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
    /// The name of the stage.
    pub name: String,
    /// The stage it starts from, if any.
    pub from: Option<String>,
    /// The caption on plots: the layers that are trained.
    pub caption: String,
    /// The validation metrics before the first epoch.
    pub before: Evaluated,
    /// The metric that decides which epoch is the best, as named in pipelines.
    pub best_by: String,
    /// The epochs of the stage.
    pub epochs: Vec<EpochMetrics>,
    /// The number of the best epoch.
    pub best: usize,
    /// The epochs and stages whose weights were averaged, and the metrics of the average.
    pub soup: Option<(Vec<Ingredient>, EpochMetrics)>,
}

impl StageHistory {
    /// The best epoch, if one has finished.
    pub fn best_epoch(&self) -> Option<&EpochMetrics> {
        self.epochs.iter().find(|epoch| epoch.epoch == self.best)
    }

    /// The metrics of the best weights: those of the best epoch, or of the average of several.
    pub fn best_metrics(&self) -> Option<&EpochMetrics> {
        self.soup.as_ref().map(|(_, metrics)| metrics).or_else(|| self.best_epoch())
    }

    /// The best epoch, or the epochs whose weights were averaged, in words.
    pub fn best_in_words(&self) -> String {
        let own = [Ingredient::Epoch(self.best)];
        ingredient::words(self.soup.as_ref().map_or(&own, |(soup, _)| soup))
    }
}

impl History {
    /// The stage called `name`.
    pub fn stage(&self, name: &str) -> Option<&StageHistory> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}
