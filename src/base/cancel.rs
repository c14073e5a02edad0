//! A request to stop, from any thread to the one that can act on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// It is shared by all its clones. Once set, it stays set.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A request that has not been made yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop. Returns whether this is the first request.
    pub fn set(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    /// Whether a stop has been requested.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
