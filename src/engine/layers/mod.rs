//! Layers over whole batches, forward and backward: kernels of `alpaca_kernels`, divided between
//! threads.
//!
//! An [`Operation`] is a function of several inputs: activations `[n, h, w, c]` first, then
//! parameters. It does not depend on a tensor library or a graph. Rows and images are assigned to
//! threads dynamically, because outputs do not depend on the partition. Sums over a batch are split
//! into micro-batches and added in a fixed tree ([`Pieces`](alpaca_kernels::Pieces)), over all ranks
//! of a run ([`Share`]). So results do not depend on the number of threads and of ranks.

mod affine;
mod block;
mod convolution;
mod curve;
mod depthwise;
mod row_buffer;
mod normalisation;
mod pointwise;
mod max_pooling;
mod pooling;
mod scaling;
mod sum;
mod unfold;
mod winograd;
#[cfg(test)]
mod twin;

pub(super) use block::{BlockForward, First, InvertedResidual};
pub(super) use convolution::{Convolution, Filters, convolve};
pub(super) use curve::Curve;
pub(super) use depthwise::DepthwiseConvolution;
pub(super) use max_pooling::{MaxPooling, greatest};
pub(super) use normalisation::{Normalisation, Statistics};
pub(super) use pointwise::Pointwise;
pub(super) use pooling::{AveragePooling, average};
pub(super) use row_buffer::RowBuffer;
pub(super) use scaling::{Scaling, scale};
pub(super) use sum::{Sum, add};
pub(super) use unfold::Unfold;
pub(super) use winograd::PackedFilters;

use std::borrow::Cow;
use std::fmt::Debug;
use std::ops::Range;

use alpaca_kernels::{Activation, Filling, Gate, Kernels};
use rayon::prelude::*;

use super::share::Share;

/// The gradients of the inputs of an [`Operation`]; `None` if not wanted.
pub(super) type InputGradients = Vec<Option<Vec<f32>>>;

/// One or several layers, with their activations and shortcuts.
pub(super) trait Operation: Debug + Send + Sync {
    /// The output of one image.
    fn output_shape(&self) -> [usize; 3];

    /// The output for `n` images.
    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32>;

    /// Whether [`backward`](Self::backward) reads the output of [`forward`](Self::forward).
    fn reads_output(&self) -> bool;

    /// The gradients of the inputs that are `wanted`; parameters always have one.
    fn backward(&self, pass: &Backward<'_>) -> InputGradients;
}

/// The inputs of the backward pass of an [`Operation`].
pub(super) struct Backward<'a> {
    /// The number of images.
    pub(super) n: usize,
    /// The inputs of the forward pass.
    pub(super) inputs: &'a [&'a [f32]],
    /// The output of the forward pass; empty if it is not needed.
    pub(super) output: &'a [f32],
    /// The gradient of the output.
    pub(super) dy: &'a [f32],
    /// Whether the gradient of the first input is wanted.
    pub(super) wants_input: bool,
}

impl<'a> Backward<'a> {
    /// The gate of the activation for some of the outputs.
    fn gate(&self, activation: Activation, at: Range<usize>) -> Option<Gate<'a>> {
        Gate::of(activation, self.output).map(|gate| gate.part(at))
    }
    /// The gradient before the activation, and the sums of its `c` columns for each subtree of the
    /// rank's micro-batches.
    fn gated(
        &self,
        kernels: Kernels,
        activation: Activation,
        c: usize,
        share: &Share,
    ) -> (Cow<'a, [f32]>, Vec<f32>) {
        let pieces = share.pieces(self.n);
        let is_gated = activation != Activation::Linear;
        let len = self.dy.len() / self.n.max(1);
        let lengths = pieces.images().map(|images| if is_gated { images.len() * len } else { 0 });
        let mut dz = Filling::new(if is_gated { self.dy.len() } else { 0 });
        let mut parts = vec![0.0; pieces.count() * c];
        let tasks: Vec<_> = dz.rooms(lengths).into_iter().zip(pieces.images()).collect();
        tasks.into_par_iter().zip(parts.par_chunks_mut(c)).for_each(|((dz, images), sums)| {
            let at = images.start * len..images.end * len;
            let gate = self.gate(activation, at.clone());
            kernels.gate(&self.dy[at], gate, (!dz.is_empty()).then_some(dz), sums);
        });
        let dz = if is_gated { dz.finish().into() } else { self.dy.into() };
        (dz, share.own_sums(&parts, c))
    }
}
