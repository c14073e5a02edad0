//! Weight gradients `G = xᵀ · dz`.
//!
//! A tile has a few rows of `G` (columns of `x`) and up to three vectors of its columns in
//! registers. It runs down the rows of `x` and `dz` without packing. Sums over the rows of one
//! piece of a batch are one chain; the pieces are added in the tree of [`pieces`](super::pieces).

use super::aligned::with_scratch;
use super::packed::{Panel, panels};
use super::pieces::MOST_LEVELS;
use super::set::Micro;
use super::simd::Simd;

/// A matrix `[rows, n]`, possibly a range of columns of a wider one.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    values: &'a [f32],
    stride: usize,
    n: usize,
}

impl<'a> Columns<'a> {
    /// All columns of a matrix with rows of length `n`.
    pub fn all(values: &'a [f32], n: usize) -> Self {
        Self { values, stride: n, n }
    }

    /// `n` columns from `first` on.
    ///
    /// # Panics
    /// When there are fewer columns.
    #[must_use]
    pub fn part(self, first: usize, n: usize) -> Self {
        assert!(first + n <= self.n);
        Self { values: &self.values[first.min(self.values.len())..], n, ..self }
    }

    /// The rows from `row` on.
    #[must_use]
    pub fn from_row(self, row: usize) -> Self {
        Self { values: &self.values[(row * self.stride).min(self.values.len())..], ..self }
    }

    /// The first `rows` rows, copied to contiguous memory.
    fn copied(self, rows: usize, to: &mut [f32]) -> Columns<'_> {
        let to = &mut to[..rows * self.n];
        for (to, from) in to.chunks_exact_mut(self.n).zip(self.values.chunks(self.stride)) {
            to.copy_from_slice(&from[..self.n]);
        }
        Columns { values: to, stride: self.n, n: self.n }
    }

    fn holds(&self, rows: usize) -> bool {
        rows == 0 || self.values.len() >= (rows - 1) * self.stride + self.n
    }
}

/// A job: columns of `x` and one panel of columns of `dz`.
#[derive(Clone, Copy)]
struct Operands {
    /// The number of columns of `x`, which are rows of `G`.
    k: usize,
    x: *const f32,
    x_stride: usize,
    dz: *const f32,
    dz_stride: usize,
    g: *mut f32,
    /// The distance between rows of `G`.
    g_stride: usize,
    /// The number of lanes of the last vector that are columns.
    tail: usize,
}

impl Operands {
    fn of<S: Simd>(x: Columns<'_>, dz: Columns<'_>, panel: Panel, g: &mut [f32]) -> Self {
        Self {
            k: x.n,
            x: x.values.as_ptr(),
            x_stride: x.stride,
            dz: dz.values[panel.first.min(dz.values.len())..].as_ptr(),
            dz_stride: dz.stride,
            g: g[panel.first..].as_mut_ptr(),
            g_stride: dz.n,
            tail: panel.n_columns - (panel.n_vectors - 1) * S::LANES,
        }
    }
}

/// Adds `xᵀ · dz` over `rows` to `g` `[k, n]`; each entry continues a chain.
///
/// # Panics
/// When a slice does not have the size of its matrix.
pub(super) fn add<S: Micro>(x: Columns<'_>, dz: Columns<'_>, rows: usize, g: &mut [f32]) {
    assert!(x.holds(rows) && dz.holds(rows) && g.len() == x.n * dz.n);
    if g.is_empty() {
        return;
    }
    for panel in panels::<S>(dz.n) {
        let job = PanelJob { rows, operands: Operands::of::<S>(x, dz, panel, g) };
        // SAFETY: the matrices hold `rows` rows of their columns and `g` all its entries by the
        // assertion above; the panel's columns are inside `n`.
        unsafe {
            match (panel.n_vectors, job.operands.tail < S::LANES) {
                (1, false) => S::gradient_panel::<1, false>(&job),
                (2, false) => S::gradient_panel::<2, false>(&job),
                (_, false) => S::gradient_panel::<3, false>(&job),
                (1, true) => S::gradient_panel::<1, true>(&job),
                (2, true) => S::gradient_panel::<2, true>(&job),
                (_, true) => S::gradient_panel::<3, true>(&job),
            }
        }
    }
}

