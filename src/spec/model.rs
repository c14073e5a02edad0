//! The network.

use serde::{Serialize, Serializer};

use super::Location;

/// The model of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelSpec {
    /// The architecture of the base model.
    pub base: BaseModel,
    /// The factor on the number of channels.
    pub width: f64,
    /// What the base model starts from.
    pub weights: WeightsSpec,
    /// Where the classifier on top begins.
    pub top: TopSpec,
    /// What is put on top of it.
    pub head: HeadSpec,
}

/// An architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BaseModel {
    /// MobileNetV2, as in Keras.
    MobilenetV2,
}

/// What the base model starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeightsSpec {
    /// Random numbers.
    None,
    /// What this program brings along.
    Builtin,
    /// A file of Keras, torchvision or timm.
    File(Location),
    /// A file that one of them has published.
    Published(PublishedSpec),
}

impl Serialize for WeightsSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Builtin => serializer.serialize_str("builtin"),
            Self::File(location) => location.serialize(serializer),
            Self::Published(published) => published.serialize(serializer),
        }
    }
}

/// Weights that a library has published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublishedSpec {
    /// The library.
    pub source: Source,
    /// Which of torchvision's weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<TorchvisionVersion>,
    /// The side of the pictures that Keras's weights were trained on, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trained_at: Option<usize>,
    /// The SHA-256 that the file must have, as 64 hexadecimal digits in lower case.
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

    /// Its name in pipelines, and the name of the folder for its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Torchvision => "torchvision",
            Self::Timm => "timm",
        }
    }
}

/// One of torchvision's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TorchvisionVersion {
    /// `IMAGENET1K_V1`.
    V1,
    /// `IMAGENET1K_V2`.
    V2,
}

/// Where the classifier on top of the base model begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TopSpec {
    /// At random weights.
    New,
    /// At what the classifier that came with the weights says about the classes of the dataset.
    Pretrained,
}

/// The classifier on top of the base model: pooling, dropout, one dense layer.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HeadSpec {
    /// How a picture's features become a vector.
    pub pooling: Pooling,
    /// The share of features dropped in training.
    pub dropout: f64,
}

/// How a picture's features become a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The mean over all pixels.
    Average,
}

/// How the authors of a base model's weights built it: where it pads, how it normalises, what its
/// input is. Weights, graph and preprocessing are one thing. Not a choice of the pipeline: it
/// belongs to the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// As in `keras.applications`.
    #[default]
    Keras,
    /// As in torchvision and timm.
    Torch,
}

impl Convention {
    /// All conventions.
    pub const ALL: [Self; 2] = [Self::Keras, Self::Torch];

    /// Its name in records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keras => "keras",
            Self::Torch => "torch",
        }
    }

    /// What pixel values become in front of the base model.
    pub fn preprocessing(self) -> Preprocessing {
        match self {
            Self::Keras => Preprocessing::MinusOneToOne,
            Self::Torch => Preprocessing::ImagenetStatistics,
        }
    }
}

/// How pixel values from 0 to 255 become the numbers a base model was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preprocessing {
    /// `x / 127.5 - 1`.
    MinusOneToOne,
    /// `(x / 255 - mean) / deviation`, with the mean and standard deviation of each channel over
    /// `ImageNet`.
    ImagenetStatistics,
}

/// The mean of red, green and blue over `ImageNet`, as torchvision and timm have it.
const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// Their standard deviation.
const IMAGENET_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

impl Preprocessing {
    /// Turns the network's values into pixel values.
    pub fn undo(self, values: &[f32]) -> Vec<u8> {
        let pixel = |(position, value): (usize, &f32)| {
            let value = match self {
                Self::MinusOneToOne => (value + 1.0) * 127.5,
                Self::ImagenetStatistics => {
                    let channel = position % 3;
                    (value * IMAGENET_DEVIATION[channel] + IMAGENET_MEAN[channel]) * 255.0
                }
            };
            value.round().clamp(0.0, 255.0) as u8
        };
        values.iter().enumerate().map(pixel).collect()
    }

    /// Turns pixel values into the network's values, in place; channels innermost.
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Self::MinusOneToOne => {
                values.iter_mut().for_each(|value| *value = *value / 127.5 - 1.0);
            }
            Self::ImagenetStatistics => {
                for pixel in values.chunks_exact_mut(3) {
                    for (channel, value) in pixel.iter_mut().enumerate() {
                        let mean = IMAGENET_MEAN[channel];
                        *value = (*value / 255.0 - mean) / IMAGENET_DEVIATION[channel];
                    }
                }
            }
        }
    }
}
