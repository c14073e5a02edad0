//! Runs one stage of training: cuts the network, runs the epochs, writes the weights, and verifies
//! that frozen weights did not change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alpaca_random::SeedStream;

use super::audience::Audience;
use super::checkpoint::Checkpoint;
use super::features::{Extraction, Shelf, StageFeatures};
use super::ranks::{Division, Ranks};
use super::sources::StageImages;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::ingredient::Ingredient;
use crate::base::names;
use crate::cache::pool::Pool;
use crate::cache::records::Room;
use crate::engine::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use crate::engine::{self, FeatureExtractor};
use crate::event::{Evaluated, Event, EventSink, FitFacts, StageFacts};
use crate::exec::error::RunError;
use crate::exec::plan::key::{self, StageKey};
use crate::exec::plan::outcome::{self, OutcomeFacts, StageOutcome};
use crate::exec::plan::stage_in_progress::Begun;
use crate::exec::prepare::computed::{self, ComputedFeatures};
use crate::model::cut::Cut;
use crate::model::graph::{LayerIdx, Parameter};
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::run_dir::layout;
use crate::run_dir::manifest::StageRecord;
use crate::run_dir::recorder;
use crate::spec::{BatchNormSpec, FromWeights, PixelSpec, SoupSpec, StageSpec, TrainSpec};
use crate::train::FeatureSource;
use crate::train::evaluate;
use crate::train::fit::{self, Checkpointer, Course, FitContext, Fitted, Soup};
use crate::train::goal::Goal;
use crate::train::schedule::Schedule;
use crate::train::state::{Ranked, StageState};

/// A stage, and the state that it starts from.
pub(crate) struct Start<'a> {
    pub(crate) stage: &'a StageSpec,
    pub(crate) network: &'a Network,
    pub(crate) weights: &'a Weights,
    pub(crate) n_epochs_before: usize,
    pub(crate) layers: Layers,
    /// The seed of the pipeline.
    pub(crate) seed: u64,
    /// Where features are cached.
    pub(crate) pool: &'a Pool,
    pub(crate) room: &'a Room,
    /// Features that were computed before, and what decides those of this run besides the network.
    pub(crate) computed: Option<(&'a ComputedFeatures, PixelSpec, Option<Digest>)>,
    /// Where the stage saves the state to resume from, on the first rank of a run.
    pub(crate) checkpoint: Option<&'a Checkpoint>,
    pub(crate) checkpoint_every: Option<usize>,
    pub(crate) ranks: &'a Ranks,
    pub(crate) key: &'a StageKey,
    /// The stages whose weights it averages with its own.
    pub(crate) soup_with: &'a [&'a StageOutcome],
    /// The digest of its teacher.
    pub(crate) teacher: Option<Digest>,
}

/// A stage's part of the network, before its weights are found.
pub(super) struct Parts {
    pub(super) first: LayerIdx,
    /// The weights that are found.
    pub(super) trained: Vec<String>,
    /// These, and the statistics that change with them.
    moving: Vec<String>,
    /// The digests of all other weights.
    frozen_before: BTreeMap<String, Digest>,
    pub(super) cut: Cut,
}

impl Parts {
    pub(super) fn of(start: &Start<'_>) -> Self {
        let Start { stage, network, weights, .. } = *start;
        let first = network.first_trainable(stage.freeze());
        let names = |parameters: Vec<Parameter>| parameters.into_iter().map(|one| one.name);
        let trained: Vec<String> = names(network.trained_parameters(stage)).collect();
        let mut moving = trained.clone();
        if let Some(TrainSpec { batch_norm: BatchNormSpec::Train { .. }, .. }) = stage.train() {
            moving.extend(names(network.running_means(first)));
        }
        let frozen_before = weights.digests_except(&moving);
        Self { first, trained, moving, frozen_before, cut: network.cut(first) }
    }

