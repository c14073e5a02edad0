//! MobileNetV3 without its classifier, with the layer names of timm.
//!
//! Howard et al. 2019 (arXiv 1905.02244), tables 1 and 2. A pointwise convolution follows the
//! pooling, so the network ends with its own pooling and that convolution. Without its classifier,
//! Keras's has neither.

use alpaca_kernels::Activation;

use super::builder::{Builder, round_channels};
use super::inverted_residual::{InvertedResidual, Squeeze};
use crate::model::graph::{Graph, LayerKind};
use crate::spec::{Architecture, Convention};

/// Channels of the stem.
const STEM: usize = 16;
/// The smallest width that scales the stem.
const SCALED_STEM: f64 = 0.75;

/// Blocks with the same shape, as in timm: kernel, stride of the first, expansion, channels, whether
/// they squeeze, whether their activation is the hard swish; else it is a `ReLU`.
struct Row(usize, usize, f64, usize, bool, bool);

/// The stages of blocks of a network: rows with repeats.
type Stages = &'static [&'static [(Row, usize)]];

/// Table 1.
const LARGE: Stages = &[
    &[(Row(3, 1, 1.0, 16, false, false), 1)],
    &[(Row(3, 2, 4.0, 24, false, false), 1), (Row(3, 1, 3.0, 24, false, false), 1)],
    &[(Row(5, 2, 3.0, 40, true, false), 3)],
    &[
        (Row(3, 2, 6.0, 80, false, true), 1),
        (Row(3, 1, 2.5, 80, false, true), 1),
        (Row(3, 1, 2.3, 80, false, true), 2),
    ],
    &[(Row(3, 1, 6.0, 112, true, true), 2)],
    &[(Row(5, 2, 6.0, 160, true, true), 3)],
];

/// Table 2.
const SMALL: Stages = &[
    &[(Row(3, 2, 1.0, 16, true, false), 1)],
    &[(Row(3, 2, 4.5, 24, false, false), 1), (Row(3, 1, 3.67, 24, false, false), 1)],
    &[(Row(5, 2, 4.0, 40, true, true), 1), (Row(5, 1, 6.0, 40, true, true), 2)],
    &[(Row(5, 1, 3.0, 48, true, true), 2)],
    &[(Row(5, 2, 6.0, 96, true, true), 3)],
];

/// The stages, and the channels of the last convolution before and after the pooling.
fn plan(architecture: Architecture) -> (Stages, usize, usize) {
    match architecture {
        Architecture::MobilenetV3Small => (SMALL, 576, 1024),
        _ => (LARGE, 960, 1280),
    }
}

/// Whether each block of each stage squeezes.
pub(in crate::model) fn squeezes(architecture: Architecture) -> Vec<Vec<bool>> {
    let (stages, ..) = plan(architecture);
    let of_stage = |rows: &&[(Row, usize)]| {
        rows.iter().flat_map(|(row, repeats)| std::iter::repeat_n(row.4, *repeats)).collect()
    };
    stages.iter().map(of_stage).collect()
}

/// Builds a member of the family. `width` is the factor on the channels before the pooling.
pub(super) fn build(
    architecture: Architecture,
    convention: Convention,
    width: f64,
    size: [usize; 2],
) -> Graph {
    let (stages, last, head) = plan(architecture);
    let stem = if width < SCALED_STEM { STEM } else { round_channels(STEM, width) };
    let mut builder = Builder::new("input", size, convention);
    let mut x = builder.convolution("conv_stem", 0, stem, 3, 2);
    x = builder.normalise("bn1", x);
    x = builder.activate("bn1.act", Activation::HardSwish, x);
    for (stage, rows) in stages.iter().enumerate() {
        let blocks = rows.iter().flat_map(|(row, repeats)| (0..*repeats).map(move |at| (row, at)));
        for (at, (row, repeat)) in blocks.enumerate() {
            let &Row(kernel, stride, expansion, channels, squeezes, is_hard) = row;
            let n_inputs = builder.shape(x)[2];
            let expanded = round_channels(1, n_inputs as f64 * expansion);
            let squeeze = Squeeze {
                channels: round_channels(expanded, 0.25),
                activation: Activation::Relu,
                gate: Activation::HardSigmoid,
            };
            let block = InvertedResidual {
                expanded,
                filters: round_channels(channels, width),
                kernel,
                stride: if repeat == 0 { stride } else { 1 },
                activation: if is_hard { Activation::HardSwish } else { Activation::Relu },
                squeeze: squeezes.then_some(squeeze),
                expands: expansion > 1.0,
            };
            x = block.add(&mut builder, &format!("blocks.{stage}.{at}"), x);
        }
    }
    let name = |part: &str| format!("blocks.{}.0.{part}", stages.len());
    builder.graph.begin_block();
    x = builder.convolution(&name("conv"), x, round_channels(last, width), 1, 1);
    x = builder.normalise(&name("bn1"), x);
    x = builder.activate(&name("bn1.act"), Activation::HardSwish, x);
    builder.graph.end_block();
    if convention == Convention::KerasNoTop {
        return builder.graph;
    }
    let pooled = LayerKind::GlobalAveragePooling { keeps_axes: true };
    x = builder.graph.add("global_pool", pooled, &[x]);
    x = builder.biased("conv_head", x, head);
    builder.activate("act2", Activation::HardSwish, x);
    builder.graph
}
