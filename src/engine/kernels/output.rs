//! Memory that a kernel writes and does not read.

use std::mem::MaybeUninit;

use rayon::prelude::*;

/// Room for numbers that a kernel writes, every one of them, before anybody reads. New memory needs
/// no zeros first.
#[derive(Debug)]
pub struct Out<'a> {
    // Only numbers are ever written here: what came as numbers stays numbers.
    room: &'a mut [MaybeUninit<f32>],
}

impl<'a> Out<'a> {
    /// How many numbers there is room for.
    pub fn len(&self) -> usize {
        self.room.len()
    }

    /// Whether there is room for none.
    pub fn is_empty(&self) -> bool {
        self.room.is_empty()
    }

    /// Room for `len` numbers from `start` on.
    pub fn part(&mut self, start: usize, len: usize) -> Out<'_> {
        Out { room: &mut self.room[start..start + len] }
    }

    /// The room in pieces of `len`.
    pub fn chunks(self, len: usize) -> impl Iterator<Item = Out<'a>> {
        self.room.chunks_exact_mut(len).map(|room| Out { room })
    }

    /// Writes as many of `values` as there is room for.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn fill_from(&mut self, values: impl Iterator<Item = f32>) {
        let mut n = 0;
        for (place, value) in self.room.iter_mut().zip(values) {
            place.write(value);
            n += 1;
        }
        assert_eq!(n, self.room.len(), "values for the whole room");
    }

    /// Writes `values` into the whole room.
    pub fn write(self, values: &[f32]) {
        self.room.write_copy_of_slice(values);
    }

    pub(super) fn pointer(&mut self) -> *mut f32 {
        self.room.as_mut_ptr().cast()
    }
}

impl<'a> From<&'a mut [f32]> for Out<'a> {
    fn from(values: &'a mut [f32]) -> Self {
        let (start, len) = (values.as_mut_ptr(), values.len());
        // SAFETY: the same memory for the same time; `Out` writes nothing but numbers.
        Self { room: unsafe { std::slice::from_raw_parts_mut(start.cast(), len) } }
    }
}

/// A list of numbers that is made piece by piece, by whoever has the room for a piece.
#[derive(Debug)]
pub struct Filling {
    values: Vec<f32>,
    len: usize,
}

impl Filling {
    /// A list of `len` numbers, none of which is there yet.
    pub fn new(len: usize) -> Self {
        Self { values: Vec::with_capacity(len), len }
    }

    /// The room, in pieces of the given lengths.
    ///
    /// # Panics
    /// When the lengths do not sum to that of the list.
    pub fn rooms(&mut self, lengths: impl IntoIterator<Item = usize>) -> Vec<Out<'_>> {
        let mut rest = &mut self.values.spare_capacity_mut()[..self.len];
        let rooms = lengths
            .into_iter()
            .map(|len| {
                let (room, behind) = std::mem::take(&mut rest).split_at_mut(len);
                rest = behind;
                Out { room }
            })
            .collect();
        assert!(rest.is_empty(), "pieces cover the list");
        rooms
    }

    /// The list.
    ///
    /// # Safety
    /// All of the room has been written.
    pub unsafe fn finish(mut self) -> Vec<f32> {
        // SAFETY: the capacity is at least `len`, and the numbers are there, as the caller vouches.
        unsafe { self.values.set_len(self.len) }
        self.values
    }
}

/// A list of `len` numbers that `write` makes in parallel, in pieces of `piece` (the last may be
/// shorter): `write(i, out)` writes piece `i`.
///
/// # Safety
/// `write` fills all of its `out`.
pub unsafe fn filled(len: usize, piece: usize, write: impl Fn(usize, Out<'_>) + Sync) -> Vec<f32> {
    let mut values = Filling::new(len);
    let lengths = (0..len).step_by(piece).map(|start| piece.min(len - start));
    values.rooms(lengths).into_par_iter().enumerate().for_each(|(index, out)| write(index, out));
    // SAFETY: all pieces have been filled, as the caller vouches.
    unsafe { values.finish() }
}
