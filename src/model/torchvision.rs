//! The files that torchvision publishes of the networks here.

use crate::spec::Architecture;

/// The files of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TorchvisionModel {
    /// Network of the model.
    pub architecture: Architecture,
    /// The beginning of the names of its files.
    pub name: &'static str,
    /// First digits of the SHA-256 of the weights `IMAGENET1K_V1`.
    pub older: &'static str,
    /// Those of `IMAGENET1K_V2`, if there are any.
    pub newer: Option<&'static str>,
}

impl TorchvisionModel {
    /// The name of the file whose SHA-256 begins with these digits.
    pub fn file_name(&self, digits: &str) -> String {
        format!("{}-{digits}.pth", self.name)
    }
}

/// All models.
#[rustfmt::skip]
const MODELS: [TorchvisionModel; 7] = {
    use Architecture as A;
    [
        of(A::MobilenetV2, "mobilenet_v2", "b0353104", Some("7ebf99e0")),
        of(A::MobilenetV3Small, "mobilenet_v3_small", "047dcff4", None),
        of(A::MobilenetV3Large, "mobilenet_v3_large", "8738ca79", Some("5c1a4163")),
        of(A::EfficientnetB0, "efficientnet_b0_rwightman", "7f5810bc", None),
        of(A::Resnet18, "resnet18", "f37072fd", None),
        of(A::Resnet34, "resnet34", "b627a593", None),
        of(A::Resnet50, "resnet50", "0676ba61", Some("11ad3fa6")),
    ]
};

const fn of(
    architecture: Architecture,
    name: &'static str,
    older: &'static str,
    newer: Option<&'static str>,
) -> TorchvisionModel {
    TorchvisionModel { architecture, name, older, newer }
}

/// The model of a network; `None` if torchvision has none.
pub fn model_of(architecture: Architecture) -> Option<TorchvisionModel> {
    MODELS.into_iter().find(|model| model.architecture == architecture)
}

/// The name of a file of torchvision whose tensors have the same names as in timm: of a ResNet.
pub fn file_named_as_in_timm(architecture: Architecture) -> Option<String> {
    let model = model_of(architecture)?;
    let is_resnet = matches!(
        architecture,
        Architecture::Resnet18 | Architecture::Resnet34 | Architecture::Resnet50
    );
    is_resnet.then(|| model.file_name(model.older))
}
