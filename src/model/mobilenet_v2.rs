//! MobileNetV2 without its classifier, layer by layer as in Keras.
//!
//! Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
//! arXiv 1801.04381, table 2. Names and order are those of `keras.applications.MobileNetV2` 3.15,
//! which has no `Conv1_pad` layer any more; padding and epsilon are those of a [`Convention`].

use alpaca_kernels::{Padding, Window};

use super::graph::{Graph, LayerIdx, LayerKind};
use crate::spec::Convention;

/// Smallest image side in pixels. Halving it five times leaves one pixel.
pub const SMALLEST_SIDE: usize = 32;

/// The widths for which ImageNet weights have been published by Keras.
pub const PUBLISHED_WIDTHS: [f64; 6] = [0.35, 0.5, 0.75, 1.0, 1.3, 1.4];

impl Convention {
    /// The epsilon of every batch normalization.
    pub fn epsilon(self) -> f32 {
        match self {
            Self::Keras => 1e-3,
            Self::Torch => 1e-5,
        }
    }

    /// The zeros around the input of a convolution. With stride two and an even input, Keras adds
    /// the odd ones at the bottom and the right, while PyTorch adds the same number on all sides.
    fn padding(self, [height, width]: [usize; 2], kernel: usize, stride: usize) -> Padding {
        match self {
            Self::Keras => Padding::same(height, width, kernel, stride),
            Self::Torch => Padding::around_all((kernel - 1) / 2),
        }
    }
}

/// A network that is being built.
struct Builder {
    graph: Graph,
    convention: Convention,
}

/// The inverted residual blocks: table 2 of the paper, one row per stage.
#[rustfmt::skip]
const STAGES: [Stage; 7] = [
    Stage { expansion: 1, channels:  16, repeats: 1, stride: 1 },
    Stage { expansion: 6, channels:  24, repeats: 2, stride: 2 },
    Stage { expansion: 6, channels:  32, repeats: 3, stride: 2 },
    Stage { expansion: 6, channels:  64, repeats: 4, stride: 2 },
    Stage { expansion: 6, channels:  96, repeats: 3, stride: 1 },
    Stage { expansion: 6, channels: 160, repeats: 3, stride: 2 },
    Stage { expansion: 6, channels: 320, repeats: 1, stride: 1 },
];

/// A row of table 2: `t`, `c`, `n` and `s`.
struct Stage {
    expansion: usize,
    channels: usize,
    repeats: usize,
    stride: usize,
}

/// Builds the network for images of `height` by `width` pixels and three channels. Layers have the
/// same names in each convention.
///
/// # Panics
/// When a side is below [`SMALLEST_SIDE`] or `multiplier` is not positive. Both are checked when a
/// pipeline is loaded.
pub fn build(convention: Convention, multiplier: f64, height: usize, width: usize) -> Graph {
    assert!(height.min(width) >= SMALLEST_SIDE && multiplier > 0.0, "checked with the pipeline");
    let graph = Graph::with_input("input_layer", [height, width, 3]);
    let mut builder = Builder { graph, convention };
    let mut x = builder.convolution("Conv1", 0, round_channels(32, multiplier), 3, 2);
    x = builder.normalise("bn_Conv1", "Conv1_relu", x);
    let mut block = 0;
    for stage in &STAGES {
        let filters = round_channels(stage.channels, multiplier);
        for repeat in 0..stage.repeats {
            let stride = if repeat == 0 { stage.stride } else { 1 };
            x = builder.inverted_residual(x, block, stage.expansion, filters, stride);
            block += 1;
        }
    }
    let last = if multiplier > 1.0 { round_channels(1280, multiplier) } else { 1280 };
    x = builder.convolution("Conv_1", x, last, 1, 1);
    builder.normalise("Conv_1_bn", "out_relu", x);
    builder.graph
}

/// Scales a number of channels and rounds it to a multiple of eight, never below 0.9 of the
/// scaled number ("`_make_divisible`" of the reference implementation).
fn round_channels(channels: usize, multiplier: f64) -> usize {
    let exact = channels as f64 * multiplier;
    let rounded = (((exact + 4.0) / 8.0).floor() * 8.0).max(8.0);
    (if rounded < 0.9 * exact { rounded + 8.0 } else { rounded }) as usize
}

