//! MobileNetV2 without its classifier, layer by layer as in Keras.
//!
//! Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
//! arXiv 1801.04381, table 2. Names, order, padding and epsilon are those of
//! `keras.applications.MobileNetV2` 3.15, which has no `Conv1_pad` layer any more.

use super::graph::{Graph, LayerIdx, LayerKind, Padding, Window};

/// The smallest picture the network takes, in pixels a side: five halvings of it leave one pixel.
pub const SMALLEST_SIDE: usize = 32;

/// The widths for which ImageNet weights have been published by Keras.
pub const PUBLISHED_WIDTHS: [f64; 6] = [0.35, 0.5, 0.75, 1.0, 1.3, 1.4];

/// Keras's epsilon of every batch normalisation.
const EPSILON: f32 = 1e-3;

/// The inverted residual blocks: table 2 of the paper, one row a stage.
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

/// Builds the network for pictures of `height` by `width` pixels and three channels.
///
/// # Panics
/// When a side is below [`SMALLEST_SIDE`] or `multiplier` is not positive; pipelines are checked
/// for both.
pub fn build(multiplier: f64, height: usize, width: usize) -> Graph {
    assert!(height.min(width) >= SMALLEST_SIDE && multiplier > 0.0, "checked with the pipeline");
    let mut graph = Graph::with_input("input_layer", [height, width, 3]);
    let mut x = convolution(&mut graph, "Conv1", 0, round_channels(32, multiplier), 3, 2);
    x = normalise(&mut graph, "bn_Conv1", "Conv1_relu", x);
    let mut block = 0;
    for stage in &STAGES {
        let filters = round_channels(stage.channels, multiplier);
        for repeat in 0..stage.repeats {
            let stride = if repeat == 0 { stage.stride } else { 1 };
            x = inverted_residual(&mut graph, x, block, stage.expansion, filters, stride);
            block += 1;
        }
    }
    let last = if multiplier > 1.0 { round_channels(1280, multiplier) } else { 1280 };
    x = convolution(&mut graph, "Conv_1", x, last, 1, 1);
    normalise(&mut graph, "Conv_1_bn", "out_relu", x);
    graph
}

/// Scales a number of channels and rounds it to a multiple of eight, never below 0.9 of the
/// scaled number ("`_make_divisible`" of the reference implementation).
fn round_channels(channels: usize, multiplier: f64) -> usize {
    let exact = channels as f64 * multiplier;
    let rounded = (((exact + 4.0) / 8.0).floor() * 8.0).max(8.0);
    (if rounded < 0.9 * exact { rounded + 8.0 } else { rounded }) as usize
}

/// Expansion, depthwise convolution and linear projection, with a shortcut around all three where
/// shapes allow (section 3.3 of the paper).
fn inverted_residual(
    graph: &mut Graph,
    input: LayerIdx,
    block: usize,
    expansion: usize,
    filters: usize,
    stride: usize,
) -> LayerIdx {
    let prefix = if block == 0 { "expanded_conv".to_owned() } else { format!("block_{block}") };
    let name = |part: &str| format!("{prefix}_{part}");
    let channels = graph.layers()[input].shape[2];
    let mut x = input;
    if block > 0 {
        x = convolution(graph, &name("expand"), x, channels * expansion, 1, 1);
        x = normalise(graph, &name("expand_BN"), &name("expand_relu"), x);
    }
    x = depthwise(graph, &prefix, x, stride);
    x = normalise(graph, &name("depthwise_BN"), &name("depthwise_relu"), x);
    x = convolution(graph, &name("project"), x, filters, 1, 1);
    x = graph.add(name("project_BN"), LayerKind::BatchNormalization { epsilon: EPSILON }, &[x]);
    if stride == 1 && channels == filters {
        x = graph.add(name("add"), LayerKind::Add, &[input, x]);
    }
    x
}

fn convolution(
    graph: &mut Graph,
    name: &str,
    input: LayerIdx,
    filters: usize,
    kernel: usize,
    stride: usize,
) -> LayerIdx {
    let padding = same_padding(graph, input, kernel, stride);
    let window = Window { kernel, stride, padding };
    graph.add(name, LayerKind::Convolution { filters, window }, &[input])
}

/// A 3x3 depthwise convolution; with stride two, Keras pads in a layer of its own.
fn depthwise(graph: &mut Graph, prefix: &str, input: LayerIdx, stride: usize) -> LayerIdx {
    let padding = same_padding(graph, input, 3, stride);
    let (input, padding) = if stride == 2 {
        let padded = graph.add(format!("{prefix}_pad"), LayerKind::ZeroPadding(padding), &[input]);
        (padded, Padding::default())
    } else {
        (input, padding)
    };
    let window = Window { kernel: 3, stride, padding };
    graph.add(format!("{prefix}_depthwise"), LayerKind::DepthwiseConvolution { window }, &[input])
}

fn same_padding(graph: &Graph, input: LayerIdx, kernel: usize, stride: usize) -> Padding {
    let shape = &graph.layers()[input].shape;
    Padding::same(shape[0], shape[1], kernel, stride)
}

fn normalise(graph: &mut Graph, norm: &str, relu: &str, input: LayerIdx) -> LayerIdx {
    let x = graph.add(norm, LayerKind::BatchNormalization { epsilon: EPSILON }, &[input]);
    graph.add(relu, LayerKind::Relu6, &[x])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_has_the_size_of_the_paper() {
        let graph = build(1.0, 160, 160);
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
        let graph = build(0.35, 97, 33);
        assert_eq!(graph.layers().last().unwrap().shape, [4, 2, 1280]);
    }
}
