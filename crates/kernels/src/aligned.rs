//! Aligned memory, from which vectors can be loaded without crossing a cache line.

use std::cell::RefCell;

/// The size of a cache line and of the widest vector, in bytes.
const LINE: usize = 64;
const VALUES: usize = LINE / size_of::<f32>();

/// A list of numbers that starts at a cache line boundary.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    values: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    /// `len` zeros.
    pub(super) fn zeros(len: usize) -> Self {
        let values = vec![0.0; len + VALUES - 1];
        // `align_offset` may return `usize::MAX` if it cannot compute the offset.
        let start = values.as_ptr().align_offset(LINE).min(VALUES - 1);
        Self { values, start, len }
    }
}

impl AsRef<[f32]> for Aligned {
    fn as_ref(&self) -> &[f32] {
        &self.values[self.start..self.start + self.len]
    }
}

impl AsMut<[f32]> for Aligned {
    fn as_mut(&mut self) -> &mut [f32] {
        &mut self.values[self.start..self.start + self.len]
    }
}

thread_local! {
    /// Working memory of this thread that is not in use, that of the outermost use last.
    static SCRATCH: RefCell<Vec<Aligned>> = RefCell::default();
}

/// Lends working memory of this thread in pieces of the given lengths, each aligned to a cache
/// line. Its content is unspecified: it is left over from earlier uses.
pub fn with_scratch<const N: usize, R>(
    lengths: [usize; N],
    work: impl FnOnce([&mut [f32]; N]) -> R,
) -> R {
    let total = lengths.into_iter().map(whole_lines).sum();
    let mut scratch = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    if scratch.len < total {
        scratch = Aligned::zeros(total);
    }
    let mut rest = scratch.as_mut();
    let pieces = lengths.map(|length| {
        let (piece, behind) = std::mem::take(&mut rest).split_at_mut(whole_lines(length));
        rest = behind;
        &mut piece[..length]
    });
    let result = work(pieces);
    SCRATCH.with_borrow_mut(|free| free.push(scratch));
    result
}

/// A length rounded up to whole cache lines.
fn whole_lines(length: usize) -> usize {
    length.div_ceil(VALUES) * VALUES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_as_long_as_asked_and_start_at_a_line() {
        for _ in 0..2 {
            with_scratch([3, 0, 100], |pieces| {
                assert_eq!(pieces.each_ref().map(|piece| piece.len()), [3, 0, 100]);
                for piece in pieces {
                    assert_eq!(piece.as_ptr().align_offset(LINE), 0);
                    piece.fill(1.0);
                }
            });
        }
    }

    #[test]
    fn memory_that_is_in_use_is_not_lent_twice() {
        with_scratch([8], |[outer]| {
            outer.fill(1.0);
            with_scratch([8], |[inner]| inner.fill(2.0));
            assert_eq!(outer, [1.0; 8]);
        });
    }
}
