//! The features of a stage: the images of an epoch, their order and augmentation, and the cache of
//! their features.
//!
//! Validation images are never augmented and the frozen part does not change, so their features are
//! computed once per stage. The same holds for training images without augmentation, or with a
//! fixed number of augmented versions. Later stages of the same process with the same frozen part,
//! such as those of the next fold, find them computed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alpaca_random::SeedStream;

use super::ranks::{Division, Ranks};
use super::sources::{StageImages, n_versions};
use crate::base::batch::{Batch, Visit};
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::tensor::Tensor;
use crate::cache::pool::{Lent, Pool};
use crate::cache::records::{Fit, Room};
use crate::dataset::augment::mixing::Mixture;
use crate::dataset::examine::Dataset;
use crate::dataset::loader::{Augmentation, Pass};
use crate::dataset::order;
use crate::engine::{FeatureExtractor, Features, FeaturesInMaking};
use crate::exec::prepare::computed::ComputedFeatures;
use crate::model::network::Network;
use crate::spec::{MixingSpec, PipelineSpec, SamplingSpec, StageSpec};
use crate::train::{FeatureBatch, FeatureBatches, FeatureSource, TrainError};

/// Where the features of a stage are cached.
#[derive(Clone, Copy)]
pub(crate) struct Shelf<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) room: &'a Room,
    /// Everything that decides the features of images that are not augmented, and of augmented ones.
    pub(crate) keys: [Digest; 2],
}

/// The features of one stage.
pub(crate) struct StageFeatures<'a> {
    extraction: Extraction<'a>,
    ranks: &'a Ranks,
    /// How a training batch is divided between ranks.
    division: Division,
    /// The random stream of the stage.
    stream: SeedStream,
    /// Of images as they are: those for validation, and those for training unless augmented.
    plain: Option<Kept>,
    /// Of the augmented versions of training images.
    augmented: Option<Kept>,
    /// How many were computed before, and how many of the others were still to be computed.
    taken: Option<[usize; 2]>,
}

/// The space for features of augmented images; those of images as they are get the other half.
fn half(room: &Room) -> Room {
    Room { memory: room.memory / 2, disk: room.disk / 2, folder: room.folder.clone() }
}

/// The space that the cached features of a stage take once all are computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptFeatures {
    /// Bytes per image.
    pub bytes_each: u64,
    /// The number cached. Training images count once per augmented version.
    pub fit: Fit,
    /// Whether training images are among them. They are not if each epoch augments them anew.
    pub of_training: bool,
}

/// The space that the cached features of a stage will take; `None` if nothing is frozen, since the
/// features are then the images.
pub(crate) fn kept_features(
    spec: &PipelineSpec,
    stage: &StageSpec,
    network: &Network,
    n_train: usize,
    n_validation: usize,
    room: &Room,
) -> Option<KeptFeatures> {
    let cut = network.cut(network.first_trainable(stage.freeze()));
    if cut.frozen.is_empty() {
        return None;
    }
    let values = cut.boundary.iter().map(|value| network.value_shape(*value));
    let len: usize = values.map(|shape| shape.iter().product::<usize>()).sum();
    let n_versions = n_versions(spec, stage);
    let fit = match n_versions {
        None => Fit::of(n_validation, len, room),
        Some(_) if spec.augmentation_of(stage).0.is_empty() => {
            Fit::of(n_train + n_validation, len, room)
        }
        Some(n_versions) => {
            let fit = |n: usize| Fit::of(n, len, &half(room));
            fit(n_train * n_versions) + fit(n_validation)
        }
    };
    let bytes_each = (len * size_of::<f32>()) as u64;
    Some(KeptFeatures { bytes_each, fit, of_training: n_versions.is_some() })
}

/// Cached features.
struct Kept {
    records: Lent,
    /// The record of the first version of each image of the dataset. Each further version is `n`
    /// records later.
    numbers: Vec<usize>,
    n: usize,
}

