//! The networks that can be named in a pipeline, as lists of layers.

mod builder;
mod efficientnet;
mod inverted_residual;
mod mobilenet_v1;
mod mobilenet_v2;
mod mobilenet_v3;
mod mobilenet_v4;
mod resnet;

pub(in crate::model) use efficientnet::repeats as efficientnet_repeats;
pub(in crate::model) use mobilenet_v1::repeats as mobilenet_v1_repeats;
pub use mobilenet_v2::PUBLISHED_WIDTHS;
pub(in crate::model) use mobilenet_v3::squeezes as mobilenet_v3_squeezes;

use super::graph::Graph;
use crate::spec::{Architecture, Convention};

/// Smallest image side in pixels. Halving it five times, as all these networks do, leaves one
/// pixel.
pub const SMALLEST_SIDE: usize = 32;

/// Builds a network without its classifier, for images of `[height, width]` pixels and three
/// channels. `width` is the factor on its channels, for a family that has one. Layers have the same
/// names in each convention.
///
/// # Panics
/// When a side is below [`SMALLEST_SIDE`] or `width` is not positive. Both are checked when a
/// pipeline is loaded.
pub fn build(
    architecture: Architecture,
    convention: Convention,
    width: f64,
    size: [usize; 2],
) -> Graph {
    assert!(
        size.iter().all(|side| *side >= SMALLEST_SIDE) && width > 0.0,
        "checked with the pipeline"
    );
    match architecture {
        Architecture::MobilenetV1 => mobilenet_v1::build(convention, width, size),
        Architecture::MobilenetV2 => mobilenet_v2::build(convention, width, size),
        Architecture::MobilenetV3Small | Architecture::MobilenetV3Large => {
            mobilenet_v3::build(architecture, convention, width, size)
        }
        Architecture::MobilenetV4ConvSmall
        | Architecture::MobilenetV4ConvSmall050
        | Architecture::MobilenetV4ConvMedium => {
            mobilenet_v4::build(architecture, convention, size)
        }
        Architecture::Resnet18 | Architecture::Resnet34 | Architecture::Resnet50 => {
            resnet::build(architecture, convention, size)
        }
        Architecture::EfficientnetLite0
        | Architecture::EfficientnetLite1
        | Architecture::EfficientnetLite2
        | Architecture::EfficientnetLite3
        | Architecture::EfficientnetLite4
        | Architecture::EfficientnetB0 => efficientnet::build(architecture, convention, size),
    }
}

/// Builds a network for the smallest images. The shapes of weights and the names of layers do not
/// depend on the size of images.
pub fn outline(architecture: Architecture, convention: Convention, width: f64) -> Graph {
    build(architecture, convention, width, [SMALLEST_SIDE; 2])
}
