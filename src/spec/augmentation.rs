//! Random changes to training images.

use serde::Serialize;

/// One random change, with the meaning of the layer of Keras or the transform of torchvision of the
/// same name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AugmentationSpec {
    /// A flip with probability 0.5 in each direction.
    RandomFlip(Flip),
    /// A rotation by a fraction of a full turn.
    RandomRotation {
        /// Fraction of a full turn, counterclockwise.
        factor: FactorRange,
        /// How areas that the image does not cover are filled.
        fill: Fill,
    },
    /// A zoom around the center, the same in both directions.
    RandomZoom {
        /// Change of size. Positive factors zoom out, negative ones zoom in.
        factor: FactorRange,
        /// How areas that the image does not cover are filled.
        fill: Fill,
    },
    /// A shift by fractions of the height and the width.
    RandomTranslation {
        /// Fraction of the height, downward.
        height: FactorRange,
        /// Fraction of the width, to the right.
        width: FactorRange,
        /// How areas that the image does not cover are filled.
        fill: Fill,
    },
    /// A random number added to all pixel values.
    RandomBrightness {
        /// Fraction of the full range of 255.
        factor: FactorRange,
    },
    /// The distance of each value from its channel's mean, scaled.
    RandomContrast {
        /// Scale of the distances, less one.
        factor: FactorRange,
    },
    /// A crop, resized to the size of the image.
    RandomResizedCrop {
        /// Area as a fraction of the image's.
        scale: FactorRange,
        /// Width divided by height.
        ratio: FactorRange,
    },
    /// Brightness, contrast, saturation and hue, in random order.
    ColorJitter(ColorJitter),
    /// All channels with the brightness of the pixel.
    RandomGrayscale {
        /// Share of images that are changed.
        probability: f64,
    },
    /// A Gaussian blur.
    RandomBlur {
        /// Standard deviation in pixels.
        sigma: FactorRange,
        /// Share of images that are changed.
        probability: f64,
    },
    /// The difference from a smoothed image, scaled.
    RandomSharpness {
        /// Scale of the difference, less one.
        factor: FactorRange,
        /// Share of images that are changed.
        probability: f64,
    },
    /// A rectangle without the image.
    RandomErasing {
        /// Area as a fraction of the image's.
        scale: FactorRange,
        /// Height divided by width.
        ratio: FactorRange,
        /// Content of the rectangle.
        fill: ErasedWith,
        /// Share of images that are changed.
        probability: f64,
    },
    /// Some operations, chosen at random, with one magnitude.
    RandAugment {
        /// Number of operations.
        operations: usize,
        /// Magnitude, 0 to 30.
        magnitude: usize,
    },
    /// One operation with one magnitude, both chosen at random.
    TrivialAugment {},
    /// The image mixed with images that random operations make from it.
    AugMix(AugMix),
}

impl AugmentationSpec {
    /// Its name in a pipeline.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RandomFlip(_) => "random_flip",
            Self::RandomRotation { .. } => "random_rotation",
            Self::RandomZoom { .. } => "random_zoom",
            Self::RandomTranslation { .. } => "random_translation",
            Self::RandomBrightness { .. } => "random_brightness",
            Self::RandomContrast { .. } => "random_contrast",
            Self::RandomResizedCrop { .. } => "random_resized_crop",
            Self::ColorJitter(_) => "color_jitter",
            Self::RandomGrayscale { .. } => "random_grayscale",
            Self::RandomBlur { .. } => "random_blur",
            Self::RandomSharpness { .. } => "random_sharpness",
            Self::RandomErasing { .. } => "random_erasing",
            Self::RandAugment { .. } => "rand_augment",
            Self::TrivialAugment {} => "trivial_augment",
            Self::AugMix(_) => "aug_mix",
        }
    }

    /// The share of images that are changed, for a change that leaves some out as a whole.
    pub fn probability(&self) -> Option<f64> {
        match self {
            Self::ColorJitter(ColorJitter { probability, .. })
            | Self::RandomGrayscale { probability }
            | Self::RandomBlur { probability, .. }
            | Self::RandomSharpness { probability, .. }
            | Self::RandomErasing { probability, .. } => Some(*probability),
            Self::RandomFlip(_)
            | Self::RandomRotation { .. }
            | Self::RandomZoom { .. }
            | Self::RandomTranslation { .. }
            | Self::RandomBrightness { .. }
            | Self::RandomContrast { .. }
            | Self::RandomResizedCrop { .. }
            | Self::RandAugment { .. }
            | Self::TrivialAugment {}
            | Self::AugMix(_) => None,
        }
    }
}

/// Random changes of color, in random order.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ColorJitter {
    /// Factor of all values.
    pub brightness: FactorRange,
    /// Factor of the distances from the mean brightness.
    pub contrast: FactorRange,
    /// Factor of the distances from the brightness of the pixel.
    pub saturation: FactorRange,
    /// Turn of the hue, as a fraction of the color circle. With `[0, 0]` colors are not converted.
    pub hue: FactorRange,
    /// Share of images that are changed.
    pub probability: f64,
}

/// Chains of random operations, mixed with the image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AugMix {
    /// Number of magnitudes, of ten, that are drawn from: the lowest.
    pub severity: usize,
    /// Number of chains.
    pub width: usize,
    /// Least and largest number of operations in a chain.
    pub depth: [usize; 2],
    /// Concentration of the distributions of the weights.
    pub alpha: f64,
}

/// The range a random factor is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct FactorRange {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl From<FactorRange> for [f64; 2] {
    fn from(range: FactorRange) -> Self {
        [range.low, range.high]
    }
}

/// Directions of a flip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    /// Left to right.
    Horizontal,
    /// Top to bottom.
    Vertical,
    /// Both directions, each independently.
    Both,
}

/// How areas that a moved image does not cover are filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// With the image mirrored at its edge: `d c b a | a b c d | d c b a`.
    Reflect,
    /// With black.
    Constant,
    /// With the nearest pixel of the edge: `a a a a | a b c d | d d d d`.
    Nearest,
}

/// Content of an erased rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErasedWith {
    /// A random number for each value.
    Noise,
    /// The mean color of ImageNet's images.
    Mean,
    /// Black.
    Black,
}
