//! Matrix products `x · W` with a fused epilogue: bias, shortcut, activation.
//!
//! A tile holds a few rows and up to three vectors of columns in registers and runs down `k`; `x`
//! is read in place, one number a row and step, `W` from its packed panels. The rows of `x` may be the
//! windows of a convolution, which overlap ([`Windows`]). Each output is one
//! chain of fused multiplications in the order of `k`, then the epilogue: no cut of rows or columns
//! changes its bits.

use super::aligned::with_scratch;
use super::bf16::{self, as_bf16};
use super::curve;
use super::elements::Gate;
use super::output::Out;
use super::packed::{Format, Packed, Panel};
use super::quantization;
use super::set::Micro;
use super::simd::{ByteSimd, load, store};
use super::tile::{MOST_TILE_ROWS, Tile, over_rows, over_vectors, zeros};
use crate::{Activation, Windows};

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

/// The number of values of `x` and the output that should stay in the L2 cache across panels.
const BLOCK: usize = 48 * 1024;

/// `out[windows, n] = epilogue(windows[windows, k] · weights)`.
///
/// # Panics
/// When a slice does not have the size of its matrix, or the maps do not have the windows.
pub(super) fn product<S: Micro>(
    x: Windows<'_>,
    weights: &Packed,
    epilogue: Epilogue<'_>,
    out: Out<'_>,
) {
    assert!(matches!(weights.format, Format::Numbers) && x.have(out.len() / weights.n));
    // SAFETY: the maps have the windows by the assertion above.
    unsafe { all::<S, 4>(&x, x.values.as_ptr(), weights, epilogue, out) }
}

/// [`product`] with weights in pairs of `bfloat16` numbers or as bytes. The inputs are rounded to the
/// same.
///
/// # Panics
/// As [`product`].
pub(super) fn product_of_rounded<S: Micro, const BYTES: usize>(
    x: Windows<'_>,
    weights: &Packed,
    epilogue: Epilogue<'_>,
    mut out: Out<'_>,
) {
    let rows = out.len() / weights.n;
    let (is_fit, input) = match &weights.format {
        Format::Numbers => (false, None),
        Format::Pairs { piece } => (BYTES == 2 && *piece == x.pieces[1], None),
        Format::Quads(quads) => (BYTES == 1 && quads.piece == x.pieces[1], Some(&quads.input)),
    };
    assert!(is_fit && x.have(rows));
    // Rows of a matrix are rounded a block at a time; windows overlap.
    let is_matrix = x.size == [usize::MAX; 2] && x.steps[0] == x.len();
    let block = if is_matrix { block_rows(&x, weights.n) } else { rows.max(1) };
    for first in (0..rows).step_by(block) {
        let n = block.min(rows - first);
        let values = if is_matrix {
            &x.values[first * weights.k..][..n * weights.k]
        } else {
            &x.values[..x.end(rows)]
        };
        with_scratch([quantization::room(values.len() * BYTES)], |[scratch]| {
            if let Some(input) = input {
                quantization::quantize::<S>(values, input, scratch);
            } else {
                let rounded = as_bf16(scratch);
                bf16::round::<S>(values, rounded);
                // The last pair of an odd piece reads one number more. It is multiplied by zero, so that
                // it must not be NaN, which working memory behind the windows may be.
                rounded[values.len()] = 0;
            }
            let at = Part { first_row: 0, first_output: first, n, of: rows };
            // SAFETY: the maps have the windows by the assertion above.
            unsafe { part::<S, BYTES>(&x, scratch.as_ptr(), weights, epilogue, at, &mut out) }
        });
    }
    // SAFETY: all rows have been written.
    unsafe { out.written() }
}

/// [`product_of_rounded`] of a matrix `[rows, k]` of `bfloat16` numbers.
///
/// # Panics
/// As [`product`], and when `k` is odd.
pub(super) fn product_of_bf16<S: Micro>(
    x: &[u16],
    weights: &Packed,
    epilogue: Epilogue<'_>,
    out: Out<'_>,
) {
    let k = weights.k;
    let is_fit = matches!(weights.format, Format::Pairs { piece } if piece == k);
    assert!(is_fit && k.is_multiple_of(2));
    assert!(x.len() * weights.n == out.len() * k);
    // SAFETY: the matrix has the rows by the assertions above.
    unsafe { all::<S, 2>(&Windows::rows(&[], k), x.as_ptr().cast(), weights, epilogue, out) }
}

