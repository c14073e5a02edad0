//! The names of the parameters of MobileNetV2 in the files of each library.

use std::collections::BTreeMap;

use crate::model::graph::{Parameter, Role};
use crate::spec::{Convention, Source};

/// The naming scheme of the tensors of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `Conv1/kernel`: files of this program.
    Own,
    /// `Conv1/kernel`: Keras's `.h5` files, with a path as prefix and `:0` as suffix.
    Keras,
    /// `layers/conv2d/vars/0`: Keras 3's `.weights.h5` files, numbered within each kind of layer.
    Keras3,
    /// `features.0.0.weight`: torchvision's.
    Torchvision,
    /// `conv_stem.weight`: timm's.
    Timm,
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
}

/// The location of a parameter in a file.
pub(super) struct Place<'a> {
    pub(super) parameter: &'a Parameter,
    pub(super) name: String,
    pub(super) layout: Layout,
}

/// The prefix that PyTorch's `DataParallel` adds to all names.
const PARALLEL: &str = "module.";
/// Repeats of the blocks in each stage (table 2 of the paper).
const REPEATS: [usize; 7] = [1, 2, 3, 4, 3, 3, 1];

impl Naming {
    /// The naming scheme that these names follow.
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        names.into_iter().find_map(|name| match name.strip_prefix(PARALLEL).unwrap_or(name) {
            "features.0.0.weight" => Some(Self::Torchvision),
            "conv_stem.weight" => Some(Self::Timm),
            "layers/conv2d/vars/0" => Some(Self::Keras3),
            name if keras_name(name) == "Conv1/kernel" => Some(Self::Keras),
            _ => None,
        })
    }

    /// The library that publishes files with these names.
    pub fn source(self) -> Source {
        match self {
            Self::Own | Self::Keras | Self::Keras3 => Source::Keras,
            Self::Torchvision => Source::Torchvision,
            Self::Timm => Source::Timm,
        }
    }

    /// The convention by which the library builds the network.
    pub(super) fn convention(self) -> Convention {
        match self {
            Self::Own | Self::Keras | Self::Keras3 => Convention::Keras,
            Self::Torchvision | Self::Timm => Convention::Torch,
        }
    }

    /// The location of each of `parameters` in a file with tensors of these names. Parameters come
    /// in the order of their layers.
    pub(super) fn places<'a>(
        self,
        parameters: &'a [Parameter],
        names: &BTreeMap<String, Vec<usize>>,
    ) -> Vec<Place<'a>> {
        let keras: BTreeMap<&str, &String> = if self == Self::Keras {
            names.keys().map(|name| (keras_name(name), name)).collect()
        } else {
            BTreeMap::new()
        };
        let prefix =
            if names.keys().any(|name| name.starts_with(PARALLEL)) { PARALLEL } else { "" };
        let mut counter = Counter::default();
        parameters
            .iter()
            .map(|parameter| {
                let (layer, _) = parameter.name.rsplit_once('/').unwrap_or((&parameter.name, ""));
                let (name, layout) = match self {
                    Self::Own => (parameter.name.clone(), Layout::Keras),
                    Self::Keras => {
                        // Keras 3 also names the weights of a depthwise convolution `kernel`.
                        let newer = format!("{layer}/kernel");
                        let found = keras.get(keras_name(&parameter.name)).or_else(|| {
                            (parameter.role == Role::DepthwiseKernel)
                                .then(|| keras.get(newer.as_str()))
                                .flatten()
                        });
                        let name = found.map_or(&parameter.name, |name| *name);
                        (name.clone(), Layout::Keras)
                    }
                    Self::Keras3 => (counter.place(parameter), Layout::Keras),
                    Self::Torchvision | Self::Timm => {
                        let layer = self.torch_layer(layer).unwrap_or_else(|| layer.to_owned());
                        let role = torch_role(parameter.role);
                        (format!("{prefix}{layer}.{role}"), torch_layout(parameter))
                    }
                };
                Place { parameter, name, layout }
            })
            .collect()
    }

    /// Whether a tensor is allowed although it is not a parameter of the base model: the original
    /// classifier, counters, and the state of an optimizer.
    pub(super) fn is_beside(self, name: &str) -> bool {
        let name = name.strip_prefix(PARALLEL).unwrap_or(name);
        match self {
            Self::Torchvision | Self::Timm => {
                name.starts_with("classifier.") || name.ends_with(".num_batches_tracked")
            }
            Self::Own => name.starts_with("head/"),
            Self::Keras => {
                let name = name.strip_prefix("model_weights/").unwrap_or(name);
                ["head/", "predictions/", "optimizer_weights/", "Logits/"]
                    .iter()
                    .any(|s| name.starts_with(s))
            }
            Self::Keras3 => ["layers/dense/", "optimizer/"].iter().any(|s| name.starts_with(s)),
        }
    }

    /// The name of a Keras layer in PyTorch's libraries.
    fn torch_layer(self, layer: &str) -> Option<String> {
        let is_timm = self == Self::Timm;
        let ends = [
            ("Conv1", "features.0.0", "conv_stem"),
            ("bn_Conv1", "features.0.1", "bn1"),
            ("Conv_1", "features.18.0", "conv_head"),
            ("Conv_1_bn", "features.18.1", "bn2"),
        ];
        if let Some((_, vision, timm)) = ends.iter().find(|(keras, ..)| *keras == layer) {
            return Some(if is_timm { timm } else { vision }.to_string());
        }
        let (block, part) = if let Some(part) = layer.strip_prefix("expanded_conv_") {
            (0, part)
        } else {
            let (block, part) = layer.strip_prefix("block_")?.split_once('_')?;
            (block.parse::<usize>().ok()?, part)
        };
        let parts: &[(&str, &str, &str)] = if block == 0 {
            &[
                ("depthwise", "0.0", "conv_dw"),
                ("depthwise_BN", "0.1", "bn1"),
                ("project", "1", "conv_pw"),
                ("project_BN", "2", "bn2"),
            ]
        } else {
            &[
                ("expand", "0.0", "conv_pw"),
                ("expand_BN", "0.1", "bn1"),
                ("depthwise", "1.0", "conv_dw"),
                ("depthwise_BN", "1.1", "bn2"),
                ("project", "2", "conv_pwl"),
                ("project_BN", "3", "bn3"),
            ]
        };
        let (_, vision, timm) = parts.iter().find(|(keras, ..)| *keras == part)?;
        if !is_timm {
            return Some(format!("features.{}.conv.{vision}", block + 1));
        }
        let (mut stage, mut repeat) = (0, block);
        while repeat >= *REPEATS.get(stage)? {
            repeat -= REPEATS[stage];
            stage += 1;
        }
        Some(format!("blocks.{stage}.{repeat}.{timm}"))
    }
}