/// Sets `g` `[k, n]` to `xᵀ · dz`: a chain over the rows between two neighboring `bounds`, and the
/// tree over these pieces.
///
/// The columns are copied to contiguous memory first. Otherwise each of a tile's thousands of rows
/// would touch its own page of memory.
///
/// # Panics
/// When a slice does not have the size of its matrix.
pub(super) fn tree_of_pieces<S: Micro>(
    x: Columns<'_>,
    dz: Columns<'_>,
    bounds: &[usize],
    g: &mut [f32],
) {
    let rows = bounds.last().copied().unwrap_or_default();
    assert!(x.holds(rows) && dz.holds(rows) && g.len() == x.n * dz.n);
    assert!(bounds.is_sorted() && bounds.len() <= super::pieces::MOST_PIECES + 1);
    if g.is_empty() {
        return;
    }
    with_scratch([rows * x.n, rows * S::WIDEST * S::LANES], |[x_packed, dz_packed]| {
        let x = x.copied(rows, x_packed);
        for panel in panels::<S>(dz.n) {
            let operands = Operands::of::<S>(x, dz, panel, g);
            let job = TreeJob { bounds, rows, packed: dz_packed.as_mut_ptr(), operands };
            // SAFETY: as in `add`; `bounds` does not decrease, by the assertion above, and there is
            // room for `rows` rows of the widest panel.
            unsafe {
                match (panel.n_vectors, job.operands.tail < S::LANES) {
                    (1, false) => S::gradient_tree::<1, false>(&job),
                    (2, false) => S::gradient_tree::<2, false>(&job),
                    (_, false) => S::gradient_tree::<3, false>(&job),
                    (1, true) => S::gradient_tree::<1, true>(&job),
                    (2, true) => S::gradient_tree::<2, true>(&job),
                    (_, true) => S::gradient_tree::<3, true>(&job),
                }
            }
        }
    });
}

/// A job on one panel that adds to `G`.
pub(super) struct PanelJob {
    rows: usize,
    operands: Operands,
}

/// A job on one panel that sets `G` to a tree of pieces.
pub(super) struct TreeJob<'a> {
    bounds: &'a [usize],
    rows: usize,
    /// Memory for the panel's columns of all rows.
    packed: *mut f32,
    operands: Operands,
}

/// Calls `$tile::<S, MR, NV, TAIL>` for tiles that cover `$k` rows of `G` evenly.
macro_rules! for_tiles {
    ($k:expr, $tile:ident($job:expr)) => {{
        let k = $k;
        let n_tiles = k.div_ceil(S::TILE_ROWS[NV - 1]);
        let mut first = 0;
        for index in 0..n_tiles {
            let height = k / n_tiles + usize::from(index < k % n_tiles);
            // SAFETY: `first + height` is at most `k`.
            unsafe {
                match height {
                    1 => $tile::<S, 1, NV, TAIL>($job, first),
                    2 => $tile::<S, 2, NV, TAIL>($job, first),
                    3 => $tile::<S, 3, NV, TAIL>($job, first),
                    4 => $tile::<S, 4, NV, TAIL>($job, first),
                    5 => $tile::<S, 5, NV, TAIL>($job, first),
                    6 => $tile::<S, 6, NV, TAIL>($job, first),
                    7 => $tile::<S, 7, NV, TAIL>($job, first),
                    8 => $tile::<S, 8, NV, TAIL>($job, first),
                    9 => $tile::<S, 9, NV, TAIL>($job, first),
                    10 => $tile::<S, 10, NV, TAIL>($job, first),
                    11 => $tile::<S, 11, NV, TAIL>($job, first),
                    _ => $tile::<S, 12, NV, TAIL>($job, first),
                }
            }
            first += height;
        }
    }};
}

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn panel<S: Simd, const NV: usize, const TAIL: bool>(job: &PanelJob) {
    for_tiles!(job.operands.k, add_tile(job));
}

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn tree<S: Simd, const NV: usize, const TAIL: bool>(job: &TreeJob<'_>) {
    // SAFETY: the caller guarantees the same conditions.
    unsafe { pack::<S, NV, TAIL>(job) }
    for_tiles!(job.operands.k, tree_tile(job));
}

type Tile<S, const MR: usize, const NV: usize> = [[<S as Simd>::Vector; NV]; MR];

#[inline(always)]
unsafe fn add_tile<S: Simd, const MR: usize, const NV: usize, const TAIL: bool>(
    job: &PanelJob,
    first: usize,
) {
    if MR > S::TILE_ROWS[NV - 1] {
        return;
    }
    // SAFETY: the caller guarantees the instruction set and `MR` rows of `G` from `first`
    // on.
    unsafe {
        let sums = read::<S, MR, NV, TAIL>(&job.operands, first);
        let sums = chain::<S, MR, NV, TAIL>(&job.operands, first, 0, job.rows, sums);
        write::<S, MR, NV, TAIL>(&job.operands, first, &sums);
    }
}

/// Copies the panel's columns of all rows to contiguous memory, padded with zeros to whole vectors.
#[inline(always)]
unsafe fn pack<S: Simd, const NV: usize, const TAIL: bool>(job: &TreeJob<'_>) {
    let Operands { dz, dz_stride, tail, .. } = job.operands;
    for row in 0..job.rows {
        for j in 0..NV {
            // SAFETY: the caller guarantees the instruction set, the rows and the room.
            unsafe {
                let from = dz.add(row * dz_stride + j * S::LANES);
                let value =
                    if TAIL && j + 1 == NV { S::load_first(from, tail) } else { S::load(from) };
                S::store(job.packed.add((row * NV + j) * S::LANES), value);
            }
        }
    }
}

