//! Makes batches ahead of whoever consumes them.
//!
//! Worker threads take pictures in the order of the pass, decode, resize, augment and scale them,
//! and put them where the consumer takes them out in the same order. A worker that is further
//! ahead than the buffer allows waits, so memory holds a few batches and never the dataset. Which
//! worker made a picture, and when, has no influence on it.

use std::collections::BTreeMap;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::augment::Augmenter;
use super::decode::{self, DecodeError};
use super::examine::{Dataset, Sample};
use super::resize::Resizer;
use crate::base::batch::Batch;
use crate::base::fs::{self, FileError};
use crate::base::random::SeedStream;
use crate::base::tensor::Tensor;
use crate::spec::{AugmentationSpec, DatasetSpec, ImageSize, Prefetch, Preprocessing, ResizeSpec};

/// How many batches [`Prefetch::Auto`] makes ahead.
const AUTO_PREFETCH: usize = 4;

/// A picture that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoaderError {
    /// Its file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its file is no longer the picture it was.
    #[error("`{path}` can no longer be read as a picture: {source}")]
    Decode {
        /// The file.
        path: String,
        /// What is wrong.
        source: DecodeError,
    },
    /// The work on it stopped unexpectedly.
    #[error("the work on `{path}` stopped unexpectedly; this is a bug of alpaca-run")]
    Panicked {
        /// The file.
        path: String,
    },
}

/// Makes batches from the pictures of one dataset.
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<Dataset>,
    size: ImageSize,
    resize: ResizeSpec,
    preprocessing: Preprocessing,
    batch_size: usize,
    n_ahead: usize,
    n_threads: usize,
}

/// Random changes in one epoch.
#[derive(Clone)]
pub struct Augmentation {
    /// What may change.
    pub changes: Arc<[AugmentationSpec]>,
    /// The stream of the epoch; each picture draws from the child named by its path.
    pub stream: SeedStream,
}

impl Loader {
    /// A loader that brings pictures to the size of `spec` and scales their values for the base model.
    pub fn new(
        dataset: Arc<Dataset>,
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
            size: spec.image_size,
            resize: spec.resize,
            preprocessing,
            batch_size: spec.batch_size,
            n_ahead,
            n_threads: n_threads.max(1),
        }
    }

    /// How many batches `n_samples` pictures make.
    pub fn n_batches(&self, n_samples: usize) -> usize {
        n_samples.div_ceil(self.batch_size)
    }

    /// Starts a pass over the pictures at `order`, in that order.
    pub fn start(&self, order: Vec<usize>, augmentation: Option<&Augmentation>) -> Pass {
        let shared = Arc::new(Shared {
            window: self.n_ahead * self.batch_size,
            order,
            state: Mutex::new(State { next: 0, taken: 0, done: BTreeMap::new(), is_over: false }),
            has_done: Condvar::new(),
            has_room: Condvar::new(),
        });
        let workers = (0..self.n_threads.min(shared.order.len())).map(|_| {
            let mut worker = Worker {
                loader: self.clone(),
                shared: Arc::clone(&shared),
                resizer: Resizer::new(self.resize, self.size),
                augmenter: augmentation.map(|a| (Augmenter::new(&a.changes, self.size), a.stream)),
            };
            std::thread::spawn(move || worker.run())
        });
        Pass { workers: workers.collect(), loader: self.clone(), shared }
    }
}

/// What the consumer and the workers of a pass share.
struct Shared {
    /// The pictures of the pass.
    order: Vec<usize>,
    /// How many pictures the workers may be ahead of the consumer.
    window: usize,
    state: Mutex<State>,
    /// Signalled by workers: a picture is done.
    has_done: Condvar,
    /// Signalled by the consumer: a picture was taken, or the pass is over.
    has_room: Condvar,
}

struct State {
    /// The next place in the order to be worked on. Written by workers.
    next: usize,
    /// How many places the consumer has taken out. Written by the consumer.
    taken: usize,
    /// Finished pictures by place. Workers put in, the consumer takes out.
    done: BTreeMap<usize, Result<Vec<f32>, LoaderError>>,
    /// Set by the consumer when it wants no more; ends every worker.
    is_over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A worker catches its panics, so no thread can die while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One pass over pictures: an iterator of batches.
pub struct Pass {
    loader: Loader,
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Iterator for Pass {
    type Item = Result<Batch, LoaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.shared.lock().taken;
        let end = self.shared.order.len().min(start + self.loader.batch_size);
        if start == end {
            return None;
        }
        let samples = self.shared.order[start..end].to_vec();
        let mut images = Vec::new();
        for place in start..end {
            match self.take_out(place) {
                Ok(image) if images.is_empty() => {
                    images = image;
                    images.reserve_exact(images.len() * (end - start - 1));
                }
                Ok(image) => images.extend_from_slice(&image),
                Err(error) => {
                    self.stop();
                    return Some(Err(error));
                }
            }
        }
        let ImageSize { height, width } = self.loader.size;
        let labels =
            samples.iter().map(|&i| self.loader.dataset.samples[i].candidate.class).collect();
        let images = Tensor::new(&[samples.len(), height, width, 3], images);
        Some(Ok(Batch { images, labels, samples }))
    }
}

impl Pass {
    /// Waits for the picture at a place and takes it out.
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
            // A worker catches its panics and reports them as a picture that failed.
            let _ = worker.join();
        }
    }
}

struct Worker {
    loader: Loader,
    shared: Arc<Shared>,
    resizer: Resizer,
    augmenter: Option<(Augmenter, SeedStream)>,
}

impl Worker {
    fn run(&mut self) {
        while let Some(place) = self.next_place() {
            let dataset = Arc::clone(&self.loader.dataset);
            let sample = &dataset.samples[self.shared.order[place]];
            let made = panic::catch_unwind(AssertUnwindSafe(|| self.make(sample)));
            let path = || sample.candidate.file.display().to_string();
            let result = made.unwrap_or_else(|_| Err(LoaderError::Panicked { path: path() }));
            self.shared.lock().done.insert(place, result);
            self.shared.has_done.notify_one();
        }
    }

    /// Waits until there is room and takes the next place, if there is one.
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

    /// From a file to the network's values.
    fn make(&mut self, sample: &Sample) -> Result<Vec<f32>, LoaderError> {
        let file = &sample.candidate.file;
        let bytes = fs::read(file)?;
        let picture = decode::decode(&bytes)
            .map_err(|source| LoaderError::Decode { path: file.display().to_string(), source })?;
        let mut values: Vec<f32> =
            self.resizer.resize(&picture).into_iter().map(f32::from).collect();
        if let Some((augmenter, stream)) = &mut self.augmenter {
            augmenter.apply(&mut values, stream.child(&sample.candidate.path));
        }
        self.loader.preprocessing.apply(&mut values);
        Ok(values)
    }
}
