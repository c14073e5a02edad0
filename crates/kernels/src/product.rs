//! Matrix products `x · W` with a fused epilogue: bias, shortcut, activation.
//!
//! A tile holds a few rows and up to three vectors of columns in registers and runs down `k`; `x`
//! is read in place, one number a row and step, `W` from its packed panels. The rows of `x` may be the
//! windows of a convolution, which overlap ([`Windows`]). Each output is one
//! chain of fused multiplications in the order of `k`, then the epilogue: no cut of rows or columns
//! changes its bits.

use super::curve;
use super::elements::Gate;
use super::output::Out;
use super::packed::{Packed, Panel};
use super::set::Micro;
use super::simd::{Simd, load, store};
use crate::Activation;

/// The epilogue of a product, in this order.
#[derive(Clone, Copy, Debug)]
pub struct Epilogue<'a> {
    /// The bias `[n]`.
    pub bias: Option<&'a [f32]>,
    /// The shortcut `[rows, n]`.
    pub shortcut: Option<&'a [f32]>,
    /// The activation. One that does not clip is the last part.
    pub activation: Activation,
    /// The gate `[rows, n]`; the output is zero where it is closed.
    pub gate: Option<Gate<'a>>,
}

impl Epilogue<'_> {
    /// No epilogue.
    pub const NONE: Self =
        Self { bias: None, shortcut: None, activation: Activation::Linear, gate: None };
}

/// The rows of a matrix that are windows of maps, in place: window by window along a line of each map,
/// then line by line, then map by map.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    /// The maps, `[maps, height, width, channels]`, with the zeros around them.
    pub values: &'a [f32],
    /// The number of windows along a line, and of lines of windows in a map.
    pub size: [usize; 2],
    /// The distance of a window from the next along a line, of a line of windows from the next, and
    /// of a map from the next.
    pub steps: [usize; 3],
    /// The number of pieces of a window, their length, and the distance of a piece from the next.
    pub pieces: [usize; 3],
}

impl<'a> Windows<'a> {
    /// The rows of a matrix `[rows, k]`.
    pub fn rows(values: &'a [f32], k: usize) -> Self {
        Self { values, size: [usize::MAX; 2], steps: [k, 0, 0], pieces: [1, k, 0] }
    }

    /// The number of values in a window.
    pub(super) fn len(&self) -> usize {
        self.pieces[0] * self.pieces[1]
    }

    /// Whether the maps have the first `n` windows.
    pub(super) fn have(&self, n: usize) -> bool {
        let Some(last) = n.checked_sub(1) else { return true };
        let [width, height] = self.size;
        let at = [last.min(width - 1), (last / width).min(height - 1), last / width / height];
        let start: usize = at.iter().zip(self.steps).map(|(at, step)| at * step).sum();
        let [n_pieces, len, step] = self.pieces;
        n_pieces > 0 && start + (n_pieces - 1) * step + len <= self.values.len()
    }
}

/// The number of values of `x` and the output that should stay in the L2 cache across panels.
const BLOCK: usize = 48 * 1024;

/// `out[rows, n] = epilogue(x[rows, k] · weights)`.
///
/// # Panics
/// When a slice does not have the size of its matrix.
pub(super) fn product<S: Micro>(x: &[f32], weights: &Packed, epilogue: Epilogue<'_>, out: Out<'_>) {
    assert_eq!(x.len() * weights.n, out.len() * weights.k);
    product_of_windows::<S>(Windows::rows(x, weights.k), weights, epilogue, out);
}

