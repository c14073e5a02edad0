//! The names of the parameters of a network in the files of each library.

mod efficientnet_lite;
pub(super) mod keras;
mod mobilenet_v2;
mod torchvision;

use std::collections::BTreeMap;

use crate::model::graph::{Parameter, Role};
use crate::spec::{Architecture, Convention, Source};

/// The naming scheme of the tensors of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `Conv1/kernel`, `conv_stem/kernel`: files of this program.
    Own,
    /// `Conv1/kernel`: Keras's `.h5` files, with a path as prefix and `:0` as suffix.
    Keras,
    /// `layers/conv2d/vars/0`: Keras 3's `.weights.h5` files, numbered within each kind of layer.
    Keras3,
    /// `features.0.0.weight`: torchvision's.
    Torchvision,
    /// `conv_stem.weight`: timm's.
    Timm,
    /// `layer1.0.conv1.weight`: ResNets of torchvision, and of timm.
    Resnet,
    /// `_conv_stem.weight`: those of the package `efficientnet_pytorch` and its relatives.
    EfficientnetPytorch,
}

/// The layout of a tensor in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// As in Keras.
    Keras,
    /// A convolution of PyTorch, `[out, in, height, width]`, which is `[height, width, in, out]`.
    Convolution,
    /// A depthwise convolution of PyTorch, `[channels, 1, height, width]`, which is
    /// `[height, width, channels, 1]`.
    Depthwise,
    /// As in Keras, with the input channels in reverse order.
    Reversed,
    /// A linear layer of PyTorch, `[out, in]`, which is a pointwise convolution `[1, 1, in, out]`.
    Linear,
}

/// The location of a parameter in a file.
pub(super) struct Place<'a> {
    pub(super) parameter: &'a Parameter,
    pub(super) name: String,
    pub(super) layout: Layout,
    /// A tensor of the same shape whose values are subtracted.
    pub(super) minus: Option<String>,
}

/// A tensor that every file of a naming scheme of PyTorch has.
const MARKS: [(&str, Naming); 4] = [
    ("features.0.0.weight", Naming::Torchvision),
    ("conv_stem.weight", Naming::Timm),
    ("layer1.0.conv1.weight", Naming::Resnet),
    ("_conv_stem.weight", Naming::EfficientnetPytorch),
];

/// The modules around a network, as PyTorch names them before all of its tensors: `module.` by
/// `DataParallel`, `_orig_mod.` by `torch.compile`, or the attribute of a module that holds the
/// network, such as `model.`. `None` if there are none, or if other tensors are beside the network.
pub(super) fn prefix<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let of_mark = |name: &'a str| {
        let mut prefixes = MARKS.iter().filter_map(|(mark, _)| name.strip_suffix(mark));
        prefixes.find(|prefix| prefix.ends_with('.'))
    };
    let prefix = names.clone().find_map(of_mark)?;
    names.into_iter().all(|name| name.starts_with(prefix)).then_some(prefix)
}

