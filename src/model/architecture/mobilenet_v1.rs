//! MobileNetV1 without its classifier, with the layer names of timm.
//!
//! Howard et al. 2017 (arXiv 1704.04861), table 1, with `ReLU6` as in timm and Keras. Each of its
//! blocks is a depthwise and a pointwise convolution, both with normalization and activation, and
//! without a shortcut.

use alpaca_kernels::{Padding, Window};

use super::builder::{Builder, round_channels};
use crate::model::graph::{Graph, LayerIdx, LayerKind};
use crate::spec::Convention;

/// The stages of blocks: channels, and blocks. The first block of each but the first halves the
/// image.
const STAGES: [(usize, usize); 5] = [(64, 1), (128, 2), (256, 2), (512, 6), (1024, 2)];

/// Channels of the stem.
const STEM: usize = 32;

/// The number of blocks in each stage.
pub(in crate::model) fn repeats() -> impl Iterator<Item = usize> {
    STAGES.into_iter().map(|(_, repeats)| repeats)
}

/// Builds the network. `width` is the factor on all numbers of channels.
pub(super) fn build(convention: Convention, width: f64, size: [usize; 2]) -> Graph {
    let mut builder = Builder::new("input", size, convention);
    let mut x = builder.convolution("conv_stem", 0, round_channels(STEM, width), 3, 2);
    x = builder.normalise_relu6("bn1", "bn1.act", x);
    for (at, (channels, repeats)) in STAGES.into_iter().enumerate() {
        for repeat in 0..repeats {
            let stride = if at > 0 && repeat == 0 { 2 } else { 1 };
            let name = |part: &str| format!("blocks.{at}.{repeat}.{part}");
            builder.graph.begin_block();
            x = depthwise(&mut builder, &name("conv_dw"), x, stride);
            x = builder.normalise_relu6(&name("bn1"), &name("bn1.act"), x);
            x = builder.convolution(&name("conv_pw"), x, round_channels(channels, width), 1, 1);
            x = builder.normalise_relu6(&name("bn2"), &name("bn2.act"), x);
            builder.graph.end_block();
        }
    }
    builder.graph
}

/// A 3x3 depthwise convolution. Before one with stride two, Keras adds a row of zeros at the bottom and
/// a column at the right, also to images with an odd number of pixels.
fn depthwise(builder: &mut Builder, name: &str, input: LayerIdx, stride: usize) -> LayerIdx {
    if stride == 1 || builder.convention != Convention::Keras {
        return builder.depthwise(name, input, 3, stride);
    }
    let padding = Padding { bottom: 1, right: 1, ..Padding::default() };
    let window = Window { kernel: 3, stride, padding };
    let kind = LayerKind::DepthwiseConvolution { window, has_bias: false };
    builder.graph.add(name, kind, &[input])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shapes of `keras.applications.MobileNet` 3.15 and of timm 1.0 for these images.
    #[test]
    fn odd_images_are_padded_as_in_keras() {
        for (convention, size, expected) in [
            (Convention::Keras, [100, 97], [3, 3, 1024]),
            (Convention::Keras, [64, 64], [2, 2, 1024]),
            (Convention::Torch, [100, 97], [4, 4, 1024]),
        ] {
            let graph = build(convention, 1.0, size);
            let last = graph.layers().last().map(|layer| layer.shape.clone());
            assert_eq!(last.as_deref(), Some(&expected[..]), "{convention:?}");
        }
    }
}
