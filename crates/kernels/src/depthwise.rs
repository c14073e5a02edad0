//! Depthwise convolutions with channels innermost.
//!
//! A tile has up to five neighboring output pixels of one vector of channels, so that a column of
//! the window is loaded once for all outputs that use it. Each output is one chain of multiply-adds
//! over the window, rows first, starting at the bias. Pixels outside the image are skipped or are a
//! row of zeros.

use std::ops::Range;

use super::curve;
use super::output::Out;
use super::set::Micro;
use super::simd::{Simd, load, store};
use crate::Activation;
use crate::Window;

/// The largest supported window.
pub(super) const MOST_KERNEL: usize = 5;

/// The shape of a depthwise convolution of one image.
#[derive(Clone, Debug)]
pub struct Depthwise {
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels.
    pub channels: usize,
    /// The window that slides over it.
    pub window: Window,
    /// Zeros with the length of an input or output row, whichever is longer, for rows outside.
    zeros: Vec<f32>,
}

impl Depthwise {
    /// A convolution of images of `[height, width, channels]`.
    ///
    /// # Panics
    /// When the window is not supported.
    pub fn new([height, width, channels]: [usize; 3], window: Window) -> Self {
        assert!(window.fits_depthwise(), "engines reject unsupported windows at construction");
        let out_width = window.output(height, width).1;
        let zeros = vec![0.0; width.max(out_width) * channels];
        Self { height, width, channels, window, zeros }
    }

    /// Rows and columns of the output.
    pub fn output(&self) -> (usize, usize) {
        self.window.output(self.height, self.width)
    }

    /// The number of values in a row of the input.
    pub fn input_row(&self) -> usize {
        self.width * self.channels
    }

    /// The number of values in a row of the output.
    pub fn output_row(&self) -> usize {
        self.output().1 * self.channels
    }

    /// The input rows that the given output rows read.
    pub fn reads(&self, rows: &Range<usize>) -> Range<usize> {
        let Window { kernel, stride, padding } = self.window;
        let end = ((rows.end - 1) * stride + kernel).saturating_sub(padding.top);
        (rows.start * stride).saturating_sub(padding.top)..end.min(self.height)
    }

    /// The number of input rows with a complete gradient after the output rows before `rows` are
    /// processed.
    pub fn settled(&self, rows: usize) -> usize {
        if rows == self.output().0 {
            return self.height;
        }
        (rows * self.window.stride).saturating_sub(self.window.padding.top).min(self.height)
    }

    /// The first output row that reads input row `row` or a later one.
    pub fn first_reader(&self, row: usize) -> usize {
        let Window { kernel, stride, padding } = self.window;
        (row + padding.top).saturating_sub(kernel - 1).div_ceil(stride)
    }

    /// The columns of windows.
    pub(super) fn geometry(&self) -> Geometry {
        Geometry {
            width: self.width,
            out_width: self.output().1,
            left: self.window.padding.left,
            channels: self.channels,
        }
    }

    /// The columns seen from the output. For stride one, the input gradient is a convolution of the
    /// output gradient.
    pub(super) fn reversed(&self) -> Geometry {
        Geometry {
            width: self.output().1,
            out_width: self.width,
            left: self.window.kernel - 1 - self.window.padding.left,
            channels: self.channels,
        }
    }

    /// A row of zeros.
    pub(super) fn zeros(&self) -> *const f32 {
        self.zeros.as_ptr()
    }
}

/// Adjacent rows of a map.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The rows, concatenated.
    pub values: &'a [f32],
    /// The number of the first row.
    pub first: usize,
}

impl Rows<'_> {
    /// The row with number `row` of a map of `height` rows of `len`; `zeros` outside the map.
    ///
    /// # Panics
    /// When a row of the map is not among these.
    pub(super) fn pointer(
        &self,
        row: Option<usize>,
        height: usize,
        len: usize,
        zeros: *const f32,
    ) -> *const f32 {
        match row.filter(|row| *row < height) {
            Some(row) => self.values[(row - self.first) * len..][..len].as_ptr(),
            None => zeros,
        }
    }
}

