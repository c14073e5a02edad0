//! Prepares batches ahead of their consumer.
//!
//! Worker threads process images in the order of the pass. They read pixels from the cache or
//! decode them, augment and scale them, and put them into a buffer, from which the consumer takes
//! them in the same order. A worker that is too far ahead waits, so memory holds a few batches and
//! never the whole dataset. An image does not depend on which worker prepared it, or when.

use std::collections::BTreeMap;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use alpaca_random::SeedStream;

use super::augment::Augmenter;
use super::decode::{self, DecodeError, RgbImage};
use super::examine::{Dataset, Sample};
use super::likeness::Likeness;
use super::pixels::Pixels;
use super::resize::Resizer;
use crate::base::batch::{Batch, Visit};
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::tensor::Tensor;
use crate::spec::{Alpha, AugmentationSpec, DatasetSpec, ImageSize, Prefetch, Preprocessing};

/// Number of batches that [`Prefetch::Auto`] prepares ahead.
const AUTO_PREFETCH: usize = 4;

/// An image that could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// Its file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its file has changed since the start of the run.
    #[error("`{path}` changed during the run")]
    Changed {
        /// Path of the file.
        path: String,
    },
    /// Its file can no longer be decoded.
    #[error("`{path}` can no longer be read as an image: {source}")]
    Decode {
        /// Path of the file.
        path: String,
        /// Error of the decoder.
        source: DecodeError,
    },
    /// No thread can be started that would prepare it.
    #[error("cannot start a thread to prepare images")]
    Thread(#[source] io::Error),
    /// Processing it stopped unexpectedly.
    #[error("processing `{path}` stopped unexpectedly; this is a bug in alpaca-run")]
    Panicked {
        /// Path of the file.
        path: String,
    },
}

/// Prepares batches from the images of one dataset.
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<Dataset>,
    pixels: Arc<Pixels>,
    preprocessing: Preprocessing,
    batch_size: usize,
    n_ahead: usize,
    n_threads: usize,
}

/// Random changes in one epoch.
#[derive(Clone)]
pub struct Augmentation {
    /// Random changes, in order.
    pub changes: Arc<[AugmentationSpec]>,
    /// Random stream of the epoch. Each image uses the child stream named by its path.
    pub stream: SeedStream,
    /// Streams that further visits to an image take turns with, beginning with `stream`, if the
    /// number of versions of an image is fixed. If empty, each visit has a version of its own.
    pub versions: Vec<SeedStream>,
}

impl Augmentation {
    /// The random stream of a visit to the image at `path`.
    fn stream_of(&self, path: &str, repeat: usize) -> SeedStream {
        match repeat {
            0 => self.stream.child(path),
            _ if self.versions.is_empty() => self.stream.child(path).at(repeat as u64),
            _ => self.versions[repeat % self.versions.len()].child(path),
        }
    }
}

impl Loader {
    /// A loader of images whose values are scaled for the base model.
    pub fn new(
        dataset: Arc<Dataset>,
        pixels: Arc<Pixels>,
        spec: &DatasetSpec,
        preprocessing: Preprocessing,
        n_threads: usize,
    ) -> Self {
        let n_ahead = match spec.prefetch {
            Prefetch::Auto => AUTO_PREFETCH,
            Prefetch::Batches(batches) => batches,
        };
        Self {
            dataset,
            pixels,
            preprocessing,
            batch_size: spec.batch_size,
            n_ahead,
            n_threads: n_threads.max(1),
        }
    }

    /// The number of batches of `n_samples` images.
    pub fn n_batches(&self, n_samples: usize) -> usize {
        n_samples.div_ceil(self.batch_size)
    }

    /// The number of images of the dataset.
    pub fn n_samples(&self) -> usize {
        self.dataset.samples.len()
    }