impl Kept {
    /// The features of images at some positions of `dataset`, with a number for each in `lend`'s
    /// records.
    fn new(
        dataset: &Dataset,
        mut positions: Vec<usize>,
        lend: impl FnOnce(&[usize]) -> Result<Lent, FileError>,
    ) -> Result<Self, FileError> {
        // Folds have the same images in another order.
        positions.sort_unstable();
        let mut numbers = vec![usize::MAX; dataset.samples.len()];
        for (number, &position) in positions.iter().enumerate() {
            numbers[position] = number;
        }
        Ok(Self { records: lend(&positions)?, numbers, n: positions.len() })
    }

    fn number(&self, visit: Visit, versions: Versions) -> usize {
        self.numbers[visit.sample] + versions.of(visit) * self.n
    }

    /// The visits of each batch with features that have to be computed. Of several to one version of
    /// an image it is the first, if its features are cached for the others.
    fn missing<'v>(
        &self,
        batches: impl Iterator<Item = &'v [Visit]>,
        versions: Versions,
    ) -> Vec<Vec<Visit>> {
        let mut seen = BTreeSet::new();
        let mut is_missing = |visit: &Visit| {
            let number = self.number(*visit, versions);
            !self.records.has(number) && (seen.insert(number) || !self.records.fits(number))
        };
        let missing = batches.map(|batch| batch.iter().copied().filter(&mut is_missing).collect());
        missing.collect()
    }
}

/// The versions of images that an epoch uses, of those whose features are cached.
#[derive(Clone, Copy)]
struct Versions {
    /// That of the first visit to an image. Further visits take turns with the others.
    first: usize,
    /// Their number.
    n: usize,
}

impl Versions {
    /// Images have one version.
    const ONE: Self = Self { first: 0, n: 1 };

    fn of(self, visit: Visit) -> usize {
        (self.first + visit.repeat) % self.n
    }
}

impl<'a> StageFeatures<'a> {
    /// Creates features that are cached on a shelf if there is one, and divided between ranks.
    pub(crate) fn new(
        extraction: Extraction<'a>,
        stream: SeedStream,
        shelf: Option<Shelf<'a>>,
        (ranks, division): (&'a Ranks, Division),
    ) -> Result<Self, FileError> {
        let images = extraction.images;
        let (plain, augmented) = (None, None);
        let mut features =
            Self { extraction, ranks, division, stream, plain, augmented, taken: None };
        let Some(shelf) = shelf else { return Ok(features) };
        let len =
            features.extraction.shapes.iter().map(|shape| shape.iter().product::<usize>()).sum();
        let kept = |key: Digest, positions: Vec<usize>, n_versions: usize, room: &Room| {
            Kept::new(images.dataset, positions, |positions| {
                let key = Digest::of_written(|text| write!(text, "{key} {positions:?}"));
                shelf.pool.lend(key, positions.len() * n_versions, len, room)
            })
        };
        let [plain, augmented] = shelf.keys;
        let mut as_they_are = images.validation.to_vec();
        let mut room = shelf.room.clone();
        if images.are_plain() {
            as_they_are.extend_from_slice(images.train);
        } else if let Some(n_versions) = images.n_versions {
            room = half(&room);
            let kept = kept(augmented, images.train.to_vec(), n_versions, &room)?;
            features.augmented = Some(kept);
        }
        features.plain = Some(kept(plain, as_they_are, 1, &room)?);
        Ok(features)
    }
}

impl StageFeatures<'_> {
    /// Takes features that were computed before in place of those that are still to be computed.
    pub(crate) fn take_over(&mut self, computed: &ComputedFeatures) -> Result<(), FileError> {
        let Some(Kept { records, numbers, .. }) = &mut self.plain else { return Ok(()) };
        let samples = &self.extraction.images.dataset.samples;
        let mut wanted: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
        for (sample, &number) in samples.iter().zip(&*numbers) {
            if number != usize::MAX && records.fits(number) && !records.has(number) {
                wanted.entry(sample.digest).or_default().push(number);
            }
        }
        let shapes = self.extraction.shapes.iter();
        let len = shapes.map(|shape| shape.iter().product::<usize>()).sum();
        let n_wanted = wanted.values().map(Vec::len).sum::<usize>();
        let n = computed.read(wanted, len, |number, values| records.write(number, values))?;
        self.taken = Some([n, n_wanted - n]);
        Ok(())
    }