/// The parameters of a depthwise convolution.
#[derive(Clone, Copy, Debug)]
pub struct DepthwiseFilter<'a> {
    /// The weights, `[kernel · kernel, channels]`.
    pub weights: &'a [f32],
    /// The bias, `[channels]`.
    pub bias: &'a [f32],
    /// The activation.
    pub activation: Activation,
}

/// Writes the output rows `rows` to `out`.
///
/// # Panics
/// When a slice is too short, or rows are missing from `input`.
pub(super) fn forward<S: Micro>(
    shape: &Depthwise,
    input: Rows<'_>,
    filter: DepthwiseFilter<'_>,
    rows: Range<usize>,
    out: Out<'_>,
) {
    let Window { kernel, stride, padding } = shape.window;
    let channels = shape.channels;
    let DepthwiseFilter { weights, bias, activation } = filter;
    assert!(weights.len() == kernel * kernel * channels && bias.len() == channels);
    assert_eq!(out.len(), rows.len() * shape.output_row());
    for (row, mut out) in rows.zip(out.chunks(shape.output_row())) {
        let mut job = RowJob {
            rows: [shape.zeros(); MOST_KERNEL],
            geometry: shape.geometry(),
            weights: weights.as_ptr(),
            bias: bias.as_ptr(),
            ceiling: activation.ceiling(),
            out: out.pointer(),
        };
        for (ky, pointer) in job.rows.iter_mut().enumerate().take(kernel) {
            let y = (row * stride + ky).checked_sub(padding.top);
            *pointer = input.pointer(y, shape.height, shape.input_row(), shape.zeros());
        }
        // SAFETY: rows of the input have their length, checked by `pointer`, or are zeros of the
        // same length; weights, bias and output have theirs by the assertions above. A row of the
        // output is written whole.
        unsafe {
            run::<S>(kernel, stride, &job);
            curve::apply::<S>(activation, job.out, shape.output_row());
            out.written();
        }
    }
}

/// Runs a row with the code for its window.
///
/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
pub(super) unsafe fn run<S: Micro>(kernel: usize, stride: usize, job: &RowJob) {
    // SAFETY: the caller guarantees the same conditions.
    unsafe {
        match (kernel, stride) {
            (3, 1) => S::depthwise_row::<3, 1>(job),
            (3, 2) => S::depthwise_row::<3, 2>(job),
            (5, 1) => S::depthwise_row::<5, 1>(job),
            (5, 2) => S::depthwise_row::<5, 2>(job),
            _ => unreachable!("`Depthwise::new` checks the window"),
        }
    }
}

/// The columns of windows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// Columns of the input.
    pub(super) width: usize,
    /// Columns of the output.
    pub(super) out_width: usize,
    /// Columns of padding to the left.
    pub(super) left: usize,
    /// Channels.
    pub(super) channels: usize,
}

impl Geometry {
    /// Whether the windows of `T` outputs from `x` on are inside the input.
    #[inline(always)]
    pub(super) fn holds_window<const K: usize, const STRIDE: usize, const T: usize>(
        &self,
        x: usize,
    ) -> bool {
        let first = x * STRIDE;
        first >= self.left && first + (T - 1) * STRIDE + K <= self.width + self.left
    }
}

/// One output row.
pub(super) struct RowJob {
    /// The rows of the input under the window.
    pub(super) rows: [*const f32; MOST_KERNEL],
    pub(super) geometry: Geometry,
    pub(super) weights: *const f32,
    /// Null if there is no bias.
    pub(super) bias: *const f32,
    pub(super) ceiling: Option<f32>,
    pub(super) out: *mut f32,
}

