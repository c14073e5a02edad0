//! Gradients of depthwise convolutions, row by row.

use std::ops::Range;

use super::depthwise::{
    self, Depthwise, Geometry, MOST_KERNEL, MOST_ROWS, Rows, RowsJob, tile_lines,
};
use super::output::Out;
use super::set::Micro;
use super::simd::{Simd, load, store};
use crate::Window;

/// Adds the weight gradient of the output rows `rows` to `g` `[kernel · kernel, channels]`; each
/// entry continues a chain over pixels. `dz` holds these output rows, `input` the input
/// rows they read.
///
/// # Panics
/// When a slice is too short, or rows are missing.
pub(super) fn weights<S: Micro>(
    shape: &Depthwise,
    input: Rows<'_>,
    dz: Rows<'_>,
    rows: Range<usize>,
    g: &mut [f32],
) {
    let Window { kernel, stride, padding } = shape.window;
    assert_eq!(g.len(), kernel * kernel * shape.channels);
    let (out_height, _) = shape.output();
    for row in rows {
        let mut job = WeightJob {
            rows: [shape.zeros(); MOST_KERNEL],
            geometry: shape.geometry(),
            dz: dz.pointer(Some(row), out_height, shape.output_row(), shape.zeros()),
            g: g.as_mut_ptr(),
        };
        for (ky, pointer) in job.rows.iter_mut().enumerate().take(kernel) {
            let y = (row * stride + ky).checked_sub(padding.top);
            *pointer = input.pointer(y, shape.height, shape.input_row(), shape.zeros());
        }
        // SAFETY: rows have their length, checked by `pointer`, or are zeros of that length; `g`
        // has its length by the assertion above.
        unsafe {
            match (kernel, stride) {
                (3, 1) => S::depthwise_gradient_row::<3, 1>(&job),
                (3, 2) => S::depthwise_gradient_row::<3, 2>(&job),
                (5, 1) => S::depthwise_gradient_row::<5, 1>(&job),
                (5, 2) => S::depthwise_gradient_row::<5, 2>(&job),
                _ => unreachable!("`Depthwise::new` checks the window"),
            }
        }
    }
}

/// The weights of a depthwise convolution for its gradient, `[kernel · kernel, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct ReversedWeights<'a> {
    /// The original order.
    pub weights: &'a [f32],
    /// The reversed window.
    pub flipped: &'a [f32],
}

/// Writes the gradient of the input rows `rows` to `dx`; `dz` holds the output rows that read them.
///
/// # Panics
/// When a slice is too short, or rows are missing.
pub(super) fn input<S: Micro>(
    shape: &Depthwise,
    reversed: ReversedWeights<'_>,
    dz: Rows<'_>,
    rows: Range<usize>,
    dx: Out<'_>,
) {
    let n_weights = shape.window.kernel * shape.window.kernel * shape.channels;
    assert!(reversed.weights.len() == n_weights && reversed.flipped.len() == n_weights);
    assert_eq!(dx.len(), rows.len() * shape.input_row());
    let n_together = tile_lines(shape.window.stride);
    let mut dx = dx;
    for first in rows.clone().step_by(n_together) {
        let n_lines = n_together.min(rows.end - first);
        let mut dx = dx.take(n_lines * shape.input_row());
        let pointer = dx.pointer();
        if shape.window.stride == 1 {
            input_rows_of_stride_one::<S>(shape, reversed.flipped, dz, first, n_lines, pointer);
        } else {
            input_row_of_stride::<S>(shape, reversed.weights, dz, first, pointer);
        }
        // SAFETY: both write whole rows.
        unsafe { dx.written() }
    }
}

/// With stride one the gradient of the input is a convolution of that of the output with the
/// flipped window.
fn input_rows_of_stride_one<S: Micro>(
    shape: &Depthwise,
    flipped: &[f32],
    dz: Rows<'_>,
    first: usize,
    n_lines: usize,
    dx: *mut f32,
) {
    let Window { kernel, padding, .. } = shape.window;
    let mut job = RowsJob {
        rows: [shape.zeros(); MOST_ROWS],
        geometry: shape.reversed(),
        weights: flipped.as_ptr(),
        bias: std::ptr::null(),
        ceiling: None,
        out: dx,
    };
    for (y, pointer) in (first + padding.top..).zip(&mut job.rows[..kernel + n_lines - 1]) {
        let y = y.checked_sub(kernel - 1);
        *pointer = dz.pointer(y, shape.output().0, shape.output_row(), shape.zeros());
    }
    // SAFETY: rows have their length, checked by `pointer`, or are zeros of at least that length;
    // weights and `dx` have theirs by the assertions of `input`.
    unsafe { depthwise::run::<S, false>(kernel, 1, n_lines, &job) }
}

