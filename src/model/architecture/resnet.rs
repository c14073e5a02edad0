//! ResNet without its classifier, with the layer names of torchvision, which timm shares.
//!
//! He et al. 2016 (arXiv 1512.03385), table 1. As in both libraries, the 3x3 convolution of a
//! bottleneck has the stride ("ResNet v1.5"); in Keras the first one has it, as in the paper.

use alpaca_kernels::{Activation, Window};

use super::builder::Builder;
use crate::model::graph::{Graph, LayerIdx, LayerKind};
use crate::spec::{Architecture, Convention};

/// Channels of the stem and of the inner convolutions of each group of blocks.
const STEM: usize = 64;
const GROUPS: [usize; 4] = [64, 128, 256, 512];
/// How many times as many channels a bottleneck has outside as inside.
const BOTTLENECK: usize = 4;

/// The number of blocks in each group.
fn repeats(architecture: Architecture) -> [usize; 4] {
    match architecture {
        Architecture::Resnet18 => [2, 2, 2, 2],
        _ => [3, 4, 6, 3],
    }
}

/// Builds a member of the family.
pub(super) fn build(architecture: Architecture, convention: Convention, size: [usize; 2]) -> Graph {
    let is_bottleneck = architecture == Architecture::Resnet50;
    let mut builder = Builder::new("input", size, convention);
    let mut x = builder.convolution("conv1", 0, STEM, 7, 2);
    x = builder.normalise_relu("bn1", "act1", x);
    let window = Window { kernel: 3, stride: 2, padding: builder.padding(x, 3, 2) };
    x = builder.graph.add("maxpool", LayerKind::MaxPooling { window }, &[x]);
    for (group, (channels, repeats)) in GROUPS.into_iter().zip(repeats(architecture)).enumerate() {
        for repeat in 0..repeats {
            let stride = if group > 0 && repeat == 0 { 2 } else { 1 };
            let prefix = format!("layer{}.{repeat}", group + 1);
            builder.graph.begin_block();
            x = block(&mut builder, &prefix, x, channels, stride, is_bottleneck);
            builder.graph.end_block();
        }
    }
    builder.graph
}

/// Two 3x3 convolutions, or a bottleneck of three, with a shortcut around all of them. The shortcut
/// has a convolution of its own where shapes differ.
fn block(
    builder: &mut Builder,
    prefix: &str,
    input: LayerIdx,
    channels: usize,
    stride: usize,
    is_bottleneck: bool,
) -> LayerIdx {
    let name = |part: &str| format!("{prefix}.{part}");
    // Filters, kernel and stride of each convolution.
    let convolutions = if is_bottleneck {
        let is_first = builder.convention == Convention::KerasCaffe;
        let [first, second] = if is_first { [stride, 1] } else { [1, stride] };
        vec![(channels, 1, first), (channels, 3, second), (channels * BOTTLENECK, 1, 1)]
    } else {
        vec![(channels, 3, stride), (channels, 3, 1)]
    };
    let n = convolutions.len();
    let filters = convolutions[n - 1].0;
    let mut x = input;
    for (at, (filters, kernel, stride)) in (1..).zip(convolutions) {
        x = builder.convolution(&name(&format!("conv{at}")), x, filters, kernel, stride);
        x = builder.normalise(&name(&format!("bn{at}")), x);
        if at < n {
            x = builder.activate(&name(&format!("act{at}")), Activation::Relu, x);
        }
    }
    let mut shortcut = input;
    if stride != 1 || builder.shape(input)[2] != filters {
        shortcut = builder.convolution(&name("downsample.0"), input, filters, 1, stride);
        shortcut = builder.normalise(&name("downsample.1"), shortcut);
    }
    x = builder.graph.add(name("add"), LayerKind::Add, &[x, shortcut]);
    builder.activate(&name(&format!("act{n}")), Activation::Relu, x)
}
