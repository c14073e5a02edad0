//! Depthwise convolutions of bytes, four neighboring pixels at a time.
//!
//! A window reads one or two words in each of its lines, wherever it begins: there are weights for every
//! place in a word where a window can begin, with zeros for the pixels outside of it.

use std::ops::Range;

use super::weights::{weight, weight_scale, word};
use crate::Window;
use crate::depthwise::{Depthwise, Rows};
use crate::quantization::Quantization;
use crate::set::Micro;
use crate::simd::{ByteSimd, unrolled};

/// The words that the weights of a channel have in each line of a window, for each place of its first
/// pixel in a word: as many as it can reach.
const REACH: usize = 2;
/// Pixels in a word.
const PIXELS: usize = 4;
/// The most pixels of padding to the left.
const MOST_LEFT: usize = 2;

/// A depthwise convolution that reads and writes bytes.
#[derive(Debug)]
pub struct ByteDepthwise {
    shape: Depthwise,
    /// Channels, in whole vectors.
    n_padded: usize,
    /// Words of a channel in a line of the input.
    n_words: usize,
    /// `[channels / lanes, places, kernel, reach, lanes]`
    weights: Vec<f32>,
    /// From sums to bytes of the output, for each channel.
    scale: Vec<f32>,
    bias: Vec<f32>,
    /// A line of zeros, for lines outside.
    zeros: Vec<f32>,
}

/// Some output rows of a depthwise convolution of bytes, which a product reads.
#[derive(Clone, Debug)]
pub struct FilteredBytes<'a> {
    /// The convolution.
    pub depthwise: &'a ByteDepthwise,
    /// The rows.
    pub rows: Range<usize>,
}

impl ByteDepthwise {
    /// A convolution with weights `[kernel · kernel, channels]` and a bias, followed by a `ReLU` or `ReLU6`
    /// whose outputs are stored with `output`.
    ///
    /// # Panics
    /// When a zero point is not zero, or a list has a wrong length.
    pub(crate) fn new<S: ByteSimd>(
        shape: &Depthwise,
        weights: &[f32],
        bias: &[f32],
        input: &Quantization,
        output: &Quantization,
    ) -> Self {
        let (kernel, channels) = (shape.window.kernel, shape.channels);
        let is_at_zero = |q: &Quantization| {
            q.scale.len() == channels && q.zero_point.iter().all(|zero| *zero == 0.0)
        };
        assert!(is_at_zero(input) && is_at_zero(output));
        assert!(weights.len() == kernel * kernel * channels && bias.len() == channels);
        let n_padded = channels.next_multiple_of(S::LANES);
        let mut packed = vec![0.0; n_padded * PIXELS * kernel * REACH];
        let [mut scale, mut shift] = [vec![0.0; n_padded], vec![0.0; n_padded]];
        for channel in 0..channels {
            let taps = weights[channel..].iter().step_by(channels).map(|tap| f64::from(*tap));
            let taps: Vec<f64> = taps.collect();
            let of_weights = weight_scale(taps.iter().fold(0.0, |most, tap| tap.abs().max(most)));
            let per_unit = 1.0 / f64::from(output.scale[channel]);
            scale[channel] = (of_weights * f64::from(input.scale[channel]) * per_unit) as f32;
            let change: f64 =
                taps.iter().map(|tap| f64::from(weight(*tap, of_weights)) * of_weights - tap).sum();
            let change = change * f64::from(input.mean[channel]);
            shift[channel] = ((f64::from(bias[channel]) - change) * per_unit) as f32;
            let (group, lane) = (channel / S::LANES, channel % S::LANES);
            for place in 0..PIXELS {
                for (ky, line) in taps.chunks_exact(kernel).enumerate() {
                    let mut pixels = [0; PIXELS * REACH];
                    for (pixel, tap) in pixels[place..].iter_mut().zip(line) {
                        *pixel = weight(*tap, of_weights);
                    }
                    for reach in 0..REACH {
                        let at = ((group * PIXELS + place) * kernel + ky) * REACH + reach;
                        packed[at * S::LANES + lane] =
                            word(std::array::from_fn(|pixel| pixels[reach * PIXELS + pixel]));
                    }
                }
            }
        }
        let n_words = n_words(shape);
        let zeros = vec![0.0; n_words * n_padded];
        Self { shape: shape.clone(), n_padded, n_words, weights: packed, scale, bias: shift, zeros }
    }