fn input_row_of_stride<S: Micro>(
    shape: &Depthwise,
    weights: &[f32],
    dz: Rows<'_>,
    row: usize,
    dx: *mut f32,
) {
    let Window { kernel, stride, padding } = shape.window;
    let mut job = InputJob {
        taps: [(0, shape.zeros()); MOST_KERNEL],
        n_taps: 0,
        geometry: shape.geometry(),
        weights: weights.as_ptr(),
        dx,
    };
    for ky in 0..kernel {
        let place = (row + padding.top).checked_sub(ky);
        let reader = place.filter(|place| place.is_multiple_of(stride)).map(|place| place / stride);
        if let Some(reader) = reader.filter(|reader| *reader < shape.output().0) {
            let row = dz.pointer(Some(reader), shape.output().0, shape.output_row(), shape.zeros());
            job.taps[job.n_taps] = (ky, row);
            job.n_taps += 1;
        }
    }
    // SAFETY: as in `input_rows_of_stride_one`.
    unsafe {
        match kernel {
            3 => S::depthwise_input_row::<3, 2>(&job),
            _ => S::depthwise_input_row::<5, 2>(&job),
        }
    }
}

/// The weight gradient of one output row.
pub(super) struct WeightJob {
    /// The rows of the input under the window.
    rows: [*const f32; MOST_KERNEL],
    geometry: Geometry,
    dz: *const f32,
    g: *mut f32,
}

/// The maximum number of outputs of a tile.
const TILE: usize = 4;

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn weight_row<S: Simd, const K: usize, const STRIDE: usize>(job: &WeightJob) {
    let mut channel = 0;
    // SAFETY: channels stay inside the job's sizes.
    unsafe {
        while channel + S::LANES <= job.geometry.channels {
            weight_channels::<S, K, STRIDE, false>(job, channel);
            channel += S::LANES;
        }
        if channel < job.geometry.channels {
            weight_channels::<S, K, STRIDE, true>(job, channel);
        }
    }
}

/// One vector of channels, along the whole row.
#[inline(always)]
unsafe fn weight_channels<S: Simd, const K: usize, const STRIDE: usize, const PART: bool>(
    job: &WeightJob,
    channel: usize,
) {
    let Geometry { out_width, channels, .. } = job.geometry;
    let n = channels - channel;
    // SAFETY: the caller guarantees the instruction set and the channels; places stay inside
    // the row.
    unsafe {
        let mut sums = [[S::splat(0.0); K]; K];
        for ky in 0..K {
            for kx in 0..K {
                let at = (ky * K + kx) * channels + channel;
                sums[ky][kx] = load::<S, PART>(job.g.add(at), n);
            }
        }
        let mut x = 0;
        while x + TILE <= out_width {
            if job.geometry.holds_window::<K, STRIDE, TILE>(x) {
                weight_tile::<S, K, STRIDE, TILE, PART, true>(job, x, channel, &mut sums);
            } else {
                weight_tile::<S, K, STRIDE, TILE, PART, false>(job, x, channel, &mut sums);
            }
            x += TILE;
        }
        while x < out_width {
            weight_tile::<S, K, STRIDE, 1, PART, false>(job, x, channel, &mut sums);
            x += 1;
        }
        for ky in 0..K {
            for kx in 0..K {
                let at = (ky * K + kx) * channels + channel;
                store::<S, PART>(job.g.add(at), n, sums[ky][kx]);
            }
        }
    }
}

/// Continues the chains of one vector of channels over `T` outputs from `x` on. `INSIDE`: all
/// windows are inside the input.
#[inline(always)]
unsafe fn weight_tile<
    S: Simd,
    const K: usize,
    const STRIDE: usize,
    const T: usize,
    const PART: bool,
    const INSIDE: bool,
>(
    job: &WeightJob,
    x: usize,
    channel: usize,
    sums: &mut [[S::Vector; K]; K],
) {
    let Geometry { width, left, channels, .. } = job.geometry;
    let n = channels - channel;
    // SAFETY: as in `weight_channels`; columns outside the input are skipped.
    unsafe {
        let mut dz = [S::splat(0.0); T];
        for output in 0..T {
            dz[output] = load::<S, PART>(job.dz.add((x + output) * channels + channel), n);
        }
        for ky in 0..K {
            for column in 0..(T - 1) * STRIDE + K {
                let at = (x * STRIDE + column).wrapping_sub(left);
                if !INSIDE && at >= width {
                    continue;
                }
                let value = load::<S, PART>(job.rows[ky].add(at * channels + channel), n);
                for output in 0..T {
                    if column >= output * STRIDE && column < output * STRIDE + K {
                        let kx = column - output * STRIDE;
                        sums[ky][kx] = S::mul_add(value, dz[output], sums[ky][kx]);
                    }
                }
            }
        }
    }
}

