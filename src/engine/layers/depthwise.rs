//! Depthwise convolutions of a batch.

use std::sync::Arc;

use alpaca_kernels::{
    Activation, Depthwise, DepthwiseFilter, Filling, Gate, Kernels, Out, ReversedWeights, Rows,
    with_scratch,
};
use rayon::prelude::*;

use super::affine::{self, Affine, folded};
use super::row_buffer::RowBuffer;
use super::{Backward, InputGradients, Operation};
use crate::engine::share::Share;

/// The number of values in a strip of output gradients.
const STRIP: usize = 16 * 1024;

/// A depthwise convolution. Inputs: `x` `[n, h, w, c]`, weights `[kernel · kernel, c]`, scale
/// `[c]`, shift `[c]`.
#[derive(Clone, Debug)]
pub(in crate::engine) struct DepthwiseConvolution {
    pub(in crate::engine) kernels: Kernels,
    pub(in crate::engine) shape: Depthwise,
    pub(in crate::engine) activation: Activation,
    /// The micro-batches of this rank.
    pub(in crate::engine) share: Arc<Share>,
}

/// The weights with the window reversed.
pub(super) fn flipped(weights: &[f32], channels: usize) -> Vec<f32> {
    weights.chunks_exact(channels).rev().flatten().copied().collect()
}

/// The inputs of the backward pass for one image.
#[derive(Clone, Copy)]
struct OnePicture<'a> {
    /// The input.
    x: &'a [f32],
    /// The output, if the gradient of the activation needs it.
    y: &'a [f32],
    /// The gradient of the output.
    dy: &'a [f32],
}

impl DepthwiseConvolution {
    fn lengths(&self) -> (usize, usize) {
        let (out_height, _) = self.shape.output();
        (self.shape.height * self.shape.input_row(), out_height * self.shape.output_row())
    }

    /// Adds one image's part of `G` and `db`, and writes its gradient if `dx` is given. The
    /// gradient of the output is gated strip by strip; rows that later strips need are retained.
    fn backward_picture(
        &self,
        picture: OnePicture<'_>,
        reversed: ReversedWeights<'_>,
        g: &mut [f32],
        sums: &mut [f32],
        mut dx: Out<'_>,
    ) {
        let OnePicture { x, y, dy } = picture;
        let shape = &self.shape;
        let (out_height, _) = shape.output();
        let row_len = shape.output_row();
        let strip = (STRIP / row_len).max(2).min(out_height);
        let input = Rows { values: x, first: 0 };
        with_scratch([(strip + shape.window.kernel) * row_len], |[gradients]| {
            let mut gradients = RowBuffer::new(gradients, row_len);
            let mut settled = 0;
            for row in (0..out_height).step_by(strip) {
                let rows = row..(row + strip).min(out_height);
                let first = shape.first_reader(settled).min(row);
                let (_, room) = gradients.advance(first, rows.end);
                let at = row * row_len..rows.end * row_len;
                let gate = Gate::of(self.activation, y).map(|gate| gate.part(at.clone()));
                self.kernels.gate(&dy[at], gate, Some(room.into()), sums);
                let dz = gradients.as_rows();
                let next = shape.settled(rows.end);
                self.kernels.add_depthwise_gradient(shape, input, dz, rows, g);
                if !dx.is_empty() {
                    let len = shape.input_row();
                    let out = dx.take((next - settled) * len);
                    self.kernels.depthwise_input_gradient(shape, reversed, dz, settled..next, out);
                }
                settled = next;
            }
        });
    }
}

impl Operation for DepthwiseConvolution {
    fn output_shape(&self) -> [usize; 3] {
        let (height, width) = self.shape.output();
        [height, width, self.shape.channels]
    }

    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let Affine { weights, scale, shift } = Affine::of(&inputs[1..4]);
        let weights = folded(weights, scale);
        let (x_len, y_len) = self.lengths();
        let (out_height, _) = self.shape.output();
        let mut y = Filling::new(n * y_len);
        let rooms = y.rooms((0..n).map(|_| y_len));
        rooms.into_par_iter().zip(inputs[0].par_chunks_exact(x_len)).for_each(|(out, x)| {
            let input = Rows { values: x, first: 0 };
            let filter =
                DepthwiseFilter { weights: &weights, bias: shift, activation: self.activation };
            self.kernels.depthwise(&self.shape, input, filter, 0..out_height, out);
        });
        y.finish()
    }

    fn reads_output(&self) -> bool {
        self.activation != Activation::Linear
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        let affine = Affine::of(&pass.inputs[1..4]);
        let c = self.shape.channels;
        let weights = folded(affine.weights, affine.scale);
        let flipped = flipped(&weights, c);
        let reversed = ReversedWeights { weights: &weights, flipped: &flipped };
        let (x_len, y_len) = self.lengths();
        let dx_len = if pass.wants_input { x_len } else { 0 };
        let pieces = self.share.pieces(pass.n);
        let len = weights.len() + c;
        let mut parts = vec![0.0; pieces.count() * len];
        let mut dx = Filling::new(pass.n * dx_len);
        let rooms = dx.rooms(pieces.images().map(|images| images.len() * dx_len));
        let tasks: Vec<_> = rooms.into_iter().zip(pieces.images()).collect();
        tasks.into_par_iter().zip(parts.par_chunks_mut(len)).for_each(
            |((mut dx, images), part)| {
                let (g, sums) = part.split_at_mut(weights.len());
                for image in images {
                    let x = &pass.inputs[0][image * x_len..][..x_len];
                    let dy = &pass.dy[image * y_len..][..y_len];
                    let y = if self.reads_output() {
                        &pass.output[image * y_len..][..y_len]
                    } else {
                        &[]
                    };
                    let room = dx.take(dx_len);
                    self.backward_picture(OnePicture { x, y, dy }, reversed, g, sums, room);
                }
            },
        );
        let mut g = self.share.sum(&parts, len);
        let sums = g.split_off(weights.len());
        let mut all = vec![pass.wants_input.then(|| dx.finish())];
        all.extend(affine::gradients(g, sums, affine).map(Some));
        all
    }
}
