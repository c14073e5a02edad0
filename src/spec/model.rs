//! The network: a base model, its initial weights, and the classifier on top.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{Architecture, Location};

/// The model of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelSpec {
    /// Architecture of the base model.
    pub base: BaseModel,
    /// Factor on the number of channels. `None` for a base model whose channels are fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<f64>,
    /// Initial weights of the base model.
    #[serde(skip_serializing_if = "WeightsSpec::is_in_base")]
    pub weights: WeightsSpec,
    /// Initial weights of the classifier on top.
    pub top: TopSpec,
    /// The classifier on top of it.
    pub head: HeadSpec,
    /// Precision of the numbers that convolutions multiply.
    #[serde(skip_serializing_if = "Precision::is_f32")]
    pub precision: Precision,
}

/// Precision of the numbers that convolutions multiply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Rounded to `bfloat16`; sums are `f32`.
    Bf16,
    /// Bytes, in the layers that no stage trains; `f32` in the others.
    Int8,
}

impl Precision {
    /// Whether nothing is rounded.
    pub fn is_f32(&self) -> bool {
        *self == Self::F32
    }

    /// Its name in a pipeline file.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }
}

impl ModelSpec {
    /// Factor on the number of channels; 1 if there is none.
    pub fn width(&self) -> f64 {
        self.width.unwrap_or(1.0)
    }
}

/// The architecture of a base model.
#[derive(Clone, Debug, PartialEq)]
pub enum BaseModel {
    /// A network that this program implements.
    Named(Architecture),
    /// A network in an ONNX file.
    Onnx(OnnxSpec),
}

impl Serialize for BaseModel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(architecture) => serializer.serialize_str(architecture.name()),
            Self::Onnx(spec) => spec.serialize(serializer),
        }
    }
}

/// A base model that is an ONNX file, with its own weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OnnxSpec {
    /// Path of the file.
    pub onnx: Location,
    /// Node or value that outputs the features for the head.
    pub features: String,
    /// How pixel values are scaled for its input.
    pub preprocessing: Preprocessing,
}

/// Initial weights of the base model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightsSpec {
    /// Random weights.
    Random(Initializer),
    /// Weights that are included in this program.
    Builtin,
    /// A weights file from Keras, torchvision, timm or an ONNX exporter.
    File(Location),
    /// Weights that a library has published.
    Published(PublishedSpec),
    /// Weights inside the file of the base model.
    InBase,
}

impl WeightsSpec {
    /// How weights that do not come from a file are drawn.
    pub fn initializer(&self) -> Initializer {
        if let Self::Random(initializer) = self { *initializer } else { Initializer::default() }
    }

    /// Whether the weights are inside the file of the base model.
    pub fn is_in_base(&self) -> bool {
        matches!(self, Self::InBase)
    }
}

impl Serialize for WeightsSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Random(Initializer::HeUniform) => serializer.serialize_str("none"),
            Self::Random(Initializer::GlorotUniform) => {
                BTreeMap::from([("random", "glorot_uniform")]).serialize(serializer)
            }
            Self::Builtin => serializer.serialize_str("builtin"),
            Self::File(location) => location.serialize(serializer),
            Self::Published(published) => published.serialize(serializer),
            Self::InBase => serializer.serialize_none(),
        }
    }
}

/// How random weights are drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Initializer {
    /// He et al. 2015 before an activation, Glorot and Bengio 2010 elsewhere, with the number of inputs
    /// that each output sums as the fan-in.
    #[default]
    HeUniform,
    /// Glorot and Bengio 2010 everywhere, with the fan-in and fan-out of Keras.
    GlorotUniform,
}

/// Weights that a library has published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedSpec {
    /// Library that published the weights.
    pub source: Source,
    /// Version of torchvision's weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<TorchvisionVersion>,
    /// Image size in pixels that Keras's weights were trained at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trained_at: Option<usize>,
    /// SHA-256 that the file must have, as 64 hexadecimal digits in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// A library that has published weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// `keras.applications`.
    Keras,
    /// torchvision.
    Torchvision,
    /// timm.
    Timm,
}

impl Source {
    /// All libraries.
    pub const ALL: [Self; 3] = [Self::Keras, Self::Torchvision, Self::Timm];

    /// Its name in pipelines, and the name of the directory for its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
        }
    }
}

/// A version of torchvision's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TorchvisionVersion {
    /// `IMAGENET1K_V1`.
    V1,
    /// `IMAGENET1K_V2`.
    V2,
}

/// Initial weights of the classifier on top of the base model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TopSpec {
    /// Random weights.
    New,
    /// The classifier that came with the weights, for the classes of the dataset.
    Pretrained,
}

