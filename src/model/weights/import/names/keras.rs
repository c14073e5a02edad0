//! The layers of the networks in Keras's files.
//!
//! Layers of MobileNetV2 have Keras's names here, those of the other networks timm's or
//! torchvision's. Files of `keras.applications` name the layer of each tensor, except those that
//! Keras 3 calls `.weights.h5`: they number the layers of each kind.

use std::collections::BTreeMap;

use super::{Layout, Place, block_place};
use crate::model::architecture::{mobilenet_v1_repeats, mobilenet_v3_squeezes};
use crate::model::graph::{Parameter, Role};
use crate::spec::Architecture;

/// The group of all weights in the file of a whole model.
const WHOLE: &str = "model_weights/";

/// Layers of classifiers. Earlier releases of Keras had other names than today's.
pub(in crate::model::weights::import) const CLASSIFIERS: [&str; 6] =
    ["predictions", "conv_preds", "logits", "Logits", "probs", "fc1000"];

/// The layer that standardizes images in EfficientNet. Its name ends with a number if the program
/// that wrote the file had built several.
pub(in crate::model::weights::import) const NORMALIZATION: &str = "normalization";

/// The group of that layer in a file that numbers layers.
pub(in crate::model::weights::import) const NUMBERED_NORMALIZATION: &str = "layers/normalization/";

/// A tensor of each network, which tells that a file names its layers as Keras does: of MobileNetV2,
/// V1, ResNet, EfficientNet, and of MobileNetV3 in Keras 3 and 2.
pub(super) const MARKS: [&str; 6] = [
    "Conv1/kernel",
    "conv_pw_1/kernel",
    "conv1_conv/kernel",
    "stem_conv/kernel",
    "conv/kernel",
    "Conv/kernel",
];

/// The layers outside the blocks: names here, in MobileNetV3 and in EfficientNet.
const ENDS: [(&str, &str, &str); 4] = [
    ("conv_stem", "conv", "stem_conv"),
    ("bn1", "conv_bn", "stem_bn"),
    ("conv_head", "conv_2", "top_conv"),
    ("bn2", "", "top_bn"),
];

/// The layers of a block that does not expand.
const FIRST_BLOCK: [(&str, &str, &str); 6] = [
    ("conv_dw", "depthwise", "dwconv"),
    ("bn1", "depthwise_bn", "bn"),
    ("se.conv_reduce", "squeeze_excite_conv", "se_reduce"),
    ("se.conv_expand", "squeeze_excite_conv_1", "se_expand"),
    ("conv_pw", "project", "project_conv"),
    ("bn2", "project_bn", "project_bn"),
];

/// The layers of all other blocks.
const BLOCK: [(&str, &str, &str); 8] = [
    ("conv_pw", "expand", "expand_conv"),
    ("bn1", "expand_bn", "expand_bn"),
    ("conv_dw", "depthwise", "dwconv"),
    ("bn2", "depthwise_bn", "bn"),
    ("se.conv_reduce", "squeeze_excite_conv", "se_reduce"),
    ("se.conv_expand", "squeeze_excite_conv_1", "se_expand"),
    ("conv_pwl", "project", "project_conv"),
    ("bn3", "project_bn", "project_bn"),
];

/// The name of a layer in Keras; unchanged if Keras has no such network.
fn in_keras(architecture: Architecture, layer: &str) -> String {
    let found = match architecture {
        Architecture::MobilenetV1 => of_mobilenet_v1(layer),
        Architecture::MobilenetV3Small | Architecture::MobilenetV3Large => {
            of_mobilenet_v3(architecture, layer)
        }
        Architecture::EfficientnetB0 => of_efficientnet(layer),
        Architecture::Resnet50 => of_resnet(layer),
        _ => None,
    };
    found.unwrap_or_else(|| layer.to_owned())
}

fn of_mobilenet_v1(layer: &str) -> Option<String> {
    match layer {
        "conv_stem" => return Some("conv1".to_owned()),
        "bn1" => return Some("conv1_bn".to_owned()),
        _ => {}
    }
    let (stage, repeat, part) = block_place(layer)?;
    let before: usize = mobilenet_v1_repeats().take(stage).sum();
    let block = before + repeat + 1;
    Some(match part {
        "conv_dw" => format!("conv_dw_{block}"),
        "bn1" => format!("conv_dw_{block}_bn"),
        "conv_pw" => format!("conv_pw_{block}"),
        "bn2" => format!("conv_pw_{block}_bn"),
        _ => return None,
    })
}

