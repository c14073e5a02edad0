//! The registers of a tile of a matrix product.

use super::simd::{MOST_VECTORS, Simd};

/// The maximum number of rows of a tile.
pub(super) const MOST_TILE_ROWS: usize = 12;

/// The sums of a tile: its rows, for each vector of its columns.
pub(super) type Tile<S> = [[<S as Simd>::Vector; MOST_TILE_ROWS]; MOST_VECTORS];

/// A tile of zeros.
///
/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(super) unsafe fn zeros<S: Simd>() -> Tile<S> {
    // SAFETY: the caller guarantees the instruction set.
    let zero = unsafe { S::splat(0.0) };
    // Not `[zero; 12]`, which is a loop over memory at first.
    let rows = [zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero, zero];
    [rows, rows, rows]
}

/// Runs `$work` for each of the first `$n` rows of a tile.
macro_rules! over_rows {
    ($n:expr, $i:ident => $work:expr) => {
        $crate::simd::unrolled!([0 1 2 3 4 5 6 7 8 9 10 11], $n, $i => $work)
    };
}
pub(super) use over_rows;

/// Runs `$work` for each of the first `$n` vectors of a tile.
macro_rules! over_vectors {
    ($n:expr, $j:ident => $work:expr) => {
        $crate::simd::unrolled!([0 1 2], $n, $j => $work)
    };
}
pub(super) use over_vectors;
