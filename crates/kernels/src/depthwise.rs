//! Depthwise convolutions with channels innermost.
//!
//! A tile has up to five neighboring output pixels of one vector of channels, for stride one in two rows,
//! so that an input is loaded once for all outputs that use it. Each output is one chain of
//! multiply-adds over the window, rows first, starting at the bias. Pixels outside the image are skipped
//! or are a row of zeros.

use std::ops::Range;

use super::curve;
use super::output::Out;
use super::set::Micro;
use super::simd::{Simd, load, store, unrolled};
use crate::Activation;
use crate::Window;

/// The largest supported window.
pub(super) const MOST_KERNEL: usize = 5;
/// The maximum number of input rows that a tile reads.
pub(super) const MOST_ROWS: usize = MOST_KERNEL + 1;

/// The lines of outputs of a tile. With stride two, two lines share too few inputs to be faster.
pub(super) fn tile_lines(stride: usize) -> usize {
    if stride == 1 { 2 } else { 1 }
}

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

/// Some output rows of a depthwise convolution, which a product reads.
#[derive(Debug)]
pub struct Filtered<'a> {
    /// The shape.
    pub shape: &'a Depthwise,
    /// The parameters.
    pub filter: DepthwiseFilter<'a>,
    /// The rows.
    pub rows: Range<usize>,
    /// Working memory for these rows of each map.
    pub memory: &'a mut [f32],
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
    mut out: Out<'_>,
) {
    assert_eq!(out.len(), rows.len() * shape.output_row());
    // SAFETY: the output has the length of the rows, and is written whole.
    unsafe {
        lines::<S, false>(shape, input, filter, &rows, out.pointer());
        curve::apply::<S>(filter.activation, out.pointer(), out.len());
        out.written();
    }
}

/// Writes the output rows `rows` to `out` as `bfloat16` numbers.
///
/// # Panics
/// When a slice is too short, rows are missing from `input`, or the activation does not clip.
pub(super) fn forward_to_bf16<S: Micro>(
    shape: &Depthwise,
    input: Rows<'_>,
    filter: DepthwiseFilter<'_>,
    rows: &Range<usize>,
    out: &mut [u16],
) {
    assert!(out.len() == rows.len() * shape.output_row() && !filter.activation.is_curve());
    // SAFETY: the output has the length of the rows.
    unsafe { lines::<S, true>(shape, input, filter, rows, out.as_mut_ptr().cast()) }
}

/// Writes output rows before a smooth activation.
///
/// # Safety
/// `out` has room for the rows, of `bfloat16` numbers if `BF16`.
///
/// # Panics
/// When a slice is too short, or rows are missing from `input`.
unsafe fn lines<S: Micro, const BF16: bool>(
    shape: &Depthwise,
    input: Rows<'_>,
    filter: DepthwiseFilter<'_>,
    rows: &Range<usize>,
    out: *mut f32,
) {
    let Window { kernel, stride, padding } = shape.window;
    let channels = shape.channels;
    let DepthwiseFilter { weights, bias, activation } = filter;
    assert!(weights.len() == kernel * kernel * channels && bias.len() == channels);
    let n_together = tile_lines(stride);
    for first in rows.clone().step_by(n_together) {
        let n_lines = n_together.min(rows.end - first);
        let at = (first - rows.start) * shape.output_row();
        let mut job = RowsJob {
            rows: [shape.zeros(); MOST_ROWS],
            geometry: shape.geometry(),
            weights: weights.as_ptr(),
            bias: bias.as_ptr(),
            ceiling: activation.ceiling(),
            out: place::<BF16>(out, at),
        };
        for (y, pointer) in (first * stride..).zip(&mut job.rows[..kernel + n_lines - 1]) {
            let y = y.checked_sub(padding.top);
            *pointer = input.pointer(y, shape.height, shape.input_row(), shape.zeros());
        }
        // SAFETY: rows of the input have their length, checked by `pointer`, or are zeros of the
        // same length; weights and bias have theirs by the assertion above, and the caller guarantees
        // that of the output.
        unsafe { run::<S, BF16>(kernel, stride, n_lines, &job) }
    }
}

/// The place of number `at` of an output.
#[inline(always)]
fn place<const BF16: bool>(out: *mut f32, at: usize) -> *mut f32 {
    if BF16 { out.cast::<u16>().wrapping_add(at).cast() } else { out.wrapping_add(at) }
}

