//! The images that a stage trains and validates on, and what its teacher predicts for them.

use std::sync::Arc;

use super::context::RunContext;
use super::session::Session;
use super::teaching;
use crate::dataset::examine::Dataset;
use crate::dataset::loader::Loader;
use crate::dataset::part::Part;
use crate::exec::error::RunError;
use crate::spec::{AugmentationSpec, MixingSpec, PipelineSpec, SamplingSpec, StageSpec};
use crate::train::readout::Readout;
use crate::train::teacher::Teaching;

/// The images of a run and their splits.
#[derive(Clone, Copy)]
pub(crate) struct StageImages<'a> {
    /// The dataset. With a teacher, its last images have no labels.
    pub(crate) dataset: &'a Dataset,
    /// Number of images with labels.
    pub(crate) n_labeled: usize,
    pub(crate) loader: &'a Loader,
    /// Positions of the training set and of the images without labels; those of the validation set
    /// follow.
    pub(crate) train: &'a [usize],
    pub(crate) validation: &'a [usize],
    pub(crate) changes: &'a Arc<[AugmentationSpec]>,
    /// Augmented versions of each training image, if their number is fixed.
    pub(crate) views: Option<usize>,
    /// Distinct versions of each training image over all epochs, if their number is fixed.
    pub(crate) n_versions: Option<usize>,
    /// Which training images an epoch visits.
    pub(crate) sampling: SamplingSpec,
    /// Random mixtures of the images of a training batch.
    pub(crate) mixing: Option<MixingSpec>,
    /// The teacher of the stage, if it has one.
    pub(crate) teaching: Option<&'a Teaching>,
    /// How the outputs of the network are read.
    pub(crate) readout: Readout,
}

/// What the images of a stage are taken from.
pub(crate) struct Sources {
    dataset: Arc<Dataset>,
    loader: Loader,
    /// Positions of the training and the validation images.
    parts: [Vec<usize>; 2],
    changes: Arc<[AugmentationSpec]>,
    teaching: Option<Teaching>,
}

impl Sources {
    /// The sources of a stage. Its teacher predicts for the training images and those without labels,
    /// unless that is cached. `epoch` is its first one.
    pub(crate) fn of(
        spec: &PipelineSpec,
        stage: &StageSpec,
        context: &RunContext,
        session: &Session,
        epoch: usize,
    ) -> Result<Self, RunError> {
        let mut parts = [Part::Train, Part::Validation].map(|part| context.split.positions(part));
        let dataset = Arc::clone(context.dataset_of(stage));
        parts[0].extend(context.dataset.samples.len()..dataset.samples.len());
        let changes = spec.augmentation_of(stage).0.into();
        let teaching = teaching::of_stage(stage, context, session, &parts[0], epoch)?;
        let loader = context.loader(spec, stage, session.n_threads);
        Ok(Self { dataset, loader, parts, changes, teaching })
    }

    /// The images of the stage.
    pub(crate) fn images<'a>(
        &'a self,
        spec: &PipelineSpec,
        stage: &StageSpec,
        context: &RunContext,
    ) -> StageImages<'a> {
        let [train, validation] = &self.parts;
        StageImages {
            dataset: &self.dataset,
            n_labeled: context.dataset.samples.len(),
            loader: &self.loader,
            train,
            validation,
            changes: &self.changes,
            views: spec.augmentation_of(stage).1,
            n_versions: n_versions(spec, stage),
            sampling: stage.sampling(),
            mixing: stage.train().and_then(|train| train.mixing),
            teaching: self.teaching.as_ref(),
            readout: context.readout,
        }
    }
}

impl StageImages<'_> {
    /// Whether training sees images as they are, in every epoch the same.
    pub(super) fn are_plain(&self) -> bool {
        self.n_versions.is_some() && self.changes.is_empty()
    }
}

/// Distinct versions of each training image over all epochs: one without augmentation, and `None`
/// if each epoch of the stage augments or draws it anew.
pub(crate) fn n_versions(spec: &PipelineSpec, stage: &StageSpec) -> Option<usize> {
    let (changes, views) = spec.augmentation_of(stage);
    let is_mixed = stage.train().is_some_and(|train| train.mixing.is_some());
    if spec.dataset.source.is_afresh() || is_mixed {
        None
    } else if changes.is_empty() {
        Some(1)
    } else {
        views
    }
}
