//! EfficientNet and EfficientNet-Lite without their classifier, with the layer names of timm.
//!
//! Tan and Le 2019 (arXiv 1905.11946), table 1; Liu et al. 2020, "Higher accuracy on vision models
//! with EfficientNet-Lite" (TensorFlow blog), and `tensorflow/tpu/models/official/efficientnet/lite`:
//! without squeeze-and-excitation, with `ReLU6`, and with a stem and a head that are not scaled. In
//! timm, an activation is part of its normalization; here it is a layer of its own,
//! `NORMALIZATION.act`, which is the name of timm's submodule.

use alpaca_kernels::Activation;

use super::builder::{Builder, round_channels};
use super::inverted_residual::{InvertedResidual, Squeeze};
use crate::model::graph::Graph;
use crate::spec::{Architecture, Convention};

/// The stages of blocks: table 1 of the paper, without the stem and the head.
#[rustfmt::skip]
const STAGES: [Stage; 7] = [
    Stage { expansion: 1, channels:  16, repeats: 1, kernel: 3, stride: 1 },
    Stage { expansion: 6, channels:  24, repeats: 2, kernel: 3, stride: 2 },
    Stage { expansion: 6, channels:  40, repeats: 2, kernel: 5, stride: 2 },
    Stage { expansion: 6, channels:  80, repeats: 3, kernel: 3, stride: 2 },
    Stage { expansion: 6, channels: 112, repeats: 3, kernel: 5, stride: 1 },
    Stage { expansion: 6, channels: 192, repeats: 4, kernel: 5, stride: 2 },
    Stage { expansion: 6, channels: 320, repeats: 1, kernel: 3, stride: 1 },
];

/// A row of the table.
struct Stage {
    expansion: usize,
    channels: usize,
    repeats: usize,
    kernel: usize,
    stride: usize,
}

/// Channels of the stem and of the head. They are the same in all members of the family.
const STEM: usize = 32;
const HEAD: usize = 1280;

/// The factors on the channels and on the number of blocks of a member of the family.
fn factors(architecture: Architecture) -> (f64, f64) {
    match architecture {
        Architecture::EfficientnetLite1 => (1.0, 1.1),
        Architecture::EfficientnetLite2 => (1.1, 1.2),
        Architecture::EfficientnetLite3 => (1.2, 1.4),
        Architecture::EfficientnetLite4 => (1.4, 1.8),
        _ => (1.0, 1.0),
    }
}

/// The number of blocks in each stage. The first and the last stage are not scaled.
pub(in crate::model) fn repeats(architecture: Architecture) -> [usize; 7] {
    let (_, depth) = factors(architecture);
    std::array::from_fn(|stage| match stage {
        0 | 6 => STAGES[stage].repeats,
        _ => (STAGES[stage].repeats as f64 * depth).ceil() as usize,
    })
}

/// Builds a member of the family.
pub(super) fn build(architecture: Architecture, convention: Convention, size: [usize; 2]) -> Graph {
    let is_lite = architecture != Architecture::EfficientnetB0;
    let activation = if is_lite { Activation::Relu6 } else { Activation::Silu };
    let mut builder = Builder::new("input", size, convention);
    let (channels, _) = factors(architecture);
    let mut x = builder.convolution("conv_stem", 0, STEM, 3, 2);
    x = builder.normalise("bn1", x);
    x = builder.activate("bn1.act", activation, x);
    for (at, (stage, repeats)) in STAGES.iter().zip(repeats(architecture)).enumerate() {
        for repeat in 0..repeats {
            let n_inputs = builder.shape(x)[2];
            let squeeze = Squeeze { channels: n_inputs / 4, activation, gate: Activation::Sigmoid };
            let block = InvertedResidual {
                expanded: n_inputs * stage.expansion,
                filters: round_channels(stage.channels, channels),
                kernel: stage.kernel,
                stride: if repeat == 0 { stage.stride } else { 1 },
                activation,
                squeeze: (!is_lite).then_some(squeeze),
                expands: stage.expansion > 1,
            };
            x = block.add(&mut builder, &format!("blocks.{at}.{repeat}"), x);
        }
    }
    x = builder.convolution("conv_head", x, HEAD, 1, 1);
    x = builder.normalise("bn2", x);
    builder.activate("bn2.act", activation, x);
    builder.graph
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fuse;
    use crate::model::graph::Parameter;

    /// Parameters with the classifier are those of timm 1.0, multiply-adds those of the paper's
    /// repository.
    #[test]
    fn networks_have_the_published_sizes() {
        for (architecture, millions, mega_adds, side) in [
            (Architecture::EfficientnetLite0, 4.652_008, 407.0, 224),
            (Architecture::EfficientnetLite1, 5.416_680, 631.0, 240),
            (Architecture::EfficientnetLite2, 6.092_072, 899.0, 260),
            (Architecture::EfficientnetLite3, 8.197_096, 1440.0, 280),
            (Architecture::EfficientnetLite4, 13.006_568, 2640.0, 300),
            (Architecture::EfficientnetB0, 5.288_548, 390.0, 224),
        ] {
            let graph = build(architecture, Convention::Keras, [side; 2]);
            let trained = graph.parameters();
            let trained = trained.iter().filter(|p| p.role.is_trained_by_gradients());
            let n: usize = trained.map(Parameter::n_values).sum();
            let with_classifier = (n + HEAD * 1000 + 1000) as f64 / 1e6;
            assert!(
                (with_classifier - millions).abs() < 1e-9,
                "{architecture:?}: {with_classifier}"
            );
            let adds: f64 =
                fuse::fuse(&graph).unwrap().iter().map(fuse::Unit::n_multiply_adds).sum();
            assert!((adds / 1e6 / mega_adds - 1.0).abs() < 0.06, "{architecture:?}: {adds}");
        }
    }
}