/// Runs a line of outputs, or two neighboring ones with stride one, with the code for their window.
///
/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
pub(super) unsafe fn run<S: Micro, const BF16: bool>(
    kernel: usize,
    stride: usize,
    n_lines: usize,
    job: &RowsJob,
) {
    // SAFETY: the caller guarantees the same conditions.
    unsafe {
        match (kernel, stride, n_lines) {
            (3, 1, 1) => S::depthwise_rows::<3, 1, 1, BF16>(job),
            (3, 1, _) => S::depthwise_rows::<3, 1, 2, BF16>(job),
            (3, 2, _) => S::depthwise_rows::<3, 2, 1, BF16>(job),
            (5, 1, 1) => S::depthwise_rows::<5, 1, 1, BF16>(job),
            (5, 1, _) => S::depthwise_rows::<5, 1, 2, BF16>(job),
            (5, 2, _) => S::depthwise_rows::<5, 2, 1, BF16>(job),
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

/// One line of outputs, or two with stride one.
pub(super) struct RowsJob {
    /// The rows of the input under the windows.
    pub(super) rows: [*const f32; MOST_ROWS],
    pub(super) geometry: Geometry,
    pub(super) weights: *const f32,
    /// Null if there is no bias.
    pub(super) bias: *const f32,
    pub(super) ceiling: Option<f32>,
    /// Room for numbers, or for `bfloat16` numbers.
    pub(super) out: *mut f32,
}

/// The maximum number of outputs of a tile in a line.
const TILE: usize = 5;

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn rows<
    S: Simd,
    const K: usize,
    const STRIDE: usize,
    const LINES: usize,
    const BF16: bool,
>(
    job: &RowsJob,
) {
    let Geometry { out_width, .. } = job.geometry;
    let n_tiles = out_width.div_ceil(TILE);
    let mut x = 0;
    for index in 0..n_tiles {
        let width = out_width / n_tiles + usize::from(index < out_width % n_tiles);
        // SAFETY: `x + width` is at most `out_width`.
        unsafe {
            match width {
                1 => tile::<S, K, STRIDE, LINES, 1, BF16>(job, x),
                2 => tile::<S, K, STRIDE, LINES, 2, BF16>(job, x),
                3 => tile::<S, K, STRIDE, LINES, 3, BF16>(job, x),
                4 => tile::<S, K, STRIDE, LINES, 4, BF16>(job, x),
                _ => tile::<S, K, STRIDE, LINES, 5, BF16>(job, x),
            }
        }
        x += width;
    }
}

/// All channels of `T` outputs from `x` on, in each line.
#[inline(always)]
unsafe fn tile<
    S: Simd,
    const K: usize,
    const STRIDE: usize,
    const LINES: usize,
    const T: usize,
    const BF16: bool,
>(
    job: &RowsJob,
    x: usize,
) {
    let is_inside = job.geometry.holds_window::<K, STRIDE, T>(x);
    let mut channel = 0;
    // SAFETY: channels stay inside the job's sizes; the caller guarantees the rest.
    unsafe {
        while channel + S::LANES <= job.geometry.channels {
            if is_inside {
                outputs::<S, K, STRIDE, LINES, T, false, true, BF16>(job, x, channel);
            } else {
                outputs::<S, K, STRIDE, LINES, T, false, false, BF16>(job, x, channel);
            }
            channel += S::LANES;
        }
        if channel < job.geometry.channels {
            outputs::<S, K, STRIDE, LINES, T, true, false, BF16>(job, x, channel);
        }
    }
}

/// One vector of channels of `T` outputs from `x` on, in each line. `INSIDE`: all windows are inside the
/// input.
#[inline(always)]
unsafe fn outputs<
    S: Simd,
    const K: usize,
    const STRIDE: usize,
    const LINES: usize,
    const T: usize,
    const PART: bool,
    const INSIDE: bool,
    const BF16: bool,
>(
    job: &RowsJob,
    x: usize,
    channel: usize,
) {
    let Geometry { width, left, channels, .. } = job.geometry;
    let n = channels - channel;
    // SAFETY: the caller guarantees the instruction set and the place; columns outside the
    // input are skipped.
    unsafe {
        let mut sums = [[start::<S, PART>(job, channel, n); T]; LINES];
        unrolled!([0 1 2 3 4 5], K + LINES - 1, row => {
            let mut weights = [[S::splat(0.0); K]; LINES];
            for line in 0..LINES {
                if row >= line && row < line + K {
                    for kx in 0..K {
                        let at = ((row - line) * K + kx) * channels + channel;
                        weights[line][kx] = load::<S, PART>(job.weights.add(at), n);
                    }
                }
            }
            for column in 0..(T - 1) * STRIDE + K {
                let at = (x * STRIDE + column).wrapping_sub(left);
                if !INSIDE && at >= width {
                    continue;
                }
                let value = load::<S, PART>(job.rows[row].add(at * channels + channel), n);
                for line in 0..LINES {
                    if row >= line && row < line + K {
                        for output in 0..T {
                            if column >= output * STRIDE && column < output * STRIDE + K {
                                let weight = weights[line][column - output * STRIDE];
                                sums[line][output] = S::mul_add(value, weight, sums[line][output]);
                            }
                        }
                    }
                }
            }
        });
        for line in 0..LINES {
            for output in 0..T {
                let x = line * job.geometry.out_width + x + output;
                finish::<S, PART, BF16>(job, x, channel, n, sums[line][output]);
            }
        }
    }
}

#[inline(always)]
unsafe fn start<S: Simd, const PART: bool>(job: &RowsJob, channel: usize, n: usize) -> S::Vector {
    // SAFETY: as in `tile`.
    unsafe {
        if job.bias.is_null() { S::splat(0.0) } else { load::<S, PART>(job.bias.add(channel), n) }
    }
}

#[inline(always)]
unsafe fn finish<S: Simd, const PART: bool, const BF16: bool>(
    job: &RowsJob,
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
        let at = place::<BF16>(job.out, x * job.geometry.channels + channel);
        match (BF16, PART) {
            (false, _) => store::<S, PART>(at, n, value),
            (true, false) => S::store_bf16(at.cast(), value),
            (true, true) => S::store_bf16_first(at.cast(), n, value),
        }
    }
}
