//! The networks that this program implements.

/// A network that this program implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// MobileNetV2, as in Keras.
    MobilenetV2,
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
}

impl Architecture {
    /// All architectures.
    pub const ALL: [Self; 6] = [
        Self::MobilenetV2,
        Self::EfficientnetLite0,
        Self::EfficientnetLite1,
        Self::EfficientnetLite2,
        Self::EfficientnetLite3,
        Self::EfficientnetLite4,
    ];

    /// Its name in pipelines.
    pub fn name(self) -> &'static str {
        match self {
            Self::MobilenetV2 => "mobilenet_v2",
            Self::EfficientnetLite0 => "efficientnet_lite0",
            Self::EfficientnetLite1 => "efficientnet_lite1",
            Self::EfficientnetLite2 => "efficientnet_lite2",
            Self::EfficientnetLite3 => "efficientnet_lite3",
            Self::EfficientnetLite4 => "efficientnet_lite4",
        }
    }

    /// The name that its authors gave it.
    pub fn title(self) -> &'static str {
        match self {
            Self::MobilenetV2 => "MobileNetV2",
            Self::EfficientnetLite0 => "EfficientNet-Lite0",
            Self::EfficientnetLite1 => "EfficientNet-Lite1",
            Self::EfficientnetLite2 => "EfficientNet-Lite2",
            Self::EfficientnetLite3 => "EfficientNet-Lite3",
            Self::EfficientnetLite4 => "EfficientNet-Lite4",
        }
    }

    /// Whether networks of several widths exist, and `width` chooses one.
    pub fn has_width(self) -> bool {
        self == Self::MobilenetV2
    }

    /// The image side in pixels that its ImageNet weights were trained or are evaluated at.
    pub fn usual_side(self) -> usize {
        match self {
            Self::MobilenetV2 | Self::EfficientnetLite0 => 224,
            Self::EfficientnetLite1 => 240,
            Self::EfficientnetLite2 => 260,
            Self::EfficientnetLite3 => 300,
            Self::EfficientnetLite4 => 380,
        }
    }
}
