//! The learning-rate range test of a stage, from the weights that it would start from.

use std::path::Path;

use super::begin::Planned;
use super::checkpoint::Checkpoint;
use super::session::Session;
use super::sources::Sources;
use super::stage::{self, Parts, Start};
use crate::engine;
use crate::engine::autodiff::{AutodiffTrainer, TrainerOptions};
use crate::exec::error::RunError;
use crate::exec::plan::outcome::StageOutcome;
use crate::exec::prepare::weights::initial_weights;
use crate::spec::PipelineSpec;
use crate::train::range_test;
pub use crate::train::range_test::{Found, RangeTest, Tried, find};

impl Session {
    /// Tries learning rates in the last stage of a pipeline. The results of the stages before it must
    /// be cached. Nothing is written.
    ///
    /// # Errors
    /// When an image cannot be prepared or the engine fails, or it is canceled.
    ///
    /// # Panics
    /// When the stage does not train, or the result of the stage that it starts from is not there.
    pub fn try_rates(
        &self,
        spec: &PipelineSpec,
        planned: &Planned,
        test: &RangeTest,
    ) -> Result<Vec<Tried>, RunError> {
        let Planned { plan, context, .. } = planned;
        let network = &context.network;
        let stage = spec.stages.last().expect("a pipeline has at least one stage");
        let train = stage.train().expect("only a stage that trains has learning rates");
        let initial = initial_weights(spec, network, context.base_weights.as_ref());
        let (from, which) = stage.start();
        let outcome = from.map(|from| {
            let planned = plan.stages.iter().find(|planned| planned.name == from);
            let outcome = planned.and_then(|planned| planned.outcome.as_deref());
            outcome.expect("the stages before are cached")
        });
        let weights = match outcome.zip(which) {
            Some((outcome, which)) => outcome.weights(which),
            None => &initial,
        };
        let checkpoint = Checkpoint::of(Path::new(""));
        let start = Start {
            stage,
            network,
            weights,
            n_epochs_before: outcome.map_or(0, StageOutcome::n_epochs),
            layers: context.layers,
            seed: spec.seed,
            pool: &self.features,
            room: &self.caches.features,
            checkpoint: &checkpoint,
            checkpoint_every: None,
            cancel: &self.cancel,
            key: &plan.stages.last().expect("each stage is planned").key,
            teacher: None,
        };
        let epoch = start.n_epochs_before + 1;
        let sources = Sources::of(spec, stage, context, self, epoch)?;
        let images = sources.images(spec, stage, context);
        let parts = Parts::of(&start);
        let extractor = engine::extractor(network, &parts.cut, weights)?;
        let options = TrainerOptions::of(train, context.layers);
        let mut trainer =
            AutodiffTrainer::new(network, &parts.cut, weights, &parts.trained, &options);
        let mut features = parts.features(&start, images, extractor.as_ref())?;
        let n_steps = images.loader.n_batches(images.train.len());
        let course = stage::course(&start, train, &images, n_steps);
        Ok(range_test::run(&course, &mut features, &mut trainer, test)?)
    }
}