/// The classifier on top of the base model: pooling, hidden layers, dropout, one dense layer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeadSpec {
    /// How the features of an image are reduced to a vector.
    pub pooling: Pooling,
    /// Number of units of each hidden layer. They are dense layers with a `ReLU`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<usize>,
    /// Fraction of the features dropped in training.
    pub dropout: f64,
}

/// How the features of an image are reduced to a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean over all pixels.
    Average,
}

/// How the authors of the weights built the base model: its padding, normalization and input
/// scaling. Weights, graph and preprocessing must match, so the convention follows from the weights
/// and is not a key of the pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// As in `keras.applications`.
    #[default]
    Keras,
    /// As in torchvision and timm.
    Torch,
    /// As in timm for networks that were trained with the pixel values of Inception: like
    /// [`Torch`](Self::Torch), with pixel values from -1 to 1.
    TorchInception,
    /// As in torchvision's MobileNetV3: like [`Torch`](Self::Torch), with TensorFlow's epsilon.
    TorchvisionMobilenetV3,
    /// As in TensorFlow's EfficientNet: padding and epsilon of TensorFlow, and pixel values
    /// standardized by `ImageNet`'s statistics.
    Tensorflow,
    /// As in Google's EfficientNet-Lite: padding and epsilon of TensorFlow, and pixel values
    /// `(x - 127) / 128`.
    EfficientnetLite,
    /// As in `keras.applications`'s MobileNetV3 without its classifier: like [`Keras`](Self::Keras),
    /// and the network ends before its pooling and the convolution after it.
    KerasNoTop,
    /// As in `keras.applications`'s EfficientNet without published weights: like
    /// [`Keras`](Self::Keras), with pixel values from 0 to 1.
    KerasZeroToOne,
    /// As in `keras.applications`'s ResNet, whose weights come from Caffe: the first convolution of a
    /// block has the stride, zeros are added on all sides, epsilon is 1.001e-5, and only the mean of
    /// each channel is subtracted from pixel values.
    KerasCaffe,
}

/// The mean of red, green and blue over `ImageNet` in pixel values, as in Caffe and in
/// `keras.applications.imagenet_utils.preprocess_input`.
const CAFFE_MEAN: [f32; 3] = [123.68, 116.779, 103.939];

impl Convention {
    /// All conventions.
    pub const ALL: [Self; 9] = [
        Self::Keras,
        Self::Torch,
        Self::TorchInception,
        Self::TorchvisionMobilenetV3,
        Self::Tensorflow,
        Self::EfficientnetLite,
        Self::KerasNoTop,
        Self::KerasZeroToOne,
        Self::KerasCaffe,
    ];

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Torch => "torch",
            Self::TorchInception => "torch_inception",
            Self::TorchvisionMobilenetV3 => "torchvision_mobilenet_v3",
            Self::Tensorflow => "tensorflow",
            Self::EfficientnetLite => "efficientnet_lite",
            Self::KerasNoTop => "keras_no_top",
            Self::KerasZeroToOne => "keras_zero_to_one",
            Self::KerasCaffe => "keras_caffe",
        }
    }

    /// Whether PyTorch trained the network.
    pub fn is_of_pytorch(self) -> bool {
        matches!(self, Self::Torch | Self::TorchInception | Self::TorchvisionMobilenetV3)
    }

    /// Whether convolutions add the same number of zeros on all sides.
    pub fn pads_evenly(self) -> bool {
        self.is_of_pytorch() || self == Self::KerasCaffe
    }

    /// How pixel values are scaled before they enter the base model.
    pub fn preprocessing(self) -> Preprocessing {
        match self {
            Self::Keras | Self::KerasNoTop | Self::TorchInception => Preprocessing::MinusOneToOne,
            Self::KerasZeroToOne => Preprocessing::ZeroToOne,
            Self::KerasCaffe => {
                let (mean, deviation) = (CAFFE_MEAN.map(|mean| mean / 255.0), [1.0 / 255.0; 3]);
                Preprocessing::Statistics { mean, deviation }
            }
            Self::Torch | Self::TorchvisionMobilenetV3 | Self::Tensorflow => {
                Preprocessing::ImagenetStatistics
            }
            Self::EfficientnetLite => {
                let (mean, deviation) = ([127.0 / 255.0; 3], [128.0 / 255.0; 3]);
                Preprocessing::Statistics { mean, deviation }
            }
        }
    }
}

/// How pixel values `x` from 0 to 255 are scaled before they enter a base model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preprocessing {
    /// `x / 127.5 - 1`.
    MinusOneToOne,
    /// `x / 255`.
    ZeroToOne,
    /// `x` unchanged.
    #[serde(rename = "zero_to_255")]
    ZeroTo255,
    /// `(x / 255 - mean) / deviation`, with the mean and standard deviation of each channel over
    /// `ImageNet`.
    ImagenetStatistics,
    /// `(x / 255 - mean) / deviation`, with numbers for red, green and blue.
    Statistics {
        /// Mean of each channel.
        mean: [f32; 3],
        /// Standard deviation of each channel.
        deviation: [f32; 3],
    },
}