#[inline(always)]
unsafe fn tree_tile<S: Simd, const MR: usize, const NV: usize, const TAIL: bool>(
    job: &TreeJob<'_>,
    first: usize,
) {
    if MR > S::TILE_ROWS[NV - 1] {
        return;
    }
    // SAFETY: as in `add_tile`; `bounds` is sorted and ends at the last row.
    unsafe {
        let zero: Tile<S, MR, NV> = [[S::splat(0.0); NV]; MR];
        let packed = Operands { dz: job.packed, dz_stride: NV * S::LANES, ..job.operands };
        let mut levels = [zero; MOST_LEVELS];
        let mut n_leaves = 0usize;
        for piece in job.bounds.windows(2) {
            let rows = piece[1] - piece[0];
            let mut sums = chain::<S, MR, NV, false>(&packed, first, piece[0], rows, zero);
            let n_full = n_leaves.trailing_ones() as usize;
            for partial in &levels[..n_full] {
                add_tiles::<S, MR, NV>(partial, &mut sums);
            }
            levels[n_full] = sums;
            n_leaves += 1;
        }
        let mut held = (0..MOST_LEVELS).filter(|level| n_leaves >> level & 1 == 1);
        let mut sums = held.next().map_or(zero, |level| levels[level]);
        for level in held {
            add_tiles::<S, MR, NV>(&levels[level], &mut sums);
        }
        write::<S, MR, NV, TAIL>(&job.operands, first, &sums);
    }
}

#[inline(always)]
unsafe fn add_tiles<S: Simd, const MR: usize, const NV: usize>(
    left: &Tile<S, MR, NV>,
    right: &mut Tile<S, MR, NV>,
) {
    for i in 0..MR {
        for j in 0..NV {
            // SAFETY: the caller guarantees the instruction set.
            right[i][j] = unsafe { S::add(left[i][j], right[i][j]) };
        }
    }
}

/// Continues the chains of a tile over `rows` rows from `row` on.
#[inline(always)]
unsafe fn chain<S: Simd, const MR: usize, const NV: usize, const TAIL: bool>(
    operands: &Operands,
    first: usize,
    row: usize,
    rows: usize,
    mut sums: Tile<S, MR, NV>,
) -> Tile<S, MR, NV> {
    // SAFETY: the caller guarantees the instruction set, the rows and the columns.
    unsafe {
        let mut x = operands.x.wrapping_add(row * operands.x_stride + first);
        let mut dz = operands.dz.wrapping_add(row * operands.dz_stride);
        for _ in 0..rows {
            let mut columns = [S::splat(0.0); NV];
            for j in 0..NV {
                let from = dz.add(j * S::LANES);
                columns[j] = if TAIL && j + 1 == NV {
                    S::load_first(from, operands.tail)
                } else {
                    S::load(from)
                };
            }
            for i in 0..MR {
                let value = S::splat(*x.add(i));
                for j in 0..NV {
                    sums[i][j] = S::mul_add(value, columns[j], sums[i][j]);
                }
            }
            x = x.wrapping_add(operands.x_stride);
            dz = dz.wrapping_add(operands.dz_stride);
        }
    }
    sums
}

#[inline(always)]
unsafe fn read<S: Simd, const MR: usize, const NV: usize, const TAIL: bool>(
    operands: &Operands,
    first: usize,
) -> Tile<S, MR, NV> {
    // SAFETY: the caller guarantees the instruction set and the entries of `G`.
    unsafe {
        let mut sums = [[S::splat(0.0); NV]; MR];
        for i in 0..MR {
            for j in 0..NV {
                let from = operands.g.add((first + i) * operands.g_stride + j * S::LANES);
                sums[i][j] = if TAIL && j + 1 == NV {
                    S::load_first(from, operands.tail)
                } else {
                    S::load(from)
                };
            }
        }
        sums
    }
}

#[inline(always)]
unsafe fn write<S: Simd, const MR: usize, const NV: usize, const TAIL: bool>(
    operands: &Operands,
    first: usize,
    sums: &Tile<S, MR, NV>,
) {
    for i in 0..MR {
        for j in 0..NV {
            // SAFETY: the caller guarantees the instruction set and the entries of `G`.
            unsafe {
                let to = operands.g.add((first + i) * operands.g_stride + j * S::LANES);
                if TAIL && j + 1 == NV {
                    S::store_first(to, operands.tail, sums[i][j]);
                } else {
                    S::store(to, sums[i][j]);
                }
            }
        }
    }
}