    /// How many were computed before, and how many of the others were still to be computed; `None` if
    /// none were taken over.
    pub(super) fn taken(&self) -> Option<[usize; 2]> {
        self.taken
    }

    /// The training batches of an epoch, with the features of all images on every rank.
    pub(super) fn undivided(&mut self, epoch: usize) -> FeatureBatches<'_> {
        self.epoch(epoch, 0, Division::None)
    }

    fn epoch(&mut self, epoch: usize, n_steps: usize, division: Division) -> FeatureBatches<'_> {
        let images = self.extraction.images;
        let StageImages { dataset, train, changes, views, sampling, mixing, .. } = images;
        let in_order = self.stream.child("order").at(epoch as u64);
        let mut order = match sampling {
            SamplingSpec::Shuffled => order::shuffled(dataset, train, in_order),
            SamplingSpec::Balanced => {
                let drawn = self.stream.child("sampling").at(epoch as u64);
                order::balanced(dataset, train, drawn, in_order)
            }
        };
        order.drain(..order.len().min(n_steps * images.loader.batch_size()));
        // The first visits of an epoch use one version of every image; versions take turns.
        let stream = self.stream.child("augmentation");
        let versions = views.map(|n| Versions { first: (epoch - 1) % n, n });
        let (stream, turns) = match versions {
            None => (stream.at(epoch as u64), vec![]),
            Some(Versions { first, n }) => {
                let turns = (0..n).map(|turn| stream.at(((first + turn) % n) as u64)).collect();
                (stream.at(first as u64), turns)
            }
        };
        let changes = Arc::clone(changes);
        let augmentation =
            (!changes.is_empty()).then_some(Augmentation { changes, stream, versions: turns });
        let versions = versions.unwrap_or(Versions::ONE);
        let kept = if images.are_plain() { &mut self.plain } else { &mut self.augmented };
        let stream = self.stream.child("mixing").at(epoch as u64);
        let mixing = mixing.map(|spec| Mixing { spec, stream, step: n_steps });
        let kept = kept.as_mut().map(|kept| (kept, versions));
        let how = How { augmentation, mixing, round: epoch, division };
        Box::new(FeaturePass::start(&self.extraction, self.ranks, order, kept, how))
    }
}

impl FeatureSource for StageFeatures<'_> {
    fn training(&mut self, epoch: usize, n_steps: usize) -> FeatureBatches<'_> {
        self.epoch(epoch, n_steps, self.division)
    }

    fn validation(&mut self) -> FeatureBatches<'_> {
        let order = self.extraction.images.validation.iter().copied().map(Visit::from).collect();
        let kept = self.plain.as_mut().map(|kept| (kept, Versions::ONE));
        let how = How { augmentation: None, mixing: None, round: 0, division: Division::Even };
        Box::new(FeaturePass::start(&self.extraction, self.ranks, order, kept, how))
    }
}

/// How the images of a pass are changed and divided.
struct How {
    augmentation: Option<Augmentation>,
    mixing: Option<Mixing>,
    /// Which images are drawn.
    round: usize,
    division: Division,
}

/// The random mixtures of an epoch.
struct Mixing {
    spec: MixingSpec,
    /// Random stream of the epoch. Each step has a child stream.
    stream: SeedStream,
    /// Number of the next step.
    step: usize,
}

/// Images, and the extractor of their features.
pub(crate) struct Extraction<'a> {
    /// All images of the run.
    pub(crate) images: StageImages<'a>,
    /// The frozen part.
    pub(crate) extractor: &'a dyn FeatureExtractor,
    /// The shape of each value of the features for one image.
    pub(crate) shapes: Vec<Vec<usize>>,
}

/// One pass over images.
struct FeaturePass<'a> {
    extraction: &'a Extraction<'a>,
    ranks: &'a Ranks,
    division: Division,
    batch_size: usize,
    order: Vec<Visit>,
    at: usize,
    /// Loads the images of the pass that this rank computes features of.
    pass: Pass,
    /// Number of images of each batch that have no cached features.
    n_missing: std::vec::IntoIter<usize>,
    kept: Option<(&'a mut Kept, Versions)>,
    /// Mixtures of the images, whose features are not cached.
    mixing: Option<Mixing>,
    /// How long the current batch waited for images; the time of the frozen part follows.
    waiting: Duration,
    frozen: Duration,
}