    /// The number of images per batch.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// Starts a pass over the images of `order`, in that order: positions in the dataset, or visits.
    /// Drawn images are those of a `round` of training; 0 is for passes outside training.
    pub fn start<V: Into<Visit>>(
        &self,
        order: impl IntoIterator<Item = V>,
        augmentation: Option<&Augmentation>,
        round: usize,
    ) -> Pass {
        let shared = Arc::new(Shared {
            window: self.n_ahead * self.batch_size,
            order: order.into_iter().map(Into::into).collect(),
            state: Mutex::new(State {
                next: 0,
                taken: 0,
                done: BTreeMap::new(),
                spare: vec![],
                is_over: false,
            }),
            has_done: Condvar::new(),
            has_room: Condvar::new(),
        });
        let started = (0..self.n_threads.min(shared.order.len())).map(|_| {
            let mut worker = Worker {
                loader: self.clone(),
                shared: Arc::clone(&shared),
                resizer: Resizer::of(self.pixels.spec()),
                augmenter: augmentation.map(|a| {
                    (Augmenter::new(&a.changes, self.pixels.spec().image_size), a.clone())
                }),
                round,
            };
            thread::Builder::new().spawn(move || worker.run())
        });
        let (mut workers, mut failed) = (vec![], None);
        for thread in started {
            match thread {
                Ok(worker) => workers.push(worker),
                Err(error) => failed = Some(error),
            }
        }
        // Fewer workers prepare the same images.
        if let (true, Some(error)) = (workers.is_empty(), failed) {
            shared.lock().done.insert(0, Err(LoaderError::Thread(error)));
        }
        Pass { workers, loader: self.clone(), shared, spare: vec![] }
    }
}

/// The state that the consumer and the workers of a pass share.
struct Shared {
    /// The images of the pass.
    order: Vec<Visit>,
    /// Number of images that the workers may be ahead of the consumer.
    window: usize,
    state: Mutex<State>,
    /// Signaled by workers when an image is done.
    has_done: Condvar,
    /// Signaled by the consumer when an image was taken or the pass is over.
    has_room: Condvar,
}

struct State {
    /// Next position in the order to be processed. Written by workers.
    next: usize,
    /// Number of images that the consumer has taken. Written by the consumer.
    taken: usize,
    /// Finished images by position. Workers insert them, the consumer removes them.
    done: BTreeMap<usize, Result<Vec<f32>, LoaderError>>,
    /// Memory of images that the consumer has copied, for reuse by workers.
    spare: Vec<Vec<f32>>,
    /// Set by the consumer to end all workers.
    is_over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A worker catches its panics, so the lock is never poisoned.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One pass over images.
pub struct Pass {
    loader: Loader,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Memory of an earlier batch.
    spare: Vec<f32>,
}

impl Pass {
    /// The next `n` images of the pass as a batch.
    ///
    /// # Errors
    /// When an image cannot be prepared. The pass is then over.
    ///
    /// # Panics
    /// When fewer images are left.
    pub fn take(&mut self, n: usize) -> Result<Batch, LoaderError> {
        let start = self.shared.lock().taken;
        let visits = &self.shared.order[start..start + n];
        let samples: Vec<usize> = visits.iter().map(|visit| visit.sample).collect();
        let ImageSize { height, width } = self.image_size();
        let mut images = std::mem::take(&mut self.spare);
        images.clear();
        images.reserve_exact(n * height * width * 3);
        for place in start..start + n {
            match self.take_out(place) {
                Ok(image) => {
                    images.extend_from_slice(&image);
                    self.shared.lock().spare.push(image);
                }
                Err(error) => {
                    self.stop();
                    return Err(error);
                }
            }
        }
        let images = Tensor::new(&[samples.len(), height, width, 3], images);
        Ok(Batch { images, samples })
    }

    /// The size of its images.
    pub fn image_size(&self) -> ImageSize {
        self.loader.pixels.spec().image_size
    }

    /// Takes the memory of a batch that is no longer needed, for the next one. The system provides
    /// new memory page by page, which takes longer than filling it.
    pub fn give_back(&mut self, batch: Batch) {
        self.spare = batch.images.into_values();
    }

