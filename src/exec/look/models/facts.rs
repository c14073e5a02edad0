//! Published facts about weights: accuracy on ImageNet, and license.
//!
//! A number is here only if its publisher reports it; an unknown one is left out. This file is no
//! part of the computing modules, so that a correction leaves cached results valid.

use crate::model::timm::TimmModel;
use crate::spec::Architecture;

/// Accuracies on the validation set of ImageNet: image side in pixels and top-1 accuracy in percent,
/// by size.
pub(super) type Accuracies = &'static [(usize, f64)];

/// Facts about weights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Facts {
    /// Images that they were trained on.
    pub trained_on: &'static str,
    /// License as an SPDX identifier.
    pub license: Option<&'static str>,
    /// Published accuracies; empty if none is known.
    pub accuracies: Accuracies,
    /// Page that reports the accuracy; `None` if it is not known.
    pub accuracy_source: Option<&'static str>,
}

const IMAGENET: &str = "ImageNet";
const APACHE: &str = "Apache-2.0";
const BSD: &str = "BSD-3-Clause";
const TIMM: &str =
    "https://github.com/huggingface/pytorch-image-models/blob/main/results/results-imagenet.csv";
const TORCHVISION: &str = "https://docs.pytorch.org/vision/stable/models.html";
/// Keras's weights are converted from the checkpoints of this table.
const KERAS: &str =
    "https://github.com/tensorflow/models/blob/master/research/slim/nets/mobilenet/README.md";
const EFFICIENTNET_LITE: &str =
    "https://github.com/tensorflow/tpu/blob/master/models/official/efficientnet/lite/README.md";

/// Models of timm by their full names. The accuracies are those of timm's results (commit aa4b585),
/// the licenses those of `timm.get_pretrained_cfg` (1.0.31).
#[rustfmt::skip]
const OF_TIMM: &[(&str, &str, Accuracies)] = &[
    ("mobilenetv1_100.ra4_e3600_r224_in1k", APACHE, &[(224, 75.388), (256, 76.088)]),
    ("mobilenetv1_125.ra4_e3600_r224_in1k", APACHE, &[(224, 76.920), (256, 77.612)]),
    ("mobilenetv2_050.lamb_in1k", APACHE, &[(224, 65.928)]),
    ("mobilenetv2_100.ra_in1k", APACHE, &[(224, 72.910)]),
    ("mobilenetv2_140.ra_in1k", APACHE, &[(224, 76.528)]),
    ("mobilenetv3_large_100.ra4_e3600_r224_in1k", APACHE, &[(224, 76.310), (256, 77.182)]),
    ("mobilenetv3_large_100.ra_in1k", APACHE, &[(224, 75.784)]),
    ("mobilenetv3_large_100.miil_in21k_ft_in1k", APACHE, &[(224, 77.920)]),
    ("tf_mobilenetv3_large_100.in1k", APACHE, &[(224, 75.510)]),
    ("tf_mobilenetv3_large_075.in1k", APACHE, &[(224, 73.442)]),
    ("mobilenetv3_small_100.lamb_in1k", APACHE, &[(224, 67.636)]),
    ("mobilenetv3_small_075.lamb_in1k", APACHE, &[(224, 65.284)]),
    ("mobilenetv3_small_050.lamb_in1k", APACHE, &[(224, 57.918)]),
    ("tf_mobilenetv3_small_100.in1k", APACHE, &[(224, 67.922)]),
    ("tf_mobilenetv3_small_075.in1k", APACHE, &[(224, 65.706)]),
    ("mobilenetv4_conv_small.e2400_r224_in1k", APACHE, &[(224, 73.756), (256, 74.644)]),
    ("mobilenetv4_conv_small.e1200_r224_in1k", APACHE, &[(224, 73.450), (256, 74.282)]),
    ("mobilenetv4_conv_small.e3600_r256_in1k", APACHE, &[(256, 74.534), (320, 75.616)]),
    ("mobilenetv4_conv_small_050.e3000_r224_in1k", APACHE, &[(224, 64.778), (256, 65.826)]),
    ("mobilenetv4_conv_medium.e500_r256_in1k", APACHE, &[(256, 79.916), (320, 80.890)]),
    ("mobilenetv4_conv_medium.e500_r224_in1k", APACHE, &[(224, 79.092), (256, 79.836)]),
    ("mobilenetv4_conv_medium.e250_r384_in12k_ft_in1k", APACHE, &[(384, 82.776)]),
    ("efficientnet_b0.ra4_e3600_r224_in1k", APACHE, &[(224, 78.568), (256, 79.364)]),
    ("efficientnet_b0.ra_in1k", APACHE, &[(224, 77.698)]),
    ("tf_efficientnet_b0.in1k", APACHE, &[(224, 76.542)]),
    ("tf_efficientnet_b0.aa_in1k", APACHE, &[(224, 76.882)]),
    ("tf_efficientnet_b0.ap_in1k", APACHE, &[(224, 77.100)]),
    ("efficientnet_lite0.ra_in1k", APACHE, &[(224, 75.488)]),
    ("tf_efficientnet_lite0.in1k", APACHE, &[(224, 74.846)]),
    ("tf_efficientnet_lite1.in1k", APACHE, &[(240, 76.674)]),
    ("tf_efficientnet_lite2.in1k", APACHE, &[(260, 77.470)]),
    ("tf_efficientnet_lite3.in1k", APACHE, &[(300, 79.808)]),
    ("tf_efficientnet_lite4.in1k", APACHE, &[(380, 81.540)]),
    ("resnet18.a1_in1k", APACHE, &[(224, 71.504), (288, 73.164)]),
    ("resnet18.tv_in1k", BSD, &[(224, 69.752)]),
    ("resnet34.a1_in1k", APACHE, &[(224, 76.420), (288, 77.930)]),
    ("resnet34.a2_in1k", APACHE, &[(224, 75.520), (288, 77.150)]),
    ("resnet34.a3_in1k", APACHE, &[(160, 70.580), (224, 72.996)]),
    ("resnet34.bt_in1k", APACHE, &[(224, 75.176), (288, 76.506)]),
    ("resnet34.gluon_in1k", APACHE, &[(224, 74.574)]),
    ("resnet34.tv_in1k", BSD, &[(224, 73.298)]),
    ("resnet34.ra4_e3600_r224_in1k", APACHE, &[(224, 77.492), (288, 78.972)]),
    ("resnet50.a1_in1k", APACHE, &[(224, 80.382), (288, 81.240)]),
    ("resnet50.tv2_in1k", BSD, &[(176, 79.434), (224, 80.846)]),
];