impl<'a> FeaturePass<'a> {
    fn start(
        extraction: &'a Extraction<'a>,
        ranks: &'a Ranks,
        order: Vec<Visit>,
        kept: Option<(&'a mut Kept, Versions)>,
        How { augmentation, mixing, round, division }: How,
    ) -> Self {
        let loader = extraction.images.loader;
        let batch_size = loader.batch_size();
        let batches = order.chunks(batch_size);
        let (missing, own) = match &kept {
            Some((kept, versions)) => (kept.missing(batches, *versions), Division::Even),
            None => (batches.map(<[Visit]>::to_vec).collect(), division),
        };
        let n_before = n_before(mixing.as_ref(), ranks);
        let loaded = missing.iter().flat_map(|batch| {
            let own = ranks.own(batch.len(), own);
            let first = own.start + batch.len() - if own.is_empty() { 0 } else { n_before };
            (first..batch.len() + own.end).map(|place| batch[place % batch.len()])
        });
        let n_missing: Vec<usize> = missing.iter().map(Vec::len).collect();
        Self {
            pass: loader.start(loaded, augmentation.as_ref(), round),
            n_missing: n_missing.into_iter(),
            extraction,
            ranks,
            division,
            batch_size,
            order,
            at: 0,
            kept,
            mixing,
            waiting: Duration::ZERO,
            frozen: Duration::ZERO,
        }
    }

    /// How the next batch is mixed.
    fn next_mixture(&mut self) -> Option<Mixture> {
        let Mixing { spec, stream, step } = self.mixing.as_mut()?;
        let stream = stream.at(*step as u64);
        *step += 1;
        Mixture::draw(spec, self.pass.image_size(), stream)
    }

    /// The features of this rank's images of a batch, cached or computed.
    fn features(
        &mut self,
        visits: &[Visit],
        mixture: Option<&Mixture>,
    ) -> Result<Features, TrainError> {
        let n_missing = self.n_missing.next().unwrap_or_default();
        let own = self.ranks.own(visits.len(), self.division);
        let Some((kept, versions)) = self.kept.take() else {
            let found = self.extract(own.len(), mixture);
            return self.ranks.meet(found);
        };
        let features = self.new_records(n_missing).and_then(|new| {
            let mut features = FeaturesInMaking::new(&self.extraction.shapes, own.len());
            let mut new = new.chunks_exact(features.record_len());
            let mut record = vec![0.0; features.record_len()];
            for (place, &visit) in visits.iter().enumerate() {
                let number = kept.number(visit, versions);
                let is_own = own.contains(&place);
                if kept.records.has(number) {
                    if is_own {
                        kept.records.read(number, &mut record)?;
                        features.add(&record);
                    }
                } else if let Some(record) = new.next() {
                    kept.records.write(number, record)?;
                    if is_own {
                        features.add(record);
                    }
                }
            }
            Ok(features.finish())
        });
        self.kept = Some((kept, versions));
        features
    }

    /// The features of the next `n` images that are not cached, as records one after the other. Each
    /// rank computes some of them, and gets all.
    fn new_records(&mut self, n: usize) -> Result<Vec<f32>, TrainError> {
        let n_own = self.ranks.own(n, Division::Even).len();
        let found = if n_own == 0 { Ok(None) } else { self.extract(n_own, None).map(Some) };
        let Some(found) = self.ranks.meet(found)? else {
            return Ok(if n == 0 { vec![] } else { self.ranks.peers().gather_numbers(&[]) });
        };
        let len = found.values.iter().map(|one| one.values().len() / n_own).sum();
        let mut records = vec![0.0; n_own * len];
        for (image, record) in records.chunks_exact_mut(len).enumerate() {
            found.write_record(image, record);
        }
        if self.ranks.are_one() {
            return Ok(records);
        }
        Ok(self.ranks.peers().gather_numbers(&records))
    }

    /// Computes the features of the next `n` images of the pass, or of their mixtures.
    fn extract(&mut self, n: usize, mixture: Option<&Mixture>) -> Result<Features, TrainError> {
        if n == 0 {
            let none = |shape: &Vec<usize>| Tensor::new(&[&[0], &shape[..]].concat(), vec![]);
            return Ok(Features { values: self.extraction.shapes.iter().map(none).collect() });
        }
        let start = Instant::now();
        let n_before = n_before(self.mixing.as_ref(), self.ranks);
        let batch = self.pass.take(n + n_before);
        let mut batch = batch.map_err(|error| TrainError::Batch(Box::new(error)))?;
        if let Some(mixture) = mixture {
            mixture.apply(&mut batch.images);
        }
        let batch = without_first(batch, n_before);
        self.waiting = start.elapsed();
        let start = Instant::now();
        let features = self.extraction.extractor.extract(&batch)?;
        self.frozen = start.elapsed();
        self.pass.give_back(batch);
        Ok(features)
    }
}

/// Number of images before its own that a rank loads, since the first of its own is mixed with the one
/// before it.
fn n_before(mixing: Option<&Mixing>, ranks: &Ranks) -> usize {
    usize::from(mixing.is_some() && !ranks.are_one())
}

/// A batch without its first `n` images.
fn without_first(batch: Batch, n: usize) -> Batch {
    if n == 0 {
        return batch;
    }
    let Batch { images, mut samples } = batch;
    let mut shape = images.shape().to_vec();
    let len: usize = shape[1..].iter().product();
    shape[0] -= n;
    samples.drain(..n);
    Batch { images: Tensor::new(&shape, images.into_values().split_off(n * len)), samples }
}

impl Iterator for FeaturePass<'_> {
    type Item = Result<FeatureBatch, TrainError>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.order.len().min(self.at + self.batch_size);
        if self.at == end {
            return None;
        }
        let visits = self.order[self.at..end].to_vec();
        self.at = end;
        (self.waiting, self.frozen) = (Duration::ZERO, Duration::ZERO);
        let mixture = self.next_mixture();
        let features = self.features(&visits, mixture.as_ref());
        if features.is_err() {
            self.at = self.order.len();
        }
        let dataset = self.extraction.images.dataset;
        let targets = visits.iter().map(|visit| dataset.target(visit.sample)).collect();
        let (waiting, frozen, mixed) = (self.waiting, self.frozen, mixture.map(|how| how.share));
        let batch = |features| FeatureBatch { features, targets, visits, mixed, waiting, frozen };
        Some(features.map(batch))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use alpaca_painter::Kind;

