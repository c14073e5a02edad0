//! Panics of other people's code on other people's data, caught where they happen.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static IS_EXPECTED: Cell<bool> = const { Cell::new(false) };
}

/// Does the work; nothing where it panics. `work` must not share state that it may leave half
/// changed.
pub fn catch<T>(work: impl FnOnce() -> T) -> Option<T> {
    let before = IS_EXPECTED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_EXPECTED.set(before);
    result.ok()
}

/// Whether a panic of this thread is caught and reported as something else: a hook has nothing to
/// print.
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
