//! The networks that this program implements.

/// A network that this program implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// MobileNetV1, as in timm.
    MobilenetV1,
    /// MobileNetV2, as in Keras.
    MobilenetV2,
    /// MobileNetV3-Small, as in timm.
    MobilenetV3Small,
    /// MobileNetV3-Large, as in timm.
    MobilenetV3Large,
    /// MobileNetV4-Conv-Small, as in timm.
    MobilenetV4ConvSmall,
    /// MobileNetV4-Conv-Small with half the channels, as in timm.
    MobilenetV4ConvSmall050,
    /// MobileNetV4-Conv-Medium, as in timm.
    MobilenetV4ConvMedium,
    /// EfficientNet-Lite0, as in timm.
    EfficientnetLite0,
    /// EfficientNet-Lite1, as in timm.
    EfficientnetLite1,
    /// EfficientNet-Lite2, as in timm.
    EfficientnetLite2,
    /// EfficientNet-Lite3, as in timm.
    EfficientnetLite3,
    /// EfficientNet-Lite4, as in timm.
    EfficientnetLite4,
    /// EfficientNet-B0, as in timm.
    EfficientnetB0,
    /// ResNet-18, as in torchvision and timm.
    Resnet18,
    /// ResNet-34, as in torchvision and timm.
    Resnet34,
    /// ResNet-50, as in torchvision and timm.
    Resnet50,
}

/// The networks with their names in pipelines, the names that their authors gave them, and the image
/// side in pixels that their usual ImageNet weights were trained at.
const NAMES: [(Architecture, &str, &str, usize); 16] = {
    use Architecture as A;
    [
        (A::MobilenetV1, "mobilenet_v1", "MobileNetV1", 224),
        (A::MobilenetV2, "mobilenet_v2", "MobileNetV2", 224),
        (A::MobilenetV3Small, "mobilenet_v3_small", "MobileNetV3-Small", 224),
        (A::MobilenetV3Large, "mobilenet_v3_large", "MobileNetV3-Large", 224),
        (A::MobilenetV4ConvSmall, "mobilenet_v4_conv_small", "MobileNetV4-Conv-Small", 224),
        (
            A::MobilenetV4ConvSmall050,
            "mobilenet_v4_conv_small_050",
            "MobileNetV4-Conv-Small 0.5",
            224,
        ),
        (A::MobilenetV4ConvMedium, "mobilenet_v4_conv_medium", "MobileNetV4-Conv-Medium", 256),
        (A::EfficientnetLite0, "efficientnet_lite0", "EfficientNet-Lite0", 224),
        (A::EfficientnetLite1, "efficientnet_lite1", "EfficientNet-Lite1", 240),
        (A::EfficientnetLite2, "efficientnet_lite2", "EfficientNet-Lite2", 260),
        (A::EfficientnetLite3, "efficientnet_lite3", "EfficientNet-Lite3", 300),
        (A::EfficientnetLite4, "efficientnet_lite4", "EfficientNet-Lite4", 380),
        (A::EfficientnetB0, "efficientnet_b0", "EfficientNet-B0", 224),
        (A::Resnet18, "resnet18", "ResNet-18", 224),
        (A::Resnet34, "resnet34", "ResNet-34", 224),
        (A::Resnet50, "resnet50", "ResNet-50", 224),
    ]
};

impl Architecture {
    /// All architectures.
    pub const ALL: [Self; NAMES.len()] = {
        let mut all = [Self::MobilenetV2; NAMES.len()];
        let mut at = 0;
        while at < all.len() {
            all[at] = NAMES[at].0;
            at += 1;
        }
        all
    };

    /// Its name in pipelines.
    pub fn name(self) -> &'static str {
        self.entry().1
    }

    /// The name that its authors gave it.
    pub fn title(self) -> &'static str {
        self.entry().2
    }

    /// The name that its authors gave it, with a width if its family has several.
    pub fn title_of(self, width: f64) -> String {
        if self.has_width() {
            format!("{} of width {width}", self.title())
        } else {
            self.title().to_owned()
        }
    }

    /// The image side in pixels that its usual ImageNet weights were trained at.
    pub fn usual_side(self) -> usize {
        self.entry().3
    }

    /// Whether networks of several widths exist, and `width` chooses one.
    pub fn has_width(self) -> bool {
        matches!(
            self,
            Self::MobilenetV1 | Self::MobilenetV2 | Self::MobilenetV3Small | Self::MobilenetV3Large
        )
    }

    fn entry(self) -> (Self, &'static str, &'static str, usize) {
        let found = NAMES.into_iter().find(|(architecture, ..)| *architecture == self);
        found.expect("every network has an entry")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_has_a_name_of_its_own() {
        let mut names: Vec<&str> = Architecture::ALL.iter().map(|found| found.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Architecture::ALL.len());
    }
}