fn of_mobilenet_v3(architecture: Architecture, layer: &str) -> Option<String> {
    if let Some((_, name, _)) = ENDS.iter().find(|(here, ..)| *here == layer) {
        return Some((*name).to_owned());
    }
    let (stage, repeat, part) = block_place(layer)?;
    let stages = mobilenet_v3_squeezes(architecture);
    if stage == stages.len() {
        // The last convolution before the pooling.
        let name = if part == "conv" { "conv_1" } else { "conv_1_bn" };
        return Some(name.to_owned());
    }
    let before: usize = stages.iter().take(stage).map(Vec::len).sum();
    let (_, name, _) = parts(stage).iter().find(|(here, ..)| *here == part)?;
    Some(match before + repeat {
        0 => format!("expanded_conv_{name}"),
        block => format!("expanded_conv_{block}_{name}"),
    })
}

fn of_efficientnet(layer: &str) -> Option<String> {
    if let Some((.., name)) = ENDS.iter().find(|(here, ..)| *here == layer) {
        return Some((*name).to_owned());
    }
    let (stage, repeat, part) = block_place(layer)?;
    let (.., name) = parts(stage).iter().find(|(here, ..)| *here == part)?;
    let letter = (b'a'..=b'z').nth(repeat).map(char::from)?;
    Some(format!("block{}{letter}_{name}", stage + 1))
}

/// The layers of the blocks of a stage. In both families, only those of the first stage do not
/// expand.
fn parts(stage: usize) -> &'static [(&'static str, &'static str, &'static str)] {
    if stage == 0 { &FIRST_BLOCK } else { &BLOCK }
}

fn of_resnet(layer: &str) -> Option<String> {
    let ResnetPlace { group, block, part, is_norm } = ResnetPlace::of(layer)?;
    let kind = if is_norm { "bn" } else { "conv" };
    Some(match group {
        0 => format!("conv1_{kind}"),
        group => format!("conv{}_block{}_{part}_{kind}", group + 1, block + 1),
    })
}

/// The place of a convolution or normalization in a ResNet, in the order of Keras's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ResnetPlace {
    /// 0 for the stem, then 1 to 4.
    group: usize,
    /// From 0.
    block: usize,
    /// The position of the convolution in its block: 1 to 3, and 0 for that of the shortcut.
    part: usize,
    is_norm: bool,
}

impl ResnetPlace {
    /// The place of a layer with torchvision's name.
    fn of(layer: &str) -> Option<Self> {
        let (group, block, part) = match layer.strip_prefix("layer") {
            None => (0, 0, layer),
            Some(place) => {
                let (group, place) = place.split_once('.')?;
                let (block, part) = place.split_once('.')?;
                (group.parse().ok()?, block.parse().ok()?, part)
            }
        };
        let number = |name: &str| part.strip_prefix(name)?.parse().ok();
        let (part, is_norm) = match part {
            "downsample.0" => (0, false),
            "downsample.1" => (0, true),
            _ => match number("conv") {
                Some(part) => (part, false),
                None => (number("bn")?, true),
            },
        };
        Some(Self { group, block, part, is_norm })
    }

    /// The position in Keras's list, where the shortcut comes before the last convolution.
    fn order(self) -> (usize, usize, usize) {
        let part = [2, 0, 1, 3].get(self.part).copied().unwrap_or(self.part);
        (self.group, self.block, part)
    }
}

/// The places of `parameters` in a file that names layers.
pub(super) fn named_places<'a>(
    architecture: Architecture,
    parameters: &'a [Parameter],
    names: &BTreeMap<String, Vec<usize>>,
) -> Vec<Place<'a>> {
    let has_paths = is_mobilenet_v3(architecture);
    let index = names.keys().map(|name| (key(name, has_paths), name)).collect();
    let find = |parameter: &Parameter| find(architecture, &index, &parameter.name, parameter.role);
    places(architecture, parameters, &parameters.iter().map(find).collect::<Vec<_>>(), |layer| {
        find_bias(architecture, &index, layer)
    })
}

type Index<'a> = BTreeMap<String, &'a String>;

/// The name of a parameter in a file, or the name that it should have there.
fn find(architecture: Architecture, index: &Index<'_>, parameter: &str, role: Role) -> String {
    let (layer, variable) = parameter.rsplit_once('/').unwrap_or((parameter, ""));
    let layer = in_keras(architecture, layer);
    let own = format!("{layer}/{variable}");
    // Keras 3 also names the weights of a depthwise convolution `kernel`.
    let newer = (role == Role::DepthwiseKernel).then(|| format!("{layer}/kernel"));
    let newer = newer.and_then(|key| index.get(&key));
    index.get(&own).or(newer).map_or(own, |name| (*name).clone())
}

