//! What a stage leaves, whether it just ran, ran before the process was stopped, or in an earlier
//! run.

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

/// Everything about a stage's result but its weights.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct OutcomeFacts {
    /// The stage before its first epoch.
    pub(crate) start: StageFacts,
    /// What was measured in each epoch.
    pub(crate) epochs: Vec<FinishedEpoch>,
    /// What the best weights say about the validation pictures; not written with the rest.
    #[serde(skip)]
    pub(crate) predictions: Vec<Prediction>,
    /// What the manifest says about it.
    pub(crate) record: StageRecord,
    /// Whether it was taken from an earlier run.
    pub(crate) is_reused: bool,
}

/// The sets of weights in a file.
const SETS: [&str; 2] = ["best", "last"];

impl StageOutcome {
    /// An outcome with the weights of the whole network, best and last.
    pub(crate) fn new(facts: OutcomeFacts, [best, last]: [Weights; 2]) -> Self {
        Self { facts, best, last }
    }

    /// The name of the stage.
    pub(crate) fn name(&self) -> &str {
        &self.facts.start.stage
    }

    /// The weights that another stage goes on from.
    pub(crate) fn weights(&self, which: FromWeights) -> &Weights {
        match which {
            FromWeights::Best => &self.best,
            FromWeights::Last => &self.last,
        }
    }

    /// How many epochs its weights have seen.
    pub(crate) fn n_epochs(&self) -> usize {
        self.facts.start.n_epochs_before + self.facts.epochs.len()
    }

    /// Whether another outcome is the same but for how long it took.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let lasting = |outcome: &Self| {
            let metrics: Vec<_> = outcome.facts.epochs.iter().map(|epoch| epoch.metrics).collect();
            let OutcomeFacts { start, predictions, record, .. } = outcome.facts.clone();
            (start, metrics, predictions, record)
        };
        lasting(self) == lasting(other) && self.best == other.best && self.last == other.last
    }

    /// The outcome as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let [best, last] = SETS;
        let sets = [(best, &self.best), (last, &self.last)];
        bundle::encode(&self.facts, &sets, &predictions::numbers(&self.facts.predictions))
    }

    /// An outcome from bytes.
    ///
    /// # Errors
    /// When they are not those of an outcome.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BundleError> {
        let Contents::<OutcomeFacts> { mut facts, mut sets, mut numbers } = bundle::decode(bytes)?;
        facts.predictions = predictions::read(&mut numbers)?;
        let [best, last] = SETS.map(|name| sets.remove(name).unwrap_or_default());
        Ok(Self { facts, best, last })
    }

    /// Tells a listener what it would have heard from the running stage.
    pub(crate) fn replay(&self, sink: &mut dyn EventSink) -> Result<(), FileError> {
        replay_epochs(&self.facts.start, &self.facts.epochs, sink)?;
        let best = self.facts.record.best;
        let stage = self.facts.start.stage.clone();
        sink.receive(&Event::StageFinished { stage, best, patience: None })
    }
}

/// Tells a listener of a stage that began and of the epochs it finished.
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