    /// Whether there is code for a window.
    pub fn fits(window: &Window) -> bool {
        window.fits_depthwise() && window.padding.left <= MOST_LEFT
    }

    /// The shape.
    pub fn shape(&self) -> &Depthwise {
        &self.shape
    }

    /// The number of words in a line of the input.
    pub fn line_len(&self) -> usize {
        self.n_words * self.n_padded
    }

    /// The number of bytes in a pixel of the output: its channels, and zeros that fill a vector.
    pub fn n_padded(&self) -> usize {
        self.n_padded
    }

    /// The number of bytes in a row of the output.
    pub fn output_row(&self) -> usize {
        self.shape.output().1 * self.n_padded
    }

    /// Columns of the input.
    pub(super) fn width(&self) -> usize {
        self.shape.width
    }

    /// The word of the first pixel in a line.
    pub(super) fn first_word(&self) -> usize {
        self.n_padded
    }

    /// Sets the words before and after the pixels of each line to zero.
    pub(super) fn clear_margins(&self, lines: &mut [f32]) {
        let end = (1 + self.shape.width.div_ceil(PIXELS)) * self.n_padded;
        for line in lines.chunks_exact_mut(self.line_len()) {
            line[..self.n_padded].fill(0.0);
            line[end..].fill(0.0);
        }
    }
}

/// Words of a channel in a line: one before the first pixel, and as many as the windows of whole tiles
/// reach.
fn n_words(shape: &Depthwise) -> usize {
    let (_, out_width) = shape.output();
    let last = (out_width.next_multiple_of(PIXELS) - 1) * shape.window.stride;
    let reached = (last + shape.window.kernel - 1) / PIXELS + 1;
    1 + reached.max(shape.width.div_ceil(PIXELS))
}

/// Lines of outputs.
pub(crate) struct ByteRowsJob<'a> {
    /// The lines of the input that they read.
    rows: &'a [*const f32],
    out_width: usize,
    n_padded: usize,
    weights: *const f32,
    scale: *const f32,
    bias: *const f32,
    out: *mut u8,
}

/// Writes the output rows `rows` to the beginning of `out`.
///
/// # Panics
/// When a size does not fit, or rows are missing from `input`.
pub(crate) fn forward<S: Micro>(
    depthwise: &ByteDepthwise,
    input: Rows<'_>,
    rows: Range<usize>,
    out: &mut [u8],
) {
    let shape = &depthwise.shape;
    let Window { kernel, stride, padding } = shape.window;
    assert!(depthwise.n_padded.is_multiple_of(S::LANES) && ByteDepthwise::fits(&shape.window));
    assert!(out.len() == rows.len() * depthwise.output_row());
    let reads = rows.start * stride..(rows.end - 1) * stride + kernel;
    let line = |y: usize| {
        let y = y.checked_sub(padding.top);
        input.pointer(y, shape.height, depthwise.line_len(), depthwise.zeros.as_ptr())
    };
    let lines: Vec<*const f32> = reads.map(line).collect();
    let job = ByteRowsJob {
        rows: &lines,
        out_width: shape.output().1,
        n_padded: depthwise.n_padded,
        weights: depthwise.weights.as_ptr(),
        scale: depthwise.scale.as_ptr(),
        bias: depthwise.bias.as_ptr(),
        out: out.as_mut_ptr(),
    };
    // SAFETY: lines have their length, checked by `pointer`, or are zeros of the same length; it includes
    // all words that windows reach. The output has the length of the rows.
    unsafe {
        match (kernel, stride, padding.left) {
            (3, 1, 0) => S::depthwise_bytes::<3, 1, 0>(&job),
            (3, 1, 1) => S::depthwise_bytes::<3, 1, 1>(&job),
            (3, 1, _) => S::depthwise_bytes::<3, 1, 2>(&job),
            (3, 2, 0) => S::depthwise_bytes::<3, 2, 0>(&job),
            (3, 2, 1) => S::depthwise_bytes::<3, 2, 1>(&job),
            (3, 2, _) => S::depthwise_bytes::<3, 2, 2>(&job),
            (5, 1, 0) => S::depthwise_bytes::<5, 1, 0>(&job),
            (5, 1, 1) => S::depthwise_bytes::<5, 1, 1>(&job),
            (5, 1, _) => S::depthwise_bytes::<5, 1, 2>(&job),
            (5, 2, 0) => S::depthwise_bytes::<5, 2, 0>(&job),
            (5, 2, 1) => S::depthwise_bytes::<5, 2, 1>(&job),
            (5, 2, _) => S::depthwise_bytes::<5, 2, 2>(&job),
            _ => unreachable!("`Depthwise::new` checks the window"),
        }
    }
}

