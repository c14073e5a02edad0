//! One stage of training: cut the network, run the epochs, keep the weights, prove that what is
//! frozen stood still.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::features::{Pictures, StageFeatures};
use super::session::RunError;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::random::SeedStream;
use crate::cache::records::Room;
use crate::engine::Trainer;
use crate::engine::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use crate::engine::native::NativeExtractor;
use crate::event::{Evaluated, Event, EventSink, Sinks, StageFacts};
use crate::model::graph::{LayerIdx, Parameter};
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::run_dir::layout;
use crate::run_dir::manifest::StageRecord;
use crate::run_dir::recorder::{self, Recorder};
use crate::spec::{FromWeights, TrainSpec};
use crate::train::FeatureSource;
use crate::train::evaluate::{self, Prediction};
use crate::train::fit::{self, Course, Fitted, Kept, WeightsKeeper};

/// What a stage leaves for those that go on from it.
pub(super) struct StageResult {
    best: Weights,
    last: Weights,
    n_epochs: usize,
    /// What the best weights say about the validation pictures.
    pub(super) predictions: Vec<Prediction>,
    pub(super) record: StageRecord,
}

impl StageResult {
    /// The weights that another stage goes on from.
    pub(super) fn weights(&self, which: FromWeights) -> &Weights {
        match which {
            FromWeights::Best => &self.best,
            FromWeights::Last => &self.last,
        }
    }

    /// How many epochs its weights have seen.
    pub(super) fn n_epochs(&self) -> usize {
        self.n_epochs
    }
}

/// A stage and what it starts from.
pub(super) struct Start<'a> {
    pub(super) name: &'a str,
    pub(super) spec: &'a TrainSpec,
    pub(super) network: &'a Network,
    pub(super) weights: &'a Weights,
    pub(super) n_epochs_before: usize,
    pub(super) layers: Layers,
    /// The seed of the pipeline.
    pub(super) seed: u64,
    /// What kept features may take.
    pub(super) room: &'a Room,
}

/// Runs a stage.
pub(super) fn run(
    start: &Start<'_>,
    pictures: Pictures<'_>,
    recorder: &mut Recorder,
    observer: &mut dyn EventSink,
) -> Result<StageResult, RunError> {
    let Start { name, spec, network, weights, n_epochs_before, layers, .. } = *start;
    let first = network.first_trainable(&spec.freeze);
    let trained: Vec<String> =
        network.trainable_parameters(first).into_iter().map(|parameter| parameter.name).collect();
    let frozen_before = weights.digests_except(&trained);
    let cut = network.cut(first);
    let options =
        TrainerOptions { layers, optimizer: spec.optimizer, micro_batches: spec.micro_batches };
    let extractor = NativeExtractor::new(network, &cut, weights)?;
    let mut trainer = AutodiffTrainer::new(network, &cut, weights, &trained, &options);
    let shapes = cut.boundary.iter().map(|value| network.value_shape(*value)).collect();
    // Where nothing is frozen the features are the pictures, which are kept as pixels.
    let room = (!cut.frozen.is_empty()).then_some(start.room);
    let stream = SeedStream::new(start.seed).child("stage").child(name);
    let mut features = StageFeatures::new(pictures, (&extractor, shapes), stream, room)?;
    let before = evaluate::evaluate(&mut trainer, features.validation())?;
    let facts = facts(start, first, &pictures, before.evaluated);
    let mut keeper =
        Keeper { stage: name, start: weights, directory: recorder.directory().to_path_buf() };
    let mut sinks = Sinks(vec![recorder, observer]);
    sinks.receive(&Event::StageStarted(facts.clone()))?;
    let course = Course {
        stage: name,
        n_epochs_before,
        n_epochs: spec.epochs,
        learning_rate: spec.optimizer.learning_rate(),
        best_by: spec.best_by,
        stream,
    };
    let fitted = fit::fit(&course, &mut features, &mut trainer, &mut sinks, &mut keeper)?;
    check_frozen(name, &frozen_before, &merged(weights, &trainer.weights()), &trained)?;
    let Fitted { best, best_weights, best_predictions, last_weights } = fitted;
    Ok(StageResult {
        best: merged(weights, &best_weights),
        last: merged(weights, &last_weights),
        n_epochs: n_epochs_before + spec.epochs,
        predictions: best_predictions,
        record: StageRecord {
            name: name.to_owned(),
            from: spec.from.clone(),
            first_trainable: facts.first_trainable,
            n_trainable: facts.n_trainable,
            n_frozen_tensors: frozen_before.len(),
            best,
        },
    })
}

fn facts(
    start: &Start<'_>,
    first: LayerIdx,
    pictures: &Pictures<'_>,
    before: Evaluated,
) -> StageFacts {
    let Start { name, spec, network, n_epochs_before, .. } = *start;
    let trainable = network.trainable_parameters(first);
    let n_values = |parameters: &[Parameter]| parameters.iter().map(Parameter::n_values).sum();
    let first_with_weights = trainable.first().map_or(first, |parameter| parameter.layer);
    StageFacts {
        stage: name.to_owned(),
        from: spec.from.clone(),
        n_epochs: spec.epochs,
        n_epochs_before,
        n_steps: pictures.loader.n_batches(pictures.train.len()),
        n_images: pictures.train.len(),
        n_trainable: n_values(&trainable),
        n_weights: n_values(&network.graph.parameters()),
        first_trainable: network.graph.layers()[first_with_weights].name.clone(),
        before,
    }
}

/// All weights, those of the trainable part replaced.
fn merged(start: &Weights, trainable_part: &Weights) -> Weights {
    let mut all = start.clone();
    all.extend(trainable_part.clone());
    all
}

/// Compares the digest of every frozen tensor, running statistics included, with that from before
/// the stage.
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

/// Writes the whole network's weights at the end of an epoch.
struct Keeper<'a> {
    stage: &'a str,
    start: &'a Weights,
    directory: PathBuf,
}

impl WeightsKeeper for Keeper<'_> {
    fn keep(&mut self, kept: Kept, weights: &Weights) -> Result<(), FileError> {
        let name = match kept {
            Kept::Best => layout::BEST_WEIGHTS,
            Kept::Last => layout::LAST_WEIGHTS,
        };
        recorder::write_weights(&self.directory, self.stage, name, &merged(self.start, weights))
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