/// [`product_of_rounded`] of a matrix `[rows, k]` of bytes.
///
/// # Panics
/// As [`product`], and when `k` is not a multiple of four.
pub(super) fn product_of_bytes<S: Micro>(
    x: &[u8],
    weights: &Packed,
    epilogue: Epilogue<'_>,
    out: Out<'_>,
) {
    let k = weights.k;
    let is_fit = matches!(&weights.format, Format::Quads(quads) if quads.piece == k);
    assert!(is_fit && k.is_multiple_of(4));
    assert!(x.len() * weights.n == out.len() * k);
    // SAFETY: the matrix has the rows by the assertions above.
    unsafe { all::<S, 1>(&Windows::rows(&[], k), x.as_ptr().cast(), weights, epilogue, out) }
}

/// Computes all rows, a block at a time, of windows from `values` on that are laid out as `x`.
///
/// # Safety
/// The windows are there, of numbers of `BYTES` bytes.
///
/// # Panics
/// When a matrix of the epilogue or the output does not have its size.
unsafe fn all<S: Micro, const BYTES: usize>(
    x: &Windows<'_>,
    values: *const f32,
    weights: &Packed,
    epilogue: Epilogue<'_>,
    mut out: Out<'_>,
) {
    let (rows, block) = (out.len() / weights.n, block_rows(x, weights.n));
    for first in (0..rows).step_by(block) {
        let n = block.min(rows - first);
        let at = Part { first_row: first, first_output: first, n, of: rows };
        // SAFETY: the caller guarantees the windows.
        unsafe { part::<S, BYTES>(x, values, weights, epilogue, at, &mut out) }
    }
    // SAFETY: all rows have been written.
    unsafe { out.written() }
}

/// The rows whose inputs and outputs stay in the L2 cache across panels.
fn block_rows(x: &Windows<'_>, n: usize) -> usize {
    (BLOCK / (x.pieces[1] + n)).clamp(48, 1024)
}

/// Some rows of a product.
#[derive(Clone, Copy)]
struct Part {
    /// The window of the first of them, from `x` on.
    first_row: usize,
    /// Its place among all rows of the output.
    first_output: usize,
    n: usize,
    /// The number of all rows.
    of: usize,
}

