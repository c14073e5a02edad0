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
    /// A safetensors file under Keras's names.
    File(Location),
}

impl Serialize for WeightsSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::File(location) => location.serialize(serializer),
        }
    }
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

/// How pixel values from 0 to 255 become the numbers a base model was trained on. Not a choice of
/// the pipeline: it belongs to the base model and its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preprocessing {
    /// `x / 127.5 - 1`, as Keras's MobileNetV2 weights need it.
    MinusOneToOne,
}

impl Preprocessing {
    /// Turns pixel values into the network's values, in place.
    pub fn apply(self, values: &mut [f32]) {
        match self {
            Self::MinusOneToOne => {
                values.iter_mut().for_each(|value| *value = *value / 127.5 - 1.0);
            }
        }
    }
}
