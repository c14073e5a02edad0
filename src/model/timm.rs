//! The models that timm publishes of the networks here, with the convention of each.
//!
//! timm gives the same tensor names to models that pad or scale images differently: its
//! `tf_efficientnet_lite0` has TensorFlow's padding and epsilon, its `efficientnet_lite0` PyTorch's,
//! and recipes differ in the pixel values that they train on. Names, tags and statistics are those
//! of timm 1.0.31 (`timm.get_pretrained_cfg`). Models with other classes or with a licence that
//! forbids commercial use are left out.

use crate::spec::{Architecture, Convention};

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
