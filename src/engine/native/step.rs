//! A layer or a block of the frozen part, with its weights, run on a few images.

use alpaca_kernels::{
    Activation, Depthwise, DepthwiseFilter, Epilogue, Filtered, Kernels, Out, Packed, Rows, Window,
    with_scratch,
};

use super::group::{Group, SMALL};
use super::int8::Int8Block;
use crate::engine::layers::{
    BlockForward, Filters, First, PackedFilters, Unfold, add, average, convolve, greatest, scale,
};
use crate::model::fold::Folded;

/// The computation of a step.
pub(super) enum StepKind {
    /// A 1x1 convolution.
    Pointwise { weights: Packed, bias: Vec<f32>, activation: Activation },
    /// Another convolution of all channels.
    Convolution {
        shape: [usize; 3],
        window: Window,
        weights: PackedFilters,
        bias: Vec<f32>,
        activation: Activation,
    },
    /// A depthwise convolution.
    Depthwise { shape: Depthwise, weights: Folded, activation: Activation },
    /// The sum of two values.
    Sum { activation: Activation },
    /// A map times one factor per channel.
    Scaling,
    /// Max pooling.
    MaxPooling { shape: [usize; 3], window: Window },
    /// An inverted residual block.
    Block(Box<Block>),
    /// An inverted residual block of bytes.
    Int8Block(Box<Int8Block>),
    /// The mean over all pixels.
    GlobalAveragePooling,
}

/// The weights of a block.
pub(super) struct Block {
    pub(super) shape: Depthwise,
    pub(super) first: Option<BlockFirst>,
    pub(super) depthwise: Folded,
    pub(super) project: (Packed, Vec<f32>),
    pub(super) n_outputs: usize,
    pub(super) has_shortcut: bool,
    /// The activations of the first layer, of the depthwise convolution and of the projection.
    pub(super) activations: [Activation; 3],
}

/// The convolution before the depthwise convolution of a block.
pub(super) enum BlockFirst {
    Pointwise { weights: Packed, bias: Vec<f32>, n_inputs: usize },
    Convolution { weights: PackedFilters, bias: Vec<f32>, shape: [usize; 3], window: Window },
}

impl StepKind {
    /// Runs the step on a group of images.
    pub(super) fn run(&self, kernels: Kernels, group: &Group<'_>, out: Out<'_>) {
        let len = group.lengths.1;
        match self {
            Self::Pointwise { weights, bias, activation } => {
                let epilogue = epilogue(bias, *activation, group.shortcut);
                kernels.product(group.x, weights, epilogue, out);
            }
            Self::Convolution { shape, window, weights, bias, activation } => {
                let unfold = Unfold { shape: *shape, window: *window };
                let (height, _) = window.output(shape[0], shape[1]);
                let epilogue = epilogue(bias, *activation, group.shortcut);
                convolve(kernels, unfold, group.x, Filters { weights, epilogue }, 0..height, out);
            }
            Self::Depthwise { shape, weights: Folded { kernel, bias }, activation } => {
                let (height, _) = shape.output();
                for (x, out) in group.images().zip(out.chunks(len)) {
                    let input = Rows { values: x, first: 0 };
                    let filter = DepthwiseFilter { weights: kernel, bias, activation: *activation };
                    kernels.depthwise(shape, input, filter, 0..height, out);
                }
            }
            Self::Sum { activation } => {
                let other = group.shortcut.expect("a sum reads two values");
                add(group.x, other, *activation, out);
            }
            Self::Scaling => {
                let factors = group.shortcut.expect("a scaling reads two values");
                let images = group.x.chunks_exact(len);
                let factors = factors.chunks_exact(factors.len() / group.n);
                for ((x, factors), out) in images.zip(factors).zip(out.chunks(len)) {
                    scale(x, factors, out);
                }
            }
            Self::MaxPooling { shape, window } => {
                for (x, out) in group.images().zip(out.chunks(len)) {
                    greatest(*shape, *window, x, out);
                }
            }
            Self::Block(block) => block.run(kernels, group, out),
            Self::Int8Block(block) => block.run(kernels, group, out),
            Self::GlobalAveragePooling => {
                for (x, out) in group.images().zip(out.chunks(len)) {
                    with_scratch([out.len()], |[means]| {
                        average(x, means);
                        out.write(means);
                    });
                }
            }
        }
    }
}

fn epilogue<'a>(
    bias: &'a [f32],
    activation: Activation,
    shortcut: Option<&'a [f32]>,
) -> Epilogue<'a> {
    Epilogue { bias: Some(bias), activation, shortcut, gate: None }
}

impl Block {
    fn run(&self, kernels: Kernels, group: &Group<'_>, out: Out<'_>) {
        let is_small = self.shape.height * self.shape.width <= SMALL;
        match &self.first {
            Some(BlockFirst::Pointwise { weights, bias, .. }) if is_small => {
                let len = self.shape.height * self.shape.input_row() * group.n;
                with_scratch([len], |[expanded]| {
                    let epilogue = epilogue(bias, self.activations[0], None);
                    kernels.product(group.x, weights, epilogue, &mut *expanded);
                    self.run_together(kernels, expanded, group, out);
                });
            }
            None if is_small => self.run_together(kernels, group.x, group, out),
            _ => {
                let block = self.forward(kernels);
                for (x, out) in group.images().zip(out.chunks(group.lengths.1)) {
                    block.run(x, out);
                }
            }
        }
    }

    fn forward(&self, kernels: Kernels) -> BlockForward<'_> {
        let first = match &self.first {
            None => First::None,
            Some(BlockFirst::Pointwise { weights, bias, n_inputs }) => {
                First::Pointwise { weights, bias, n_inputs: *n_inputs }
            }
            Some(BlockFirst::Convolution { weights, bias, shape, window }) => {
                First::Convolution { weights, bias, shape: *shape, window: *window }
            }
        };
        BlockForward {
            kernels,
            shape: &self.shape,
            first,
            depthwise: (&self.depthwise.kernel, &self.depthwise.bias),
            project: (&self.project.0, &self.project.1),
            n_outputs: self.n_outputs,
            has_shortcut: self.has_shortcut,
            activations: self.activations,
        }
    }

    /// Runs the rest of a block after its first layer, with all images of the group together.
    fn run_together(&self, kernels: Kernels, expanded: &[f32], group: &Group<'_>, out: Out<'_>) {
        let shape = &self.shape;
        let (out_height, _) = shape.output();
        let lengths = [shape.height * shape.input_row(), out_height * shape.output_row()];
        let [_, activation, last] = self.activations;
        with_scratch([lengths[1] * group.n], |[filtered]| {
            let pictures = expanded.chunks_exact(lengths[0]);
            let Folded { kernel, bias } = &self.depthwise;
            let filter = DepthwiseFilter { weights: kernel, bias, activation };
            let inputs = pictures.map(|x| Rows { values: x, first: 0 });
            let shortcut = self.has_shortcut.then_some(group.x);
            let epilogue = epilogue(&self.project.1, last, shortcut);
            let filtered = Filtered { shape, filter, rows: 0..out_height, memory: filtered };
            kernels.product_of_filtered(inputs, filtered, &self.project.0, epilogue, out);
        });
    }
}
