//! Dense convolutions with any window, as a matrix product of windows.

use std::ops::Range;
use std::sync::Arc;

use alpaca_kernels::{
    Activation, Epilogue, Kernels, Out, Packed, Precision, Window, filled, with_scratch,
};
use rayon::prelude::*;

use super::affine::{self, Affine};
use super::unfold::Unfold;
use super::winograd::{self, PackedFilters};
use super::{Backward, InputGradients, Operation};
use crate::engine::share::Share;

/// The number of windows that are multiplied together.
const WINDOWS: usize = 512;
/// The channels per task of a weight gradient.
const GRADIENT_CHANNELS: usize = 32;
/// From this many weights on, a task owns a part of the weight gradient and reads all images. Below
/// it, a task owns the images of a micro-batch and has its own gradient.
const OWNED: usize = 256 * 1024;

/// A convolution. Inputs: `x` `[n, h, w, k]`, weights `[kernel · kernel · k, c]`, scale `[c]`,
/// shift `[c]`, and optionally a shortcut `[n, oh, ow, c]`.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Convolution {
    pub(in crate::engine) kernels: Kernels,
    /// Rows, columns and channels of the input.
    pub(in crate::engine) shape: [usize; 3],
    pub(in crate::engine) window: Window,
    /// Channels of the output.
    pub(in crate::engine) n_outputs: usize,
    pub(in crate::engine) activation: Activation,
    /// The micro-batches of this rank.
    pub(in crate::engine) share: Arc<Share>,
}

/// The filters of a convolution.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Filters<'a> {
    /// The weights, one column per filter.
    pub(in crate::engine) weights: &'a PackedFilters,
    /// The epilogue; its shortcut is that of all outputs.
    pub(in crate::engine) epilogue: Epilogue<'a>,
}

/// The output rows `rows` of the convolution of images, into `out`; all rows if there are several
/// images, or if filters are transformed.
pub(in crate::engine) fn convolve(
    kernels: Kernels,
    unfold: Unfold,
    images: &[f32],
    filters: Filters<'_>,
    rows: Range<usize>,
    mut out: Out<'_>,
) {
    let Filters { weights, epilogue } = filters;
    let (height, width) = unfold.window.output(unfold.shape[0], unfold.shape[1]);
    let weights = match weights {
        PackedFilters::Direct(weights) => weights,
        PackedFilters::Winograd(weights) => {
            assert!(rows == (0..height), "tiles are those of whole images");
            return winograd::convolve(kernels, unfold, images, weights, epilogue, out);
        }
    };
    let image_len: usize = unfold.shape.iter().product();
    let n_images = images.len() / image_len;
    let row_len = out.len() / (n_images * rows.len()).max(1);
    // Images with few windows go together, so that weights are read once for all.
    let is_small = n_images > 1 && height * width <= WINDOWS;
    let n_together = if is_small { n_images } else { 1 };
    let n_rows = if is_small { rows.len() } else { (WINDOWS / width).max(1) };
    let padded_len = unfold.padded_len(n_rows);
    with_scratch([n_together * padded_len], |[padded]| {
        for (group, images) in images.chunks_exact(n_together * image_len).enumerate() {
            for row in rows.clone().step_by(n_rows) {
                let block = row..(row + n_rows).min(rows.end);
                for (image, padded) in
                    images.chunks_exact(image_len).zip(padded.chunks_exact_mut(padded_len))
                {
                    unfold.pad(image, block.clone(), padded);
                }
                let windows = unfold.windows(padded, block.len(), padded_len);
                let len = n_together * block.len() * row_len;
                let at = (group * n_together * rows.len() + row - rows.start) * row_len;
                let epilogue = Epilogue {
                    shortcut: epilogue.shortcut.map(|shortcut| &shortcut[at..at + len]),
                    ..epilogue
                };
                kernels.product_of_windows(windows, weights, epilogue, out.take(len));
            }
        }
    });
}

impl Convolution {
    fn unfold(&self) -> Unfold {
        Unfold { shape: self.shape, window: self.window }
    }

    fn output_len(&self) -> usize {
        self.output_shape().iter().product()
    }

    fn image_len(&self) -> usize {
        self.shape.iter().product()
    }