/// One row of the gradient of the input.
pub(super) struct InputJob {
    /// The rows of the window, each with the output row that it belongs to.
    taps: [(usize, *const f32); MOST_KERNEL],
    n_taps: usize,
    geometry: Geometry,
    weights: *const f32,
    dx: *mut f32,
}

/// The inputs of a tile for a 3x3 window with stride two.
const INPUT_TILE: usize = 8;

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn input_row<S: Simd, const K: usize, const STRIDE: usize>(job: &InputJob) {
    let Geometry { width, out_width, left, channels } = job.geometry;
    let mut x = 0;
    while x < width {
        let place = x + left;
        // The tile reads the outputs from the one before `place / 2` to the third after it.
        let is_tile = (K, STRIDE) == (3, 2)
            && place.is_multiple_of(2)
            && place >= 2
            && place / 2 + INPUT_TILE / 2 <= out_width
            && x + INPUT_TILE <= width;
        let mut channel = 0;
        // SAFETY: places stay inside the job's sizes.
        unsafe {
            while channel < channels {
                let is_part = channel + S::LANES > channels;
                match (is_tile, is_part) {
                    (true, false) => input_tile::<S, false>(job, x, channel),
                    (true, true) => input_tile::<S, true>(job, x, channel),
                    (false, false) => input_pixel::<S, K, STRIDE, false>(job, x, channel),
                    (false, true) => input_pixel::<S, K, STRIDE, true>(job, x, channel),
                }
                channel += S::LANES;
            }
        }
        x += if is_tile { INPUT_TILE } else { 1 };
    }
}

/// Eight inputs from an even place on, for a 3x3 window with stride two: an even one gets
/// `w₀ · dz[j] + w₂ · dz[j - 1]`, an odd one `w₁ · dz[j]`.
#[inline(always)]
unsafe fn input_tile<S: Simd, const PART: bool>(job: &InputJob, x: usize, channel: usize) {
    let Geometry { left, channels, .. } = job.geometry;
    let n = channels - channel;
    let first = usize::midpoint(x, left) - 1;
    // SAFETY: the caller guarantees the instruction set and the place.
    unsafe {
        let mut sums = [S::splat(0.0); INPUT_TILE];
        for tap in 0..job.n_taps {
            let (ky, row) = job.taps[tap];
            let weights = job.weights.add(ky * 3 * channels + channel);
            let w0 = load::<S, PART>(weights, n);
            let w1 = load::<S, PART>(weights.add(channels), n);
            let w2 = load::<S, PART>(weights.add(2 * channels), n);
            let from = row.add(first * channels + channel);
            let mut before = load::<S, PART>(from, n);
            for j in 0..INPUT_TILE / 2 {
                let dz = load::<S, PART>(from.add((j + 1) * channels), n);
                sums[2 * j] = S::mul_add(w2, before, S::mul_add(w0, dz, sums[2 * j]));
                sums[2 * j + 1] = S::mul_add(w1, dz, sums[2 * j + 1]);
                before = dz;
            }
        }
        for i in 0..INPUT_TILE {
            store::<S, PART>(job.dx.add((x + i) * channels + channel), n, sums[i]);
        }
    }
}

/// One input at any place.
#[inline(always)]
unsafe fn input_pixel<S: Simd, const K: usize, const STRIDE: usize, const PART: bool>(
    job: &InputJob,
    x: usize,
    channel: usize,
) {
    let Geometry { out_width, left, channels, .. } = job.geometry;
    let n = channels - channel;
    // SAFETY: as in `input_tile`.
    unsafe {
        let mut sum = S::splat(0.0);
        for tap in 0..job.n_taps {
            let (ky, row) = job.taps[tap];
            for kx in 0..K {
                let place = (x + left).wrapping_sub(kx);
                let reader = place / STRIDE;
                if place <= x + left && place.is_multiple_of(STRIDE) && reader < out_width {
                    let weight = job.weights.add((ky * K + kx) * channels + channel);
                    let dz = load::<S, PART>(row.add(reader * channels + channel), n);
                    sum = S::mul_add(load::<S, PART>(weight, n), dz, sum);
                }
            }
        }
        store::<S, PART>(job.dx.add(x * channels + channel), n, sum);
    }
}