fn find_bias(architecture: Architecture, index: &Index<'_>, layer: &str) -> String {
    find(architecture, index, &format!("{layer}/{}", Role::Bias.name()), Role::Bias)
}

/// The places of `parameters` in a file that numbers layers. Parameters come in the order of their
/// layers here.
pub(super) fn numbered_places(
    architecture: Architecture,
    parameters: &[Parameter],
) -> Vec<Place<'_>> {
    let mut order: Vec<usize> = (0..parameters.len()).collect();
    if architecture == Architecture::Resnet50 {
        order.sort_by_key(|at| {
            let (layer, _) = parameters[*at].name.rsplit_once('/').unwrap_or_default();
            ResnetPlace::of(layer).map(ResnetPlace::order)
        });
    }
    let mut names = vec![String::new(); parameters.len()];
    let mut counter = Counter::default();
    for at in order {
        names[at] = counter.place(&parameters[at]);
    }
    places(architecture, parameters, &names, |layer| {
        let kernel = format!("{layer}/{}", Role::Kernel.name());
        let at = parameters.iter().position(|parameter| parameter.name == kernel);
        at.map_or(kernel, |at| names[at].replace("/vars/0", "/vars/1"))
    })
}

/// The places of parameters from their names in a file. `bias_of` names the bias of a convolution.
fn places<'a>(
    architecture: Architecture,
    parameters: &'a [Parameter],
    names: &[String],
    bias_of: impl Fn(&str) -> String,
) -> Vec<Place<'a>> {
    let place = |(parameter, name): (&'a Parameter, &String)| {
        let mut place = Place { parameter, name: name.clone(), layout: Layout::Keras, minus: None };
        if architecture == Architecture::Resnet50 {
            // Its images are blue, green and red.
            if parameter.name == "conv1/kernel" {
                place.layout = Layout::Reversed;
            }
            place.minus = bias_before(parameter).map(|layer| bias_of(&layer));
        }
        place
    };
    parameters.iter().zip(names).map(place).collect()
}

/// The convolution before a normalization of a ResNet, if the parameter is its mean. In Keras, these
/// convolutions have a bias, which only shifts that mean.
fn bias_before(parameter: &Parameter) -> Option<String> {
    let (norm, _) = parameter.name.rsplit_once('/')?;
    let is_mean = parameter.role == Role::MovingMean;
    is_mean.then(|| norm.replace("bn", "conv").replace("downsample.1", "downsample.0"))
}

fn is_mobilenet_v3(architecture: Architecture) -> bool {
    matches!(architecture, Architecture::MobilenetV3Small | Architecture::MobilenetV3Large)
}

/// The layer and the role of a tensor, without the `:0` that TensorFlow appends. With `has_paths`,
/// the names of layers may be paths, as those of MobileNetV3 in Keras 2 are: they become those of
/// Keras 3.
pub(in crate::model::weights::import) fn key(name: &str, has_paths: bool) -> String {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let name = name.strip_prefix(WHOLE).unwrap_or(name);
    let Some((layer, role)) = name.rsplit_once('/') else { return name.to_owned() };
    // Files have each name twice: that of the layer's group, and that of the variable in it.
    let middle = layer.len() / 2;
    let twice = layer.split_at_checked(middle).filter(|_| has_paths);
    let path = twice.filter(|(group, variable)| variable.strip_prefix('/') == Some(*group));
    match path {
        Some((path, _)) => {
            let layer = path.to_lowercase().replace('/', "_").replace("batchnorm", "bn");
            format!("{layer}/{role}")
        }
        None => format!("{}/{role}", layer.rsplit('/').next().unwrap_or(layer)),
    }
}

/// Whether a tensor of a file that names layers is allowed beside the base model.
pub(super) fn is_beside(architecture: Option<Architecture>, name: &str) -> bool {
    let name = name.strip_prefix(WHOLE).unwrap_or(name);
    let group = name.split_once('/').map_or(name, |(group, _)| group);
    CLASSIFIERS.contains(&group)
        || ["head", "optimizer_weights"].contains(&group)
        || architecture == Some(Architecture::EfficientnetB0) && is_normalization(group)
}

/// Whether a layer is the one that standardizes images.
pub(in crate::model::weights::import) fn is_normalization(layer: &str) -> bool {
    let rest = layer.strip_prefix(NORMALIZATION);
    rest.is_some_and(|rest| {
        rest.trim_start_matches(|c: char| c == '_' || c.is_ascii_digit()).is_empty()
    })
}

/// Numbers layers within their kind, in the order of Keras's list.
#[derive(Default)]
struct Counter {
    last: Option<usize>,
    counts: BTreeMap<&'static str, usize>,
}

