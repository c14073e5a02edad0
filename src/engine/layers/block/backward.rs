//! The backward pass of an inverted residual block, strip by strip of each image.
//!
//! For each strip of output rows:
//!
//! 1. The expansion of the rows they read is recomputed; rows from the previous strip are reused.
//! 2. The depthwise output is recomputed.
//! 3. The gradient of the depthwise output is a product with the projection's weights, gated.
//! 4. That gives the depthwise weight gradient. It also gives the gradient of the rows of the
//!    depthwise input that no later strip adds to ("settled" rows).
//! 5. The latter is gated and gives the gradients of the expansion and of the block's input.

use std::ops::Range;

use alpaca_kernels::{
    DepthwiseFilter, Epilogue, Filling, Gate, Out, Packed, ReversedWeights, Rows, Windows,
    with_scratch,
};
use rayon::prelude::*;

use super::{Convolutions, InvertedResidual, activated, strip_rows};
use crate::engine::layers::affine::{self, Affine, folded};
use crate::engine::layers::depthwise::flipped;
use crate::engine::layers::row_buffer::RowBuffer;
use crate::engine::layers::{Backward, InputGradients};

/// The layout of the sums of a micro-batch: `G` of the expansion `[k, e]` and its `db`, `G` of the
/// depthwise convolution and its `db`, the transpose of the projection's `G` `[c, e]` and its `db`.
struct SumsLayout {
    ends: [usize; 6],
}

/// The sums of a micro-batch.
struct Sums<'a> {
    expand: &'a mut [f32],
    expand_shift: &'a mut [f32],
    depthwise: &'a mut [f32],
    depthwise_shift: &'a mut [f32],
    project: &'a mut [f32],
    project_shift: &'a mut [f32],
}

impl SumsLayout {
    fn new(block: &InvertedResidual) -> Self {
        let e = block.shape.channels;
        let kernel = block.shape.window.kernel;
        let n_expand = if block.has_expansion { (block.n_inputs * e, e) } else { (0, 0) };
        let lengths =
            [n_expand.0, n_expand.1, kernel * kernel * e, e, block.n_outputs * e, block.n_outputs];
        let mut end = 0;
        Self {
            ends: lengths.map(|length| {
                end += length;
                end
            }),
        }
    }

    fn len(&self) -> usize {
        self.ends[5]
    }

    fn cut<'a>(&self, values: &'a mut [f32]) -> Sums<'a> {
        let mut start = 0;
        let mut rest = values;
        let [expand, expand_shift, depthwise, depthwise_shift, project, project_shift] =
            self.ends.map(|end| {
                let (piece, behind) = std::mem::take(&mut rest).split_at_mut(end - start);
                (start, rest) = (end, behind);
                piece
            });
        Sums { expand, expand_shift, depthwise, depthwise_shift, project, project_shift }
    }
}

/// The weights in the layouts that the passes of a block read.
struct Weights<'a> {
    /// The expansion's weights, its bias, and the transpose of its weights.
    expand: Option<(Packed, &'a [f32], Packed)>,
    depthwise: Vec<f32>,
    flipped: Vec<f32>,
    depthwise_shift: &'a [f32],
    /// The transpose of the projection's weights.
    project: Packed,
}

impl<'a> Weights<'a> {
    fn new(block: &InvertedResidual, convolutions: &Convolutions<'a>) -> Self {
        let e = block.shape.channels;
        let Convolutions { expand, depthwise, project } = convolutions;
        let weights = folded(depthwise.weights, depthwise.scale);
        let expand = expand.map(|Affine { weights, scale, shift }| {
            let packed = block.kernels.pack(weights, e, Some(scale));
            (packed, shift, block.kernels.pack_transposed(weights, e, Some(scale)))
        });
        Self {
            expand,
            flipped: flipped(&weights, e),
            depthwise: weights,
            depthwise_shift: depthwise.shift,
            project: block.kernels.pack_transposed(
                project.weights,
                block.n_outputs,
                Some(project.scale),
            ),
        }
    }
}

