//! EfficientNet-Lite's layers, which have timm's names, in the package `efficientnet_pytorch`.

use super::block_place;
use crate::model::architecture::efficientnet_repeats;
use crate::spec::Architecture;

/// The layers outside the blocks: names in timm and in the package.
const ENDS: [(&str, &str); 4] =
    [("conv_stem", "_conv_stem"), ("bn1", "_bn0"), ("conv_head", "_conv_head"), ("bn2", "_bn1")];

/// The layers of a block that does not expand. The package numbers their normalizations like those
/// of a block that does.
const FIRST_BLOCK: [(&str, &str); 4] = [
    ("conv_dw", "_depthwise_conv"),
    ("bn1", "_bn1"),
    ("conv_pw", "_project_conv"),
    ("bn2", "_bn2"),
];

/// The layers of all other blocks.
const BLOCK: [(&str, &str); 6] = [
    ("conv_pw", "_expand_conv"),
    ("bn1", "_bn0"),
    ("conv_dw", "_depthwise_conv"),
    ("bn2", "_bn1"),
    ("conv_pwl", "_project_conv"),
    ("bn3", "_bn2"),
];

/// The name in the package, which numbers blocks from the first to the last.
pub(super) fn in_efficientnet_pytorch(architecture: Architecture, layer: &str) -> Option<String> {
    let find = |parts: &[(&str, &'static str)], name: &str| {
        parts.iter().find(|(timm, _)| *timm == name).map(|(_, name)| *name)
    };
    let Some((stage, repeat, part)) = block_place(layer) else {
        return find(&ENDS, layer).map(str::to_owned);
    };
    let before: usize = efficientnet_repeats(architecture)[..stage].iter().sum();
    let name = find(if stage == 0 { &FIRST_BLOCK } else { &BLOCK }, part)?;
    Some(format!("_blocks.{}.{name}", before + repeat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_numbered_from_the_first_to_the_last() {
        let name = |layer| in_efficientnet_pytorch(Architecture::EfficientnetLite1, layer);
        for (layer, expected) in [
            ("conv_stem", "_conv_stem"),
            ("bn2", "_bn1"),
            ("blocks.0.0.bn1", "_blocks.0._bn1"),
            ("blocks.1.2.conv_pwl", "_blocks.3._project_conv"),
            ("blocks.2.0.bn2", "_blocks.4._bn1"),
        ] {
            assert_eq!(name(layer).as_deref(), Some(expected));
        }
        assert_eq!(name("blocks.1.0.conv"), None);
    }
}
