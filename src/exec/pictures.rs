//! The pictures of a stage: which come in an epoch, in which order, changed how.

use std::sync::Arc;

use crate::base::random::SeedStream;
use crate::dataset::examine::Dataset;
use crate::dataset::loader::{Augmentation, Loader};
use crate::dataset::order;
use crate::spec::AugmentationSpec;
use crate::train::Batches;
use crate::train::fit::Pictures;

/// The pictures of one stage.
pub(super) struct StagePictures<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) loader: &'a Loader,
    pub(super) train: &'a [usize],
    pub(super) validation: &'a [usize],
    pub(super) changes: Arc<[AugmentationSpec]>,
    /// The stream of the stage.
    pub(super) stream: SeedStream,
}

impl Pictures for StagePictures<'_> {
    fn training(&self, epoch: usize) -> Batches {
        let epoch = epoch as u64;
        let order = order::shuffled(self.dataset, self.train, self.stream.child("order").at(epoch));
        let stream = self.stream.child("augmentation").at(epoch);
        let changes = Arc::clone(&self.changes);
        let augmentation = (!changes.is_empty()).then_some(Augmentation { changes, stream });
        Box::new(
            self.loader.start(order, augmentation.as_ref()).map(|batch| batch.map_err(Into::into)),
        )
    }

    fn validation(&self) -> Batches {
        let pass = self.loader.start(self.validation.to_vec(), None);
        Box::new(pass.map(|batch| batch.map_err(Into::into)))
    }
}