/// The last two parts of a name, without the `:0` that TensorFlow appends.
fn keras_name(name: &str) -> &str {
    let name = name.strip_suffix(":0").unwrap_or(name);
    let start = name.rmatch_indices('/').nth(1).map_or(0, |(slash, _)| slash + 1);
    &name[start..]
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

/// Numbers layers within their kind, as in Keras 3.
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
        match *count {
            1 => format!("layers/{kind}/vars/{variable}"),
            n => format!("layers/{kind}_{}/vars/{variable}", n - 1),
        }
    }
}

impl Layout {
    /// The shape in a file of a tensor that has `shape` with Keras.
    pub(super) fn of_keras(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (Self::Convolution, &[h, w, i, o]) => vec![o, i, h, w],
            (Self::Depthwise, &[h, w, c, one]) => vec![c, one, h, w],
            _ => shape.to_vec(),
        }
    }

    /// The values of a tensor that has `shape` in a file, in Keras's order.
    pub fn to_keras(self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        let (Self::Convolution | Self::Depthwise, &[a, b, h, w]) = (self, shape) else {
            return values;
        };
        let mut turned = Vec::with_capacity(values.len());
        for y in 0..h {
            for x in 0..w {
                let mut push =
                    |o: usize, i: usize| turned.push(values[((o * b + i) * h + y) * w + x]);
                if self == Self::Convolution {
                    (0..b).for_each(|i| (0..a).for_each(|o| push(o, i)));
                } else {
                    (0..a).for_each(|o| (0..b).for_each(|i| push(o, i)));
                }
            }
        }
        turned
    }
}