impl Counter {
    fn place(&mut self, parameter: &Parameter) -> String {
        let (kind, variable) = match parameter.role {
            Role::Kernel | Role::Bias => ("conv2d", usize::from(parameter.role == Role::Bias)),
            Role::DepthwiseKernel => ("depthwise_conv2d", 0),
            Role::Gamma => ("batch_normalization", 0),
            Role::Beta => ("batch_normalization", 1),
            Role::MovingMean => ("batch_normalization", 2),
            Role::MovingVariance => ("batch_normalization", 3),
        };
        let count = self.counts.entry(kind).or_default();
        if self.last != Some(parameter.layer) {
            *count += 1;
            self.last = Some(parameter.layer);
        }
        format!("layers/{}/vars/{variable}", numbered(kind, *count - 1))
    }
}

/// The name of a layer from its number within its kind.
fn numbered(kind: &str, number: usize) -> String {
    if number == 0 { kind.to_owned() } else { format!("{kind}_{number}") }
}

/// The layer of the classifier in a file that numbers layers: a dense one, or the last convolution
/// if that has a bias and a window of one pixel.
pub(in crate::model::weights::import) fn numbered_classifier(
    shapes: &BTreeMap<String, Vec<usize>>,
) -> Option<String> {
    let variable = |layer: &str, at: usize| shapes.get(&format!("layers/{layer}/vars/{at}"));
    let has_bias = |layer: &str| variable(layer, 1).is_some();
    if variable("dense", 0).is_some() {
        return has_bias("dense").then(|| "layers/dense".to_owned());
    }
    let layers = (0..).map(|number| numbered("conv2d", number));
    let last = layers.take_while(|layer| variable(layer, 0).is_some()).last()?;
    let is_pointwise = matches!(variable(&last, 0)?[..], [1, 1, _, _]);
    (is_pointwise && has_bias(&last)).then(|| format!("layers/{last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_are_found_by_layer_and_role() {
        for (name, has_paths, expected) in [
            ("Conv1/Conv1/kernel:0", false, "Conv1/kernel"),
            ("model_weights/conv_dw_1/conv_dw_1/kernel", false, "conv_dw_1/kernel"),
            ("model_weights/mobilenet/conv1_bn/gamma:0", false, "conv1_bn/gamma"),
            ("kernel", false, "kernel"),
            ("Conv/BatchNorm/Conv/BatchNorm/beta:0", true, "conv_bn/beta"),
            (
                "model_weights/expanded_conv/squeeze_excite/Conv_1/expanded_conv/squeeze_excite/\
                 Conv_1/bias:0",
                true,
                "expanded_conv_squeeze_excite_conv_1/bias",
            ),
            ("conv_1_bn/conv_1_bn/gamma", true, "conv_1_bn/gamma"),
        ] {
            assert_eq!(key(name, has_paths), expected);
        }
    }

    #[test]
    fn layers_have_the_names_of_keras() {
        use Architecture::{EfficientnetB0, MobilenetV1, MobilenetV2, MobilenetV3Small, Resnet50};
        for (architecture, layer, expected) in [
            (MobilenetV1, "bn1", "conv1_bn"),
            (MobilenetV1, "blocks.0.0.conv_dw", "conv_dw_1"),
            (MobilenetV1, "blocks.4.1.bn2", "conv_pw_13_bn"),
            (MobilenetV2, "block_1_expand", "block_1_expand"),
            (MobilenetV3Small, "blocks.0.0.se.conv_expand", "expanded_conv_squeeze_excite_conv_1"),
            (MobilenetV3Small, "blocks.4.2.bn3", "expanded_conv_10_project_bn"),
            (MobilenetV3Small, "blocks.5.0.bn1", "conv_1_bn"),
            (MobilenetV3Small, "conv_head", "conv_2"),
            (EfficientnetB0, "conv_head", "top_conv"),
            (EfficientnetB0, "blocks.0.0.conv_pw", "block1a_project_conv"),
            (EfficientnetB0, "blocks.5.3.conv_dw", "block6d_dwconv"),
            (Resnet50, "bn1", "conv1_bn"),
            (Resnet50, "layer4.2.conv3", "conv5_block3_3_conv"),
            (Resnet50, "layer1.0.downsample.1", "conv2_block1_0_bn"),
        ] {
            assert_eq!(in_keras(architecture, layer), expected);
        }
    }

    #[test]
    fn only_the_layer_that_standardizes_images_is_one() {
        let names =
            ["normalization", "normalization_12", "normalization_new", "batch_normalization"];
        assert_eq!(names.map(is_normalization), [true, true, false, false]);
    }
}
