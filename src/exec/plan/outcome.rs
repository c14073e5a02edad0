//! The result of a stage, whether it just ran, ran before an interruption, or is reused.

use serde::{Deserialize, Serialize};

use super::predictions;
use crate::base::fs::FileError;
use crate::event::{Event, EventSink, StageFacts};
use crate::model::weights::Weights;
use crate::model::weights::bundle::{self, BundleError, Contents};
use crate::run_dir::manifest::StageRecord;
use crate::spec::FromWeights;
use crate::train::evaluate::Prediction;
use crate::train::state::FinishedEpoch;

/// The result of a stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StageOutcome {
    pub(crate) facts: OutcomeFacts,
    best: Weights,
    last: Weights,
}

/// The result of a stage without its weights.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct OutcomeFacts {
    /// The stage before its first epoch.
    pub(crate) start: StageFacts,
    /// Metrics of each epoch.
    pub(crate) epochs: Vec<FinishedEpoch>,
    /// Predictions of the best weights on the validation set; encoded separately.
    #[serde(skip)]
    pub(crate) predictions: Vec<Prediction>,
    /// Predictions for training images by heads that were not fitted to them, if the stage fits one;
    /// encoded separately.
    #[serde(skip)]
    pub(crate) out_of_fold: Vec<Prediction>,
    /// The record of the stage in the manifest.
    pub(crate) record: StageRecord,
    /// Whether it is reused from an earlier run.
    pub(crate) is_reused: bool,
}

/// What the names of lists of predictions begin with.
const VALIDATION: &str = "";
const OUT_OF_FOLD: &str = "out_of_fold_";

/// The sets of weights in a file.
const SETS: [&str; 2] = ["best", "last"];

impl StageOutcome {
    /// Creates an outcome with the best and the last weights of the whole network.
    pub(crate) fn new(facts: OutcomeFacts, [best, last]: [Weights; 2]) -> Self {
        Self { facts, best, last }
    }

    /// The outcome with predictions for training images.
    #[must_use]
    pub(crate) fn with_out_of_fold(mut self, predictions: Vec<Prediction>) -> Self {
        self.facts.out_of_fold = predictions;
        self
    }

    /// The name of the stage.
    pub(crate) fn name(&self) -> &str {
        &self.facts.start.stage
    }

    /// The weights that another stage starts from.
    pub(crate) fn weights(&self, which: FromWeights) -> &Weights {
        match which {
            FromWeights::Best => &self.best,
            FromWeights::Last => &self.last,
        }
    }

    /// Number of epochs that its weights were trained for.
    pub(crate) fn n_epochs(&self) -> usize {
        self.facts.start.n_epochs_before + self.facts.epochs.len()
    }

    /// Whether another outcome is equal except for its durations.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let lasting = |outcome: &Self| {
            let metrics: Vec<_> = outcome.facts.epochs.iter().map(|epoch| epoch.metrics).collect();
            let OutcomeFacts { start, predictions, out_of_fold, record, .. } =
                outcome.facts.clone();
            (start, metrics, predictions, out_of_fold, record)
        };
        lasting(self) == lasting(other) && self.best == other.best && self.last == other.last
    }

    /// Encodes the outcome.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let [best, last] = SETS;
        let sets = [(best, &self.best), (last, &self.last)];
        let OutcomeFacts { predictions, out_of_fold, .. } = &self.facts;
        let mut numbers = predictions::numbers(VALIDATION, predictions);
        numbers.extend(predictions::numbers(OUT_OF_FOLD, out_of_fold));
        bundle::encode(&self.facts, &sets, &numbers)
    }

    /// Decodes an outcome.
    ///
    /// # Errors
    /// When the bytes are not those of an outcome.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let Contents::<OutcomeFacts> { mut facts, mut sets, mut numbers } = bundle::decode(bytes)?;
        facts.predictions = predictions::read(VALIDATION, &mut numbers)?;
        facts.out_of_fold = predictions::read(OUT_OF_FOLD, &mut numbers)?;
        let [best, last] = SETS.map(|name| sets.remove(name).unwrap_or_default());
        Ok(Self { facts, best, last })
    }

    /// Sends a listener the events that the running stage would have sent.
    pub(crate) fn replay(&self, sink: &mut dyn EventSink) -> Result<(), FileError> {
        replay_epochs(&self.facts.start, &self.facts.epochs, sink)?;
        let StageRecord { best, soup, .. } = self.facts.record.clone();
        let stage = self.facts.start.stage.clone();
        sink.receive(&Event::StageFinished { stage, best, soup, patience: None })
    }
}

/// Sends a listener the start of a stage and the epochs that it finished.
pub(crate) fn replay_epochs(
    start: &StageFacts,
    epochs: &[FinishedEpoch],
    sink: &mut dyn EventSink,
) -> Result<(), FileError> {
    sink.receive(&Event::StageStarted(start.clone()))?;
    epochs.iter().try_for_each(|&FinishedEpoch { metrics, is_best, times }| {
        let stage = start.stage.clone();
        sink.receive(&Event::EpochFinished { stage, metrics, is_best, times })
    })
}
