//! Inverted residual blocks as one operation: expansion, depthwise convolution and projection,
//! strip by strip of one image, so that the expanded activations never leave the cache.
//!
//! Sandler et al. 2018 (arXiv 1801.04381), section 3.3, and section 5.1 on memory. Forward stores
//! only the block's input; backward recomputes the two inner activations.

mod backward;

use std::ops::Range;
use std::sync::Arc;

use alpaca_kernels::{
    Activation, Depthwise, DepthwiseFilter, Epilogue, Filling, Filtered, Kernels, Out, Packed,
    Rows, Window, with_scratch,
};
use rayon::prelude::*;

use super::affine::{Affine, folded};
use super::convolution::{Filters, convolve};
use super::row_buffer::RowBuffer;
use super::unfold::Unfold;
use super::winograd::PackedFilters;
use super::{Backward, InputGradients, Operation};
use crate::engine::share::Share;

/// The number of expanded values in a strip. The activations of a strip and their inputs should fit
/// into the L2 cache. Results do not depend on it.
const STRIP: usize = 16 * 1024;

/// The layer before the depthwise convolution.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) enum First<'a> {
    /// None: the depthwise convolution reads the block's input.
    None,
    /// A 1x1 convolution with bias and activation.
    Pointwise { weights: &'a Packed, bias: &'a [f32], n_inputs: usize },
    /// Another convolution with bias and activation, of images of `shape`.
    Convolution { weights: &'a PackedFilters, bias: &'a [f32], shape: [usize; 3], window: Window },
}

/// A block prepared for the forward pass: normalizations folded, weights packed.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct BlockForward<'a> {
    pub(in crate::engine) kernels: Kernels,
    pub(in crate::engine) shape: &'a Depthwise,
    pub(in crate::engine) first: First<'a>,
    /// The weights and the bias.
    pub(in crate::engine) depthwise: (&'a [f32], &'a [f32]),
    /// The weights and the bias.
    pub(in crate::engine) project: (&'a Packed, &'a [f32]),
    /// Channels of the output.
    pub(in crate::engine) n_outputs: usize,
    /// Whether the block's input is added to its output.
    pub(in crate::engine) has_shortcut: bool,
    /// The activations of the first layer, of the depthwise convolution and of the projection.
    pub(in crate::engine) activations: [Activation; 3],
}

/// Output rows of a strip.
fn strip_rows(shape: &Depthwise) -> usize {
    let (out_height, _) = shape.output();
    (STRIP / (shape.input_row() * shape.window.stride)).clamp(2.min(out_height), out_height)
}

impl BlockForward<'_> {
    /// Runs one image: `x` is the block's input, `out` receives its output.
    pub(in crate::engine) fn run(&self, x: &[f32], mut out: Out<'_>) {
        let shape = self.shape;
        let (out_height, out_width) = shape.output();
        let strip = strip_rows(shape);
        let n_expanded = match self.first {
            First::None => 0,
            _ => ((strip - 1) * shape.window.stride + shape.window.kernel) * shape.input_row(),
        };
        with_scratch([n_expanded, strip * shape.output_row()], |[expanded, filtered]| {
            let mut expanded = RowBuffer::new(expanded, shape.input_row());
            for row in (0..out_height).step_by(strip) {
                let rows = row..(row + strip).min(out_height);
                let reads = shape.reads(&rows);
                let input = if matches!(self.first, First::None) {
                    Rows { values: x, first: 0 }
                } else {
                    let (new, room) = expanded.advance(reads.start, reads.end);
                    self.expand(x, new, room.into());
                    expanded.as_rows()
                };
                let filtered = &mut filtered[..rows.len() * shape.output_row()];
                let filter = DepthwiseFilter {
                    weights: self.depthwise.0,
                    bias: self.depthwise.1,
                    activation: self.activations[1],
                };
                let row_len = out_width * self.n_outputs;
                let epilogue = Epilogue {
                    bias: Some(self.project.1),
                    activation: self.activations[2],
                    shortcut: self
                        .has_shortcut
                        .then(|| &x[row * row_len..][..rows.len() * row_len]),
                    ..Epilogue::NONE
                };
                let out = out.take(rows.len() * row_len);
                let filtered = Filtered { shape, filter, rows, memory: filtered };
                let input = std::iter::once(input);
                self.kernels.product_of_filtered(input, filtered, self.project.0, epilogue, out);
            }
        });
    }

    /// Computes rows of the depthwise input.
    fn expand(&self, x: &[f32], rows: Range<usize>, out: Out<'_>) {
        match self.first {
            First::None => unreachable!("the block's input is there already"),
            First::Pointwise { weights, bias, n_inputs } => {
                let len = self.shape.width * n_inputs;
                let epilogue = activated(bias, self.activations[0]);
                self.kernels.product(&x[rows.start * len..rows.end * len], weights, epilogue, out);
            }
            First::Convolution { weights, bias, shape, window } => {
                let filters = Filters { weights, epilogue: activated(bias, self.activations[0]) };
                convolve(self.kernels, Unfold { shape, window }, x, filters, rows, out);
            }
        }
    }
}

