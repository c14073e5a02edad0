//! Images that wait for the model. What does not fit is refused at once, so that neither memory nor
//! waiting times grow.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Instant;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use rayon::ThreadPool;
use tokio::sync::oneshot::{self, error::RecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;
use super::counts::Counts;
use crate::base::text;
use crate::exec::ask::image_files::{Answer, ImageFile};
use crate::exec::ask::predict::Predictor;
use crate::exec::error::RunError;
use crate::serve::reply::Refusal;

/// Number of images that are classified at once.
const BATCH: usize = 32;
/// Requests of the largest size that fit into memory at the same time.
const LARGEST_REQUESTS: usize = 8;
/// The unit in which memory is counted, in bytes.
const UNIT: usize = 1 << 10;

/// Answers for all images of a request, or why the model failed.
type Answers = Result<Vec<Answer>, String>;

/// The images of a request.
pub(super) struct Job {
    images: Vec<ImageFile>,
    reply: oneshot::Sender<Answers>,
    /// Places in the queue and in memory, free again once the job is dropped.
    _room: [OwnedSemaphorePermit; 2],
}

/// The way to the model.
pub(super) struct Queue {
    jobs: Sender<Job>,
    images: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    limits: Limits,
}

/// A queue, and the end that the model takes jobs from.
pub(super) fn queue(limits: Limits) -> (Queue, Receiver<Job>) {
    let (sender, receiver) = mpsc::channel();
    let memory = units(limits.bytes).saturating_mul(LARGEST_REQUESTS).min(Semaphore::MAX_PERMITS);
    let queue = Queue {
        jobs: sender,
        images: Arc::new(Semaphore::new(limits.images)),
        memory: Arc::new(Semaphore::new(memory)),
        limits,
    };
    (queue, receiver)
}

impl Queue {
    /// Memory for a request, before any of it is read.
    pub(super) fn room_for_bytes(
        &self,
        request: &Request,
    ) -> Result<OwnedSemaphorePermit, Refusal> {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let most = self.limits.bytes;
        if length.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        // A request that does not say its length may be as long as any.
        take(&self.memory, units(length.unwrap_or(most)))
    }

    /// Passes images on to the model.
    pub(super) fn ask(
        &self,
        images: Vec<ImageFile>,
        memory: OwnedSemaphorePermit,
    ) -> Result<impl Future<Output = Result<Answers, RecvError>> + use<>, Refusal> {
        if images.len() > self.limits.images {
            let why =
                format!("a request may have {} at most", text::count(self.limits.images, "image"));
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        let place = take(&self.images, images.len())?;
        let (reply, answers) = oneshot::channel();
        let job = Job { images, reply, _room: [place, memory] };
        // Without the thread of the model, the reply is dropped and the future says so.
        drop(self.jobs.send(job));
        Ok(answers)
    }

    /// Number of images that are waiting or being classified.
    pub(super) fn n_waiting(&self) -> usize {
        self.limits.images.saturating_sub(self.images.available_permits())
    }
}

/// Takes places, unless there are not enough.
fn take(semaphore: &Arc<Semaphore>, n: usize) -> Result<OwnedSemaphorePermit, Refusal> {
    let n = u32::try_from(n).unwrap_or(u32::MAX);
    Arc::clone(semaphore).try_acquire_many_owned(n).map_err(|_| {
        let why = "the server is busy; try again in a second";
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, why)
    })
}

fn units(bytes: usize) -> usize {
    bytes.div_ceil(UNIT).max(1)
}

/// A request with more bytes than allowed.
pub(super) fn too_large(most: usize) -> Refusal {
    let why = format!("the request is larger than {}", text::bytes(most as u64));
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why)
}

/// The model, and where it runs.
pub(super) struct Worker {
    pub(super) predictor: Predictor,
    pub(super) pool: ThreadPool,
    pub(super) counts: Arc<Counts>,
}

impl Worker {
    /// Classifies images until the queue ends. Requests that wait are classified together.
    pub(super) fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut n = first.images.len();
            let mut batch = vec![first];
            while n < BATCH {
                let Ok(job) = jobs.try_recv() else { break };
                n += job.images.len();
                batch.push(job);
            }
            // A client that has left needs no answer.
            batch.retain(|job| !job.reply.is_closed());
            self.answer(batch);
        }
    }

    fn answer(&mut self, batch: Vec<Job>) {
        let images: Vec<ImageFile> =
            batch.iter().flat_map(|job| job.images.iter().cloned()).collect();
        if images.is_empty() {
            return;
        }
        let start = Instant::now();
        let Self { predictor, pool, counts } = self;
        let mut answers = vec![];
        let keep = |_: &Path, answer| {
            answers.push(answer);
            Ok(())
        };
        let done: Result<(), RunError> = pool.install(|| predictor.predict(&images, keep));
        counts.classified(images.len(), start.elapsed());
        let mut answers = answers.into_iter();
        for Job { images, reply, _room } in batch {
            let own: Vec<Answer> = answers.by_ref().take(images.len()).collect();
            let own = match &done {
                Ok(()) => Ok(own),
                Err(error) => Err(error.to_string()),
            };
            // The client may have left meanwhile.
            let _ = reply.send(own);
        }
    }
}
