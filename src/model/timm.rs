//! The models that timm publishes of the networks here, with the convention of each.
//!
//! timm gives the same tensor names to models that pad or scale images differently: its
//! `tf_efficientnet_lite0` has TensorFlow's padding and epsilon, its `efficientnet_lite0` PyTorch's,
//! and recipes differ in the pixel values that they train on. Names, tags and statistics are those
//! of timm 1.0.31 (`timm.get_pretrained_cfg`). Models with other classes or with a licence that
//! forbids commercial use are left out.

use crate::spec::{Architecture, Convention};

/// The prefix of weights that were converted from TensorFlow.
pub const FROM_TENSORFLOW: &str = "tf_";

/// A model that timm publishes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimmModel {
    /// Network of the model.
    pub architecture: Architecture,
    /// Width of the network; 1 if its family has no other.
    pub width: f64,
    /// Name of the model in timm.
    pub name: &'static str,
    /// The part of its full name after the dot: how it was trained.
    pub tag: &'static str,
    /// How it was built.
    pub convention: Convention,
}

impl TimmModel {
    /// Its full name, as in `mobilenetv2_100.ra_in1k`.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.name, self.tag)
    }

    /// The name that its file is cached under, which decides the convention.
    pub fn file_name(&self) -> String {
        format!("{}.safetensors", self.full_name())
    }

    /// The URL of its file.
    pub fn url(&self) -> String {
        format!("https://huggingface.co/timm/{}/resolve/main/model.safetensors", self.full_name())
    }

    /// Whether its weights were converted from TensorFlow.
    pub fn is_converted(&self) -> bool {
        self.name.starts_with(FROM_TENSORFLOW)
    }
}

/// All models. The first of each network and width is the one that `weights: imagenet` stands for
/// where timm's weights are the usual ones.
#[rustfmt::skip]
pub const MODELS: &[TimmModel] = {
    use Architecture as A;
    use Convention::{Keras, Tensorflow, Torch, TorchInception};
    &[
        of(A::MobilenetV1, 1.0, "mobilenetv1_100", "ra4_e3600_r224_in1k", TorchInception),
        of(A::MobilenetV1, 1.25, "mobilenetv1_125", "ra4_e3600_r224_in1k", TorchInception),
        of(A::MobilenetV2, 0.5, "mobilenetv2_050", "lamb_in1k", Torch),
        of(A::MobilenetV2, 1.0, "mobilenetv2_100", "ra_in1k", Torch),
        of(A::MobilenetV2, 1.4, "mobilenetv2_140", "ra_in1k", Torch),
        of(A::MobilenetV3Small, 1.0, "mobilenetv3_small_100", "lamb_in1k", Torch),
        of(A::MobilenetV3Small, 0.75, "mobilenetv3_small_075", "lamb_in1k", Torch),
        of(A::MobilenetV3Small, 0.5, "mobilenetv3_small_050", "lamb_in1k", Torch),
        of(A::MobilenetV3Small, 1.0, "tf_mobilenetv3_small_100", "in1k", Keras),
        of(A::MobilenetV3Small, 0.75, "tf_mobilenetv3_small_075", "in1k", Keras),
        of(A::MobilenetV3Large, 1.0, "mobilenetv3_large_100", "ra4_e3600_r224_in1k", TorchInception),
        of(A::MobilenetV3Large, 1.0, "mobilenetv3_large_100", "ra_in1k", Torch),
        of(A::MobilenetV3Large, 1.0, "tf_mobilenetv3_large_100", "in1k", Keras),
        of(A::MobilenetV3Large, 0.75, "tf_mobilenetv3_large_075", "in1k", Keras),
        of(A::MobilenetV4ConvSmall, 1.0, "mobilenetv4_conv_small", "e2400_r224_in1k", Torch),
        of(A::MobilenetV4ConvSmall, 1.0, "mobilenetv4_conv_small", "e1200_r224_in1k", Torch),
        of(A::MobilenetV4ConvSmall, 1.0, "mobilenetv4_conv_small", "e3600_r256_in1k", TorchInception),
        of(A::MobilenetV4ConvSmall050, 1.0, "mobilenetv4_conv_small_050", "e3000_r224_in1k", TorchInception),
        of(A::MobilenetV4ConvMedium, 1.0, "mobilenetv4_conv_medium", "e500_r256_in1k", Torch),
        of(A::MobilenetV4ConvMedium, 1.0, "mobilenetv4_conv_medium", "e500_r224_in1k", Torch),
        of(A::MobilenetV4ConvMedium, 1.0, "mobilenetv4_conv_medium", "e250_r384_in12k_ft_in1k", Torch),
        of(A::EfficientnetLite0, 1.0, "efficientnet_lite0", "ra_in1k", Torch),
        of(A::EfficientnetLite0, 1.0, "tf_efficientnet_lite0", "in1k", Keras),
        of(A::EfficientnetLite1, 1.0, "tf_efficientnet_lite1", "in1k", Keras),
        of(A::EfficientnetLite2, 1.0, "tf_efficientnet_lite2", "in1k", Keras),
        of(A::EfficientnetLite3, 1.0, "tf_efficientnet_lite3", "in1k", Keras),
        of(A::EfficientnetLite4, 1.0, "tf_efficientnet_lite4", "in1k", Keras),
        of(A::EfficientnetB0, 1.0, "efficientnet_b0", "ra4_e3600_r224_in1k", TorchInception),
        of(A::EfficientnetB0, 1.0, "efficientnet_b0", "ra_in1k", Torch),
        of(A::EfficientnetB0, 1.0, "tf_efficientnet_b0", "in1k", Tensorflow),
        of(A::EfficientnetB0, 1.0, "tf_efficientnet_b0", "aa_in1k", Tensorflow),
        of(A::EfficientnetB0, 1.0, "tf_efficientnet_b0", "ap_in1k", Keras),
        of(A::EfficientnetB0, 1.0, "tf_efficientnet_b0", "ns_jft_in1k", Tensorflow),
        of(A::Resnet18, 1.0, "resnet18", "a1_in1k", Torch),
        of(A::Resnet18, 1.0, "resnet18", "tv_in1k", Torch),
        of(A::Resnet34, 1.0, "resnet34", "a1_in1k", Torch),
        of(A::Resnet34, 1.0, "resnet34", "a2_in1k", Torch),
        of(A::Resnet34, 1.0, "resnet34", "a3_in1k", Torch),
        of(A::Resnet34, 1.0, "resnet34", "bt_in1k", Torch),
        of(A::Resnet34, 1.0, "resnet34", "gluon_in1k", Torch),
        of(A::Resnet34, 1.0, "resnet34", "tv_in1k", Torch),
        of(A::Resnet34, 1.0, "resnet34", "ra4_e3600_r224_in1k", TorchInception),
        of(A::Resnet50, 1.0, "resnet50", "a1_in1k", Torch),
        of(A::Resnet50, 1.0, "resnet50", "tv2_in1k", Torch),
    ]
};

