//! `model:` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;
use crate::spec::Architecture;

/// The network: a base model and the classifier on top of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawModel {
    /// Architecture of the base model, or an ONNX file.
    pub(in crate::pipeline) base: RawBase,
    /// Factor on the number of channels of MobileNetV1, V2 and V3 ("alpha"). ImageNet weights of
    /// MobileNetV2 exist for 0.35, 0.5, 0.75, 1.0, 1.3 and 1.4. Other networks have no such factor.
    #[schemars(range(min = 0.05, max = 4.0), extend("default" = 1.0))]
    pub(in crate::pipeline) width: Option<f64>,
    /// Initial weights of the base model: `builtin`, `imagenet`, `none` (random), or a file. A
    /// mapping with `source` selects other published weights. A base model that is an ONNX file has
    /// its own.
    pub(in crate::pipeline) weights: Option<RawWeights>,
    /// Classifier on top of the base model: a new one, or the one that came with the weights.
    #[serde(default = "defaults::top")]
    pub(in crate::pipeline) top: RawTop,
    /// Pooling and dropout between the base model and the classifier.
    #[serde(default = "defaults::head")]
    pub(in crate::pipeline) head: RawHead,
    /// Precision of the products of convolutions, in all stages and in predictions. Everything else is
    /// `f32`.
    #[serde(default = "defaults::precision")]
    pub(in crate::pipeline) precision: RawPrecision,
}

/// Precision of the numbers that convolutions multiply.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawPrecision {
    /// Single precision.
    F32,
    /// Both factors are rounded to `bfloat16`, which has 8 significant bits; sums are `f32`. Faster on
    /// processors with AVX-512 BF16, with the same results on all of the same kind.
    Bf16,
    /// For the layers that no stage trains: both factors are bytes, with a scale for each channel; sums are
    /// exact. Other layers compute in `f32`. Faster on processors with AVX-512 VNNI, with the same
    /// results on all of the same kind.
    Int8,
}

/// Initial weights of the base model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawWeights {
    /// `builtin` for the weights included in this program, `imagenet` for published ones (from Keras
    /// for MobileNetV2 and where timm has none, else from timm), `none` for random weights, or the path
    /// of a file from Keras, torchvision, timm, `efficientnet_pytorch` or an ONNX exporter (.h5, .pth,
    /// .safetensors or .onnx).
    Named(#[schemars(length(min = 1))] String),
    /// Weights that a library has published.
    Published(RawPublished),
    /// Random weights.
    Random(RawRandom),
}

/// Random weights of a base model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawRandom {
    /// How the weights are drawn. `weights: none` is short for `he_uniform`.
    pub(in crate::pipeline) random: RawInitializer,
}

/// How random weights are drawn.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawInitializer {
    /// He et al. 2015 before an activation, Glorot and Bengio 2010 elsewhere. Activations keep their
    /// scale from layer to layer, even if batch normalization is frozen.
    HeUniform,
    /// Glorot and Bengio 2010 everywhere, as Keras does by default. With frozen batch
    /// normalization, depthwise layers let almost no signal through.
    GlorotUniform,
}

/// Weights that a library has published, trained on ImageNet. They are downloaded once, before the
/// run starts, and cached.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawPublished {
    /// Library that published the weights.
    pub(in crate::pipeline) source: RawSource,
    /// Version of torchvision's weights. The newer one, `v2`, by default.
    pub(in crate::pipeline) version: Option<RawTorchvisionVersion>,
    /// Image size that Keras's weights were trained at: 96, 128, 160, 192 or 224 pixels for
    /// MobileNetV2, 128, 160, 192 or 224 for MobileNetV1, and 224 for the others. By default
    /// the `image_size` of the pipeline if it is one of them, otherwise 224.
    pub(in crate::pipeline) trained_at: Option<usize>,
    /// SHA-256 that the file must have, as 64 hexadecimal digits.
    pub(in crate::pipeline) sha256: Option<String>,
}

/// A library that has published weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSource {
    /// `keras.applications`: MobileNetV2 of widths 0.35, 0.5, 0.75, 1.0, 1.3 and 1.4, MobileNetV1 of
    /// widths 0.25, 0.5, 0.75 and 1.0, MobileNetV3 of widths 0.75 and 1.0, EfficientNet-B0 and
    /// ResNet-50.
    Keras,
    /// torchvision: MobileNetV2 and MobileNetV3 of width 1.0, EfficientNet-B0 and the ResNets.
    Torchvision,
    /// timm: all networks, MobileNetV1 of widths 1.0 and 1.25, MobileNetV2 of widths 0.5, 1.0 and 1.4,
    /// MobileNetV3-Small of widths 0.5, 0.75 and 1.0, and MobileNetV3-Large of widths 0.75 and 1.0.
    Timm,
}

/// A version of torchvision's weights.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawTorchvisionVersion {
    /// `IMAGENET1K_V1`.
    V1,
    /// `IMAGENET1K_V2`.
    V2,
}

/// Initial weights of the classifier on top of the base model.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawTop {
    /// A new classifier with random weights, to be trained.
    New,
    /// The classifier that came with the weights. The classes of the dataset must be ImageNet
    /// classes.
    Pretrained,
}

/// A base model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawBase {
    /// An architecture that this program implements.
    Named(RawArchitecture),
    /// A network in an ONNX file.
    Onnx(RawOnnx),
}

