//! The stage in which a run was interrupted, as a file of its checkpoint.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::predictions;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::ingredient::Ingredient;
use crate::base::sealed;
use crate::engine::TrainerState;
use crate::event::{EpochMetrics, StageFacts};
use crate::model::weights::bundle::{self, BundleError, Contents};
use crate::run_dir::layout;
use crate::train::state::{Best, Done, FinishedEpoch, PartialEpoch, Ranked, StageState};

/// A stage in which a run was interrupted.
pub(crate) struct Begun {
    pub(crate) facts: StageFacts,
    pub(crate) state: StageState,
}

/// A stage in progress without its weights.
#[derive(Deserialize, Serialize)]
struct CurrentFacts {
    /// The digest of the stage's key.
    key: Digest,
    start: StageFacts,
    epochs: Vec<FinishedEpoch>,
    partial: PartialEpoch,
    /// The best epoch; its weights and predictions are stored separately.
    best: Option<EpochMetrics>,
    n_steps: u64,
    /// The best epochs, if their weights are averaged in the end; their weights are stored separately.
    ranked: Vec<EpochMetrics>,
}

/// The stage in which the run in a directory was interrupted, with the digest of its key; `None` if
/// there is no such stage or it cannot be read.
pub(crate) fn read(directory: &Path) -> Option<(Digest, Begun)> {
    let name = layout::STAGE_IN_PROGRESS;
    let bytes = fs::read(&directory.join(layout::CHECKPOINT).join(name)).ok()?;
    decode(&sealed::open(name.as_bytes(), bytes)?).ok()
}

/// Encodes a stage in progress; `key` is the digest of its key.
pub(crate) fn encode(key: Digest, start: &StageFacts, state: &StageState) -> Vec<u8> {
    let StageState { done: Done { epochs, best, ranked }, partial, trainer } = state;
    let facts = CurrentFacts {
        key,
        start: start.clone(),
        epochs: epochs.clone(),
        partial: *partial,
        best: best.as_ref().map(|best| best.metrics),
        n_steps: trainer.n_steps,
        ranked: ranked.iter().map(|ranked| ranked.metrics).collect(),
    };
    let names: Vec<String> = (0..ranked.len()).map(name_of_ranked).collect();
    let mut sets = vec![
        ("weights", &trainer.weights),
        ("first", &trainer.first_moments),
        ("second", &trainer.second_moments),
    ];
    sets.extend(trainer.average.as_ref().map(|average| ("average", average)));
    sets.extend(best.as_ref().map(|best| ("best", &best.weights)));
    sets.extend(names.iter().zip(ranked).map(|(name, of)| (name.as_str(), &of.weights)));
    let predictions = best.as_ref().map(|best| predictions::numbers("", &best.predictions));
    bundle::encode(&facts, &sets, predictions.as_deref().unwrap_or_default())
}

/// Decodes a stage that [`encode`] wrote, with the digest of its key.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Digest, Begun), BundleError> {
    let Contents { facts, mut sets, mut numbers } = bundle::decode::<CurrentFacts>(bytes)?;
    let CurrentFacts { key, start, epochs, partial, best, n_steps, ranked } = facts;
    let predictions = predictions::read("", &mut numbers)?;
    let average = sets.remove("average");
    let mut set = |name: &str| sets.remove(name).unwrap_or_default();
    let trainer = TrainerState {
        weights: set("weights"),
        first_moments: set("first"),
        second_moments: set("second"),
        average,
        n_steps,
    };
    let weights = set("best");
    let best = best.map(|metrics| Best { metrics, soup: None, weights, predictions });
    let ranked = ranked.into_iter().enumerate();
    let ranked = ranked.map(|(i, metrics)| Ranked {
        name: Ingredient::Epoch(metrics.epoch),
        metrics,
        weights: set(&name_of_ranked(i)),
    });
    let ranked = ranked.collect();
    let state = StageState { done: Done { epochs, best, ranked }, partial, trainer };
    Ok((key, Begun { facts: start, state }))
}

/// The name of the weights of one of the best epochs.
fn name_of_ranked(position: usize) -> String {
    format!("ranked {position}")
}