pub(super) fn backward(block: &InvertedResidual, pass: &Backward<'_>) -> InputGradients {
    let convolutions = block.convolutions(pass.inputs);
    let weights = Weights::new(block, &convolutions);
    let layout = SumsLayout::new(block);
    let pieces = block.share.pieces(pass.n);
    let mut parts = vec![0.0; pieces.count() * layout.len()];
    let (x_len, y_len) = block.lengths();
    let dx_len = if pass.wants_input { x_len } else { 0 };
    let mut dx = Filling::new(pass.n * dx_len);
    let rooms = dx.rooms(pieces.images().map(|images| images.len() * dx_len));
    let tasks: Vec<_> = rooms.into_iter().zip(pieces.images()).collect();
    tasks.into_par_iter().zip(parts.par_chunks_mut(layout.len())).for_each(
        |((mut dx, images), part)| {
            let mut sums = layout.cut(part);
            for image in images {
                let picture = Picture {
                    block,
                    weights: &weights,
                    x: &pass.inputs[0][image * x_len..][..x_len],
                    dy: &pass.dy[image * y_len..][..y_len],
                };
                picture.backward(&mut sums, dx.take(dx_len));
            }
        },
    );
    let mut sum = block.share.sum(&parts, layout.len());
    let sums = layout.cut(&mut sum);
    let mut all = vec![pass.wants_input.then(|| dx.finish())];
    let Convolutions { expand, depthwise, project } = convolutions;
    let mut add = |g: Vec<f32>, shift: &[f32], affine| {
        all.extend(affine::gradients(g, shift.to_vec(), affine).map(Some));
    };
    if let Some(expand) = expand {
        add(sums.expand.to_vec(), sums.expand_shift, expand);
    }
    add(sums.depthwise.to_vec(), sums.depthwise_shift, depthwise);
    add(affine::transposed(sums.project, block.shape.channels), sums.project_shift, project);
    all
}

/// The backward pass of one image.
struct Picture<'a> {
    block: &'a InvertedResidual,
    weights: &'a Weights<'a>,
    x: &'a [f32],
    dy: &'a [f32],
}