    /// The convolution of `x` with filters whose shortcut is that of the whole output; `unfold` is the
    /// window over an image.
    fn convolve_all(
        &self,
        unfold: Unfold,
        x: &[f32],
        filters: Filters<'_>,
        n_outputs: usize,
    ) -> Vec<f32> {
        let (height, width) = unfold.window.output(unfold.shape[0], unfold.shape[1]);
        let (x_len, y_len) = (unfold.shape.iter().product::<usize>(), height * width * n_outputs);
        let n = x.len() / x_len;
        // Images with few windows go together, as long as each thread has several tasks.
        let n_together = n.div_ceil(2 * rayon::current_num_threads());
        let n_together = n_together.min(WINDOWS / (height * width)).max(1);
        filled(n * y_len, n_together * y_len, |task, out| {
            let (first, end) = (task * n_together, task * n_together + out.len() / y_len);
            let Epilogue { shortcut, .. } = filters.epilogue;
            let shortcut = shortcut.map(|values| &values[first * y_len..end * y_len]);
            let epilogue = Epilogue { shortcut, ..filters.epilogue };
            let filters = Filters { epilogue, ..filters };
            let images = &x[first * x_len..end * x_len];
            convolve(self.kernels, unfold, images, filters, 0..height, out);
        })
    }

    /// `G`, the product of all windows and `dz`, for each subtree of the rank's micro-batches. Each
    /// task has the images of a micro-batch.
    fn gradient_by_piece(&self, pass: &Backward<'_>, dz: &[f32]) -> Vec<f32> {
        let (unfold, c) = (self.unfold(), self.n_outputs);
        let len = unfold.window_len() * c;
        let [height, width, _] = self.output_shape();
        let n_rows = (WINDOWS / width).clamp(1, height);
        let padded_len = unfold.padded_len(n_rows);
        let pieces = self.share.pieces(pass.n);
        let mut parts = vec![0.0; pieces.count() * len];
        let tasks: Vec<_> = parts.chunks_exact_mut(len).zip(pieces.images()).collect();
        tasks.into_par_iter().for_each(|(g, images)| {
            with_scratch([padded_len], |[padded]| {
                for image in images {
                    let x = &pass.inputs[0][image * self.image_len()..][..self.image_len()];
                    let dz = &dz[image * self.output_len()..][..self.output_len()];
                    for (block, dz) in dz.chunks(n_rows * width * c).enumerate() {
                        let n_lines = dz.len() / (width * c);
                        let first = block * n_rows;
                        unfold.pad(x, first..first + n_lines, padded);
                        let windows = unfold.windows(padded, n_lines, padded_len);
                        self.kernels.add_gradient(windows, dz, g);
                    }
                }
            });
        });
        self.share.own_sums(&parts, len)
    }

    /// As `gradient_by_piece`, but each task has some channels of all images, and owns their part
    /// of `G`.
    fn gradient_by_channel(&self, pass: &Backward<'_>, dz: &[f32]) -> Vec<f32> {
        let (c, [out_height, out_width, _]) = (self.n_outputs, self.output_shape());
        let bounds = self.share.pieces(pass.n).bounds(out_height * out_width);
        let dz = self.kernels.in_precision(Precision::F32).pack(dz, c, None);
        let len = self.unfold().window_len() * c;
        let mut all = vec![0.0; self.share.subtrees().len() * len];
        if pass.n > 0 {
            for (subtree, g) in self.share.subtrees().zip(all.chunks_exact_mut(len)) {
                self.gradient_of_pieces(pass, &dz, &bounds[subtree.start..=subtree.end], g);
            }
        }
        all
    }

    /// Sets `g` to the product of windows and `dz` over the pieces between `bounds`.
    fn gradient_of_pieces(
        &self,
        pass: &Backward<'_>,
        dz: &Packed,
        bounds: &[usize],
        g: &mut [f32],
    ) {
        let ([height, width, channels], c) = (self.shape, self.n_outputs);
        let [out_height, ..] = self.output_shape();
        // The rows of `G` of each block of channels, tap by tap.
        let mut blocks: Vec<Vec<&mut [f32]>> = vec![];
        blocks.resize_with(channels.div_ceil(GRADIENT_CHANNELS), Vec::new);
        for tap in g.chunks_exact_mut(channels * c) {
            for (block, rows) in blocks.iter_mut().zip(tap.chunks_mut(GRADIENT_CHANNELS * c)) {
                block.push(rows);
            }
        }
        blocks.into_par_iter().enumerate().for_each(|(block, taps)| {
            let n_channels = taps[0].len() / c;
            let part = Unfold { shape: [height, width, n_channels], window: self.window };
            let padded_len = part.padded_len(out_height);
            with_scratch([pass.n * padded_len], |[padded]| {
                let images = pass.inputs[0].chunks_exact(self.image_len());
                for (image, padded) in images.zip(padded.chunks_exact_mut(padded_len)) {
                    part.pad_channels(image, block * GRADIENT_CHANNELS, channels, padded);
                }
                for (tap, g) in taps.into_iter().enumerate() {
                    let windows = part.tap(padded, tap, out_height, padded_len);
                    self.kernels.gradient_of_pieces(windows, dz, bounds, g);
                }
            });
        });
    }

