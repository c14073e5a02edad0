//! MobileNetV2 without its classifier, layer by layer as in Keras.
//!
//! Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
//! arXiv 1801.04381, table 2. Names and order are those of `keras.applications.MobileNetV2` 3.15,
//! which has no `Conv1_pad` layer any more.

use alpaca_kernels::{Padding, Window};

use super::builder::{Builder, round_channels};
use crate::model::graph::{Graph, LayerIdx, LayerKind};
use crate::spec::Convention;

/// The widths for which ImageNet weights have been published by Keras.
pub const PUBLISHED_WIDTHS: [f64; 6] = [0.35, 0.5, 0.75, 1.0, 1.3, 1.4];

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

/// Builds the network with a factor on its channels.
pub(super) fn build(convention: Convention, multiplier: f64, size: [usize; 2]) -> Graph {
    let mut builder = Builder::new("input_layer", size, convention);
    let mut x = builder.convolution("Conv1", 0, round_channels(32, multiplier), 3, 2);
    x = builder.normalise_relu6("bn_Conv1", "Conv1_relu", x);
    let mut block = 0;
    for stage in &STAGES {
        let filters = round_channels(stage.channels, multiplier);
        for repeat in 0..stage.repeats {
            let stride = if repeat == 0 { stage.stride } else { 1 };
            builder.graph.begin_block();
            x = inverted_residual(&mut builder, x, block, stage.expansion, filters, stride);
            builder.graph.end_block();
            block += 1;
        }
    }
    let last = if multiplier > 1.0 { round_channels(1280, multiplier) } else { 1280 };
    x = builder.convolution("Conv_1", x, last, 1, 1);
    builder.normalise_relu6("Conv_1_bn", "out_relu", x);
    builder.graph
}

/// Expansion, depthwise convolution and linear projection, with a shortcut around all three if
/// shapes allow (section 3.3 of the paper).
fn inverted_residual(
    builder: &mut Builder,
    input: LayerIdx,
    block: usize,
    expansion: usize,
    filters: usize,
    stride: usize,
) -> LayerIdx {
    let prefix = if block == 0 { "expanded_conv".to_owned() } else { format!("block_{block}") };
    let name = |part: &str| format!("{prefix}_{part}");
    let channels = builder.shape(input)[2];
    let mut x = input;
    if block > 0 {
        x = builder.convolution(&name("expand"), x, channels * expansion, 1, 1);
        x = builder.normalise_relu6(&name("expand_BN"), &name("expand_relu"), x);
    }
    x = depthwise(builder, &prefix, x, stride);
    x = builder.normalise_relu6(&name("depthwise_BN"), &name("depthwise_relu"), x);
    x = builder.convolution(&name("project"), x, filters, 1, 1);
    x = builder.normalise(&name("project_BN"), x);
    if stride == 1 && channels == filters {
        x = builder.graph.add(name("add"), LayerKind::Add, &[input, x]);
    }
    x
}

/// A 3x3 depthwise convolution; with stride two, the padding is a layer of its own.
fn depthwise(builder: &mut Builder, prefix: &str, input: LayerIdx, stride: usize) -> LayerIdx {
    let name = format!("{prefix}_depthwise");
    if stride == 1 {
        return builder.depthwise(&name, input, 3, stride);
    }
    let zeros = LayerKind::ZeroPadding(builder.padding(input, 3, stride));
    let padded = builder.graph.add(format!("{prefix}_pad"), zeros, &[input]);
    let window = Window { kernel: 3, stride, padding: Padding::default() };
    builder.graph.add(name, LayerKind::DepthwiseConvolution { window, has_bias: false }, &[padded])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_has_the_size_of_the_paper() {
        let graph = build(Convention::Keras, 1.0, [160, 160]);
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
    fn odd_and_oblong_pictures_fit() {
        let graph = build(Convention::Keras, 0.35, [97, 33]);
        assert_eq!(graph.layers().last().unwrap().shape, [4, 2, 1280]);
    }
}