/// A network that this program implements.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawArchitecture {
    /// MobileNetV1 as in timm (Howard et al. 2017).
    MobilenetV1,
    /// MobileNetV2 as in Keras (Sandler et al. 2018).
    MobilenetV2,
    /// MobileNetV3-Small as in timm (Howard et al. 2019), for images of 224 pixels.
    MobilenetV3Small,
    /// MobileNetV3-Large, for images of 224 pixels.
    MobilenetV3Large,
    /// MobileNetV4-Conv-Small as in timm (Qin et al. 2024), for images of 224 pixels: the fastest for its
    /// accuracy.
    MobilenetV4ConvSmall,
    /// MobileNetV4-Conv-Small with half the channels.
    #[serde(rename = "mobilenet_v4_conv_small_050")]
    MobilenetV4ConvSmall050,
    /// MobileNetV4-Conv-Medium, for images of 256 pixels.
    MobilenetV4ConvMedium,
    /// EfficientNet-Lite0 as in timm (Google, 2020), for images of 224 pixels. Its weights are built
    /// in.
    EfficientnetLite0,
    /// EfficientNet-Lite1, for images of 240 pixels.
    EfficientnetLite1,
    /// EfficientNet-Lite2, for images of 260 pixels.
    EfficientnetLite2,
    /// EfficientNet-Lite3, for images of 300 pixels.
    EfficientnetLite3,
    /// EfficientNet-Lite4, for images of 380 pixels.
    EfficientnetLite4,
    /// EfficientNet-B0 as in timm (Tan and Le 2019), for images of 224 pixels.
    EfficientnetB0,
    /// ResNet-18 as in torchvision and timm (He et al. 2016), for images of 224 pixels.
    Resnet18,
    /// ResNet-34, for images of 224 pixels.
    Resnet34,
    /// ResNet-50, for images of 224 pixels.
    Resnet50,
}

impl From<RawArchitecture> for Architecture {
    fn from(raw: RawArchitecture) -> Self {
        match raw {
            RawArchitecture::MobilenetV1 => Self::MobilenetV1,
            RawArchitecture::MobilenetV2 => Self::MobilenetV2,
            RawArchitecture::MobilenetV3Small => Self::MobilenetV3Small,
            RawArchitecture::MobilenetV3Large => Self::MobilenetV3Large,
            RawArchitecture::MobilenetV4ConvSmall => Self::MobilenetV4ConvSmall,
            RawArchitecture::MobilenetV4ConvSmall050 => Self::MobilenetV4ConvSmall050,
            RawArchitecture::MobilenetV4ConvMedium => Self::MobilenetV4ConvMedium,
            RawArchitecture::EfficientnetLite0 => Self::EfficientnetLite0,
            RawArchitecture::EfficientnetLite1 => Self::EfficientnetLite1,
            RawArchitecture::EfficientnetLite2 => Self::EfficientnetLite2,
            RawArchitecture::EfficientnetLite3 => Self::EfficientnetLite3,
            RawArchitecture::EfficientnetLite4 => Self::EfficientnetLite4,
            RawArchitecture::EfficientnetB0 => Self::EfficientnetB0,
            RawArchitecture::Resnet18 => Self::Resnet18,
            RawArchitecture::Resnet34 => Self::Resnet34,
            RawArchitecture::Resnet50 => Self::Resnet50,
        }
    }
}

/// A network that another program exported as an ONNX file. Residual networks, MobileNetV2 and other
/// plain CNNs can be fine-tuned. Every other network is used as a frozen feature extractor
/// (docs/onnx.md).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawOnnx {
    /// Path of the ONNX file.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) onnx: String,
    /// Node or value that outputs the features. Its shape must be `[n, features]` or `[n, channels,
    /// height, width]`. Nodes that do not contribute to it are dropped, including the original
    /// classifier.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) features: String,
    /// How pixel values (0 to 255) are scaled before they enter the network. Use the scaling it was
    /// trained with. If it is left out, it is read from `preprocessor_config.json` (Hugging Face) or
    /// `config.json` (timm) in the directory of the ONNX file, or in the one above if that directory
    /// is called `onnx`.
    pub(in crate::pipeline) preprocessing: Option<RawPreprocessing>,
}

/// How pixel values `x` (0 to 255) are scaled before they enter a network.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawPreprocessing {
    /// `x / 127.5 - 1`, for most networks of `keras.applications`.
    MinusOneToOne,
    /// `x / 255`.
    ZeroToOne,
    /// `x` unchanged, for networks that scale their input themselves.
    #[serde(rename = "zero_to_255")]
    ZeroTo255,
    /// `(x / 255 - mean) / deviation` with the statistics of ImageNet, for torchvision and most
    /// networks of timm.
    ImagenetStatistics,
    /// `(x / 255 - mean) / deviation` with the given statistics.
    Statistics(RawStatistics),
}

/// Mean and standard deviation of pixel values scaled to 0 to 1.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawStatistics {
    /// Mean of red, green and blue.
    pub(in crate::pipeline) mean: [f32; 3],
    /// Standard deviation of red, green and blue; not 0.
    pub(in crate::pipeline) deviation: [f32; 3],
}

/// The classifier on top of the base model: pooling, dropout and one dense layer. It ends in a
/// sigmoid for two classes and in a softmax for more.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawHead {
    /// How the features of an image are reduced to a vector.
    #[serde(default = "defaults::pooling")]
    pub(in crate::pipeline) pooling: RawPooling,
    /// Number of units of each hidden layer before the last one, as in `[256]`. Hidden layers are dense
    /// layers with a `ReLU`. By default there are none.
    #[serde(default)]
    #[schemars(inner(range(min = 1, max = 65_536)), length(max = 8))]
    pub(in crate::pipeline) hidden: Vec<usize>,
    /// Fraction of the features dropped in training.
    #[serde(default = "defaults::dropout")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) dropout: f64,
}

/// How the features of an image are reduced to a vector.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawPooling {
    /// The mean over all pixels.
    Average,
}
