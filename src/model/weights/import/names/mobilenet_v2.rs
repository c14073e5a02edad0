//! MobileNetV2's layers, which have Keras's names, in PyTorch's libraries.

/// Repeats of the blocks in each stage (table 2 of the paper).
const REPEATS: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];

/// The layers outside the blocks: names in Keras, torchvision and timm.
const ENDS: [(&str, &str, &str); 4] = [
    ("Conv1", "features.0.0", "conv_stem"),
    ("bn_Conv1", "features.0.1", "bn1"),
    ("Conv_1", "features.18.0", "conv_head"),
    ("Conv_1_bn", "features.18.1", "bn2"),
];

/// The layers of the first block: names in Keras, torchvision and timm.
const FIRST_BLOCK: [(&str, &str, &str); 4] = [
    ("depthwise", "0.0", "conv_dw"),
    ("depthwise_BN", "0.1", "bn1"),
    ("project", "1", "conv_pw"),
    ("project_BN", "2", "bn2"),
];

/// The layers of all other blocks.
const BLOCK: [(&str, &str, &str); 6] = [
    ("expand", "0.0", "conv_pw"),
    ("expand_BN", "0.1", "bn1"),
    ("depthwise", "1.0", "conv_dw"),
    ("depthwise_BN", "1.1", "bn2"),
    ("project", "2", "conv_pwl"),
    ("project_BN", "3", "bn3"),
];

/// The name in torchvision.
pub(super) fn in_torchvision(layer: &str) -> Option<String> {
    if let Some((_, name, _)) = ENDS.iter().find(|(keras, ..)| *keras == layer) {
        return Some((*name).to_owned());
    }
    let (block, part) = block_and_part(layer)?;
    let (_, name, _) = parts(block).iter().find(|(keras, ..)| *keras == part)?;
    Some(format!("features.{}.conv.{name}", block + 1))
}

/// The name in timm.
pub(super) fn in_timm(layer: &str) -> Option<String> {
    if let Some((.., name)) = ENDS.iter().find(|(keras, ..)| *keras == layer) {
        return Some((*name).to_owned());
    }
    let (block, part) = block_and_part(layer)?;
    let (.., name) = parts(block).iter().find(|(keras, ..)| *keras == part)?;
    let (mut stage, mut repeat) = (0, block);
    while repeat >= *REPEATS.get(stage)? {
        repeat -= REPEATS[stage];
        stage += 1;
    }
    Some(format!("blocks.{stage}.{repeat}.{name}"))
}

fn parts(block: usize) -> &'static [(&'static str, &'static str, &'static str)] {
    if block == 0 { &FIRST_BLOCK } else { &BLOCK }
}

/// The number of a layer's block, and the rest of its name.
fn block_and_part(layer: &str) -> Option<(usize, &str)> {
    if let Some(part) = layer.strip_prefix("expanded_conv_") {
        return Some((0, part));
    }
    let (block, part) = layer.strip_prefix("block_")?.split_once('_')?;
    Some((block.parse().ok()?, part))
}