impl Builder {
    /// Expansion, depthwise convolution and linear projection, with a shortcut around all three if
    /// shapes allow (section 3.3 of the paper).
    fn inverted_residual(
        &mut self,
        input: LayerIdx,
        block: usize,
        expansion: usize,
        filters: usize,
        stride: usize,
    ) -> LayerIdx {
        let prefix = if block == 0 { "expanded_conv".to_owned() } else { format!("block_{block}") };
        let name = |part: &str| format!("{prefix}_{part}");
        let channels = self.graph.layers()[input].shape[2];
        let mut x = input;
        if block > 0 {
            x = self.convolution(&name("expand"), x, channels * expansion, 1, 1);
            x = self.normalise(&name("expand_BN"), &name("expand_relu"), x);
        }
        x = self.depthwise(&prefix, x, stride);
        x = self.normalise(&name("depthwise_BN"), &name("depthwise_relu"), x);
        x = self.convolution(&name("project"), x, filters, 1, 1);
        x = self.graph.add(name("project_BN"), self.normalisation(), &[x]);
        if stride == 1 && channels == filters {
            x = self.graph.add(name("add"), LayerKind::Add, &[input, x]);
        }
        x
    }

    fn convolution(
        &mut self,
        name: &str,
        input: LayerIdx,
        filters: usize,
        kernel: usize,
        stride: usize,
    ) -> LayerIdx {
        let padding = self.padding(input, kernel, stride);
        let window = Window { kernel, stride, padding };
        self.graph.add(name, LayerKind::Convolution { filters, window, has_bias: false }, &[input])
    }

    /// A 3x3 depthwise convolution; with stride two, the padding is a layer of its own.
    fn depthwise(&mut self, prefix: &str, input: LayerIdx, stride: usize) -> LayerIdx {
        let padding = self.padding(input, 3, stride);
        let (input, padding) = if stride == 2 {
            let layer = LayerKind::ZeroPadding(padding);
            (self.graph.add(format!("{prefix}_pad"), layer, &[input]), Padding::default())
        } else {
            (input, padding)
        };
        let window = Window { kernel: 3, stride, padding };
        let layer = LayerKind::DepthwiseConvolution { window, has_bias: false };
        self.graph.add(format!("{prefix}_depthwise"), layer, &[input])
    }

    fn padding(&self, input: LayerIdx, kernel: usize, stride: usize) -> Padding {
        let shape = &self.graph.layers()[input].shape;
        self.convention.padding([shape[0], shape[1]], kernel, stride)
    }

    fn normalisation(&self) -> LayerKind {
        LayerKind::BatchNormalization { epsilon: self.convention.epsilon() }
    }

    fn normalise(&mut self, norm: &str, relu: &str, input: LayerIdx) -> LayerIdx {
        let x = self.graph.add(norm, self.normalisation(), &[input]);
        self.graph.add(relu, LayerKind::Relu6, &[x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_has_the_size_of_the_paper() {
        let graph = build(Convention::Keras, 1.0, 160, 160);
        let trainable = |from: &str| {
            let from = graph.find(from).unwrap();
            let parameters = graph.parameters();
            let chosen: Vec<_> = parameters
                .iter()
                .filter(|p| p.layer >= from && p.role.is_trained_by_gradients())
                .collect();
            (chosen.len(), chosen.iter().map(|p| p.n_values()).sum::<usize>())
        };
        assert_eq!(graph.layers().len(), 154);
        assert_eq!(trainable("input_layer").1, 2_223_872);
        assert_eq!(trainable("block_13_depthwise"), (36, 1_624_896));
    }

    #[test]
    fn channels_are_rounded_as_in_the_reference_implementation() {
        assert_eq!(round_channels(32, 0.35), 16);
        assert_eq!(round_channels(16, 0.35), 8);
        assert_eq!(round_channels(24, 0.35), 8);
        assert_eq!(round_channels(96, 0.35), 32);
        assert_eq!(round_channels(24, 1.4), 32);
    }

    #[test]
    fn odd_and_oblong_pictures_fit() {
        let graph = build(Convention::Keras, 0.35, 97, 33);
        assert_eq!(graph.layers().last().unwrap().shape, [4, 2, 1280]);
    }
}