/// The maximum number of outputs of a tile.
const TILE: usize = 5;

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn row<S: Simd, const K: usize, const STRIDE: usize>(job: &RowJob) {
    let Geometry { out_width, .. } = job.geometry;
    let n_tiles = out_width.div_ceil(TILE);
    let mut x = 0;
    for index in 0..n_tiles {
        let width = out_width / n_tiles + usize::from(index < out_width % n_tiles);
        // SAFETY: `x + width` is at most `out_width`.
        unsafe {
            match width {
                1 => tile::<S, K, STRIDE, 1>(job, x),
                2 => tile::<S, K, STRIDE, 2>(job, x),
                3 => tile::<S, K, STRIDE, 3>(job, x),
                4 => tile::<S, K, STRIDE, 4>(job, x),
                _ => tile::<S, K, STRIDE, 5>(job, x),
            }
        }
        x += width;
    }
}

/// All channels of `T` outputs from `x` on.
#[inline(always)]
unsafe fn tile<S: Simd, const K: usize, const STRIDE: usize, const T: usize>(
    job: &RowJob,
    x: usize,
) {
    let is_inside = job.geometry.holds_window::<K, STRIDE, T>(x);
    let mut channel = 0;
    // SAFETY: channels stay inside the job's sizes; the caller guarantees the rest.
    unsafe {
        while channel + S::LANES <= job.geometry.channels {
            if is_inside {
                outputs::<S, K, STRIDE, T, false, true>(job, x, channel);
            } else {
                outputs::<S, K, STRIDE, T, false, false>(job, x, channel);
            }
            channel += S::LANES;
        }
        if channel < job.geometry.channels {
            outputs::<S, K, STRIDE, T, true, false>(job, x, channel);
        }
    }
}

/// One vector of channels of `T` outputs from `x` on. `INSIDE`: all windows are inside the input.
#[inline(always)]
unsafe fn outputs<
    S: Simd,
    const K: usize,
    const STRIDE: usize,
    const T: usize,
    const PART: bool,
    const INSIDE: bool,
>(
    job: &RowJob,
    x: usize,
    channel: usize,
) {
    let Geometry { width, left, channels, .. } = job.geometry;
    let n = channels - channel;
    // SAFETY: the caller guarantees the instruction set and the place; columns outside the
    // input are skipped.
    unsafe {
        let mut sums = [start::<S, PART>(job, channel, n); T];
        for ky in 0..K {
            let mut weights = [S::splat(0.0); K];
            for kx in 0..K {
                let at = (ky * K + kx) * channels + channel;
                weights[kx] = load::<S, PART>(job.weights.add(at), n);
            }
            for column in 0..(T - 1) * STRIDE + K {
                let at = (x * STRIDE + column).wrapping_sub(left);
                if !INSIDE && at >= width {
                    continue;
                }
                let value = load::<S, PART>(job.rows[ky].add(at * channels + channel), n);
                for output in 0..T {
                    if column >= output * STRIDE && column < output * STRIDE + K {
                        let weight = weights[column - output * STRIDE];
                        sums[output] = S::mul_add(value, weight, sums[output]);
                    }
                }
            }
        }
        for output in 0..T {
            finish::<S, PART>(job, x + output, channel, n, sums[output]);
        }
    }
}

#[inline(always)]
unsafe fn start<S: Simd, const PART: bool>(job: &RowJob, channel: usize, n: usize) -> S::Vector {
    // SAFETY: as in `tile`.
    unsafe {
        if job.bias.is_null() { S::splat(0.0) } else { load::<S, PART>(job.bias.add(channel), n) }
    }
}

#[inline(always)]
unsafe fn finish<S: Simd, const PART: bool>(
    job: &RowJob,
    x: usize,
    channel: usize,
    n: usize,
    sum: S::Vector,
) {
    // SAFETY: as in `tile`.
    unsafe {
        let value = match job.ceiling {
            Some(ceiling) => S::rectify(sum, S::splat(ceiling)),
            None => sum,
        };
        store::<S, PART>(job.out.add(x * job.geometry.channels + channel), n, value);
    }
}
