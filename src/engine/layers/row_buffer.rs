//! A window of rows that moves down a map.

use std::ops::Range;

use alpaca_kernels::Rows;

/// Neighboring rows of a map, in working memory for only a few rows.
pub(in crate::engine) struct RowBuffer<'a> {
    rows: Range<usize>,
    values: &'a mut [f32],
    row_len: usize,
}

impl<'a> RowBuffer<'a> {
    /// Working memory for rows of `row_len` values, empty at first.
    pub(in crate::engine) fn new(values: &'a mut [f32], row_len: usize) -> Self {
        Self { rows: 0..0, values, row_len }
    }

    /// Drops the rows before `first` and makes room up to `end`. Returns the new rows and the
    /// memory into which the caller writes them.
    ///
    /// # Panics
    /// When the memory is too small for that many rows.
    pub(in crate::engine) fn advance(
        &mut self,
        first: usize,
        end: usize,
    ) -> (Range<usize>, &mut [f32]) {
        let len = self.row_len;
        let dropped = first.clamp(self.rows.start, self.rows.end) - self.rows.start;
        self.values.copy_within(dropped * len..self.rows.len() * len, 0);
        let new = self.rows.end.max(first)..end.max(self.rows.end);
        self.rows = first..new.end;
        (new.clone(), &mut self.values[(new.start - first) * len..(new.end - first) * len])
    }

    /// The rows in memory.
    pub(in crate::engine) fn as_rows(&self) -> Rows<'_> {
        Rows { values: &self.values[..self.rows.len() * self.row_len], first: self.rows.start }
    }

    /// The values of some of the rows.
    ///
    /// # Panics
    /// When the rows are not in memory.
    pub(in crate::engine) fn part(&self, rows: Range<usize>) -> &[f32] {
        let at = |row: usize| (row - self.rows.start) * self.row_len;
        &self.values[at(rows.start)..at(rows.end)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_still_needed_move_to_the_front() {
        let mut memory = [0.0; 8];
        let mut held = RowBuffer::new(&mut memory, 2);
        let (rows, room) = held.advance(0, 3);
        assert_eq!(rows, 0..3);
        room.copy_from_slice(&[0.0, 0.1, 1.0, 1.1, 2.0, 2.1]);
        let (rows, room) = held.advance(2, 5);
        assert_eq!(rows, 3..5);
        room.copy_from_slice(&[3.0, 3.1, 4.0, 4.1]);
        assert_eq!(held.part(2..4), [2.0, 2.1, 3.0, 3.1]);
        let (rows, _) = held.advance(7, 8);
        assert_eq!(rows, 7..8);
        assert_eq!(held.as_rows().first, 7);
    }
}
