//! MobileNetV4 of the convolutional kind, without its classifier, with the layer names of timm.
//!
//! Qin et al. 2024 (arXiv 2404.10518), tables 10 and 11. Its universal inverted bottleneck is an
//! inverted residual block with a depthwise convolution before the expansion, after it, both, or
//! neither. A pointwise convolution follows the pooling, so the network ends with its own pooling and
//! that convolution.

use super::builder::{Builder, round_channels};
use crate::model::graph::{Graph, LayerIdx, LayerKind};
use crate::spec::{Architecture, Convention};

/// Channels of the stem and of the convolution after the pooling, which no factor scales.
const STEM: usize = 32;
const HEAD: usize = 1280;

/// A block and its output channels.
#[derive(Clone, Copy)]
enum Block {
    /// A convolution with normalization and activation.
    Plain { kernel: usize, stride: usize, channels: usize },
    /// A convolution that expands the channels, and a pointwise one: a "fused inverted bottleneck".
    Fused { kernel: usize, stride: usize, expansion: usize, channels: usize },
    /// A universal inverted bottleneck. `kernels` are those of the depthwise convolutions before and
    /// after the expansion; 0 for none. The last of them has the stride.
    Universal { kernels: [usize; 2], stride: usize, expansion: usize, channels: usize },
}

use Block::{Fused, Plain, Universal};

/// A universal inverted bottleneck.
const fn uib(kernels: [usize; 2], stride: usize, expansion: usize, channels: usize) -> Block {
    Universal { kernels, stride, expansion, channels }
}

/// Table 10.
const SMALL: [&[Block]; 5] = [
    &[Plain { kernel: 3, stride: 2, channels: 32 }, Plain { kernel: 1, stride: 1, channels: 32 }],
    &[Plain { kernel: 3, stride: 2, channels: 96 }, Plain { kernel: 1, stride: 1, channels: 64 }],
    &[
        uib([5, 5], 2, 3, 96),
        uib([0, 3], 1, 2, 96),
        uib([0, 3], 1, 2, 96),
        uib([0, 3], 1, 2, 96),
        uib([0, 3], 1, 2, 96),
        uib([3, 0], 1, 4, 96),
    ],
    &[
        uib([3, 3], 2, 6, 128),
        uib([5, 5], 1, 4, 128),
        uib([0, 5], 1, 4, 128),
        uib([0, 5], 1, 3, 128),
        uib([0, 3], 1, 4, 128),
        uib([0, 3], 1, 4, 128),
    ],
    &[Plain { kernel: 1, stride: 1, channels: 960 }],
];

/// Table 11.
const MEDIUM: [&[Block]; 5] = [
    &[Fused { kernel: 3, stride: 2, expansion: 4, channels: 48 }],
    &[uib([3, 5], 2, 4, 80), uib([3, 3], 1, 2, 80)],
    &[
        uib([3, 5], 2, 6, 160),
        uib([3, 3], 1, 4, 160),
        uib([3, 3], 1, 4, 160),
        uib([3, 5], 1, 4, 160),
        uib([3, 3], 1, 4, 160),
        uib([3, 0], 1, 4, 160),
        uib([0, 0], 1, 2, 160),
        uib([3, 0], 1, 4, 160),
    ],
    &[
        uib([5, 5], 2, 6, 256),
        uib([5, 5], 1, 4, 256),
        uib([3, 5], 1, 4, 256),
        uib([3, 5], 1, 4, 256),
        uib([0, 0], 1, 4, 256),
        uib([3, 0], 1, 4, 256),
        uib([3, 5], 1, 2, 256),
        uib([5, 5], 1, 4, 256),
        uib([0, 0], 1, 4, 256),
        uib([0, 0], 1, 4, 256),
        uib([5, 0], 1, 2, 256),
    ],
    &[Plain { kernel: 1, stride: 1, channels: 960 }],
];

/// Builds a member of the family.
pub(super) fn build(architecture: Architecture, convention: Convention, size: [usize; 2]) -> Graph {
    let (stages, width) = match architecture {
        Architecture::MobilenetV4ConvMedium => (&MEDIUM, 1.0),
        Architecture::MobilenetV4ConvSmall050 => (&SMALL, 0.5),
        _ => (&SMALL, 1.0),
    };
    let mut builder = Builder::new("input", size, convention);
    let mut x = builder.convolution("conv_stem", 0, STEM, 3, 2);
    x = builder.normalise_relu("bn1", "bn1.act", x);
    for (stage, blocks) in stages.iter().enumerate() {
        for (at, block) in blocks.iter().enumerate() {
            builder.graph.begin_block();
            x = add(&mut builder, &format!("blocks.{stage}.{at}"), x, *block, width);
            builder.graph.end_block();
        }
    }
    let pooled = LayerKind::GlobalAveragePooling { keeps_axes: true };
    x = builder.graph.add("global_pool", pooled, &[x]);
    x = builder.convolution("conv_head", x, HEAD, 1, 1);
    builder.normalise_relu("norm_head", "norm_head.act", x);
    builder.graph
}

fn add(builder: &mut Builder, prefix: &str, input: LayerIdx, block: Block, width: f64) -> LayerIdx {
    let name = |part: &str| format!("{prefix}.{part}");
    let n_inputs = builder.shape(input)[2];
    match block {
        Plain { kernel, stride, channels } => {
            let filters = round_channels(channels, width);
            let x = builder.convolution(&name("conv"), input, filters, kernel, stride);
            builder.normalise_relu(&name("bn1"), &name("bn1.act"), x)
        }
        Fused { kernel, stride, expansion, channels } => {
            let expanded = n_inputs * expansion;
            let x = builder.convolution(&name("conv_exp"), input, expanded, kernel, stride);
            let x = builder.normalise_relu(&name("bn1"), &name("bn1.act"), x);
            let filters = round_channels(channels, width);
            let x = builder.convolution(&name("conv_pwl"), x, filters, 1, 1);
            builder.normalise(&name("bn2"), x)
        }
        Universal { kernels: [before, after], stride, expansion, channels } => {
            let mut x = input;
            if before > 0 {
                let stride = if after > 0 { 1 } else { stride };
                x = builder.depthwise(&name("dw_start.conv"), x, before, stride);
                x = builder.normalise(&name("dw_start.bn"), x);
            }
            let expanded = round_channels(n_inputs * expansion, 1.0);
            x = builder.convolution(&name("pw_exp.conv"), x, expanded, 1, 1);
            x = builder.normalise_relu(&name("pw_exp.bn"), &name("pw_exp.bn.act"), x);
            if after > 0 {
                x = builder.depthwise(&name("dw_mid.conv"), x, after, stride);
                x = builder.normalise_relu(&name("dw_mid.bn"), &name("dw_mid.bn.act"), x);
            }
            let filters = round_channels(channels, width);
            x = builder.convolution(&name("pw_proj.conv"), x, filters, 1, 1);
            x = builder.normalise(&name("pw_proj.bn"), x);
            if stride == 1 && n_inputs == filters {
                x = builder.graph.add(name("add"), LayerKind::Add, &[input, x]);
            }
            x
        }
    }
}