/// `out[windows, n] = epilogue(windows[windows, k] · weights)`.
///
/// # Panics
/// When a slice does not have the size of its matrix, or the maps do not have the windows.
pub(super) fn product_of_windows<S: Micro>(
    x: Windows<'_>,
    weights: &Packed,
    epilogue: Epilogue<'_>,
    mut out: Out<'_>,
) {
    let &Packed { k, n, lanes, .. } = weights;
    let rows = out.len() / n;
    let is_full = |values: Option<&[f32]>| values.is_none_or(|values| values.len() == rows * n);
    assert!(lanes == S::LANES && x.len() == k && x.have(rows) && out.len() == rows * n);
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == n));
    assert!(epilogue.gate.is_none() || !epilogue.activation.is_curve());
    assert!(is_full(epilogue.shortcut) && is_full(epilogue.gate.map(|gate| gate.y)));
    let block = (BLOCK / (x.pieces[1] + n)).clamp(48, 1024);
    for first_row in (0..rows).step_by(block) {
        let n_rows = block.min(rows - first_row);
        let mut packed = weights.values.as_ref();
        for &Panel { first, n_vectors, n_columns } in &weights.panels {
            let at = first_row * n + first;
            let tail = n_columns - (n_vectors - 1) * S::LANES;
            let job = PanelJob {
                first_row,
                rows: n_rows,
                x: x.values.as_ptr(),
                size: x.size,
                steps: x.steps,
                pieces: x.pieces,
                weights: packed.as_ptr(),
                bias: pointer(epilogue.bias, first),
                ceiling: epilogue.activation.ceiling(),
                shortcut: pointer(epilogue.shortcut, at),
                gate: pointer(epilogue.gate.map(|gate| gate.y), at),
                gate_ceiling: epilogue.gate.map_or(0.0, |gate| gate.ceiling),
                out: out.pointer().wrapping_add(at),
                stride: n,
                tail,
            };
            // SAFETY: the matrices have their sizes and the maps their windows by the assertions
            // above; the panel's columns are inside `n` and its packed rows inside `packed`, by
            // construction of `Packed`.
            unsafe {
                match (n_vectors, tail < S::LANES) {
                    (1, false) => S::product_panel::<1, false>(&job),
                    (2, false) => S::product_panel::<2, false>(&job),
                    (_, false) => S::product_panel::<3, false>(&job),
                    (1, true) => S::product_panel::<1, true>(&job),
                    (2, true) => S::product_panel::<2, true>(&job),
                    (_, true) => S::product_panel::<3, true>(&job),
                }
            }
            packed = &packed[k * n_vectors * S::LANES..];
        }
        // SAFETY: all panels of these rows have been written.
        unsafe {
            let rows = out.pointer().add(first_row * n);
            curve::apply::<S>(epilogue.activation, rows, n_rows * n);
        }
    }
    // SAFETY: the panels of all blocks of rows have been written.
    unsafe { out.written() }
}

/// A pointer to value `at`; null if there are no values.
fn pointer(values: Option<&[f32]>, at: usize) -> *const f32 {
    values.map_or(std::ptr::null(), |values| values[at..].as_ptr())
}

/// A job: some rows of one panel. Unused pointers of the epilogue are null.
pub(super) struct PanelJob {
    /// The window of the first row.
    first_row: usize,
    rows: usize,
    /// The maps, and their windows as in [`Windows`].
    x: *const f32,
    size: [usize; 2],
    steps: [usize; 3],
    pieces: [usize; 3],
    weights: *const f32,
    bias: *const f32,
    ceiling: Option<f32>,
    shortcut: *const f32,
    gate: *const f32,
    gate_ceiling: f32,
    out: *mut f32,
    /// The distance between rows of the output, shortcut and gate.
    stride: usize,
    /// The number of lanes of the last vector that are columns.
    tail: usize,
}

/// Runs all rows of a panel of `NV` vectors, line by line of windows. `TAIL`: the last vector is not
/// full.
///
/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn panel<S: Simd, const NV: usize, const TAIL: bool>(job: &PanelJob) {
    let ([width, height], [along, down, across]) = (job.size, job.steps);
    let mut row = 0;
    while row < job.rows {
        let window = job.first_row + row;
        let (column, line) = (window % width, window / width);
        let n_rows = (width - column).min(job.rows - row);
        let at = column * along + line % height * down + line / height * across;
        // SAFETY: windows from `at` on are in one line, and `row + n_rows` is at most `job.rows`.
        unsafe { line_of_tiles::<S, NV, TAIL>(job, row, n_rows, job.x.add(at)) }
        row += n_rows;
    }
}

