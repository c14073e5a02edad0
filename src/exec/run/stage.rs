//! Runs one stage of training: cuts the network, runs the epochs, writes the weights, and verifies
//! that frozen weights did not change.

use std::collections::BTreeMap;
use std::path::PathBuf;

use alpaca_random::SeedStream;

use super::audience::Audience;
use super::checkpoint::Checkpoint;
use super::features::{Shelf, StageFeatures, StageImages};
use crate::base::cancel::Cancel;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::cache::pool::Pool;
use crate::cache::records::Room;
use crate::engine::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use crate::engine::{self, Trainer};
use crate::event::{Evaluated, Event, EventSink, StageFacts};
use crate::exec::error::RunError;
use crate::exec::plan::key::{self, StageKey};
use crate::exec::plan::outcome::{self, OutcomeFacts, StageOutcome};
use crate::exec::plan::stage_in_progress::Begun;
use crate::model::graph::{LayerIdx, Parameter};
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::run_dir::layout;
use crate::run_dir::manifest::StageRecord;
use crate::run_dir::recorder;
use crate::spec::{BatchNormSpec, FromWeights, TrainSpec};
use crate::train::FeatureSource;
use crate::train::evaluate;
use crate::train::fit::{self, Checkpointer, Course, FitContext, Fitted};
use crate::train::goal::Goal;
use crate::train::schedule::Schedule;
use crate::train::state::StageState;

/// A stage, and the state that it starts from.
pub(crate) struct Start<'a> {
    pub(crate) name: &'a str,
    pub(crate) spec: &'a TrainSpec,
    pub(crate) network: &'a Network,
    pub(crate) weights: &'a Weights,
    pub(crate) n_epochs_before: usize,
    pub(crate) layers: Layers,
    /// The seed of the pipeline.
    pub(crate) seed: u64,
    /// Where features are cached.
    pub(crate) pool: &'a Pool,
    pub(crate) room: &'a Room,
    /// Where the stage saves the state to resume from.
    pub(crate) checkpoint: &'a Checkpoint,
    pub(crate) checkpoint_every: Option<usize>,
    pub(crate) cancel: &'a Cancel,
    pub(crate) key: &'a StageKey,
}

/// Runs a stage, or the rest of an interrupted one.
pub(crate) fn run(
    start: &Start<'_>,
    images: StageImages<'_>,
    audience: &mut Audience<'_>,
    begun: Option<Begun>,
) -> Result<StageOutcome, RunError> {
    let Start { name, spec, network, weights, n_epochs_before, layers, .. } = *start;
    let first = network.first_trainable(&spec.freeze);
    let trained: Vec<String> =
        network.trainable_parameters(first).into_iter().map(|parameter| parameter.name).collect();
    let mut moving = trained.clone();
    if let BatchNormSpec::Train { .. } = spec.batch_norm {
        moving.extend(network.running_means(first).into_iter().map(|parameter| parameter.name));
    }
    let frozen_before = weights.digests_except(&moving);
    let cut = network.cut(first);
    let options = TrainerOptions::of(spec, layers);
    let extractor = engine::extractor(network, &cut, weights)?;
    let mut trainer = AutodiffTrainer::new(network, &cut, weights, &trained, &options);
    let shapes = cut.boundary.iter().map(|value| network.value_shape(*value)).collect();
    // If nothing is frozen, the features are the images, which are cached as pixels.
    let keys = || features_keys(start.key, first, &frozen_before);
    let shelf = || Shelf { pool: start.pool, room: start.room, keys: keys() };
    let shelf = (!cut.frozen.is_empty()).then(shelf);
    let stream = SeedStream::new(start.seed).child("stage").child(name);
    let mut features = StageFeatures::new(images, extractor.as_ref(), shapes, stream, shelf)?;
    let (facts, state) = if let Some(Begun { facts, state }) = begun {
        replay(&facts, &state, audience)?;
        (facts, Some(state))
    } else {
        let before = evaluate::evaluate(&mut trainer, features.validation(), images.readout)?;
        let facts = facts(start, first, &images, before.evaluated);
        audience.receive(&Event::StageStarted(facts.clone()))?;
        (facts, None)
    };
    let directory = audience.recorder.directory().to_path_buf();
    let mut checkpointer = StageCheckpointer { facts: &facts, start, directory };
    let course = Course {
        stage: name,
        n_epochs_before,
        n_epochs: spec.epochs,
        n_steps: facts.n_steps,
        schedule: Schedule {
            spec: spec.schedule,
            warmup: spec.warmup,
            rate: spec.optimizer.learning_rate(),
            n_epochs: spec.epochs,
            best_by: spec.best_by,
        },
        goal: goal(spec, &images),
        weights: images.dataset.weights(),
        best_by: spec.best_by,
        early_stopping: spec.early_stopping,
        stream,
        checkpoint_every: start.checkpoint_every,
        cancel: start.cancel,
    };
    let mut context = FitContext {
        source: &mut features,
        trainer: &mut trainer,
        sink: audience,
        checkpointer: &mut checkpointer,
    };
    let fitted = fit::fit(&course, &mut context, state)?;
    check_frozen(name, &frozen_before, &merged(weights, &trainer.weights()), &moving)?;
    Ok(outcome(start, facts, frozen_before.len(), fitted))
}

