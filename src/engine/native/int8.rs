//! An inverted residual block of the frozen part whose inner values are bytes.
//!
//! As [`Block`](super::step::Block), strip by strip; only the block's input and output are numbers.

use std::ops::Range;

use alpaca_kernels::{
    Activation, ByteDepthwise, Epilogue, FilteredBytes, Kernels, Out, Packed, Quantization, Rows,
    Windows, with_scratch,
};

use super::group::{Group, SMALL};
use crate::engine::layers::{RowBuffer, Unfold};
use crate::model::fold::Folded;

/// The number of words of four expanded bytes in a strip, so that a strip, its inputs and its outputs
/// stay in the L2 cache. Results do not depend on it.
const STRIP: usize = 16 * 1024;

/// The weights of a block as bytes.
#[derive(Debug)]
pub(super) struct Int8Block {
    first: (Packed, Vec<f32>),
    /// The window of the first layer over the block's input.
    unfold: Unfold,
    depthwise: ByteDepthwise,
    project: (Packed, Vec<f32>),
    n_outputs: usize,
    has_shortcut: bool,
    /// The activation of the projection.
    activation: Activation,
}

/// A block before its weights are packed.
pub(super) struct Layers<'a> {
    pub(super) first: Folded,
    pub(super) unfold: Unfold,
    pub(super) shape: &'a alpaca_kernels::Depthwise,
    pub(super) depthwise: &'a Folded,
    pub(super) project: &'a Folded,
    pub(super) has_shortcut: bool,
    pub(super) activation: Activation,
}

impl Int8Block {
    /// Packs the weights of a block, of whose convolutions all but the last end with a `ReLU` or
    /// `ReLU6`. `stored` is how the inputs of its three convolutions are stored.
    pub(super) fn new(kernels: Kernels, layers: Layers<'_>, stored: [Quantization; 3]) -> Self {
        let Layers { mut first, unfold, shape, depthwise, project, has_shortcut, activation } =
            layers;
        let [input, expanded, filtered] = stored;
        let n_expanded = first.bias.len();
        for row in
            std::iter::once(&mut first.bias[..]).chain(first.kernel.chunks_exact_mut(n_expanded))
        {
            row.iter_mut().zip(expanded.scale()).for_each(|(value, scale)| *value /= scale);
        }
        let piece = unfold.piece_len();
        let weights = kernels.pack_int8(&first.kernel, n_expanded, piece, input);
        let Folded { kernel, bias } = depthwise;
        let depthwise = kernels.pack_int8_depthwise(shape, kernel, bias, &expanded, &filtered);
        let n_outputs = project.bias.len();
        let n_padded = depthwise.n_padded();
        let mut kernel = project.kernel.clone();
        kernel.resize(n_padded * n_outputs, 0.0);
        let filtered = filtered.padded(n_padded);
        let projection = kernels.pack_int8(&kernel, n_outputs, n_padded, filtered);
        Self {
            first: (weights, first.bias),
            unfold,
            depthwise,
            project: (projection, project.bias.clone()),
            n_outputs,
            has_shortcut,
            activation,
        }
    }

    /// Runs the block on a group of images.
    pub(super) fn run(&self, kernels: Kernels, group: &Group<'_>, out: Out<'_>) {
        let shape = self.depthwise.shape();
        let is_small = shape.height * shape.width <= SMALL;
        if is_small && self.unfold.window.is_pointwise() {
            return self.run_together(kernels, group, out);
        }
        for (x, out) in group.images().zip(out.chunks(group.lengths.1)) {
            self.run_image(kernels, x, out);
        }
    }

    /// Runs all images of the group layer by layer.
    fn run_together(&self, kernels: Kernels, group: &Group<'_>, out: Out<'_>) {
        let shape = self.depthwise.shape();
        let len = shape.height * self.depthwise.line_len();
        with_scratch([group.n * len], |[expanded]| {
            self.expand_rows(kernels, group.x, expanded);
            let inputs = expanded.chunks_exact(len).map(|words| Rows { values: words, first: 0 });
            let rows = 0..shape.output().0;
            let epilogue = self.epilogue(self.has_shortcut.then_some(group.x));
            let filtered = FilteredBytes { depthwise: &self.depthwise, rows };
            kernels.product_of_bytes(inputs, filtered, &self.project.0, epilogue, out);
        });
    }

    fn run_image(&self, kernels: Kernels, x: &[f32], mut out: Out<'_>) {
        let shape = self.depthwise.shape();
        let ((out_height, out_width), line_len) = (shape.output(), self.depthwise.line_len());
        let window = shape.window;
        let strip = STRIP / (line_len * window.stride);
        let strip = strip.clamp(2.min(out_height), out_height);
        let n_lines = (strip - 1) * window.stride + window.kernel;
        let row_len = out_width * self.n_outputs;
        with_scratch([n_lines * line_len], |[expanded]| {
            let mut expanded = RowBuffer::new(expanded, line_len);
            for row in (0..out_height).step_by(strip) {
                let rows = row..(row + strip).min(out_height);
                let reads = shape.reads(&rows);
                let (new, room) = expanded.advance(reads.start, reads.end);
                self.expand(kernels, x, new, room);
                let shortcut =
                    self.has_shortcut.then(|| &x[row * row_len..][..rows.len() * row_len]);
                let out = out.take(rows.len() * row_len);
                let input = std::iter::once(expanded.as_rows());
                let filtered = FilteredBytes { depthwise: &self.depthwise, rows };
                let epilogue = self.epilogue(shortcut);
                kernels.product_of_bytes(input, filtered, &self.project.0, epilogue, out);
            }
        });
    }

    /// Computes rows of the depthwise convolution's input.
    fn expand(&self, kernels: Kernels, x: &[f32], rows: Range<usize>, out: &mut [f32]) {
        if self.unfold.window.is_pointwise() {
            let [_, width, channels] = self.unfold.shape;
            let len = width * channels;
            return self.expand_rows(kernels, &x[rows.start * len..rows.end * len], out);
        }
        let padded_len = self.unfold.padded_len(rows.len());
        with_scratch([padded_len], |[padded]| {
            self.unfold.pad(x, rows.clone(), padded);
            let windows = self.unfold.windows(padded, rows.len(), padded_len);
            kernels.product_to_bytes(windows, &self.first.0, &self.first.1, &self.depthwise, out);
        });
    }

    /// Computes the rows of which `x` are the inputs, with a first layer of 1x1.
    fn expand_rows(&self, kernels: Kernels, x: &[f32], out: &mut [f32]) {
        let [_, width, channels] = self.unfold.shape;
        let windows = Windows {
            values: x,
            size: [width, out.len() / self.depthwise.line_len()],
            steps: [channels, width * channels, 0],
            pieces: [1, channels, 0],
        };
        kernels.product_to_bytes(windows, &self.first.0, &self.first.1, &self.depthwise, out);
    }

    fn epilogue<'a>(&'a self, shortcut: Option<&'a [f32]>) -> Epilogue<'a> {
        let bias = Some(&self.project.1[..]);
        Epilogue { bias, activation: self.activation, shortcut, gate: None }
    }
}