/// Computes some rows, of windows from `values` on that are laid out as `x`.
///
/// # Safety
/// The windows are there, of numbers of `BYTES` bytes.
///
/// # Panics
/// When a matrix of the epilogue or the output does not have its size.
unsafe fn part<S: Micro, const BYTES: usize>(
    x: &Windows<'_>,
    values: *const f32,
    weights: &Packed,
    epilogue: Epilogue<'_>,
    at: Part,
    out: &mut Out<'_>,
) {
    let &Packed { k, n, lanes, .. } = weights;
    let is_full = |values: Option<&[f32]>| values.is_none_or(|values| values.len() == at.of * n);
    assert!(lanes == S::LANES && x.len() == k && out.len() == at.of * n);
    assert!(epilogue.bias.is_none_or(|bias| bias.len() == n));
    assert!(epilogue.gate.is_none() || !epilogue.activation.is_curve());
    assert!(is_full(epilogue.shortcut) && is_full(epilogue.gate.map(|gate| gate.y)));
    let (scale, shift) = match &weights.format {
        Format::Quads(quads) => (Some(&quads.scale[..]), Some(&quads.shift[..])),
        _ => (None, None),
    };
    let mut packed = weights.values.as_ref();
    for &Panel { first, n_vectors, n_columns } in &weights.panels {
        let output = at.first_output * n + first;
        let tail = n_columns - (n_vectors - 1) * S::LANES;
        let job = PanelJob {
            first_row: at.first_row,
            rows: at.n,
            x: values,
            size: x.size,
            steps: x.steps,
            pieces: x.pieces,
            weights: packed.as_ptr(),
            scale: pointer(scale, first),
            shift: pointer(shift, first),
            bias: pointer(epilogue.bias, first),
            low: epilogue.activation.ceiling().map_or(f32::NEG_INFINITY, |_| 0.0),
            high: epilogue.activation.ceiling().unwrap_or(f32::INFINITY),
            shortcut: pointer(epilogue.shortcut, output),
            gate: pointer(epilogue.gate.map(|gate| gate.y), output),
            gate_ceiling: epilogue.gate.map_or(0.0, |gate| gate.ceiling),
            out: out.pointer().wrapping_add(output),
            stride: n,
            tail,
        };
        // SAFETY: the matrices have their sizes by the assertions above and the maps their windows;
        // the panel's columns are inside `n` and its packed rows inside `packed`, by construction of
        // `Packed`.
        unsafe {
            match (n_vectors, tail < S::LANES) {
                (1, false) => S::product_panel::<1, false, BYTES>(&job),
                (2, false) => S::product_panel::<2, false, BYTES>(&job),
                (_, false) => S::product_panel::<3, false, BYTES>(&job),
                (1, true) => S::product_panel::<1, true, BYTES>(&job),
                (2, true) => S::product_panel::<2, true, BYTES>(&job),
                (_, true) => S::product_panel::<3, true, BYTES>(&job),
            }
        }
        packed = &packed[weights.n_rows() * n_vectors * S::LANES..];
    }
    // SAFETY: all panels of these rows have been written.
    unsafe {
        let rows = out.pointer().add(at.first_output * n);
        curve::apply::<S>(epilogue.activation, rows, at.n * n);
    }
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
    /// The maps, and their windows as in [`Windows`]; their numbers may be shorter than `f32`.
    x: *const f32,
    size: [usize; 2],
    steps: [usize; 3],
    pieces: [usize; 3],
    weights: *const f32,
    /// From sums of products of bytes to numbers.
    scale: *const f32,
    shift: *const f32,
    bias: *const f32,
    /// The bounds of outputs; infinite if nothing is clipped.
    low: f32,
    high: f32,
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
/// full. `BYTES`: the length of a number of `x`: 4 for `f32`, 2 for `bfloat16`, 1 for bytes.
///
/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn panel<S: ByteSimd, const NV: usize, const TAIL: bool, const BYTES: usize>(
    job: &PanelJob,
) {
    let ([width, height], [along, down, across]) = (job.size, job.steps);
    let mut row = 0;
    while row < job.rows {
        let window = job.first_row + row;
        let (column, line) = (window % width, window / width);
        let n_rows = (width - column).min(job.rows - row);
        let at = column * along + line % height * down + line / height * across;
        // SAFETY: windows from `at` on are in one line, and `row + n_rows` is at most `job.rows`.
        unsafe { line_of_tiles::<S, NV, TAIL, BYTES>(job, row, n_rows, behind::<BYTES>(job.x, at)) }
        row += n_rows;
    }
}

/// Runs `n_rows` rows from `row` on, divided evenly into tiles. Their windows are beside each other
/// from `start` on, because rows at equal distances need few registers for their addresses.
#[inline(always)]
unsafe fn line_of_tiles<S: ByteSimd, const NV: usize, const TAIL: bool, const BYTES: usize>(
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
                1 => tile::<S, 1, NV, TAIL, BYTES>(job, row, start),
                2 => tile::<S, 2, NV, TAIL, BYTES>(job, row, start),
                3 => tile::<S, 3, NV, TAIL, BYTES>(job, row, start),
                4 => tile::<S, 4, NV, TAIL, BYTES>(job, row, start),
                5 => tile::<S, 5, NV, TAIL, BYTES>(job, row, start),
                6 => tile::<S, 6, NV, TAIL, BYTES>(job, row, start),
                7 => tile::<S, 7, NV, TAIL, BYTES>(job, row, start),
                8 => tile::<S, 8, NV, TAIL, BYTES>(job, row, start),
                9 => tile::<S, 9, NV, TAIL, BYTES>(job, row, start),
                10 => tile::<S, 10, NV, TAIL, BYTES>(job, row, start),
                11 => tile::<S, 11, NV, TAIL, BYTES>(job, row, start),
                _ => tile::<S, 12, NV, TAIL, BYTES>(job, row, start),
            }
        }
        row += rows;
        start = behind::<BYTES>(start, rows * job.steps[0]);
    }
}

/// `MR` rows from `row` on, which are windows beside each other from `start` on.
#[inline(always)]
unsafe fn tile<
    S: ByteSimd,
    const MR: usize,
    const NV: usize,
    const TAIL: bool,
    const BYTES: usize,
