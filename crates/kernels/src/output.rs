//! Write-only memory for kernel outputs.

use std::mem::{self, MaybeUninit};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

/// Memory for numbers that a kernel writes completely before they are read, so that new memory does
/// not have to be zeroed.
///
/// Memory is consumed when it is written. No place can be written twice, so a [`Filling`] only
/// needs to count to know that everything has been written.
#[derive(Debug)]
pub struct Out<'a> {
    // Only numbers are written here, so initialized memory stays initialized.
    room: &'a mut [MaybeUninit<f32>],
    /// The number of values written so far in the list that this memory belongs to.
    n_written: Option<&'a AtomicUsize>,
}

impl Out<'_> {
    /// The number of values that fit.
    pub fn len(&self) -> usize {
        self.room.len()
    }

    /// Whether no values fit.
    pub fn is_empty(&self) -> bool {
        self.room.is_empty()
    }

    /// Splits off the memory for the next `len` numbers.
    ///
    /// # Panics
    /// When less memory is left.
    #[must_use]
    pub fn take(&mut self, len: usize) -> Self {
        let (room, rest) = mem::take(&mut self.room).split_at_mut(len);
        self.room = rest;
        Self { room, n_written: self.n_written }
    }

    /// The memory in pieces of `len`.
    pub fn chunks(self, len: usize) -> impl Iterator<Item = Self> {
        let n_written = self.n_written;
        self.room.chunks_exact_mut(len).map(move |room| Self { room, n_written })
    }

    /// Fills the memory with the first of `values`.
    ///
    /// # Panics
    /// When there are too few values.
    pub fn fill_from(self, values: impl Iterator<Item = f32>) {
        let mut n = 0;
        for (place, value) in self.room.iter_mut().zip(values) {
            place.write(value);
            n += 1;
        }
        assert_eq!(n, self.room.len(), "values for the whole room");
        self.count();
    }

    /// Fills the whole memory with `values`.
    ///
    /// # Panics
    /// When the number of values differs from the number that fits.
    pub fn write(self, values: &[f32]) {
        self.room.write_copy_of_slice(values);
        self.count();
    }

    pub(super) fn pointer(&mut self) -> *mut f32 {
        self.room.as_mut_ptr().cast()
    }

    /// Records that the memory has been written.
    ///
    /// # Safety
    /// All of the memory must have been written.
    pub(super) unsafe fn written(self) {
        self.count();
    }

    fn count(self) {
        if let Some(n_written) = self.n_written {
            // A reader of the list waits for the threads that wrote it, which orders the writes.
            n_written.fetch_add(self.room.len(), Ordering::Relaxed);
        }
    }
}

impl<'a> From<&'a mut [f32]> for Out<'a> {
    fn from(values: &'a mut [f32]) -> Self {
        let (start, len) = (values.as_mut_ptr(), values.len());
        // SAFETY: the same memory for the same time; `Out` writes nothing but numbers.
        let room = unsafe { std::slice::from_raw_parts_mut(start.cast(), len) };
        Self { room, n_written: None }
    }
}

/// A list of numbers that is written piece by piece, possibly by several threads.
#[derive(Debug)]
pub struct Filling {
    values: Vec<f32>,
    len: usize,
    n_written: AtomicUsize,
}

impl Filling {
    /// An unwritten list of `len` numbers.
    pub fn new(len: usize) -> Self {
        Self { values: Vec::with_capacity(len), len, n_written: AtomicUsize::new(0) }
    }

    /// The memory, in pieces of the given lengths. Earlier writes no longer count.
    ///
    /// # Panics
    /// When the sum of the lengths differs from the length of the list.
    pub fn rooms(&mut self, lengths: impl IntoIterator<Item = usize>) -> Vec<Out<'_>> {
        *self.n_written.get_mut() = 0;
        let room = &mut self.values.spare_capacity_mut()[..self.len];
        let mut rest = Out { room, n_written: Some(&self.n_written) };
        let rooms = lengths.into_iter().map(|len| rest.take(len)).collect();
        assert!(rest.is_empty(), "pieces cover the list");
        rooms
    }

    /// The completed list.
    ///
    /// # Panics
    /// When some of the memory has not been written.
    pub fn finish(mut self) -> Vec<f32> {
        assert_eq!(*self.n_written.get_mut(), self.len, "all of the room is written");
        // SAFETY: the capacity is at least `len`. The pieces are disjoint, and each counts at
        // most once and only when it has been written, so a count of `len` means all of them.
        unsafe { self.values.set_len(self.len) }
        self.values
    }
}

/// Makes a list of `len` numbers in parallel, in pieces of length `piece` (the last may be
/// shorter): `write(i, out)` writes piece `i`.
///
/// # Panics
/// When `write` does not fill its piece.
pub fn filled(len: usize, piece: usize, write: impl Fn(usize, Out<'_>) + Sync) -> Vec<f32> {
    let mut values = Filling::new(len);
    // A list without numbers may have pieces without any.
    let lengths = (0..len).step_by(piece.max(1)).map(|start| piece.min(len - start));
    values.rooms(lengths).into_par_iter().enumerate().for_each(|(index, out)| write(index, out));
    values.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_whole_when_every_piece_was_written() {
        let values = filled(5, 2, |piece, out| {
            let first = 2 * piece;
            out.fill_from((first..).map(|i| i as f32));
        });
        assert_eq!(values, [0.0, 1.0, 2.0, 3.0, 4.0]);
    }

    #[test]
    #[should_panic(expected = "all of the room is written")]
    fn a_list_with_a_hole_is_not_given_out() {
        let mut filling = Filling::new(4);
        let mut rooms = filling.rooms([2, 2]);
        rooms.pop().unwrap().write(&[1.0, 2.0]);
        drop(rooms);
        filling.finish();
    }

    #[test]
    #[should_panic(expected = "all of the room is written")]
    fn room_that_was_handed_out_again_does_not_count_twice() {
        let mut filling = Filling::new(4);
        let mut first = filling.rooms([4]).remove(0);
        first.take(2).write(&[1.0, 2.0]);
        let mut second = filling.rooms([4]).remove(0);
        second.take(2).write(&[1.0, 2.0]);
        filling.finish();
    }
}