impl Naming {
    /// The naming scheme that these names follow.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        names.into_iter().find_map(|name| match name {
            "layers/conv2d/vars/0" => Some(Self::Keras3),
            name if keras::MARKS.contains(&keras::key(name, false).as_str()) => Some(Self::Keras),
            name => MARKS.iter().find(|(mark, _)| *mark == name).map(|(_, naming)| *naming),
        })
    }

    /// The name of the library whose files have these names.
    pub fn library(self) -> &'static str {
        match self {
            Self::Own => "alpaca-run",
            Self::Keras | Self::Keras3 => "keras",
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
            Self::Resnet => "torchvision and timm",
            Self::EfficientnetPytorch => "efficientnet_pytorch",
        }
    }

    /// Whether files of a library that this program can download have these names.
    pub fn is_of(self, source: Source) -> bool {
        match self {
            Self::Own | Self::Keras | Self::Keras3 => source == Source::Keras,
            Self::Torchvision => source == Source::Torchvision,
            Self::Timm => source == Source::Timm,
            Self::Resnet => matches!(source, Source::Torchvision | Source::Timm),
            Self::EfficientnetPytorch => false,
        }
    }

    /// The convention by which the library builds its networks. `None` for timm, which builds
    /// networks by several, with the same names.
    pub(super) fn convention(self, architecture: Architecture) -> Option<Convention> {
        match self {
            Self::Own => Some(Convention::Keras),
            Self::Keras | Self::Keras3 => Some(Convention::of_keras(architecture)),
            Self::Torchvision => Some(Convention::of_torchvision(architecture)),
            Self::EfficientnetPytorch => Some(Convention::EfficientnetLite),
            Self::Timm | Self::Resnet => None,
        }
    }

    /// The location of each of `parameters` of a network in a file with tensors of these names.
    /// Parameters come in the order of their layers.
    pub(super) fn places<'a>(
        self,
        architecture: Architecture,
        parameters: &'a [Parameter],
        names: &BTreeMap<String, Vec<usize>>,
    ) -> Vec<Place<'a>> {
        match self {
            Self::Own => own_places(parameters),
            Self::Keras => keras::named_places(architecture, parameters, names),
            Self::Keras3 => keras::numbered_places(architecture, parameters),
            Self::Torchvision | Self::Timm | Self::Resnet | Self::EfficientnetPytorch => {
                let place = |parameter: &'a Parameter| {
                    let (layer, _) =
                        parameter.name.rsplit_once('/').unwrap_or((&parameter.name, ""));
                    let layer = self.torch_layer(architecture, layer);
                    let role = torch_role(parameter.role);
                    let layout = match torch_layout(parameter) {
                        // torchvision's MobileNetV3 has a linear layer after its pooling.
                        Layout::Convolution if layer == "classifier.0" => Layout::Linear,
                        layout => layout,
                    };
                    let name = format!("{layer}.{role}");
                    Place { parameter, name, layout, minus: None }
                };
                parameters.iter().map(place).collect()
            }
        }
    }

    /// Whether tensors of a file are allowed although they are not parameters of the base model: the
    /// original classifier, counters, and the state of an optimizer. With `architecture`, the file is
    /// read for that network.
    pub(super) fn beside(
        self,
        architecture: Option<Architecture>,
        shapes: &BTreeMap<String, Vec<usize>>,
    ) -> impl Fn(&str) -> bool {
        let numbered = keras::numbered_classifier(shapes).map(|layer| format!("{layer}/"));
        move |name| match self {
            Self::Torchvision | Self::Timm => {
                name.starts_with("classifier.") || name.ends_with(".num_batches_tracked")
            }
            Self::Resnet => name.starts_with("fc.") || name.ends_with(".num_batches_tracked"),
            Self::EfficientnetPytorch => {
                name.starts_with("_fc.") || name.ends_with(".num_batches_tracked")
            }
            Self::Own => name.starts_with("head/"),
            Self::Keras => keras::is_beside(architecture, name),
            Self::Keras3 => {
                let is_classifier = |layer: &String| name.starts_with(layer.as_str());
                name.starts_with("optimizer/")
                    || name.starts_with("layers/dense/")
                    || numbered.as_ref().is_some_and(is_classifier)
                    || architecture == Some(Architecture::EfficientnetB0)
                        && name.starts_with(keras::NUMBERED_NORMALIZATION)
            }
        }
    }

    /// The name of a layer in PyTorch's libraries; unchanged if the library has no such network.
    fn torch_layer(self, architecture: Architecture, layer: &str) -> String {
        let found = match (architecture, self) {
            (Architecture::MobilenetV2, Self::Torchvision) => mobilenet_v2::in_torchvision(layer),
            (Architecture::MobilenetV2, Self::Timm) => mobilenet_v2::in_timm(layer),
            (Architecture::MobilenetV2, _) => None,
            (
                Architecture::MobilenetV3Small
                | Architecture::MobilenetV3Large
                | Architecture::EfficientnetB0,
                Self::Torchvision,
            ) => torchvision::in_torchvision(architecture, layer),
            (_, Self::EfficientnetPytorch) => {
                efficientnet_lite::in_efficientnet_pytorch(architecture, layer)
            }
            // Layers have timm's names.
            _ => None,
        };
        found.unwrap_or_else(|| layer.to_owned())
    }
}

/// Parameters under their own names, as this program writes them.
pub(super) fn own_places(parameters: &[Parameter]) -> Vec<Place<'_>> {
    let mut places = vec![];
    for parameter in parameters {
        let name = parameter.name.clone();
        places.push(Place { parameter, name, layout: Layout::Keras, minus: None });
    }
    places
}

/// The stage and the block in it of a layer with timm's name, and the rest of its name.
fn block_place(layer: &str) -> Option<(usize, usize, &str)> {
    let (stage, place) = layer.strip_prefix("blocks.")?.split_once('.')?;
    let (repeat, part) = place.split_once('.')?;
    Some((stage.parse().ok()?, repeat.parse().ok()?, part))
}

fn torch_role(role: Role) -> &'static str {
    match role {
        Role::Beta | Role::Bias => "bias",
        Role::MovingMean => "running_mean",
        Role::MovingVariance => "running_var",
        _ => "weight",
    }
}

fn torch_layout(parameter: &Parameter) -> Layout {
    match parameter.role {
        Role::Kernel => Layout::Convolution,
        Role::DepthwiseKernel => Layout::Depthwise,
        _ => Layout::Keras,
    }
}

impl Layout {
    /// The shape in a file of a tensor that has `shape` with Keras.
    pub fn of_keras(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (Self::Convolution, &[h, w, i, o]) => vec![o, i, h, w],
            (Self::Depthwise, &[h, w, c, one]) => vec![c, one, h, w],
            (Self::Linear, &[_, _, i, o]) => vec![o, i],
            _ => shape.to_vec(),
        }
    }

    /// The values of a tensor that has `shape` in a file, in Keras's order.
    pub fn to_keras(self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        if let (Self::Reversed, &[_, _, inputs, outputs]) = (self, shape) {
            let windows = values.chunks_exact(inputs * outputs);
            return windows
                .flat_map(|window| window.rchunks_exact(outputs).flatten())
                .copied()
                .collect();
        }
        let [a, b, h, w] = match (self, shape) {
            (Self::Convolution | Self::Depthwise, &[a, b, h, w]) => [a, b, h, w],
            (Self::Linear, &[a, b]) => [a, b, 1, 1],
            _ => return values,
        };
        let mut turned = Vec::with_capacity(values.len());
        for y in 0..h {
            for x in 0..w {
                let mut push =
                    |o: usize, i: usize| turned.push(values[((o * b + i) * h + y) * w + x]);
                if self == Self::Depthwise {
                    (0..a).for_each(|o| (0..b).for_each(|i| push(o, i)));
                } else {
                    (0..b).for_each(|i| (0..a).for_each(|o| push(o, i)));
                }
            }
        }
        turned
    }
}
