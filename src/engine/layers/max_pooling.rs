//! Max pooling: the maximum of each channel in a window.

use alpaca_kernels::{Filling, Out, Window};
use rayon::prelude::*;

use super::{Backward, InputGradients, Operation};

/// Max pooling. Input: `[n, h, w, c]`; the output is `[n, oh, ow, c]`. Of equal numbers the first
/// in the window gets the gradient, rows first, as in PyTorch.
#[derive(Clone, Debug)]
pub(in crate::engine) struct MaxPooling {
    /// Rows, columns and channels of the input.
    pub(in crate::engine) shape: [usize; 3],
    pub(in crate::engine) window: Window,
}

/// Writes the maxima of one image to `out`; NaN wins.
pub(in crate::engine) fn greatest(shape: [usize; 3], window: Window, x: &[f32], out: Out<'_>) {
    let mut greatest = vec![0.0; shape[2]];
    for (at, out) in out.chunks(shape[2]).enumerate() {
        greatest.fill(f32::NEG_INFINITY);
        for place in places(shape, window, at) {
            let pixel = &x[place * shape[2]..][..shape[2]];
            for (greatest, value) in greatest.iter_mut().zip(pixel) {
                *greatest = if is_greater(*value, *greatest) { *value } else { *greatest };
            }
        }
        out.write(&greatest);
    }
}

fn is_greater(value: f32, than: f32) -> bool {
    value > than || value.is_nan()
}

/// The pixels of the input in the window of an output pixel, rows first.
fn places(shape: [usize; 3], window: Window, output: usize) -> impl Iterator<Item = usize> {
    let [height, width, _] = shape;
    let (_, out_width) = window.output(height, width);
    let Window { kernel, stride, padding } = window;
    let inside = |first: usize, before: usize, size: usize| {
        let first = first * stride;
        first.saturating_sub(before)..(first + kernel).saturating_sub(before).min(size)
    };
    let rows = inside(output / out_width, padding.top, height);
    let columns = inside(output % out_width, padding.left, width);
    rows.flat_map(move |y| columns.clone().map(move |x| y * width + x))
}

impl Operation for MaxPooling {
    fn output_shape(&self) -> [usize; 3] {
        let [height, width, channels] = self.shape;
        let (height, width) = self.window.output(height, width);
        [height, width, channels]
    }

    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let (x_len, y_len): (usize, usize) =
            (self.shape.iter().product(), self.output_shape().iter().product());
        let mut y = Filling::new(n * y_len);
        let rooms = y.rooms((0..n).map(|_| y_len));
        rooms
            .into_par_iter()
            .zip(inputs[0].par_chunks_exact(x_len))
            .for_each(|(out, x)| greatest(self.shape, self.window, x, out));
        y.finish()
    }

    fn reads_output(&self) -> bool {
        false
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        let (x_len, y_len): (usize, usize) =
            (self.shape.iter().product(), self.output_shape().iter().product());
        let channels = self.shape[2];
        let gradient = pass.wants_input.then(|| {
            let mut dx = vec![0.0; pass.n * x_len];
            let pictures = pass.inputs[0].par_chunks_exact(x_len);
            let pictures = pictures.zip(pass.dy.par_chunks_exact(y_len));
            dx.par_chunks_exact_mut(x_len).zip(pictures).for_each(|(dx, (x, dy))| {
                for (at, dy) in dy.chunks_exact(channels).enumerate() {
                    let places: Vec<usize> = places(self.shape, self.window, at).collect();
                    for (channel, dy) in dy.iter().enumerate() {
                        let value = |place: usize| x[place * channels + channel];
                        let most = places.iter().copied().reduce(|most, place| {
                            if is_greater(value(place), value(most)) { place } else { most }
                        });
                        if let Some(place) = most {
                            dx[place * channels + channel] += dy;
                        }
                    }
                }
            });
            dx
        });
        vec![gradient]
    }
}