    /// The features that the frozen part computes; those of training batches are divided between
    /// ranks.
    pub(super) fn features<'a>(
        &self,
        start: &Start<'a>,
        images: StageImages<'a>,
        extractor: &'a dyn FeatureExtractor,
        division: Division,
    ) -> Result<StageFeatures<'a>, FileError> {
        let shapes = self.cut.boundary.iter().map(|value| start.network.value_shape(*value));
        // If nothing is frozen, the features are the images, which are cached as pixels.
        let keys = || features_keys(start.key, self.first, &self.frozen_before);
        let shelf = || Shelf { pool: start.pool, room: start.room, keys: keys() };
        let shelf = (!self.cut.frozen.is_empty()).then(shelf);
        let extraction = Extraction { images, extractor, shapes: shapes.collect() };
        let mut features =
            StageFeatures::new(extraction, start.stream(), shelf, (start.ranks, division))?;
        if let Some(computed) = self.computed(start) {
            features.take_over(computed)?;
        }
        Ok(features)
    }

    /// The features that were computed before, if they are those of this stage.
    fn computed<'a>(&self, start: &Start<'a>) -> Option<&'a ComputedFeatures> {
        let (computed, pixels, file) = start.computed?;
        let keys = computed::keys(start.network, &self.cut, start.weights, pixels, file);
        computed.are_of(keys).then_some(computed)
    }

    /// Warns of features that were computed before and are of no use to the first stage.
    pub(super) fn check_computed(
        start: &Start<'_>,
        features: &StageFeatures<'_>,
        audience: &mut Audience<'_>,
    ) -> Result<(), RunError> {
        let Some((computed, ..)) = start.computed.filter(|_| start.stage.from().is_none()) else {
            return Ok(());
        };
        let (name, directory) = (&start.stage.name, names::text_of_path(&computed.directory));
        let message = match features.taken() {
            None => format!(
                "stage {name} does not use the features in `{directory}`: they are of another network, \
                 other weights or another size of images, or of another version of this program"
            ),
            Some([0, n]) if n > 0 => {
                format!("no image of stage {name} has features in `{directory}`: all are decoded")
            }
            Some(_) => return Ok(()),
        };
        Ok(audience.receive(&Event::Warning { message })?)
    }

    /// Checks that only weights that are to be found have changed, and makes the outcome.
    pub(super) fn outcome(
        self,
        start: &Start<'_>,
        facts: StageFacts,
        fitted: Fitted,
        fit: Option<FitFacts>,
    ) -> Result<StageOutcome, RunError> {
        let after = merged(start.weights, &fitted.last_weights);
        check_frozen(&start.stage.name, &self.frozen_before, &after, &self.moving)?;
        Ok(outcome(start, facts, self.frozen_before.len(), fitted, fit))
    }
}

impl Start<'_> {
    /// The random stream of the stage.
    pub(super) fn stream(&self) -> SeedStream {
        SeedStream::new(self.seed).child("stage").child(&self.stage.name)
    }

    /// Trains a part of the network together with the other ranks.
    pub(super) fn trainer(
        &self,
        parts: &Parts,
        weights: &Weights,
        options: &TrainerOptions,
    ) -> AutodiffTrainer {
        let peers = Arc::clone(self.ranks.peers());
        AutodiffTrainer::among(peers, (self.network, &parts.cut), weights, &parts.trained, options)
    }
}

/// Trains a stage, or the rest of an interrupted one.
pub(crate) fn train(
    start: &Start<'_>,
    spec: &TrainSpec,
    images: StageImages<'_>,
    audience: &mut Audience<'_>,
    begun: Option<Begun>,
) -> Result<StageOutcome, RunError> {
    let Start { network, weights, layers, .. } = *start;
    let parts = Parts::of(start);
    let options = TrainerOptions::of(spec, layers);
    let extractor = engine::extractor(network, &parts.cut, weights)?;
    let mut trainer = start.trainer(&parts, weights, &options);
    let division = Division::MicroBatches(spec.micro_batches);
    let mut features = parts.features(start, images, extractor.as_ref(), division)?;
    Parts::check_computed(start, &features, audience)?;
    let (facts, state) = if let Some(Begun { facts, state }) = begun {
        replay(&facts, &state, audience)?;
        (facts, Some(state))
    } else {
        let before = evaluate::evaluate(&mut trainer, features.validation(), images.readout)?;
        let facts = facts(start, parts.first, &images, before.evaluated);
        audience.receive(&Event::StageStarted(facts.clone()))?;
        (facts, None)
    };
    let directory = audience.directory().map(Path::to_path_buf);
    let mut checkpointer = StageCheckpointer { facts: &facts, start, directory };
    let course = course(start, spec, &images, facts.n_steps);
    let mut context = FitContext {
        source: &mut features,
        trainer: &mut trainer,
        sink: audience,
        checkpointer: &mut checkpointer,
    };
    let fitted = fit::fit(&course, &mut context, state)?;
    parts.outcome(start, facts, fitted, None)
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
    if let Some(recorder) = &mut audience.recorder {
        outcome::replay_epochs(facts, &state.done.epochs, *recorder)?;
    }
    let epoch = facts.n_epochs_before + state.done.epochs.len() + 1;
    let n_steps = state.partial.n_steps;
    let event = Event::StageResumed { facts: facts.clone(), epoch, n_steps };
    Ok(audience.observe(&event)?)
}