const fn of(
    architecture: Architecture,
    width: f64,
    name: &'static str,
    tag: &'static str,
    convention: Convention,
) -> TimmModel {
    TimmModel { architecture, width, name, tag, convention }
}

/// The models of a network, the usual ones first.
pub fn models_of(architecture: Architecture) -> impl Iterator<Item = &'static TimmModel> {
    MODELS.iter().filter(move |model| model.architecture == architecture)
}

/// The models of a network and a width: those that were converted from TensorFlow, or all others.
pub fn alike(
    architecture: Architecture,
    width: f64,
    is_converted: bool,
) -> impl Iterator<Item = &'static TimmModel> {
    models_of(architecture)
        .filter(move |model| model.width == width && model.is_converted() == is_converted)
}

/// The beginning of all names of a network's models, without [`FROM_TENSORFLOW`] and without the
/// digits of a width.
pub fn family(architecture: Architecture) -> Option<String> {
    let name = models_of(architecture).next()?.name;
    let name = name.strip_prefix(FROM_TENSORFLOW).unwrap_or(name);
    let digits = |c: char| architecture.has_width() && c.is_ascii_digit();
    Some(name.trim_end_matches(digits).to_owned())
}

/// Whether the name of a model, with or without its tag, is that of a network.
pub fn is_of(name: &str, architecture: Architecture) -> bool {
    let name = name.strip_prefix(FROM_TENSORFLOW).unwrap_or(name);
    let name = name.split('.').next().unwrap_or(name);
    let rest = family(architecture).and_then(|family| name.strip_prefix(family.as_str()));
    rest.is_some_and(|rest| rest.bytes().all(|b| architecture.has_width() && b.is_ascii_digit()))
}

/// The convention of a network that somebody built with timm and trained: that of the models that
/// timm publishes of any width, if they agree, and else timm's default.
pub fn own_convention(architecture: Architecture) -> Convention {
    let mut models = models_of(architecture).filter(|model| !model.is_converted());
    let first = models.next().map_or(Convention::Torch, |model| model.convention);
    if models.all(|model| model.convention == first) { first } else { Convention::Torch }
}

/// A model for each convention that weights of a network and a width may have, as the name of its
/// file: timm's models, and networks that timm can build but publishes no weights of.
pub fn possible(architecture: Architecture, width: f64) -> Vec<(String, Convention)> {
    let of_width = || models_of(architecture).filter(move |model| model.width == width);
    let mut found: Vec<(String, Convention)> = vec![];
    for model in of_width() {
        if found.iter().all(|(_, convention)| *convention != model.convention) {
            found.push((model.file_name(), model.convention));
        }
    }
    let Some(family) = family(architecture) else { return found };
    let digits = architecture.has_width().then(|| format!("{:03.0}", width * 100.0));
    let name = format!("{family}{}.safetensors", digits.unwrap_or_default());
    if of_width().all(TimmModel::is_converted) {
        found.push((name.clone(), own_convention(architecture)));
    }
    if of_width().next().is_none() && models_of(architecture).any(TimmModel::is_converted) {
        found.push((format!("{FROM_TENSORFLOW}{name}"), Convention::Keras));
    }
    found
}