    /// Waits for the image at a position and takes it.
    fn take_out(&self, place: usize) -> Result<Vec<f32>, LoaderError> {
        let mut state = self.shared.lock();
        loop {
            if let Some(result) = state.done.remove(&place) {
                state.taken += 1;
                self.shared.has_room.notify_all();
                return result;
            }
            state = self.shared.has_done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn stop(&self) {
        let mut state = self.shared.lock();
        state.is_over = true;
        state.taken = self.shared.order.len();
        self.shared.has_room.notify_all();
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.stop();
        for worker in self.workers.drain(..) {
            // A worker catches its panics and reports them as a failed image.
            let _ = worker.join();
        }
    }
}

struct Worker {
    loader: Loader,
    shared: Arc<Shared>,
    resizer: Resizer,
    augmenter: Option<(Augmenter, Augmentation)>,
    round: usize,
}

impl Worker {
    fn run(&mut self) {
        while let Some(place) = self.next_place() {
            let dataset = Arc::clone(&self.loader.dataset);
            let Visit { sample, repeat } = self.shared.order[place];
            let sample = &dataset.samples[sample];
            let made = panic::catch_unwind(AssertUnwindSafe(|| self.make(sample, repeat)));
            let result = made.unwrap_or_else(|_| {
                Err(LoaderError::Panicked { path: sample.candidate.path.to_string() })
            });
            self.shared.lock().done.insert(place, result);
            self.shared.has_done.notify_one();
        }
    }

    /// Waits until there is room and takes the next position, if there is one.
    fn next_place(&self) -> Option<usize> {
        let mut state = self.shared.lock();
        loop {
            if state.is_over || state.next == self.shared.order.len() {
                return None;
            }
            if state.next < state.taken + self.shared.window {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self.shared.has_room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The pixels of an image.
    fn pixels(&mut self, sample: &Sample) -> Result<Arc<[u8]>, LoaderError> {
        let Some((generator, number)) = sample.candidate.drawn() else {
            return match self.loader.pixels.find(sample.digest) {
                Some(cached) => Ok(cached.pixels),
                None => self.decode(sample),
            };
        };
        let class = sample.candidate.label;
        let in_round = generator.number_in(self.round, number);
        if in_round != number {
            return Ok(generator.draw(class, in_round).into());
        }
        if let Some(cached) = self.loader.pixels.find(sample.digest) {
            return Ok(cached.pixels);
        }
        // Drawn images are not compared.
        let pixels = generator.draw(class, number);
        Ok(self.loader.pixels.insert(sample.digest, pixels, Likeness::default()))
    }

    /// The pixels of a file, which must not have changed.
    fn decode(&mut self, sample: &Sample) -> Result<Arc<[u8]>, LoaderError> {
        let (resizer, alpha) = (&mut self.resizer, self.loader.pixels.spec().alpha);
        let (pixels, likeness) =
            decoded(sample, alpha, |image| (resizer.resize(&image), Likeness::of(&image)))?;
        Ok(self.loader.pixels.insert(sample.digest, pixels, likeness))
    }

    /// Converts pixels to the network's values. `repeat` visits to the image come before it.
    fn make(&mut self, sample: &Sample, repeat: usize) -> Result<Vec<f32>, LoaderError> {
        let pixels = self.pixels(sample)?;
        let mut values = self.shared.lock().spare.pop().unwrap_or_default();
        if let Some((augmenter, augmentation)) = &mut self.augmenter {
            let stream = augmentation.stream_of(&sample.candidate.path, repeat);
            augmenter.apply(&pixels, &mut values, stream);
        } else {
            values.clear();
            values.extend(pixels.iter().map(|&value| f32::from(value)));
        }
        self.loader.preprocessing.apply(&mut values);
        Ok(values)
    }
}

/// Decodes the file of an image, which must not have changed, and passes the image to `then`.
fn decoded<T>(
    sample: &Sample,
    alpha: Alpha,
    then: impl FnOnce(RgbImage) -> T,
) -> Result<T, LoaderError> {
    let path = || sample.candidate.place();
    let failed = |source| LoaderError::Decode { path: path(), source };
    let bytes = sample.candidate.read().map_err(failed)?;
    if Digest::of(&bytes) != sample.digest {
        return Err(LoaderError::Changed { path: path() });
    }
    decode::decode_then("", &bytes, alpha, then).map_err(failed)
}

/// An image in its own size. It must not have changed since it was examined.
///
/// # Errors
/// When its file changed or can no longer be read.
pub fn whole_image(sample: &Sample, alpha: Alpha) -> Result<RgbImage, LoaderError> {
    match sample.candidate.drawn() {
        Some((generator, number)) => Ok(generator.image(sample.candidate.label, number)),
        None => decoded(sample, alpha, |image| image),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use alpaca_painter::Kind;

    use super::*;
    use crate::base::cancel::Cancel;
    use crate::base::tally::Tally;
    use crate::dataset::examine;
    use crate::dataset::known::KnownImages;
    use crate::dataset::pixels::PixelRoom;
    use crate::dataset::scan;
    use crate::spec::{
        Alpha, DatasetSource, Duplicates, FactorRange, Fit, GeneratorSpec, Interpolation, Location,
        OnBadImage, ResizeSpec, SplitBy, SplitSpec, TargetSpec,
    };

    const SIZE: ImageSize = ImageSize { height: 8, width: 8 };

    fn spec(source: DatasetSource, prefetch: usize) -> DatasetSpec {
        DatasetSpec {
            source,
            target: TargetSpec::Class,
            classes: None,
            unlabeled: vec![],
            limit: None,
            image_size: SIZE,
            resize: ResizeSpec {
                interpolation: Interpolation::Bilinear,
                antialias: true,
                fit: Fit::Stretch,
            },
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
            prefetch: Prefetch::Batches(prefetch),
            on_bad_image: OnBadImage::Error,
            duplicates: Duplicates::Error,
        }
    }

    /// A dataset of two classes of `n` images, and a loader for it that caches no pixels.
    fn loader(folder: &Path, n: u8, prefetch: usize, n_threads: usize) -> Loader {
        for class in ["a", "b"] {
            std::fs::create_dir_all(folder.join(class)).unwrap();
            for i in 0..n {
                let picture = image::RgbImage::from_pixel(8, 8, image::Rgb([i * 2, 100, 200]));
                picture.save(folder.join(class).join(format!("{i:02}.png"))).unwrap();
            }
        }
        let directory = Location { written: String::new(), path: folder.to_path_buf() };
        let source = DatasetSource::Directory { directory };
        let spec = spec(source, prefetch);
        let room = PixelRoom { memory: 0, disk: 0, root: None };
        let pixels = Arc::new(Pixels::new(spec.pixels(), room));
        let listing = scan::scan_some(folder, None, TargetSpec::Class, None).unwrap();
        let dataset = examine::examine(
            listing,
            OnBadImage::Error,
            &pixels,
            &KnownImages::none(),
            &Tally::default(),
            &Cancel::new(),
        )
        .unwrap();
        Loader::new(Arc::new(dataset), pixels, &spec, Preprocessing::MinusOneToOne, n_threads)
    }

    #[test]
    fn pictures_come_in_the_order_of_the_pass() {
        let folder = tempfile::tempdir().unwrap();
        for n_threads in [1, 3] {
            let loader = loader(folder.path(), 10, 2, n_threads);
            let order: Vec<usize> = (0..20).rev().collect();
            let mut pass = loader.start(order, None, 0);
            let sizes = [4, 1, 7, 8];
            let batches = sizes.map(|n| pass.take(n).unwrap());
            let samples: Vec<usize> = batches.iter().flat_map(|b| b.samples.clone()).collect();
            assert_eq!(samples, (0..20).rev().collect::<Vec<_>>());
            for (sample, image) in
                batches.iter().flat_map(|b| b.samples.iter().zip(b.images.rows()))
            {
                let red = (sample % 10 * 2) as f32 / 127.5 - 1.0;
                assert_eq!(image[0], red, "sample {sample}");
            }
        }
    }

    #[test]
    fn visits_to_one_picture_are_augmented_in_different_ways() {
        let folder = tempfile::tempdir().unwrap();
        let loader = loader(folder.path(), 2, 1, 2);
        let stream = SeedStream::new(1);
        let range = FactorRange { low: -0.5, high: 0.5 };
        let changes: Arc<[AugmentationSpec]> =
            [AugmentationSpec::RandomBrightness { factor: range }].into();
        let take = |visits: Vec<Visit>, versions: Vec<SeedStream>| {
            let augmentation =
                Augmentation { changes: Arc::clone(&changes), stream: stream.at(0), versions };
            let n = visits.len();
            let images = loader.start(visits, Some(&augmentation), 0).take(n).unwrap().images;
            images.rows().map(<[f32]>::to_vec).collect::<Vec<_>>()
        };
        let visits: Vec<Visit> = (0..3).map(|repeat| Visit { sample: 1, repeat }).collect();
        let fresh = take(visits.clone(), vec![]);
        assert_eq!(take(vec![1.into()], vec![]), fresh[..1]);
        assert!(fresh[0] != fresh[1] && fresh[1] != fresh[2] && fresh[0] != fresh[2]);
        let turns = take(visits, vec![stream.at(0), stream.at(1)]);
        assert!(turns[0] == fresh[0] && turns[0] != turns[1] && turns[2] == turns[0]);
    }

    #[test]
    fn workers_stay_within_the_buffer() {
        let folder = tempfile::tempdir().unwrap();
        let loader = loader(folder.path(), 20, 2, 3);
        let mut pass = loader.start(0..40, None, 0);
        for taken in [0, 4, 8] {
            // Workers stop when the buffer is full; waiting for that takes no fixed time.
            while pass.shared.lock().next < taken + 8 {
                thread::yield_now();
            }
            let state = pass.shared.lock();
            assert_eq!(state.next, taken + 8);
            assert!(state.done.len() <= 8);
            drop(state);
            pass.take(4).unwrap();
        }
    }

    #[test]
    fn a_worker_that_fails_ends_the_pass_with_the_name_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let loader = loader(folder.path(), 4, 1, 2);
        std::fs::remove_file(folder.path().join("b/02.png")).unwrap();
        let mut pass = loader.start(0..8, None, 0);
        pass.take(4).unwrap();
        let error = pass.take(4).unwrap_err().to_string();
        assert!(error.contains("02.png"), "{error}");
    }

    #[test]
    fn a_file_that_changes_during_a_run_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let loader = loader(folder.path(), 4, 1, 1);
        let other = image::RgbImage::from_pixel(8, 8, image::Rgb([1, 1, 1]));
        other.save(folder.path().join("a/00.png")).unwrap();
        let error = loader.start(vec![0], None, 0).take(1).unwrap_err();
        assert!(matches!(error, LoaderError::Changed { .. }), "{error}");
    }

    #[test]
    fn a_picture_is_drawn_once_where_it_is_not_drawn_afresh() {
        for (afresh, n_kept) in [(false, 4), (true, 2)] {
            let generator = GeneratorSpec {
                kinds: vec![Kind::Textures],
                classes: 2,
                images: 2,
                seed: 0,
                afresh,
            };
            let spec = spec(DatasetSource::Generator { generator }, 1);
            let room = PixelRoom { memory: 1 << 20, disk: 0, root: None };
            let pixels = Arc::new(Pixels::new(spec.pixels(), room));
            let listing = scan::list(&spec, None).unwrap();
            let dataset = examine::examine(
                listing,
                OnBadImage::Error,
                &pixels,
                &KnownImages::none(),
                &Tally::default(),
                &Cancel::new(),
            )
            .unwrap();
            let pixels_of = Arc::clone(&pixels);
            let loader =
                Loader::new(Arc::new(dataset), pixels, &spec, Preprocessing::MinusOneToOne, 1);
            let validation = loader.start(vec![0, 2], None, 0).take(2).unwrap();
            assert_eq!(
                loader.start(vec![0, 2], None, 0).take(2).unwrap().images,
                validation.images
            );
            let training =
                [1, 2].map(|round| loader.start(vec![1, 3], None, round).take(2).unwrap());
            assert_eq!(training[0].images == training[1].images, !afresh);
            assert_eq!(pixels_of.facts().n_in_memory, n_kept);
        }
    }

    #[test]
    fn a_pass_that_is_given_up_ends_its_workers() {
        let folder = tempfile::tempdir().unwrap();
        let loader = loader(folder.path(), 10, 1, 2);
        let mut pass = loader.start(0..20, None, 0);
        pass.take(2).unwrap();
        drop(pass);
    }
}
