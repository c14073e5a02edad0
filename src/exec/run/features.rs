//! The features of a stage: the images of an epoch, their order and augmentation, and the cache of
//! their features.
//!
//! Validation images are never augmented and the frozen part does not change, so their features are
//! computed once per stage. The same holds for training images without augmentation, or with a
//! fixed number of augmented versions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alpaca_random::SeedStream;

use crate::base::fs::FileError;
use crate::cache::records::{Fit, Records, Room};
use crate::dataset::examine::Dataset;
use crate::dataset::loader::{Augmentation, Loader, Pass};
use crate::dataset::order;
use crate::engine::{FeatureExtractor, Features, FeaturesInMaking};
use crate::model::network::Network;
use crate::spec::{AugmentationSpec, PipelineSpec, TrainSpec};
use crate::train::{FeatureBatch, FeatureBatches, FeatureSource, TrainError};

/// The images of a run and their splits.
#[derive(Clone, Copy)]
pub(crate) struct StageImages<'a> {
    pub(crate) dataset: &'a Dataset,
    pub(crate) loader: &'a Loader,
    /// Positions of the training set; those of the validation set follow.
    pub(crate) train: &'a [usize],
    pub(crate) validation: &'a [usize],
    pub(crate) changes: &'a Arc<[AugmentationSpec]>,
    /// Augmented versions of each training image, if their number is fixed.
    pub(crate) views: Option<usize>,
    /// Distinct versions of each training image over all epochs, if their number is fixed.
    pub(crate) n_versions: Option<usize>,
}

/// Distinct versions of each training image over all epochs: one without augmentation, and `None`
/// if each epoch of the stage augments or draws it anew.
pub(crate) fn n_versions(spec: &PipelineSpec, stage: &TrainSpec) -> Option<usize> {
    let (changes, views) = spec.augmentation_of(stage);
    if spec.dataset.source.is_afresh() {
        None
    } else if changes.is_empty() {
        Some(1)
    } else {
        views
    }
}

/// The features of one stage.
pub(crate) struct StageFeatures<'a> {
    images: StageImages<'a>,
    extractor: &'a dyn FeatureExtractor,
    /// The shape of each value of the features for one image.
    shapes: Vec<Vec<usize>>,
    /// The random stream of the stage.
    stream: SeedStream,
    training: Option<Kept>,
    validation: Option<Kept>,
}

/// The space for features of training images; validation images get the other half.
fn half(room: &Room) -> Room {
    Room { memory: room.memory / 2, disk: room.disk / 2, folder: room.folder.clone() }
}

/// The space that the cached features of a stage take once all are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFeatures {
    /// Bytes per image.
    pub bytes_each: u64,
    /// Training images, counted once per augmented version; none if each epoch augments them anew.
    pub training: Fit,
    /// Validation images.
    pub validation: Fit,
}

/// The space that the cached features of a stage will take; `None` if nothing is frozen, since the
/// features are then the images.
pub(crate) fn kept_features(
    spec: &PipelineSpec,
    train: &TrainSpec,
    network: &Network,
    n_train: usize,
    n_validation: usize,
    room: &Room,
) -> Option<KeptFeatures> {
    let cut = network.cut(network.first_trainable(&train.freeze));
    if cut.frozen.is_empty() {
        return None;
    }
    let values = cut.boundary.iter().map(|value| network.value_shape(*value));
    let len: usize = values.map(|shape| shape.iter().product::<usize>()).sum();
    let n_versions = n_versions(spec, train);
    let fit = |n: usize| Fit::of(n, len, &half(room));
    Some(KeptFeatures {
        bytes_each: (len * size_of::<f32>()) as u64,
        training: n_versions.map_or_else(Fit::default, |n_versions| fit(n_train * n_versions)),
        validation: fit(n_validation),
    })
}

/// Cached features.
struct Kept {
    records: Records,
    /// The record of the first version of each image of the dataset. Each further version is `n`
    /// records later.
    numbers: Vec<usize>,
    n: usize,
}

impl Kept {
    fn new(
        n_samples: usize,
        positions: &[usize],
        n_versions: usize,
        len: usize,
        room: &Room,
    ) -> Result<Self, FileError> {
        let mut numbers = vec![usize::MAX; n_samples];
        for (number, &position) in positions.iter().enumerate() {
            numbers[position] = number;
        }
        let n = positions.len();
        Ok(Self { records: Records::new(n * n_versions, len, room)?, numbers, n })
    }

    fn number(&self, sample: usize, version: usize) -> usize {
        self.numbers[sample] + version * self.n
    }
}

impl<'a> StageFeatures<'a> {
    /// Creates the features that `extractor` computes of images, as values of `shapes`. The cache
    /// takes half of `room` for training and half for validation.
    pub(crate) fn new(
        images: StageImages<'a>,
        extractor: &'a dyn FeatureExtractor,
        shapes: Vec<Vec<usize>>,
        stream: SeedStream,
        room: Option<&Room>,
    ) -> Result<Self, FileError> {
        let len = shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
        let n_samples = images.dataset.samples.len();
        let keep = |positions: &[usize], n_versions: Option<usize>| match (room, n_versions) {
            (Some(room), Some(n_versions)) => {
                Kept::new(n_samples, positions, n_versions, len, &half(room)).map(Some)
            }
            _ => Ok(None),
        };
        let training = keep(images.train, images.n_versions)?;
        let validation = keep(images.validation, Some(1))?;
        Ok(Self { images, extractor, shapes, stream, training, validation })
    }
}

