//! Catches panics of third-party code on untrusted data.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work`, and returns `None` if it panics. `work` must not share state that it could leave
/// half changed.
pub fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = IS_EXPECTED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_EXPECTED.set(before);
    result.ok()
}

/// Whether a panic of this thread will be caught and reported in another way, so that a panic hook
/// should not print it.
pub fn is_expected() -> bool {
    IS_EXPECTED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_caught_and_expected_only_there() {
        assert_eq!(catch(is_expected), Some(true));
        assert_eq!(catch(|| [1, 2][std::hint::black_box(2)]), None);
        assert!(!is_expected());
    }
}
