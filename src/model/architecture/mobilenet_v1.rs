//! MobileNetV1 without its classifier, with the layer names of timm.
//!
//! Howard et al. 2017 (arXiv 1704.04861), table 1, with `ReLU6` as in timm and Keras. Each of its
//! blocks is a depthwise and a pointwise convolution, both with normalization and activation, and
//! without a shortcut.

use super::builder::{Builder, round_channels};
use crate::model::graph::Graph;
use crate::spec::Convention;

/// The stages of blocks: channels, and blocks. The first block of each but the first halves the
/// image.
const STAGES: [(usize, usize); 5] = [(64, 1), (128, 2), (256, 2), (512, 6), (1024, 2)];

/// Channels of the stem.
const STEM: usize = 32;

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
            x = builder.depthwise(&name("conv_dw"), x, 3, stride);
            x = builder.normalise_relu6(&name("bn1"), &name("bn1.act"), x);
            x = builder.convolution(&name("conv_pw"), x, round_channels(channels, width), 1, 1);
            x = builder.normalise_relu6(&name("bn2"), &name("bn2.act"), x);
            builder.graph.end_block();
        }
    }
    builder.graph
}