>(
    job: &PanelJob,
    row: usize,
    start: *const f32,
) {
    if const { MR > S::TILE_ROWS[NV - 1] } {
        // Never taken, because no tile exceeds the registers; avoids generating the code.
        return;
    }
    // SAFETY: the caller guarantees the instruction set, `MR` rows from `row` on and
    // the columns of the panel.
    unsafe {
        let mut sums = zeros::<S>();
        let [n_pieces, len, distance] = job.pieces;
        let (mut x, mut weights) = (start, job.weights);
        for _ in 0..n_pieces {
            let n_rows = len.div_ceil(4 / BYTES);
            sums = piece::<S, MR, NV, BYTES>(x, job.steps[0], n_rows, weights, sums);
            x = behind::<BYTES>(x, distance);
            weights = weights.add(n_rows * NV * S::LANES);
        }
        over_vectors!(NV, j => {
            if TAIL && j + 1 == NV {
                finish::<S, MR, true, BYTES>(job, row, j, sums[j]);
            } else {
                finish::<S, MR, false, BYTES>(job, row, j, sums[j]);
            }
        });
    }
}

/// The place `n` numbers after `x`.
#[inline(always)]
fn behind<const BYTES: usize>(x: *const f32, n: usize) -> *const f32 {
    x.wrapping_byte_add(n * BYTES)
}

/// Adds the products of one piece of `MR` windows, which begin `along` values apart, and `n_rows` rows of
/// weights. Sums are passed by value, because behind a reference they would not stay in registers.
#[inline(always)]
pub(super) unsafe fn piece<S: ByteSimd, const MR: usize, const NV: usize, const BYTES: usize>(
    start: *const f32,
    along: usize,
    n_rows: usize,
    mut weights: *const f32,
    mut sums: Tile<S>,
) -> Tile<S> {
    // SAFETY: the caller guarantees the instruction set, the windows and the weights.
    unsafe {
        for row in 0..n_rows {
            let zero = S::splat(0.0);
            let mut columns = [zero, zero, zero];
            over_vectors!(NV, j => columns[j] = S::load(weights.add(j * S::LANES)));
            over_rows!(MR, i => {
                // Two `bfloat16` numbers or four bytes are as long as a `f32`.
                let at = behind::<BYTES>(start, i * along).wrapping_add(row);
                let value = if BYTES == 4 { S::splat(*at) } else { S::splat_bits(at.cast()) };
                over_vectors!(NV, j => {
                    sums[j][i] = match BYTES {
                        4 => S::mul_add(value, columns[j], sums[j][i]),
                        2 => S::pair_mul_add(value, columns[j], sums[j][i]),
                        _ => S::quad_mul_add(value, columns[j], sums[j][i]),
                    };
                });
            });
            weights = weights.add(NV * S::LANES);
        }
        sums
    }
}

/// The epilogue of one vector of columns of a tile; `PART`: not all lanes are columns.
#[inline(always)]
unsafe fn finish<S: ByteSimd, const MR: usize, const PART: bool, const BYTES: usize>(
    job: &PanelJob,
    row: usize,
    j: usize,
    mut sums: [S::Vector; MOST_TILE_ROWS],
) {
    // SAFETY: as in `tile`; where the vector is not full only its columns are touched.
    unsafe {
        let mut bias = S::splat(0.0);
        if !job.bias.is_null() {
            bias = load::<S, PART>(job.bias.add(j * S::LANES), job.tail);
        }
        if BYTES == 1 {
            let scale = load::<S, PART>(job.scale.add(j * S::LANES), job.tail);
            bias = S::add(bias, load::<S, PART>(job.shift.add(j * S::LANES), job.tail));
            over_rows!(MR, i => sums[i] = S::mul_add(S::of_integers(sums[i]), scale, bias));
            bias = S::splat(0.0);
        }
        let (low, high) = (S::splat(job.low), S::splat(job.high));
        let out = job.out.add(row * job.stride + j * S::LANES);
        if job.shortcut.is_null() && job.gate.is_null() {
            // The usual case, without a branch for each row.
            over_rows!(MR, i => {
                let value = S::clamp(S::add(sums[i], bias), low, high);
                store::<S, PART>(out.wrapping_add(i * job.stride), job.tail, value);
            });
            return;
        }
        over_rows!(MR, i => {
            let at = (row + i) * job.stride + j * S::LANES;
            let mut value = S::add(sums[i], bias);
            if !job.shortcut.is_null() {
                value = S::add(value, load::<S, PART>(job.shortcut.add(at), job.tail));
            }
            value = S::clamp(value, low, high);
            if !job.gate.is_null() {
                let by = load::<S, PART>(job.gate.add(at), job.tail);
                value = S::gate(value, by, S::splat(job.gate_ceiling));
            }
            store::<S, PART>(job.out.add(at), job.tail, value);
        });
    }
}
