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

/// Work that is being counted.
pub struct Counting<'a>(&'a Tally);

impl Drop for Counting<'_> {
    fn drop(&mut self) {
        *self.0.0.work.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Tally {
    /// Starts counting. Counting stops when the returned value is dropped, so also after an error.
    #[must_use]
    pub fn begin(&self, what: &'static str, unit: &'static str, n: usize) -> Counting<'_> {
        let mut work = self.0.work.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.done.store(0, Ordering::Relaxed);
        *work = (n > 0).then_some(Work { what, unit, n });
        Counting(self)
    }

    /// Counts one more.
    pub fn add(&self) {
        self.add_many(1);
    }

    /// Counts `n` more.
    pub fn add_many(&self, n: usize) {
        self.0.done.fetch_add(n, Ordering::Relaxed);
    }

    /// The work in progress, and how much of it is done. `None` while nothing is counted.
    pub fn read(&self) -> Option<(Work, usize)> {
        let work = (*self.0.work.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some((work, self.0.done.load(Ordering::Relaxed).min(work.n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_ends_with_the_work_even_if_it_fails() {
        let tally = Tally::default();
        let fails = || -> Result<(), ()> {
            let _counting = tally.begin("reading", "files", 3);
            tally.add_many(2);
            assert_eq!(tally.read(), Some((Work { what: "reading", unit: "files", n: 3 }, 2)));
            Err(())
        };
        assert!(fails().is_err());
        assert_eq!(tally.read(), None);
    }
}