impl Picture<'_> {
    fn backward(&self, sums: &mut Sums<'_>, mut dx: Out<'_>) {
        let shape = &self.block.shape;
        let (out_height, _) = shape.output();
        let (stride, kernel) = (shape.window.stride, shape.window.kernel);
        let strip = strip_rows(shape);
        let has_expansion = self.block.has_expansion;
        // Rows of the depthwise input are stored from the first unsettled one on.
        let n_expanded = if has_expansion { (strip + 1) * stride + 2 * kernel } else { 0 };
        let n_settled = if has_expansion { (strip + 1) * stride + kernel } else { 0 };
        let lengths = [
            n_expanded * shape.input_row(),
            strip * shape.output_row(),
            (strip + kernel) * shape.output_row(),
            n_settled * shape.input_row(),
        ];
        with_scratch(lengths, |[expanded, filtered, gradients, settled_gradients]| {
            let mut expanded = RowBuffer::new(expanded, shape.input_row());
            let mut gradients = RowBuffer::new(gradients, shape.output_row());
            let mut settled = 0;
            for row in (0..out_height).step_by(strip) {
                let rows = row..(row + strip).min(out_height);
                let reads = shape.reads(&rows);
                let next = shape.settled(rows.end);
                let input = if has_expansion {
                    // The settled gradient is gated by its own activations.
                    self.expand(&mut expanded, settled.min(reads.start), reads.end.max(next));
                    expanded.as_rows()
                } else {
                    Rows { values: self.x, first: 0 }
                };
                let filtered = &mut filtered[..rows.len() * shape.output_row()];
                self.filter(input, rows.clone(), filtered);
                let first = shape.first_reader(settled).min(row);
                let (_, room) = gradients.advance(first, rows.end);
                self.gradient_of_filtered(&rows, filtered, room, sums);
                let dz = gradients.as_rows();
                let kernels = self.block.kernels;
                kernels.add_depthwise_gradient(shape, input, dz, rows, sums.depthwise);
                let newly = settled..next;
                if has_expansion {
                    let len = newly.len() * shape.input_row();
                    let gradient = &mut settled_gradients[..len];
                    let reversed = self.reversed();
                    kernels.depthwise_input_gradient(
                        shape,
                        reversed,
                        dz,
                        newly.clone(),
                        &mut *gradient,
                    );
                    self.backward_expansion(newly, &expanded, gradient, sums, &mut dx);
                } else {
                    self.gradient_of_input(newly, dz, &mut dx);
                }
                settled = next;
            }
        });
    }

    fn reversed(&self) -> ReversedWeights<'_> {
        ReversedWeights { weights: &self.weights.depthwise, flipped: &self.weights.flipped }
    }

    /// Makes the rows of the depthwise input from `first` to `end` available.
    fn expand(&self, expanded: &mut RowBuffer<'_>, first: usize, end: usize) {
        let Some((weights, bias, _)) = &self.weights.expand else { return };
        let len = self.block.shape.width * self.block.n_inputs;
        let (rows, room) = expanded.advance(first, end);
        let x = &self.x[rows.start * len..rows.end * len];
        self.block.kernels.product(x, weights, activated(bias, self.block.activation), room);
    }

    /// The output of the depthwise convolution.
    fn filter(&self, input: Rows<'_>, rows: Range<usize>, filtered: &mut [f32]) {
        let filter = DepthwiseFilter {
            weights: &self.weights.depthwise,
            bias: self.weights.depthwise_shift,
            activation: self.block.activation,
        };
        self.block.kernels.depthwise(&self.block.shape, input, filter, rows, filtered);
    }

    /// The gradient before the depthwise activation, and the projection's sums.
    fn gradient_of_filtered(
        &self,
        rows: &Range<usize>,
        filtered: &[f32],
        room: &mut [f32],
        sums: &mut Sums<'_>,
    ) {
        let InvertedResidual { kernels, shape, n_outputs, .. } = self.block;
        let (_, out_width) = shape.output();
        let dy = &self.dy[rows.start * out_width * n_outputs..rows.end * out_width * n_outputs];
        kernels.add_gradient(Windows::rows(dy, *n_outputs), filtered, sums.project);
        kernels.gate(dy, None, None, sums.project_shift);
        let epilogue =
            Epilogue { gate: Gate::of(self.block.activation, filtered), ..Epilogue::NONE };
        kernels.product(dy, &self.weights.project, epilogue, &mut *room);
        kernels.gate(room, None, None, sums.depthwise_shift);
    }

    /// Computes the expansion's sums and the gradient of the block's input from the gradient of
    /// settled rows of the depthwise input.
    fn backward_expansion(
        &self,
        rows: Range<usize>,
        expanded: &RowBuffer<'_>,
        gradient: &mut [f32],
        sums: &mut Sums<'_>,
        dx: &mut Out<'_>,
    ) {
        let Some((_, _, transposed)) = &self.weights.expand else { return };
        let InvertedResidual { kernels, shape, n_inputs: k, has_shortcut, .. } = self.block;
        let len = shape.width * k;
        let x = &self.x[rows.start * len..rows.end * len];
        let gate = Gate::of(self.block.activation, expanded.part(rows.clone()));
        let dz = kernels.gate_in_place(gradient, gate, sums.expand_shift);
        kernels.add_gradient(Windows::rows(x, *k), dz, sums.expand);
        if dx.is_empty() {
            return;
        }
        let epilogue = Epilogue {
            shortcut: has_shortcut.then(|| &self.dy[rows.start * len..rows.end * len]),
            ..Epilogue::NONE
        };
        let out = dx.take(rows.len() * len);
        kernels.product(dz, transposed, epilogue, out);
    }

    /// The gradient of the block's input if there is no expansion.
    fn gradient_of_input(&self, rows: Range<usize>, dz: Rows<'_>, dx: &mut Out<'_>) {
        if dx.is_empty() {
            return;
        }
        let InvertedResidual { kernels, shape, has_shortcut, .. } = self.block;
        let len = shape.input_row();
        let values = rows.start * len..rows.end * len;
        let out = dx.take(values.len());
        if *has_shortcut {
            with_scratch([values.len()], |[gradient]| {
                kernels.depthwise_input_gradient(shape, self.reversed(), dz, rows, &mut *gradient);
                gradient.iter_mut().zip(&self.dy[values]).for_each(|(dx, dy)| *dx += dy);
                out.write(gradient);
            });
        } else {
            kernels.depthwise_input_gradient(shape, self.reversed(), dz, rows, out);
        }
    }
}
