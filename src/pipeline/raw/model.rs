//! `model:` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// The network.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawModel {
    /// The architecture of the base model, or a file that is one.
    pub(in crate::pipeline) base: RawBase,
    /// The factor on the number of channels ("alpha"); 1.0 where it is left out. ImageNet weights exist for 0.35, 0.5, 0.75, 1.0, 1.3 and 1.4.
    #[schemars(range(min = 0.05, max = 4.0), extend("default" = 1.0))]
    pub(in crate::pipeline) width: Option<f64>,
    /// What the base model starts from: `builtin`, `imagenet`, `none` for random numbers, a file of weights, or a choice among published ones. A base model that is a file brings its own.
    pub(in crate::pipeline) weights: Option<RawWeights>,
    /// The classifier on top: a new one, or the one that came with the weights.
    #[serde(default = "defaults::top")]
    pub(in crate::pipeline) top: RawTop,
    /// What is put on top of the base model.
    #[serde(default = "defaults::head")]
    pub(in crate::pipeline) head: RawHead,
}

/// What a base model starts from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawWeights {
    /// `builtin` for what this program brings along, `imagenet` for what Keras has published, `none` for random numbers, or a file of weights as Keras, torchvision, timm or an exporter to ONNX leaves it (.h5, .pth, .safetensors, .onnx).
    Named(#[schemars(length(min = 1))] String),
    /// Published weights.
    Published(RawPublished),
    /// Random numbers.
    Random(RawRandom),
}

/// Random weights of a base model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawRandom {
    /// How they are drawn. `none` in place of all this is `he_uniform`.
    pub(in crate::pipeline) random: RawInitializer,
}

/// How random kernels are drawn.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawInitializer {
    /// He et al. 2015 in front of a `ReLU6`, Glorot and Bengio 2010 elsewhere: numbers keep their size from layer to layer, with or without normalisations that train.
    HeUniform,
    /// Glorot and Bengio 2010 everywhere, as Keras counts inputs and outputs: what its layers start with. In front of frozen normalisations depthwise layers let next to nothing through.
    GlorotUniform,
}

/// Weights that a library has published, trained on ImageNet. They are downloaded once, before a
/// run begins, and kept.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawPublished {
    /// The library.
    pub(in crate::pipeline) source: RawSource,
    /// Which of torchvision's weights; the newer ones where it is left out.
    pub(in crate::pipeline) version: Option<RawTorchvisionVersion>,
    /// The side of the pictures that Keras's weights were trained on, in pixels: 96, 128, 160, 192 or 224. The side of the pipeline's pictures where it is one of them, else 224.
    pub(in crate::pipeline) trained_at: Option<usize>,
    /// The SHA-256 that the file must have, as 64 hexadecimal digits.
    pub(in crate::pipeline) sha256: Option<String>,
}

/// A library that has published weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSource {
    /// `keras.applications`: widths 0.35, 0.5, 0.75, 1.0, 1.3 and 1.4.
    Keras,
    /// torchvision: width 1.0.
    Torchvision,
    /// timm: widths 0.5, 1.0 and 1.4.
    Timm,
}

/// One of torchvision's weights.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawTorchvisionVersion {
    /// `IMAGENET1K_V1`.
    V1,
    /// `IMAGENET1K_V2`.
    V2,
}

/// The classifier on top of the base model.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawTop {
    /// Random weights, to be trained.
    New,
    /// What the weights say about the classes of the dataset, which must be classes of ImageNet.
    Pretrained,
}

/// A base model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawBase {
    /// An architecture of this program.
    Named(RawArchitecture),
    /// A network that another program wrote, run as it is: all of it stays frozen.
    Onnx(RawOnnx),
}

/// MobileNetV2 as in Keras (Sandler et al. 2018).
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawArchitecture {
    /// MobileNetV2 as in Keras (Sandler et al. 2018).
    MobilenetV2,
}

/// A network that another program wrote as an ONNX file. Where it is made of layers that this program has, they can be trained; any other is run as it is and stays frozen (docs/onnx.md).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawOnnx {
    /// The file.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) onnx: String,
    /// The node or the value whose output is the features, `[n, features]` or `[n, channels, height, width]`; what computes nothing for it is left out.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) features: String,
    /// What pixel values from 0 to 255 become in front of it: as it was trained.
    pub(in crate::pipeline) preprocessing: RawPreprocessing,
}

/// What pixel values become in front of a network.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawPreprocessing {
    /// `x / 127.5 - 1`: most networks of `keras.applications`.
    MinusOneToOne,
    /// `x / 255`.
    ZeroToOne,
    /// `x`: the network does it itself.
    #[serde(rename = "zero_to_255")]
    ZeroTo255,
    /// `(x / 255 - mean) / deviation` with those of ImageNet: torchvision, and most networks of timm.
    ImagenetStatistics,
    /// `(x / 255 - mean) / deviation`.
    Statistics(RawStatistics),
}

/// The mean and the standard deviation of pixel values between 0 and 1.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawStatistics {
    /// Of red, green and blue.
    pub(in crate::pipeline) mean: [f32; 3],
    /// Of red, green and blue; not 0.
    pub(in crate::pipeline) deviation: [f32; 3],
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