/// Weights of torchvision by the names of their files: `weights.meta` of torchvision 0.29, for a crop
/// of 224 pixels.
#[rustfmt::skip]
const OF_TORCHVISION: &[(&str, Accuracies)] = &[
    ("mobilenet_v2-b0353104", &[(224, 71.878)]),
    ("mobilenet_v2-7ebf99e0", &[(224, 72.154)]),
    ("mobilenet_v3_large-8738ca79", &[(224, 74.042)]),
    ("mobilenet_v3_large-5c1a4163", &[(224, 75.274)]),
    ("mobilenet_v3_small-047dcff4", &[(224, 67.668)]),
    ("efficientnet_b0_rwightman-7f5810bc", &[(224, 77.692)]),
    ("resnet18-f37072fd", &[(224, 69.758)]),
    ("resnet34-b627a593", &[(224, 73.314)]),
    ("resnet50-0676ba61", &[(224, 76.130)]),
    ("resnet50-11ad3fa6", &[(224, 80.858)]),
];

/// Weights of other networks of Keras: its own measurements, and those in its documentation of
/// MobileNetV3. It has none for the other widths and sizes of MobileNetV1.
const KERAS_TABLE: &str = "https://keras.io/api/applications";
const KERAS_V3: &str = "https://keras.io/api/applications/mobilenet/#mobilenetv3large-function";
const KERAS_OTHERS: &[(Architecture, f64, Accuracies, &str)] = &[
    (Architecture::MobilenetV1, 1.0, &[(224, 70.4)], KERAS_TABLE),
    (Architecture::MobilenetV3Small, 0.75, &[(224, 65.4)], KERAS_V3),
    (Architecture::MobilenetV3Small, 1.0, &[(224, 68.1)], KERAS_V3),
    (Architecture::MobilenetV3Large, 0.75, &[(224, 73.3)], KERAS_V3),
    (Architecture::MobilenetV3Large, 1.0, &[(224, 75.6)], KERAS_V3),
    (Architecture::EfficientnetB0, 1.0, &[(224, 77.1)], KERAS_TABLE),
    (Architecture::Resnet50, 1.0, &[(224, 74.9)], KERAS_TABLE),
];

