//! A progress counter that other threads can read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Shared by all its clones.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    all: AtomicUsize,
    done: AtomicUsize,
}

impl Tally {
    /// Starts counting to `all`.
    pub fn begin(&self, all: usize) {
        self.0.done.store(0, Ordering::Relaxed);
        self.0.all.store(all, Ordering::Relaxed);
    }

    /// Counts one more.
    pub fn add(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Stops counting.
    pub fn end(&self) {
        self.begin(0);
    }

    /// How many are done, and how many there are. `None` while nothing is counted.
    pub fn read(&self) -> Option<(usize, usize)> {
        let (done, all) = (self.0.done.load(Ordering::Relaxed), self.0.all.load(Ordering::Relaxed));
        (all > 0).then_some((done.min(all), all))
    }
}