impl FeatureSource for StageFeatures<'_> {
    fn training(&mut self, epoch: usize, n_steps: usize) -> FeatureBatches<'_> {
        let StageImages { dataset, train, changes, views, .. } = self.images;
        let epoch = epoch as u64;
        let mut order = order::shuffled(dataset, train, self.stream.child("order").at(epoch));
        order.drain(..order.len().min(n_steps * self.images.loader.batch_size()));
        // An epoch uses one version of every image; versions take turns.
        let version = views.map_or(epoch, |views| (epoch - 1) % views as u64);
        let stream = self.stream.child("augmentation").at(version);
        let changes = Arc::clone(changes);
        let augmentation = (!changes.is_empty()).then_some(Augmentation { changes, stream });
        let version = if self.training.is_some() && views.is_some() { version } else { 0 };
        FeaturePass::start(
            Extraction { images: self.images, extractor: self.extractor, shapes: &self.shapes },
            order,
            augmentation.as_ref(),
            self.training.as_mut().map(|kept| (kept, version as usize)),
            epoch as usize,
        )
    }

    fn validation(&mut self) -> FeatureBatches<'_> {
        FeaturePass::start(
            Extraction { images: self.images, extractor: self.extractor, shapes: &self.shapes },
            self.images.validation.to_vec(),
            None,
            self.validation.as_mut().map(|kept| (kept, 0)),
            0,
        )
    }
}

/// Images, and the extractor of their features.
#[derive(Clone, Copy)]
struct Extraction<'a> {
    /// All images of the run.
    images: StageImages<'a>,
    /// The frozen part.
    extractor: &'a dyn FeatureExtractor,
    /// The shape of each value of the features for one image.
    shapes: &'a [Vec<usize>],
}

/// One pass over images.
struct FeaturePass<'a> {
    extractor: &'a dyn FeatureExtractor,
    dataset: &'a Dataset,
    shapes: &'a [Vec<usize>],
    batch_size: usize,
    order: Vec<usize>,
    at: usize,
    /// Loads the images of the pass that have no cached features.
    pass: Pass,
    kept: Option<(&'a mut Kept, usize)>,
    /// How long the current batch waited for images; the time of the frozen part follows.
    waiting: Duration,
    frozen: Duration,
}

impl<'a> FeaturePass<'a> {
    fn start(
        extraction: Extraction<'a>,
        order: Vec<usize>,
        augmentation: Option<&Augmentation>,
        kept: Option<(&'a mut Kept, usize)>,
        round: usize,
    ) -> FeatureBatches<'a> {
        let Extraction { images, extractor, shapes } = extraction;
        let missing = match &kept {
            Some((kept, version)) => {
                let all = order.iter().copied();
                all.filter(|sample| !kept.records.has(kept.number(*sample, *version))).collect()
            }
            None => order.clone(),
        };
        Box::new(Self {
            extractor,
            dataset: images.dataset,
            shapes,
            batch_size: images.loader.batch_size(),
            at: 0,
            pass: images.loader.start(missing, augmentation, round),
            order,
            kept,
            waiting: Duration::ZERO,
            frozen: Duration::ZERO,
        })
    }

    /// The features of some images, cached or computed.
    fn features(&mut self, samples: &[usize]) -> Result<Features, TrainError> {
        let Some((kept, version)) = self.kept.take() else {
            return self.extract(samples.len());
        };
        let features = self.with_kept(samples, kept, version);
        self.kept = Some((kept, version));
        features
    }

    /// Combines cached features with new ones, and caches the new ones.
    fn with_kept(
        &mut self,
        samples: &[usize],
        kept: &mut Kept,
        version: usize,
    ) -> Result<Features, TrainError> {
        let is_kept: Vec<bool> =
            samples.iter().map(|&sample| kept.records.has(kept.number(sample, version))).collect();
        let n_missing = is_kept.iter().filter(|is_kept| !**is_kept).count();
        let new = match n_missing {
            0 => None,
            n => Some(self.extract(n)?),
        };
        let mut features = FeaturesInMaking::new(self.shapes, samples.len());
        let mut record = vec![0.0; features.record_len()];
        let mut n_new = 0;
        for (&sample, is_kept) in samples.iter().zip(is_kept) {
            let number = kept.number(sample, version);
            if is_kept {
                kept.records.read(number, &mut record)?;
            } else if let Some(new) = &new {
                new.write_record(n_new, &mut record);
                n_new += 1;
                kept.records.write(number, &record)?;
            }
            features.add(&record);
        }
        Ok(features.finish())
    }

    /// Computes the features of the next `n` images of the pass.
    fn extract(&mut self, n: usize) -> Result<Features, TrainError> {
        let start = Instant::now();
        let batch = self.pass.take(n).map_err(|error| TrainError::Batch(Box::new(error)))?;
        self.waiting = start.elapsed();
        let start = Instant::now();
        let features = self.extractor.extract(&batch)?;
        self.frozen = start.elapsed();
        self.pass.give_back(batch);
        Ok(features)
    }
}

impl Iterator for FeaturePass<'_> {
    type Item = Result<FeatureBatch, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.order.len().min(self.at + self.batch_size);
        if self.at == end {
            return None;
        }
        let samples = self.order[self.at..end].to_vec();
        self.at = end;
        (self.waiting, self.frozen) = (Duration::ZERO, Duration::ZERO);
        let features = self.features(&samples);
        if features.is_err() {
            self.at = self.order.len();
        }
        let labels =
            samples.iter().map(|&sample| self.dataset.samples[sample].candidate.class).collect();
        let Self { waiting, frozen, .. } = *self;
        Some(features.map(|features| FeatureBatch { features, labels, samples, waiting, frozen }))
    }
}
