//! Products whose outputs are written as bytes for a depthwise convolution.
//!
//! Bytes of four neighboring pixels of a line are a word, for each channel; words of a channel and its
//! neighbors are beside each other. A line begins and ends with words of zeros, so that windows
//! never leave it.

use super::depthwise::ByteDepthwise;
use crate::Windows;
use crate::aligned::with_scratch;
use crate::packed::{Format, Packed, Panel, Quads};
use crate::product::piece;
use crate::quantization::{quantize, room};
use crate::set::Micro;
use crate::simd::{ByteSimd, load};
use crate::tile::{MOST_TILE_ROWS, over_rows, over_vectors, zeros};

/// Lines of windows, and one panel of the weights.
pub(crate) struct QuadsJob {
    n_lines: usize,
    /// Windows in a line.
    width: usize,
    x: *const f32,
    /// The distances in bytes of a window from the next in a line, and of a line from the next.
    steps: [usize; 2],
    pieces: [usize; 3],
    weights: *const f32,
    scale: *const f32,
    shift: *const f32,
    bias: *const f32,
    /// The first word of a channel of the panel in a line.
    out: *mut f32,
    /// Words of a line, and of a pixel.
    line_len: usize,
    channels: usize,
    /// The number of lanes of the last vector that are columns.
    tail: usize,
}

/// Writes lines of the input of `depthwise`: `bytes = windows · weights + bias`.
///
/// # Panics
/// When a size does not fit.
pub(crate) fn product<S: Micro>(
    x: Windows<'_>,
    weights: &Packed,
    bias: &[f32],
    depthwise: &ByteDepthwise,
    out: &mut [f32],
) {
    let Format::Quads(quads) = &weights.format else { unreachable!("weights of bytes") };
    let Quads { piece, scale, shift, input } = &**quads;
    let &Packed { n, lanes, .. } = weights;
    let line_len = depthwise.line_len();
    let (n_lines, [width, _]) = (out.len() / line_len, x.size);
    assert!(out.len() == n_lines * line_len && n_lines <= x.size[1] && width == depthwise.width());
    assert!(lanes == S::LANES && *piece == x.pieces[1] && x.len() == weights.k);
    assert!(bias.len() == n && depthwise.n_padded() == n.next_multiple_of(lanes));
    assert!(x.have(n_lines * width));
    if n_lines == 0 {
        return;
    }
    depthwise.clear_margins(out);
    let values = &x.values[..x.end(n_lines * width)];
    with_scratch([room(values.len())], |[bytes]| {
        quantize::<S>(values, input, bytes);
        let mut packed = weights.values.as_ref();
        for &Panel { first, n_vectors, n_columns } in &weights.panels {
            let job = QuadsJob {
                n_lines,
                width,
                x: bytes.as_ptr(),
                steps: [x.steps[0], x.steps[1]],
                pieces: x.pieces,
                weights: packed.as_ptr(),
                scale: scale[first..].as_ptr(),
                shift: shift[first..].as_ptr(),
                bias: bias[first..].as_ptr(),
                out: out[depthwise.first_word() + first..].as_mut_ptr(),
                line_len,
                channels: depthwise.n_padded(),
                tail: n_columns - (n_vectors - 1) * S::LANES,
            };
            // SAFETY: the windows are there, a line of the output has words for whole vectors of each of
            // its pixels, and packed rows are those of the panel, by construction of `Packed`.
            unsafe {
                match n_vectors {
                    1 => S::product_quads::<1>(&job),
                    2 => S::product_quads::<2>(&job),
                    _ => S::product_quads::<3>(&job),
                }
            }
            packed = &packed[weights.n_rows() * n_vectors * S::LANES..];
        }
    });
}

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(crate) unsafe fn panel<S: ByteSimd, const NV: usize>(job: &QuadsJob) {
    // Whole words, so that no two tiles write the same.
    let height = const { S::TILE_ROWS[NV - 1] / 4 * 4 };
    for line in 0..job.n_lines {
        let mut column = 0;
        while column < job.width {
            let n = height.min(job.width - column);
            // SAFETY: the caller guarantees the windows of a line.
            unsafe {
                let at = line * job.steps[1] + column * job.steps[0];
                let start = job.x.wrapping_byte_add(at);
                let out = job.out.add(line * job.line_len + column / 4 * job.channels);
                match n {
                    1 => tile::<S, 1, NV>(job, start, out),
                    2 => tile::<S, 2, NV>(job, start, out),
                    3 => tile::<S, 3, NV>(job, start, out),
                    4 => tile::<S, 4, NV>(job, start, out),
                    5 => tile::<S, 5, NV>(job, start, out),
                    6 => tile::<S, 6, NV>(job, start, out),
                    7 => tile::<S, 7, NV>(job, start, out),
                    8 => tile::<S, 8, NV>(job, start, out),
                    9 => tile::<S, 9, NV>(job, start, out),
                    10 => tile::<S, 10, NV>(job, start, out),
                    11 => tile::<S, 11, NV>(job, start, out),
                    _ => tile::<S, 12, NV>(job, start, out),
                }
            }
            column += n;
        }
    }
}

/// `MR` windows beside each other from `start` on.
#[inline(always)]
unsafe fn tile<S: ByteSimd, const MR: usize, const NV: usize>(
    job: &QuadsJob,
    start: *const f32,
    out: *mut f32,
) {
    if const { MR > S::TILE_ROWS[NV - 1] } {
        // Never taken, because no tile exceeds the registers; avoids generating the code.
        return;
    }
    // SAFETY: the caller guarantees the instruction set, the windows and the columns of the panel.
    unsafe {
        let mut sums = zeros::<S>();
        let [n_pieces, len, distance] = job.pieces;
        let (mut x, mut weights) = (start, job.weights);
        let n_rows = len.div_ceil(4);
        for _ in 0..n_pieces {
            sums = piece::<S, MR, NV, 1>(x, job.steps[0], n_rows, weights, sums);
            x = x.wrapping_byte_add(distance);
            weights = weights.add(n_rows * NV * S::LANES);
        }
        over_vectors!(NV, j => {
            if j + 1 == NV && job.tail < S::LANES {
                finish::<S, MR, true>(job, j, sums[j], out.add(j * S::LANES));
            } else {
                finish::<S, MR, false>(job, j, sums[j], out.add(j * S::LANES));
            }
        });
    }
}

/// Writes one vector of columns of a tile, four rows at a time.
#[inline(always)]
unsafe fn finish<S: ByteSimd, const MR: usize, const PART: bool>(
    job: &QuadsJob,
    j: usize,
    sums: [S::Vector; MOST_TILE_ROWS],
    out: *mut f32,
) {
    // SAFETY: as in `tile`. Columns that are none become zeros, for which the output has room.
    unsafe {
        let scale = load::<S, PART>(job.scale.add(j * S::LANES), job.tail);
        let shift = load::<S, PART>(job.shift.add(j * S::LANES), job.tail);
        let shift = S::add(load::<S, PART>(job.bias.add(j * S::LANES), job.tail), shift);
        let zero = S::splat(0.0);
        let mut numbers = [zero; MOST_TILE_ROWS];
        over_rows!(MR, i => {
            numbers[i] = S::mul_add(S::of_integers(sums[i]), scale, shift);
        });
        let [a, b, c, d, e, f, g, h, i, j, k, l] = numbers;
        S::store(out, S::to_quads([a, b, c, d]));
        if MR > 4 {
            S::store(out.add(job.channels), S::to_quads([e, f, g, h]));
        }
        if MR > 8 {
            S::store(out.add(2 * job.channels), S::to_quads([i, j, k, l]));
        }
    }
}