/// The mean of red, green and blue over `ImageNet`, as in torchvision and timm.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// The standard deviation of red, green and blue over `ImageNet`.
const IMAGENET_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

impl Preprocessing {
    /// `(x / 255 - mean) / deviation`, as the choice that has a name if there is one.
    pub fn of_statistics(mean: [f32; 3], deviation: [f32; 3]) -> Self {
        match (mean, deviation) {
            (IMAGENET_MEAN, IMAGENET_DEVIATION) => Self::ImagenetStatistics,
            ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5]) => Self::MinusOneToOne,
            ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]) => Self::ZeroToOne,
            ([0.0, 0.0, 0.0], of) if of == [1.0 / 255.0; 3] => Self::ZeroTo255,
            _ => Self::Statistics { mean, deviation },
        }
    }

    /// Converts the network's values to pixel values.
    pub fn undo(self, values: &[f32]) -> Vec<u8> {
        let pixels = values.iter().enumerate().map(|(position, value)| {
            let value = match self {
                Self::MinusOneToOne => (value + 1.0) * 127.5,
                Self::ZeroToOne => value * 255.0,
                Self::ZeroTo255 => *value,
                Self::ImagenetStatistics | Self::Statistics { .. } => {
                    let (mean, deviation) = self.statistics();
                    let channel = position % 3;
                    (value * deviation[channel] + mean[channel]) * 255.0
                }
            };
            value.round().clamp(0.0, 255.0) as u8
        });
        pixels.collect()
    }

    /// Converts pixel values to the network's values, in place. Channels are the innermost axis.
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Self::MinusOneToOne => {
                values.iter_mut().for_each(|value| *value = *value / 127.5 - 1.0);
            }
            Self::ZeroToOne => values.iter_mut().for_each(|value| *value /= 255.0),
            Self::ZeroTo255 => {}
            Self::ImagenetStatistics | Self::Statistics { .. } => {
                let (mean, deviation) = self.statistics();
                for pixel in values.chunks_exact_mut(3) {
                    for (channel, value) in pixel.iter_mut().enumerate() {
                        *value = (*value / 255.0 - mean[channel]) / deviation[channel];
                    }
                }
            }
        }
    }

    /// The network's values for black and for white, of each channel.
    pub fn bounds(self) -> [[f32; 2]; 3] {
        let mut values = [0.0, 0.0, 0.0, 255.0, 255.0, 255.0];
        self.apply(&mut values);
        std::array::from_fn(|channel| [values[channel], values[channel + 3]])
    }

    /// The mean and the standard deviation of values between 0 and 1.
    pub fn statistics(self) -> ([f32; 3], [f32; 3]) {
        match self {
            Self::MinusOneToOne => ([0.5; 3], [0.5; 3]),
            Self::ZeroToOne => ([0.0; 3], [1.0; 3]),
            Self::ZeroTo255 => ([0.0; 3], [1.0 / 255.0; 3]),
            Self::ImagenetStatistics => (IMAGENET_MEAN, IMAGENET_DEVIATION),
            Self::Statistics { mean, deviation } => (mean, deviation),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preprocessing_can_be_undone() {
        let own = Preprocessing::Statistics { mean: [0.1, 0.2, 0.3], deviation: [0.5, 1.0, 2.0] };
        for (preprocessing, white) in [
            (Preprocessing::MinusOneToOne, [1.0; 3]),
            (Preprocessing::ZeroToOne, [1.0; 3]),
            (Preprocessing::ZeroTo255, [255.0; 3]),
            (Preprocessing::ImagenetStatistics, [2.248_908, 2.428_571, 2.64]),
            (own, [1.8, 0.8, 0.35]),
        ] {
            let pixels: Vec<u8> = (0..=254).collect();
            let mut values: Vec<f32> = pixels.iter().copied().map(f32::from).collect();
            preprocessing.apply(&mut values);
            assert_eq!(preprocessing.undo(&values), pixels, "{preprocessing:?}");
            let (mean, deviation) = preprocessing.statistics();
            assert_eq!(Preprocessing::of_statistics(mean, deviation), preprocessing);
            let mut values = [255.0; 3];
            preprocessing.apply(&mut values);
            let is_near = |(is, should): (&f32, &f32)| (is - should).abs() < 1e-5;
            assert!(values.iter().zip(&white).all(is_near), "{preprocessing:?}: {values:?}");
        }
    }
}