/// The word of a pixel, and its place there.
#[inline(always)]
const fn place(pixel: usize) -> (usize, usize) {
    (pixel / PIXELS, pixel % PIXELS)
}

/// All rows, one vector of channels after the other, with its weights in registers.
///
/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(crate) unsafe fn rows<S: ByteSimd, const K: usize, const STRIDE: usize, const LEFT: usize>(
    job: &ByteRowsJob<'_>,
) {
    let n_lines = (job.rows.len() - K) / STRIDE + 1;
    // SAFETY: the caller guarantees the instruction set and the sizes.
    unsafe {
        let zero = S::splat(0.0);
        for channel in (0..job.n_padded).step_by(S::LANES) {
            let all = job.weights.add(channel * PIXELS * K * REACH);
            let mut weights = [[[zero; REACH]; PIXELS]; K];
            unrolled!([0 1 2 3 4], K, ky => {
                unrolled!([0 1 2 3], PIXELS, place => {
                    let at = (place * K + ky) * REACH;
                    weights[ky][place] =
                        [S::load(all.add(at * S::LANES)), S::load(all.add((at + 1) * S::LANES))];
                });
            });
            let (scale, bias) = (S::load(job.scale.add(channel)), S::load(job.bias.add(channel)));
            for line in 0..n_lines {
                let rows = job.rows.as_ptr().add(line * STRIDE);
                for first in (0..job.out_width).step_by(PIXELS) {
                    let from = first / PIXELS * STRIDE * job.n_padded + channel;
                    let sums = tile::<S, K, STRIDE, LEFT>(job, rows, from, weights);
                    let at = (line * job.out_width + first) * job.n_padded + channel;
                    let mut numbers = sums;
                    unrolled!([0 1 2 3], PIXELS, x => {
                        numbers[x] = S::mul_add(S::of_integers(sums[x]), scale, bias);
                    });
                    let n = PIXELS.min(job.out_width - first);
                    S::store_quarters(job.out.add(at), job.n_padded, n, S::to_bytes(numbers));
                }
            }
        }
    }
}

/// The sums of four outputs beside each other, whose windows begin `from` words after those of the first
/// outputs of the lines.
#[inline(always)]
unsafe fn tile<S: ByteSimd, const K: usize, const STRIDE: usize, const LEFT: usize>(
    job: &ByteRowsJob<'_>,
    rows: *const *const f32,
    from: usize,
    weights: [[[S::Vector; REACH]; PIXELS]; K],
) -> [S::Vector; PIXELS] {
    // SAFETY: the caller guarantees the lines and their words.
    unsafe {
        // Two chains for each output, because an instruction waits for the one before it.
        let mut sums = [[S::splat(0.0); REACH]; PIXELS];
        unrolled!([0 1 2 3 4], K, ky => {
            let row = (*rows.add(ky)).add(from);
            unrolled!([0 1 2 3], PIXELS, x => {
                // Counted from the word before the first pixel of a line.
                let (first, place) = place(PIXELS + x * STRIDE - LEFT);
                let [sum, further] = sums[x];
                let word = S::load(row.add(first * job.n_padded));
                sums[x][0] = S::quad_mul_add(word, weights[ky][place][0], sum);
                if place + K > PIXELS {
                    let word = S::load(row.add((first + 1) * job.n_padded));
                    sums[x][1] = S::quad_mul_add(word, weights[ky][place][1], further);
                }
            });
        });
        let [a, b, c, d] = sums;
        [a, b, c, d].map(|[sum, further]| S::add_integers(sum, further))
    }
}