    use super::*;
    use crate::base::batch::Batch;
    use crate::base::cancel::Cancel;
    use crate::base::tally::Tally;
    use crate::dataset::known::KnownImages;
    use crate::dataset::loader::Loader;
    use crate::dataset::pixels::{PixelRoom, Pixels};
    use crate::dataset::{examine, scan};
    use crate::engine::EngineError;
    use crate::spec::{
        Alpha, AugmentationSpec, DatasetSource, DatasetSpec, Duplicates, Fit as FitInto,
        GeneratorSpec, ImageSize, Interpolation, OnBadImage, Prefetch, Preprocessing, ResizeSpec,
        SplitBy, SplitSpec, TargetSpec,
    };
    use crate::train::readout::Readout;

    const SIZE: ImageSize = ImageSize { height: 8, width: 8 };
    const LEN: usize = 8 * 8 * 3;

    /// Features that are the images; counts them.
    #[derive(Default)]
    struct Same(AtomicUsize);

    impl FeatureExtractor for Same {
        fn extract(&self, batch: &Batch) -> Result<Features, EngineError> {
            self.0.fetch_add(batch.samples.len(), Ordering::Relaxed);
            Ok(Features { values: vec![batch.images.clone()] })
        }
    }

    fn spec() -> DatasetSpec {
        let kinds = vec![Kind::Textures];
        let generator = GeneratorSpec { kinds, classes: 2, images: 5, seed: 0, afresh: false };
        let interpolation = Interpolation::Bilinear;
        DatasetSpec {
            source: DatasetSource::Generator { generator },
            target: TargetSpec::Class,
            classes: None,
            unlabeled: vec![],
            limit: None,
            image_size: SIZE,
            resize: ResizeSpec { interpolation, antialias: true, fit: FitInto::Stretch },
            alpha: Alpha::Drop,
            split: SplitSpec {
                train: 0.8,
                validation: 0.2,
                test: 0.0,
                by: SplitBy::Random,
                groups: None,
                folds: None,
                seed: 0,
            },
            batch_size: 4,
            prefetch: Prefetch::Batches(1),
            on_bad_image: OnBadImage::Error,
            duplicates: Duplicates::Error,
        }
    }