    /// The gradient of the input.
    fn input_gradient(&self, affine: Affine<'_>, dz: &[f32]) -> Vec<f32> {
        let (c, n_taps) = (self.n_outputs, self.window.kernel * self.window.kernel);
        if let Some(window) = self.window.of_input_gradient() {
            let unfold = Unfold { shape: self.output_shape(), window };
            let (flipped, n) = (affine::flipped(affine, n_taps), self.shape[2]);
            let weights = PackedFilters::new(self.kernels, unfold, &flipped, n, None);
            let filters = Filters { weights: &weights, epilogue: Epilogue::NONE };
            return self.convolve_all(unfold, dz, filters, n);
        }
        let weights = self.kernels.pack_transposed(affine.weights, c, Some(affine.scale));
        let ([height, width, _], unfold) = (self.output_shape(), self.unfold());
        let n_rows = (WINDOWS / width).clamp(1, height);
        let mut dx = vec![0.0; dz.len() / self.output_len() * self.image_len()];
        let images = dx.par_chunks_exact_mut(self.image_len());
        images.zip(dz.par_chunks_exact(self.output_len())).for_each(|(dx, dz)| {
            with_scratch([n_rows * width * unfold.window_len()], |[windows]| {
                for (block, dz) in dz.chunks(n_rows * width * c).enumerate() {
                    let windows = &mut windows[..dz.len() / c * unfold.window_len()];
                    self.kernels.product(dz, &weights, Epilogue::NONE, &mut *windows);
                    let first = block * n_rows;
                    unfold.fold(windows, first..first + dz.len() / (width * c), dx);
                }
            });
        });
        dx
    }
}

impl Operation for Convolution {
    fn output_shape(&self) -> [usize; 3] {
        let (height, width) = self.window.output(self.shape[0], self.shape[1]);
        [height, width, self.n_outputs]
    }

    fn forward(&self, _n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let Affine { weights, scale, shift } = Affine::of(&inputs[1..4]);
        let (unfold, n) = (self.unfold(), self.n_outputs);
        let weights = PackedFilters::new(self.kernels, unfold, weights, n, Some(scale));
        let epilogue = Epilogue {
            bias: Some(shift),
            activation: self.activation,
            shortcut: inputs.get(4).copied(),
            gate: None,
        };
        let filters = Filters { weights: &weights, epilogue };
        self.convolve_all(unfold, inputs[0], filters, n)
    }

    fn reads_output(&self) -> bool {
        self.activation != Activation::Linear
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        let affine = Affine::of(&pass.inputs[1..4]);
        let (dz, sums) = pass.gated(self.kernels, self.activation, self.n_outputs, &self.share);
        let g = if affine.weights.len() >= OWNED {
            self.gradient_by_channel(pass, &dz)
        } else {
            self.gradient_by_piece(pass, &dz)
        };
        let lengths = [affine.weights.len(), self.n_outputs];
        let [g, sums] = self.share.total_of_both([g, sums], lengths);
        let mut all = vec![pass.wants_input.then(|| self.input_gradient(affine, &dz))];
        all.extend(affine::gradients(g, sums, affine).map(Some));
        all.extend(pass.inputs.get(4).map(|_| Some(dz.into_owned())));
        all
    }
}

#[cfg(test)]
mod tests {
    use alpaca_kernels::Padding;

    use super::*;

    #[test]
    fn both_ways_to_a_weight_gradient_give_the_same_bits() {
        for (stride, kernel) in [(1, 3), (2, 3), (2, 1)] {
            let shape = [7, 6, GRADIENT_CHANNELS + 5];
            let padding = Padding::same(7, 6, kernel, stride);
            let convolution = Convolution {
                kernels: Kernels::best(),
                shape,
                window: Window { kernel, stride, padding },
                n_outputs: 50,
                activation: Activation::Linear,
                share: Share::alone(3),
            };
            let n = 5;
            let values = |len: usize| -> Vec<f32> {
                (0..len).map(|i| ((i * 37 % 101) as f32 - 50.0) / 41.0).collect()
            };
            let x = values(n * convolution.image_len());
            let dy = values(n * convolution.output_len());
            let inputs = [&x[..]];
            let pass = Backward { n, inputs: &inputs, output: &[], dy: &dy, wants_input: false };
            let by_piece = convolution.gradient_by_piece(&pass, &dy);
            let by_channel = convolution.gradient_by_channel(&pass, &dy);
            assert!(by_piece == by_channel, "window {kernel}, stride {stride}");
        }
    }
}
