//! Layers over whole batches, forward and backward: the work of `alpaca_kernels`, divided
//! between threads.
//!
//! An [`Operation`] is a function of some inputs, the first of them activations `[n, h, w, c]`, the
//! others parameters; it knows no tensors, no graph and no library. Rows and images are handed out
//! to threads as they come, since no output depends on the cut; sums over a batch are cut into
//! micro-batches and added in a fixed tree ([`Pieces`](alpaca_kernels::Pieces)), so that nothing
//! depends on the number of threads.

mod affine;
mod block;
mod convolution;
mod depthwise;
mod row_buffer;
mod normalisation;
mod pointwise;
mod max_pooling;
mod pooling;
mod sum;
mod unfold;
#[cfg(test)]
mod twin;

pub(super) use block::{BlockForward, First, InvertedResidual};
pub(super) use convolution::{Convolution, Filters, convolve};
pub(super) use depthwise::DepthwiseConvolution;
pub(super) use max_pooling::{MaxPooling, greatest};
pub(super) use normalisation::{Normalisation, Statistics};
pub(super) use pointwise::Pointwise;
pub(super) use pooling::{AveragePooling, average};
pub(super) use sum::{Sum, add};
pub(super) use unfold::Unfold;

use std::fmt::Debug;
use std::ops::Range;

use alpaca_kernels::{Activation, Gate};

/// Gradients of the inputs of an [`Operation`]; none where nobody asked.
pub(super) type InputGradients = Vec<Option<Vec<f32>>>;

/// A layer with its activation and shortcut, or several of them.
pub(super) trait Operation: Debug + Send + Sync {
    /// The output of one image.
    fn output_shape(&self) -> [usize; 3];

    /// The output for `n` images.
    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32>;

    /// Whether [`backward`](Self::backward) reads the output of [`forward`](Self::forward).
    fn reads_output(&self) -> bool;

    /// The gradients of the inputs, of those that are `wanted`; parameters always have one.
    fn backward(&self, pass: &Backward<'_>) -> InputGradients;
}

/// What an [`Operation`] goes backward from.
pub(super) struct Backward<'a> {
    /// Images.
    pub(super) n: usize,
    /// The inputs of the forward pass.
    pub(super) inputs: &'a [&'a [f32]],
    /// Its output; empty where nobody reads it.
    pub(super) output: &'a [f32],
    /// The gradient of the output.
    pub(super) dy: &'a [f32],
    /// Whether the gradient of the first input is wanted.
    pub(super) wants_input: bool,
}

impl<'a> Backward<'a> {
    /// What lets the gradient of some outputs pass through the activation at their end.
    fn gate(&self, activation: Activation, at: Range<usize>) -> Option<Gate<'a>> {
        Gate::of(activation, self.output).map(|gate| gate.part(at))
    }
}