/// Weights of MobileNetV2 of Keras by width; one size each.
#[rustfmt::skip]
const OF_KERAS: &[(f64, Accuracies)] = &[
    (0.35, &[(96, 45.5), (128, 50.8), (160, 55.7), (192, 58.2), (224, 60.3)]),
    (0.5, &[(96, 51.2), (128, 57.7), (160, 61.0), (192, 63.9), (224, 65.4)]),
    (0.75, &[(96, 58.8), (128, 63.2), (160, 66.4), (192, 68.7), (224, 69.8)]),
    (1.0, &[(96, 60.3), (128, 65.3), (160, 68.8), (192, 70.7), (224, 71.8)]),
    (1.3, &[(224, 74.4)]),
    (1.4, &[(224, 75.0)]),
];

/// Facts about built-in weights (data/weights/README.md).
pub(super) fn of_builtin(architecture: Architecture) -> Facts {
    match architecture {
        Architecture::EfficientnetLite0 => {
            known(IMAGENET, Some(APACHE), &[(224, 75.1)], EFFICIENTNET_LITE)
        }
        // They were trained by this project, and have its license.
        _ => Facts {
            trained_on: "images drawn from formulas",
            license: Some("MIT OR Apache-2.0"),
            ..Facts::default()
        },
    }
}

/// Facts about weights of timm.
pub(super) fn of_timm(model: &TimmModel) -> Facts {
    let trained_on = if model.tag.contains("in12k_ft") {
        "ImageNet-12k, then ImageNet"
    } else if model.tag.contains("in21k_ft") {
        "ImageNet-21k, then ImageNet"
    } else {
        IMAGENET
    };
    let full = model.full_name();
    match OF_TIMM.iter().find(|(name, ..)| *name == full) {
        Some((_, license, accuracies)) => known(trained_on, Some(license), accuracies, TIMM),
        None => Facts { trained_on, ..Facts::default() },
    }
}

/// Facts about weights of torchvision, by the name of their file.
pub(super) fn of_torchvision(file: &str) -> Facts {
    let stem = file.trim_end_matches(".pth");
    let found = OF_TORCHVISION.iter().find(|(name, _)| *name == stem);
    let accuracies = found.map_or(&[][..], |(_, accuracies)| accuracies);
    known(IMAGENET, Some(BSD), accuracies, TORCHVISION)
}

/// Facts about weights of Keras.
pub(super) fn of_keras(architecture: Architecture, width: f64, trained_at: usize) -> Facts {
    let (sizes, source) = if architecture == Architecture::MobilenetV2 {
        let found = OF_KERAS.iter().find(|(of, _)| *of == width);
        (found.map_or(&[][..], |(_, sizes)| sizes), KERAS)
    } else {
        let is = |of: &&(Architecture, f64, Accuracies, &'static str)| {
            of.0 == architecture && of.1 == width
        };
        let found = KERAS_OTHERS.iter().find(is);
        found.map_or((&[][..], KERAS_TABLE), |(_, _, sizes, source)| (*sizes, *source))
    };
    let at = sizes.iter().position(|(size, _)| *size == trained_at);
    let accuracies = at.map_or(&[][..], |at| &sizes[at..=at]);
    // Keras does not say which license the weights that it took from Caffe have.
    let license = (architecture != Architecture::Resnet50).then_some(APACHE);
    known(IMAGENET, license, accuracies, source)
}

fn known(
    trained_on: &'static str,
    license: Option<&'static str>,
    accuracies: Accuracies,
    source: &'static str,
) -> Facts {
    let accuracy_source = (!accuracies.is_empty()).then_some(source);
    Facts { trained_on, license, accuracies, accuracy_source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_sorted_percentages_and_names_are_listed_once() {
        let torchvision = OF_TORCHVISION.iter().map(|(_, accuracies)| accuracies);
        let timm = OF_TIMM.iter().map(|(.., accuracies)| accuracies);
        for accuracies in timm.chain(torchvision).chain(OF_KERAS.iter().map(|(_, sizes)| sizes)) {
            assert!(accuracies.is_sorted_by(|a, b| a.0 < b.0), "{accuracies:?}");
            assert!(accuracies.iter().all(|(_, top1)| (40.0..90.0).contains(top1)));
        }
        let mut names: Vec<&str> = OF_TIMM.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OF_TIMM.len());
    }
}
