//! A progress counter that other threads can read.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Shared by all its clones.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    work: Mutex<Option<Work>>,
    done: AtomicUsize,
}

/// Work that takes long enough to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// What is done, such as "reading images".
    pub what: &'static str,
    /// The unit that is counted, such as "images".
    pub unit: &'static str,
    /// How many there are.
    pub n: usize,
}

impl Tally {
    /// Starts counting.
    pub fn begin(&self, what: &'static str, unit: &'static str, n: usize) {
        let mut work = self.0.work.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.done.store(0, Ordering::Relaxed);
        *work = (n > 0).then_some(Work { what, unit, n });
    }

    /// Counts one more.
    pub fn add(&self) {
        self.add_many(1);
    }

    /// Counts `n` more.
    pub fn add_many(&self, n: usize) {
        self.0.done.fetch_add(n, Ordering::Relaxed);
    }

    /// Stops counting.
    pub fn end(&self) {
        *self.0.work.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The work in progress, and how much of it is done. `None` while nothing is counted.
    pub fn read(&self) -> Option<(Work, usize)> {
        let work = (*self.0.work.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some((work, self.0.done.load(Ordering::Relaxed).min(work.n)))
    }
}