/// Runs `n_rows` rows from `row` on, divided evenly into tiles. Their windows are beside each other
/// from `start` on, because rows at equal distances need few registers for their addresses.
#[inline(always)]
unsafe fn line_of_tiles<S: Simd, const NV: usize, const TAIL: bool>(
    job: &PanelJob,
    mut row: usize,
    n_rows: usize,
    mut start: *const f32,
) {
    let n_tiles = n_rows.div_ceil(S::TILE_ROWS[NV - 1]);
    let (height, n_higher) = (n_rows / n_tiles, n_rows % n_tiles);
    for index in 0..n_tiles {
        let rows = height + usize::from(index < n_higher);
        // SAFETY: `row + rows` is at most the end of the rows.
        unsafe {
            match rows {
                1 => tile::<S, 1, NV, TAIL>(job, row, start),
                2 => tile::<S, 2, NV, TAIL>(job, row, start),
                3 => tile::<S, 3, NV, TAIL>(job, row, start),
                4 => tile::<S, 4, NV, TAIL>(job, row, start),
                5 => tile::<S, 5, NV, TAIL>(job, row, start),
                6 => tile::<S, 6, NV, TAIL>(job, row, start),
                7 => tile::<S, 7, NV, TAIL>(job, row, start),
                8 => tile::<S, 8, NV, TAIL>(job, row, start),
                9 => tile::<S, 9, NV, TAIL>(job, row, start),
                10 => tile::<S, 10, NV, TAIL>(job, row, start),
                11 => tile::<S, 11, NV, TAIL>(job, row, start),
                _ => tile::<S, 12, NV, TAIL>(job, row, start),
            }
        }
        row += rows;
        start = start.wrapping_add(rows * job.steps[0]);
    }
}

/// `MR` rows from `row` on, which are windows beside each other from `start` on.
#[inline(always)]
unsafe fn tile<S: Simd, const MR: usize, const NV: usize, const TAIL: bool>(
    job: &PanelJob,
    row: usize,
    start: *const f32,
) {
    if MR > S::TILE_ROWS[NV - 1] {
        // Never taken, because no tile exceeds the registers; avoids generating the code.
        return;
    }
    // SAFETY: the caller guarantees the instruction set, `MR` rows from `row` on and
    // the columns of the panel.
    unsafe {
        let mut sums = [[S::splat(0.0); NV]; MR];
        let [n_pieces, len, distance] = job.pieces;
        let (mut x, mut weights) = (start, job.weights);
        for _ in 0..n_pieces {
            sums = piece::<S, MR, NV>(x, job.steps[0], len, weights, sums);
            x = x.wrapping_add(distance);
            weights = weights.add(len * NV * S::LANES);
        }
        for j in 0..NV {
            if TAIL && j + 1 == NV {
                finish::<S, MR, NV, true>(job, row, j, &sums);
            } else {
                finish::<S, MR, NV, false>(job, row, j, &sums);
            }
        }
    }
}

/// Adds the products of one piece of `MR` windows, which begin `along` values apart. Sums are passed by
/// value, because behind a reference they would not stay in registers.
#[inline(always)]
unsafe fn piece<S: Simd, const MR: usize, const NV: usize>(
    start: *const f32,
    along: usize,
    len: usize,
    mut weights: *const f32,
    mut sums: [[S::Vector; NV]; MR],
) -> [[S::Vector; NV]; MR] {
    // SAFETY: the caller guarantees the instruction set, the windows and the weights.
    unsafe {
        let mut x = [start; MR];
        for i in 0..MR {
            x[i] = start.add(i * along);
        }
        for step in 0..len {
            let mut columns = [S::splat(0.0); NV];
            for j in 0..NV {
                columns[j] = S::load(weights.add(j * S::LANES));
            }
            for i in 0..MR {
                let value = S::splat(*x[i].add(step));
                for j in 0..NV {
                    sums[i][j] = S::mul_add(value, columns[j], sums[i][j]);
                }
            }
            weights = weights.add(NV * S::LANES);
        }
        sums
    }
}

/// The epilogue of one vector of columns of a tile; `PART`: not all lanes are columns.
#[inline(always)]
unsafe fn finish<S: Simd, const MR: usize, const NV: usize, const PART: bool>(
    job: &PanelJob,
    row: usize,
    j: usize,
    sums: &[[S::Vector; NV]; MR],
) {
    // SAFETY: as in `tile`; where the vector is not full only its columns are touched.
    unsafe {
        let mut bias = S::splat(0.0);
        if !job.bias.is_null() {
            bias = load::<S, PART>(job.bias.add(j * S::LANES), job.tail);
        }
        for i in 0..MR {
            let at = (row + i) * job.stride + j * S::LANES;
            let mut value = S::add(sums[i][j], bias);
            if !job.shortcut.is_null() {
                value = S::add(value, load::<S, PART>(job.shortcut.add(at), job.tail));
            }
            if let Some(ceiling) = job.ceiling {
                value = S::rectify(value, S::splat(ceiling));
            }
            if !job.gate.is_null() {
                let by = load::<S, PART>(job.gate.add(at), job.tail);
                value = S::gate(value, by, S::splat(job.gate_ceiling));
            }
            store::<S, PART>(job.out.add(at), job.tail, value);
        }
    }
}