    fn dataset_and_loader() -> (Arc<Dataset>, Loader) {
        let spec = spec();
        let room = PixelRoom { memory: 1 << 20, disk: 0, root: None };
        let pixels = Arc::new(Pixels::new(spec.pixels(), room));
        let (tally, cancel) = (Tally::default(), Cancel::new());
        let (listing, known) = (scan::list(&spec, None).unwrap(), KnownImages::none());
        let dataset =
            examine::examine(listing, spec.on_bad_image, &pixels, &known, &tally, &cancel).unwrap();
        let dataset = Arc::new(dataset);
        let scaling = Preprocessing::MinusOneToOne;
        let loader = Loader::new(Arc::clone(&dataset), pixels, &spec, scaling, 2);
        (dataset, loader)
    }

    /// An image that is visited twice is computed once, if there is room for its features.
    #[test]
    fn features_are_those_of_their_images_whatever_is_cached() {
        let (dataset, loader) = dataset_and_loader();
        let of_class = |class: usize| {
            let all = dataset.samples.iter().enumerate();
            all.filter(move |(_, sample)| sample.candidate.label == class).map(|(i, _)| i)
        };
        let train: Vec<usize> = of_class(0).chain(of_class(1).take(2)).collect();
        let flip = AugmentationSpec::RandomFlip(crate::spec::Flip::Horizontal);
        for (changes, views) in [(vec![], None), (vec![flip], Some(2))] {
            let changes: Arc<[AugmentationSpec]> = changes.into();
            let images = StageImages {
                dataset: &dataset,
                n_labeled: dataset.samples.len(),
                loader: &loader,
                train: &train,
                validation: &[],
                changes: &changes,
                views,
                n_versions: Some(views.unwrap_or(1)),
                sampling: SamplingSpec::Balanced,
                mixing: None,
                teaching: None,
                readout: Readout::Softmax,
            };
            let epochs = |memory: Option<usize>, pool: &Pool| {
                let memory = memory.map(|n| (2 * n * LEN * size_of::<f32>()) as u64);
                let room = memory.map(|memory| Room { memory, disk: 0, folder: None });
                let shapes = vec![vec![8, 8, 3]];
                let stream = SeedStream::new(1);
                let (same, keys) =
                    (Same::default(), [b"plain".as_slice(), b"flips"].map(Digest::of));
                let shelf = room.as_ref().map(|room| Shelf { pool, room, keys });
                let extraction = Extraction { images, extractor: &same, shapes };
                let ranks = (&Ranks::alone(&Cancel::new()), Division::Even);
                let mut features = StageFeatures::new(extraction, stream, shelf, ranks).unwrap();
                let mut all = vec![];
                for epoch in 1..=3 {
                    for batch in features.training(epoch, 0) {
                        let FeatureBatch { features, targets, visits, .. } = batch.unwrap();
                        all.push((features, targets, visits));
                    }
                }
                (all, same.0.load(Ordering::Relaxed))
            };
            let (uncached, n_computed) = epochs(None, &Pool::default());
            assert_eq!(n_computed, 3 * train.len());
            let n = |visits: &[Visit]| visits.iter().filter(|visit| visit.repeat > 0).count();
            assert!(uncached.iter().map(|(_, _, visits)| n(visits)).sum::<usize>() >= 3);
            for memory in [1, 3, 100] {
                let pool = Pool::default();
                assert!(epochs(Some(memory), &pool).0 == uncached, "room for {memory} records");
                let (again, n_computed) = epochs(Some(memory), &pool);
                assert!(again == uncached, "again with room for {memory} records");
                assert_eq!(n_computed == 0, memory == 100, "the next stage finds all if all fit");
            }
        }
    }
}
