//! Memory for decoding, shared by all workers. Small images are decoded in parallel, very large
//! ones one after the other. The order does not affect results.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes that all images may take together while they are decoded and resized. An image that needs
/// more is decoded alone.
const SHARED: u64 = 1 << 30;

static BUDGET: Budget = Budget { taken: Mutex::new(0), freed: Condvar::new() };

struct Budget {
    taken: Mutex<u64>,
    freed: Condvar,
}

/// Memory that is reserved until this is dropped.
#[derive(Debug)]
pub(super) struct Permit(u64);

/// Waits until there is room. A thread that holds a permit must not ask for another.
pub(super) fn take(bytes: u64) -> Permit {
    let mut taken = BUDGET.taken.lock().unwrap_or_else(PoisonError::into_inner);
    while *taken > 0 && taken.saturating_add(bytes) > SHARED {
        taken = BUDGET.freed.wait(taken).unwrap_or_else(PoisonError::into_inner);
    }
    *taken = taken.saturating_add(bytes);
    Permit(bytes)
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut taken = BUDGET.taken.lock().unwrap_or_else(PoisonError::into_inner);
        *taken = taken.saturating_sub(self.0);
        BUDGET.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn what_is_larger_than_all_is_decoded_alone() {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let _permit = take(2 * SHARED);
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(std::time::Duration::from_millis(5));
                    now.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
    }
}
