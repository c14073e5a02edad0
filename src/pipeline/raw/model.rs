//! `model:` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pipeline::defaults;

/// The network.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawModel {
    /// The architecture of the base model.
    pub(in crate::pipeline) base: RawBase,
    /// The factor on the number of channels ("alpha"). ImageNet weights exist for 0.35, 0.5, 0.75, 1.0, 1.3 and 1.4.
    #[serde(default = "defaults::width")]
    #[schemars(range(min = 0.05, max = 4.0))]
    pub(in crate::pipeline) width: f64,
    /// What the base model starts from: `none` for random numbers, or a file of weights as Keras, torchvision or timm leaves it (.h5, .pth, .safetensors).
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) weights: String,
    /// What is put on top of the base model.
    #[serde(default = "defaults::head")]
    pub(in crate::pipeline) head: RawHead,
}

/// An architecture.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawBase {
    /// MobileNetV2 as in Keras (Sandler et al. 2018).
    MobilenetV2,
}

/// The classifier on top of the base model: pooling, dropout, and one dense layer with a sigmoid
/// for two classes or a softmax for more.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawHead {
    /// How a picture's features become a vector.
    #[serde(default = "defaults::pooling")]
    pub(in crate::pipeline) pooling: RawPooling,
    /// The share of features dropped in training.
    #[serde(default = "defaults::dropout")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) dropout: f64,
}

/// How a picture's features become a vector.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawPooling {
    /// The mean over all pixels.
    Average,
}