/// Everything that decides the features of images as they are, and of augmented ones.
fn features_keys(
    key: &StageKey,
    first: LayerIdx,
    frozen: &BTreeMap<String, Digest>,
) -> [Digest; 2] {
    [false, true].map(|is_augmented| {
        let key = key::of_features(key, is_augmented);
        Digest::of_written(|text| write!(text, "{key} {first:?} {frozen:?}"))
    })
}

/// Reports the progress before the interruption: in full to the run directory, as a summary to the
/// observer.
fn replay(
    facts: &StageFacts,
    state: &StageState,
    audience: &mut Audience<'_>,
) -> Result<(), RunError> {
    outcome::replay_epochs(facts, &state.done.epochs, audience.recorder)?;
    let epoch = facts.n_epochs_before + state.done.epochs.len() + 1;
    let n_steps = state.partial.n_steps;
    let event = Event::StageResumed { facts: facts.clone(), epoch, n_steps };
    Ok(audience.observer.receive(&event)?)
}

fn outcome(
    start: &Start<'_>,
    facts: StageFacts,
    n_frozen_tensors: usize,
    fitted: Fitted,
) -> StageOutcome {
    let Fitted { epochs, best, last_weights } = fitted;
    let record = StageRecord {
        name: facts.stage.clone(),
        from: facts.from.clone(),
        first_trainable: facts.first_trainable.clone(),
        n_trainable: facts.n_trainable,
        n_frozen_tensors,
        best: best.metrics,
        key: start.key.digest(),
    };
    let kept = [&best.weights, &last_weights].map(|trained| merged(start.weights, trained));
    let facts = OutcomeFacts {
        start: facts,
        epochs,
        predictions: best.predictions,
        record,
        is_reused: false,
    };
    StageOutcome::new(facts, kept)
}

fn facts(
    start: &Start<'_>,
    first: LayerIdx,
    images: &StageImages<'_>,
    before: Evaluated,
) -> StageFacts {
    let Start { name, spec, network, n_epochs_before, .. } = *start;
    let trainable = network.trainable_parameters(first);
    let first_with_weights = trainable.first().map_or(first, |parameter| parameter.layer);
    StageFacts {
        stage: name.to_owned(),
        from: spec.from.clone(),
        n_epochs: spec.epochs,
        n_epochs_before,
        n_steps: images.loader.n_batches(images.train.len()),
        n_images: images.train.len(),
        n_trainable: trainable.iter().map(Parameter::n_values).sum(),
        n_weights: network.graph.parameters().iter().map(Parameter::n_values).sum(),
        first_trainable: network.graph.layers()[first_with_weights].name.clone(),
        before,
        best_by: spec.best_by.name().to_owned(),
    }
}

/// What a stage minimizes.
fn goal(spec: &TrainSpec, images: &StageImages<'_>) -> Goal {
    let StageImages { dataset, train, readout, .. } = *images;
    let mut counts = vec![0; dataset.classes.len()];
    for &position in train {
        let label = dataset.samples[position].candidate.label;
        dataset.labels.classes_of(label).for_each(|class| counts[class] += 1);
    }
    Goal::training(spec, readout, &dataset.classes, &counts, train.len())
}

/// All weights, with those of the trainable part replaced.
fn merged(start: &Weights, trainable_part: &Weights) -> Weights {
    let mut all = start.clone();
    all.extend(trainable_part.clone());
    all
}

/// Compares the digest of every frozen tensor, including running statistics, with the one before
/// the stage. `trained` are the tensors that may change.
fn check_frozen(
    stage: &str,
    before: &BTreeMap<String, Digest>,
    after: &Weights,
    trained: &[String],
) -> Result<(), RunError> {
    let after = after.digests_except(trained);
    let changed = before.iter().filter(|(name, digest)| after.get(*name) != Some(digest));
    let changed: Vec<String> = changed.map(|(name, _)| name.clone()).collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(RunError::FrozenChanged { stage: stage.to_owned(), tensors: changed })
}

/// Saves the state of the stage to the run directory.
struct StageCheckpointer<'a> {
    facts: &'a StageFacts,
    start: &'a Start<'a>,
    directory: PathBuf,
}

impl Checkpointer for StageCheckpointer<'_> {
    fn checkpoint(&mut self, state: &StageState) -> Result<(), FileError> {
        self.start.checkpoint.save_state(self.start.key.digest(), self.facts, state)
    }

    fn keep(&mut self, which: FromWeights, weights: &Weights) -> Result<(), FileError> {
        let name = match which {
            FromWeights::Best => layout::BEST_WEIGHTS,
            FromWeights::Last => layout::LAST_WEIGHTS,
        };
        let all = merged(self.start.weights, weights);
        let convention = self.start.network.convention;
        recorder::write_weights(&self.directory, &self.facts.stage, name, &all, convention)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::tensor::Tensor;

    #[test]
    fn a_frozen_tensor_that_moved_is_named() {
        let weights = |mean: f32| -> Weights {
            let tensor = |value| Tensor::filled(&[2], value);
            [("bn/moving_mean".to_owned(), tensor(mean)), ("bn/gamma".to_owned(), tensor(mean))]
                .into_iter()
                .collect()
        };
        let trained = ["bn/gamma".to_owned()];
        let before = weights(0.0).digests_except(&trained);
        assert!(check_frozen("s", &before, &weights(0.0), &trained).is_ok());
        let error = check_frozen("s", &before, &weights(1.0), &trained).unwrap_err();
        assert!(
            matches!(error, RunError::FrozenChanged { tensors, .. } if tensors == ["bn/moving_mean"])
        );
    }
}