fn activated(bias: &[f32], activation: Activation) -> Epilogue<'_> {
    Epilogue { bias: Some(bias), activation, ..Epilogue::NONE }
}

/// An inverted residual block. Inputs: `x` `[n, h, w, k]`, then weights, scale and shift of the
/// expansion (`[k, e]`), where it has one, of the depthwise convolution (`[kernel · kernel, e]`)
/// and of the projection (`[e, c]`).
#[derive(Clone, Debug)]
pub(in crate::engine) struct InvertedResidual {
    pub(in crate::engine) kernels: Kernels,
    pub(in crate::engine) shape: Depthwise,
    /// Channels of the input.
    pub(in crate::engine) n_inputs: usize,
    /// Channels of the output.
    pub(in crate::engine) n_outputs: usize,
    pub(in crate::engine) has_expansion: bool,
    /// Whether the block's input is added to its output.
    pub(in crate::engine) has_shortcut: bool,
    /// The activation of all but the last convolution, a `ReLU` or `ReLU6`.
    pub(in crate::engine) activation: Activation,
    /// The micro-batches of this rank.
    pub(in crate::engine) share: Arc<Share>,
}

/// The convolutions of a block.
struct Convolutions<'a> {
    expand: Option<Affine<'a>>,
    depthwise: Affine<'a>,
    project: Affine<'a>,
}

impl InvertedResidual {
    fn convolutions<'a>(&self, inputs: &[&'a [f32]]) -> Convolutions<'a> {
        let (first, rest) = inputs[1..].split_at(if self.has_expansion { 3 } else { 0 });
        Convolutions {
            expand: self.has_expansion.then(|| Affine::of(first)),
            depthwise: Affine::of(&rest[..3]),
            project: Affine::of(&rest[3..]),
        }
    }

    /// The number of values in the input and the output of one image.
    fn lengths(&self) -> (usize, usize) {
        let (out_height, out_width) = self.shape.output();
        let x_len = self.shape.height * self.shape.width * self.n_inputs;
        (x_len, out_height * out_width * self.n_outputs)
    }
}

impl Operation for InvertedResidual {
    fn output_shape(&self) -> [usize; 3] {
        let (height, width) = self.shape.output();
        [height, width, self.n_outputs]
    }

    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let Convolutions { expand, depthwise, project } = self.convolutions(inputs);
        let pack = |affine: Affine<'_>, n| self.kernels.pack(affine.weights, n, Some(affine.scale));
        let expansion = expand.map(|expand| (pack(expand, self.shape.channels), expand.shift));
        let first = match &expansion {
            None => First::None,
            Some((weights, bias)) => First::Pointwise { weights, bias, n_inputs: self.n_inputs },
        };
        let depthwise_weights = folded(depthwise.weights, depthwise.scale);
        let block = BlockForward {
            kernels: self.kernels,
            shape: &self.shape,
            first,
            depthwise: (&depthwise_weights, depthwise.shift),
            project: (&pack(project, self.n_outputs), project.shift),
            n_outputs: self.n_outputs,
            has_shortcut: self.has_shortcut,
            activations: [self.activation, self.activation, Activation::Linear],
        };
        let (x_len, y_len) = self.lengths();
        let mut y = Filling::new(n * y_len);
        let rooms = y.rooms((0..n).map(|_| y_len));
        let pictures = inputs[0].par_chunks_exact(x_len);
        rooms.into_par_iter().zip(pictures).for_each(|(out, x)| block.run(x, out));
        y.finish()
    }

    fn reads_output(&self) -> bool {
        false
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        backward::backward(self, pass)
    }
}
