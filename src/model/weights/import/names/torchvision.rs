//! MobileNetV3's and EfficientNet-B0's layers, which have timm's names, in torchvision.
//!
//! Both have a module `features` with the stem, the blocks and a last convolution. In a block, each
//! convolution is a module with its normalization.

use super::block_place;
use crate::model::architecture::{efficientnet_repeats, mobilenet_v3_squeezes};
use crate::spec::Architecture;

/// The name in torchvision.
pub(super) fn in_torchvision(architecture: Architecture, layer: &str) -> Option<String> {
    match architecture {
        Architecture::EfficientnetB0 => of_efficientnet(layer),
        _ => of_mobilenet_v3(architecture, layer),
    }
}

fn of_efficientnet(layer: &str) -> Option<String> {
    let n_stages = efficientnet_repeats(Architecture::EfficientnetB0).len();
    if let Some(name) = end(layer, ["conv_stem", "bn1"], 0) {
        return Some(name);
    }
    if let Some(name) = end(layer, ["conv_head", "bn2"], n_stages + 1) {
        return Some(name);
    }
    let (stage, repeat, part) = block_place(layer)?;
    let inside = Inside { expands: stage > 0, squeezes: true };
    Some(format!("features.{}.{repeat}.block.{}", stage + 1, inside.name(part)?))
}

fn of_mobilenet_v3(architecture: Architecture, layer: &str) -> Option<String> {
    let stages = mobilenet_v3_squeezes(architecture);
    if let Some(name) = end(layer, ["conv_stem", "bn1"], 0) {
        return Some(name);
    }
    if layer == "conv_head" {
        return Some("classifier.0".to_owned());
    }
    let (stage, repeat, part) = block_place(layer)?;
    let before: usize = stages.iter().take(stage).map(Vec::len).sum();
    match stages.get(stage) {
        Some(blocks) => {
            let inside = Inside { expands: stage > 0, squeezes: *blocks.get(repeat)? };
            Some(format!("features.{}.block.{}", before + repeat + 1, inside.name(part)?))
        }
        None => end(part, ["conv", "bn1"], before + 1),
    }
}

/// The name of a convolution outside the blocks, or of the normalization after it.
fn end(layer: &str, [convolution, norm]: [&str; 2], at: usize) -> Option<String> {
    let part = [convolution, norm].iter().position(|name| *name == layer)?;
    Some(format!("features.{at}.{part}"))
}

/// What a block has besides a depthwise convolution and a projection.
struct Inside {
    expands: bool,
    squeezes: bool,
}

impl Inside {
    /// The name of a layer inside the block.
    fn name(&self, part: &str) -> Option<String> {
        let depthwise = usize::from(self.expands);
        let project = depthwise + 1 + usize::from(self.squeezes);
        let (module, part) = match (self.expands, part) {
            (true, "conv_pw") => (0, "0"),
            (true, "bn1") => (0, "1"),
            (_, "conv_dw") => (depthwise, "0"),
            (true, "bn2") | (false, "bn1") => (depthwise, "1"),
            (_, "se.conv_reduce") => (depthwise + 1, "fc1"),
            (_, "se.conv_expand") => (depthwise + 1, "fc2"),
            (true, "conv_pwl") | (false, "conv_pw") => (project, "0"),
            (true, "bn3") | (false, "bn2") => (project, "1"),
            _ => return None,
        };
        Some(format!("{module}.{part}"))
    }
}
