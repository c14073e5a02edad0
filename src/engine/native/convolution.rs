//! Convolutions of one picture, `[h, w, c]` with channels innermost.

use super::fold::Folded;
use super::product;
use crate::model::fuse::Activation;
use crate::model::graph::Window;

/// A picture's activations: shape `[h, w, c]` and values.
#[derive(Clone, Copy)]
pub(super) struct Map<'a> {
    pub(super) values: &'a [f32],
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
}

impl<'a> Map<'a> {
    /// The channels of the pixel at `(y, x)` of the padded picture; `None` in the padding.
    fn pixel(&self, window: &Window, y: usize, x: usize) -> Option<&'a [f32]> {
        let y = y.checked_sub(window.padding.top).filter(|&y| y < self.height)?;
        let x = x.checked_sub(window.padding.left).filter(|&x| x < self.width)?;
        let at = (y * self.width + x) * self.channels;
        self.values.get(at..at + self.channels)
    }
}

/// A convolution that reads all channels, without bias: `[oh, ow, n]` into `out`.
pub(super) fn full(
    input: Map<'_>,
    window: &Window,
    weights: &Folded,
    scratch: &mut Vec<f32>,
    out: &mut [f32],
) {
    let n = weights.bias.len();
    let k = window.kernel * window.kernel * input.channels;
    let is_pointwise = window.kernel == 1 && window.stride == 1;
    if is_pointwise {
        product::product(input.values, &weights.kernel, out, out.len() / n, k, n);
    } else {
        unfold(input, window, scratch);
        product::product(scratch, &weights.kernel, out, out.len() / n, k, n);
    }
}

/// Writes the window around each output pixel as a row: `[oh · ow, kh · kw · c]` ("im2col").
fn unfold(input: Map<'_>, window: &Window, rows: &mut Vec<f32>) {
    rows.clear();
    let (height, width) = window.output(input.height, input.width);
    for (y, x) in places(height, width, window.stride) {
        for (ky, kx) in places(window.kernel, window.kernel, 1) {
            match input.pixel(window, y + ky, x + kx) {
                Some(pixel) => rows.extend_from_slice(pixel),
                None => rows.resize(rows.len() + input.channels, 0.0),
            }
        }
    }
}

/// A convolution of each channel by itself, without bias: `[oh, ow, c]` into `out`.
pub(super) fn depthwise(input: Map<'_>, window: &Window, weights: &Folded, out: &mut [f32]) {
    let (height, width) = window.output(input.height, input.width);
    out.fill(0.0);
    let pixels = out.chunks_exact_mut(input.channels);
    for (sums, (y, x)) in pixels.zip(places(height, width, window.stride)) {
        let taps = weights.kernel.chunks_exact(input.channels);
        for (tap, (ky, kx)) in taps.zip(places(window.kernel, window.kernel, 1)) {
            let Some(pixel) = input.pixel(window, y + ky, x + kx) else { continue };
            for ((sum, value), weight) in sums.iter_mut().zip(pixel).zip(tap) {
                *sum += value * weight;
            }
        }
    }
}

/// The places of a grid, row by row.
fn places(height: usize, width: usize, stride: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (y * stride, x * stride)))
}

/// Adds the bias, applies the activation and adds the shortcut.
pub(super) fn finish(
    out: &mut [f32],
    bias: &[f32],
    activation: Activation,
    shortcut: Option<&[f32]>,
) {
    for pixel in out.chunks_exact_mut(bias.len()) {
        match activation {
            Activation::Linear => {
                pixel.iter_mut().zip(bias).for_each(|(value, bias)| *value += bias);
            }
            Activation::Relu6 => {
                pixel
                    .iter_mut()
                    .zip(bias)
                    .for_each(|(value, bias)| *value = (*value + bias).clamp(0.0, 6.0));
            }
        }
    }
    if let Some(shortcut) = shortcut {
        out.iter_mut().zip(shortcut).for_each(|(value, shortcut)| *value += shortcut);
    }
}
