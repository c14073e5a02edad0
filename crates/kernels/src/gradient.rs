//! Weight gradients `G = xᵀ · dz`.
//!
//! A tile has a few rows of `G` (columns of `x`) and up to three vectors of its columns in
//! registers. It runs down the rows of `x`, which may be the windows of a convolution ([`Windows`]),
//! and of `dz`. Sums over the rows of one piece of a batch are one chain; the pieces are added in the tree of [`pieces`](super::pieces).

use super::packed::{Packed, Panel, panels};
use super::pieces::MOST_LEVELS;
use super::set::Micro;
use super::simd::Simd;
use super::window::Windows;

/// A job: one piece of the windows of `x`, and one panel of columns of `dz`.
#[derive(Clone, Copy)]
struct Operands {
    /// The maps, and their windows as in [`Windows`].
    x: *const f32,
    size: [usize; 2],
    steps: [usize; 3],
    pieces: [usize; 3],
    dz: *const f32,
    dz_stride: usize,
    g: *mut f32,
    /// The distance between rows of `G`.
    g_stride: usize,
    /// The number of lanes of the last vector that are columns.
    tail: usize,
}

impl Operands {
    /// Of one panel of `G` `[k, n]`; `dz` is the panel's first value, and `dz_stride` the distance of
    /// its rows.
    fn of<S: Simd>(
        x: Windows<'_>,
        (dz, dz_stride): (*const f32, usize),
        panel: Panel,
        g: &mut [f32],
    ) -> Self {
        Self {
            x: x.values.as_ptr(),
            size: x.size,
            steps: x.steps,
            pieces: x.pieces,
            dz,
            dz_stride,
            g_stride: g.len() / x.len(),
            g: g[panel.first..].as_mut_ptr(),
            tail: panel.n_columns - (panel.n_vectors - 1) * S::LANES,
        }
    }

    /// For one piece of each window alone, and its rows of `G`.
    fn of_piece(self, index: usize) -> Self {
        let [_, len, distance] = self.pieces;
        Self {
            x: self.x.wrapping_add(index * distance),
            g: self.g.wrapping_add(index * len * self.g_stride),
            ..self
        }
    }
}

/// Adds `xᵀ · dz` to `g` `[k, n]`, where `x` are windows of length `k`; each entry continues a chain.
///
/// # Panics
/// When a slice does not have the size of its matrix.
pub(super) fn add<S: Micro>(x: Windows<'_>, dz: &[f32], g: &mut [f32]) {
    if g.is_empty() {
        return;
    }
    let n = g.len() / x.len();
    let rows = dz.len() / n;
    assert!(x.have(rows) && dz.len() == rows * n && g.len() == x.len() * n);
    for panel in panels::<S>(n) {
        let first = dz.as_ptr().wrapping_add(panel.first);
        let job = PanelJob { rows, operands: Operands::of::<S>(x, (first, n), panel, g) };
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
/// tree over these pieces. `dz` `[rows, n]` is packed, because otherwise each of a tile's thousands of
/// rows would touch its own page of memory; the windows of `x` should be close together for the same
/// reason.
///
/// # Panics
/// When a slice does not have the size of its matrix.
pub(super) fn tree_of_pieces<S: Micro>(
    x: Windows<'_>,
    dz: &Packed,
    bounds: &[usize],
    g: &mut [f32],
) {
    let rows = bounds.last().copied().unwrap_or_default();
    assert!(dz.lanes == S::LANES && dz.k >= rows && x.have(rows) && g.len() == x.len() * dz.n);
    assert!(bounds.is_sorted() && bounds.len() <= super::pieces::MOST_PIECES + 1);
    if g.is_empty() {
        return;
    }
    let mut packed = dz.values.as_ref();
    for &panel in &dz.panels {
        let width = panel.n_vectors * S::LANES;
        let operands = Operands::of::<S>(x, (packed.as_ptr(), width), panel, g);
        let job = TreeJob { bounds, operands };
        // SAFETY: as in `add`; `bounds` does not decrease, by the assertion above.
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
        packed = &packed[dz.k * width..];
    }
}

/// A job on one panel that adds to `G`.
pub(super) struct PanelJob {
    rows: usize,
    operands: Operands,
}

/// A job on one panel that sets `G` to a tree of pieces.
pub(super) struct TreeJob<'a> {
    bounds: &'a [usize],
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
    for piece in 0..job.operands.pieces[0] {
        let operands = job.operands.of_piece(piece);
        for_tiles!(operands.pieces[1], add_tile(&PanelJob { operands, ..*job }));
    }
}

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn tree<S: Simd, const NV: usize, const TAIL: bool>(job: &TreeJob<'_>) {
    for piece in 0..job.operands.pieces[0] {
        let operands = job.operands.of_piece(piece);
        for_tiles!(operands.pieces[1], tree_tile(&TreeJob { operands, ..*job }));
    }
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
        let mut levels = [zero; MOST_LEVELS];
        let mut n_leaves = 0usize;
        for piece in job.bounds.windows(2) {
            let rows = piece[1] - piece[0];
            let mut sums = chain::<S, MR, NV, false>(&job.operands, first, piece[0], rows, zero);
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

/// Continues the chains of a tile over `rows` rows from `row` on, line by line of windows.
#[inline(always)]
unsafe fn chain<S: Simd, const MR: usize, const NV: usize, const TAIL: bool>(
    operands: &Operands,
    first: usize,
    row: usize,
    rows: usize,
    mut sums: Tile<S, MR, NV>,
) -> Tile<S, MR, NV> {
    let ([width, height], [along, down, across]) = (operands.size, operands.steps);
    let (mut column, line) = (row % width, row / width);
    let (mut line, mut map) = (line % height, line / height);
    let mut dz = operands.dz.wrapping_add(row * operands.dz_stride);
    let mut left = rows;
    while left > 0 {
        let n_rows = left.min(width - column);
        let at = first + column * along + line * down + map * across;
        // SAFETY: the caller guarantees the instruction set, the rows and the columns.
        unsafe {
            let x = operands.x.wrapping_add(at);
            sums = chain_of_line::<S, MR, NV, TAIL>(operands, x, dz, n_rows, sums);
        }
        dz = dz.wrapping_add(n_rows * operands.dz_stride);
        left -= n_rows;
        (column, line) = (0, line + 1);
        if line == height {
            (line, map) = (0, map + 1);
        }
    }
    sums
}

/// Continues the chains of a tile over rows at equal distances.
#[inline(always)]
unsafe fn chain_of_line<S: Simd, const MR: usize, const NV: usize, const TAIL: bool>(
    operands: &Operands,
    mut x: *const f32,
    mut dz: *const f32,
    n_rows: usize,
    mut sums: Tile<S, MR, NV>,
) -> Tile<S, MR, NV> {
    // SAFETY: the caller guarantees the instruction set, the rows and the columns.
    unsafe {
        for _ in 0..n_rows {
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
            x = x.wrapping_add(operands.steps[0]);
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