fn outcome(
    start: &Start<'_>,
    facts: StageFacts,
    n_frozen_tensors: usize,
    fitted: Fitted,
    fit: Option<FitFacts>,
) -> StageOutcome {
    let Fitted { epochs, best, last_weights } = fitted;
    let record = StageRecord {
        name: facts.stage.clone(),
        from: facts.from.clone(),
        first_trainable: facts.first_trainable.clone(),
        n_trainable: facts.n_trainable,
        n_frozen_tensors,
        fit,
        soup: best.soup,
        teacher: start.teacher,
        best: best.metrics,
        key: start.key.digest(),
    };
    let kept = [&best.weights, &last_weights].map(|trained| merged(start.weights, trained));
    let facts = OutcomeFacts {
        start: facts,
        epochs,
        predictions: best.predictions,
        out_of_fold: vec![],
        record,
        is_reused: false,
    };
    StageOutcome::new(facts, kept)
}

pub(super) fn facts(
    start: &Start<'_>,
    first: LayerIdx,
    images: &StageImages<'_>,
    before: Evaluated,
) -> StageFacts {
    let Start { stage, network, n_epochs_before, .. } = *start;
    let trainable = network.trained_parameters(stage);
    let first_with_weights = trainable.first().map_or(first, |parameter| parameter.layer);
    StageFacts {
        stage: stage.name.clone(),
        from: stage.from().map(str::to_owned),
        n_epochs: stage.epochs(),
        n_epochs_before,
        n_steps: images.loader.n_batches(images.train.len()),
        n_images: images.train.len(),
        n_trainable: trainable.iter().map(Parameter::n_values).sum(),
        n_weights: network.graph.parameters().iter().map(Parameter::n_values).sum(),
        first_trainable: network.graph.layers()[first_with_weights].name.clone(),
        before,
        best_by: stage.best_by().name().to_owned(),
    }
}

/// The settings that a stage is trained with.
pub(super) fn course<'a>(
    start: &Start<'a>,
    spec: &TrainSpec,
    images: &StageImages<'a>,
    n_steps: usize,
) -> Course<'a> {
    Course {
        stage: &start.stage.name,
        n_epochs_before: start.n_epochs_before,
        n_epochs: spec.epochs,
        n_steps,
        schedule: Schedule {
            spec: spec.schedule,
            warmup: spec.warmup,
            rate: spec.optimizer.learning_rate(),
            n_epochs: spec.epochs,
            best_by: spec.best_by,
        },
        goal: goal(spec, images),
        weights: images.dataset.weights(),
        teaching: images.teaching,
        best_by: spec.best_by,
        soup: spec.soup.as_ref().map(|spec| soup(spec, start)),
        early_stopping: spec.early_stopping,
        stream: start.stream(),
        checkpoint_every: start.checkpoint_every,
        cancel: start.ranks.agreed(),
    }
}

/// The weights that a stage averages.
fn soup(spec: &SoupSpec, start: &Start<'_>) -> Soup {
    let others = start.soup_with.iter().map(|outcome| Ranked {
        name: Ingredient::Stage(outcome.name().to_owned()),
        metrics: outcome.facts.record.best,
        weights: outcome.weights(FromWeights::Best).clone(),
    });
    Soup { n_epochs: spec.epochs, others: others.collect() }
}

/// What a stage minimizes.
fn goal(spec: &TrainSpec, images: &StageImages<'_>) -> Goal {
    let StageImages { dataset, train, n_labeled, readout, .. } = *images;
    let mut counts = vec![0; dataset.classes.len()];
    let labeled = train.iter().filter(|position| **position < n_labeled);
    for &position in labeled.clone() {
        let label = dataset.samples[position].candidate.label;
        dataset.labels.classes_of(label).for_each(|class| counts[class] += 1);
    }
    Goal::training(spec, readout, &dataset.classes, &counts, labeled.count())
}

/// All weights, with those of the trainable part replaced.
pub(super) fn merged(start: &Weights, trainable_part: &Weights) -> Weights {
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
    /// The run directory, on the first rank.
    directory: Option<PathBuf>,
}

impl Checkpointer for StageCheckpointer<'_> {
    fn checkpoint(&mut self, state: &StageState) -> Result<(), FileError> {
        let Some(checkpoint) = self.start.checkpoint else { return Ok(()) };
        checkpoint.save_state(self.start.key.digest(), self.facts, state)
    }

    fn keep(&mut self, which: FromWeights, weights: &Weights) -> Result<(), FileError> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let name = match which {
            FromWeights::Best => layout::BEST_WEIGHTS,
            FromWeights::Last => layout::LAST_WEIGHTS,
        };
        let all = merged(self.start.weights, weights);
        let convention = self.start.network.convention;
        recorder::write_weights(directory, &self.facts.stage, name, &all, convention)
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
