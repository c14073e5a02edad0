//! Steps of a stage that leave nothing behind: no run directory, no cached result.

use super::begin::Planned;
use super::ranks::Division;
use super::session::Session;
use super::sources::Sources;
use super::stage::{self, Parts, Start};
use crate::engine::autodiff::TrainerOptions;
use crate::engine::{self, Trainer};
use crate::exec::error::RunError;
use crate::exec::plan::outcome::StageOutcome;
use crate::exec::prepare::weights::initial_weights;
use crate::spec::PipelineSpec;
use crate::train::fit::Course;
use crate::train::{FeatureSource, TrainError};

/// What a stage would train with.
pub(super) struct Rehearsal<'a> {
    pub(super) course: &'a Course<'a>,
    pub(super) source: &'a mut dyn FeatureSource,
    pub(super) trainer: &'a mut dyn Trainer,
    /// Number of steps of an epoch.
    pub(super) n_steps: usize,
}

impl Session {
    /// Prepares a stage, by its position in the pipeline, and works with it. It starts from the result of
    /// an earlier stage, or from the weights that the pipeline starts from.
    ///
    /// # Panics
    /// When the stage does not train.
    pub(super) fn rehearse<T>(
        &self,
        (spec, planned): (&PipelineSpec, &Planned),
        position: usize,
        from: Option<&StageOutcome>,
        work: impl FnOnce(Rehearsal<'_>) -> Result<T, TrainError>,
    ) -> Result<T, RunError> {
        let Planned { plan, context, .. } = planned;
        let network = &context.network;
        let stage = &spec.stages[position];
        let train = stage.train().expect("only a stage that trains has steps");
        let initial = initial_weights(spec, network, context.base_weights.as_ref());
        let which = stage.start().1;
        let weights = match from.zip(which) {
            Some((outcome, which)) => outcome.weights(which),
            None => &initial,
        };
        let start = Start {
            computed: None,
            stage,
            network,
            weights,
            n_epochs_before: from.map_or(0, StageOutcome::n_epochs),
            layers: context.layers,
            seed: spec.seed,
            pool: &self.features,
            room: &self.caches.features,
            checkpoint: None,
            checkpoint_every: None,
            ranks: &self.ranks,
            key: &plan.stages[position].key,
            soup_with: &[],
            teacher: None,
        };
        let epoch = start.n_epochs_before + 1;
        let sources = Sources::of(spec, stage, context, self, epoch)?;
        let images = sources.images(spec, stage, context);
        let parts = Parts::of(&start);
        let extractor = engine::extractor(network, &parts.cut, weights)?;
        let options = TrainerOptions::of(train, context.layers);
        let mut trainer = start.trainer(&parts, weights, &options);
        let division = Division::MicroBatches(train.micro_batches);
        let mut features = parts.features(&start, images, extractor.as_ref(), division)?;
        let n_steps = images.loader.n_batches(images.train.len());
        let course = stage::course(&start, train, &images, n_steps);
        let rehearsal =
            Rehearsal { course: &course, source: &mut features, trainer: &mut trainer, n_steps };
        Ok(work(rehearsal)?)
    }
}
