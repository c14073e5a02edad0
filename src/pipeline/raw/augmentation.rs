//! `augmentation:` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NumberOrRange;
use super::defaults;

/// One random change to training images, with the meaning of the layer of Keras or the transform of
/// torchvision of the same name.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawAugmentation {
    /// Flip the image with probability 0.5, in each direction given.
    RandomFlip(RawFlip),
    /// Rotate by a random fraction of a full turn.
    RandomRotation(RawMove),
    /// Zoom around the center of the image. A positive factor zooms out, a negative one zooms in.
    RandomZoom(RawMove),
    /// Shift by random fractions of the height and the width.
    RandomTranslation(RawShift),
    /// Add one random number to all pixel values, as a fraction of their range (0 to 255).
    RandomBrightness(RawFactor),
    /// Multiply the distance of each value from its channel's mean by one plus a random factor.
    RandomContrast(RawFactor),
    /// Crop a random area of the resized image, and resize it to the size of the image with bilinear
    /// interpolation (Szegedy et al. 2015, torchvision's `RandomResizedCrop`).
    RandomResizedCrop(RawResizedCrop),
    /// Change brightness, contrast, saturation and hue by random amounts, in random order
    /// (torchvision's `ColorJitter`). Keys that are left out change nothing.
    ColorJitter(RawColorJitter),
    /// Replace the colors of some images by their brightness (torchvision's `RandomGrayscale`).
    RandomGrayscale(RawGrayscale),
    /// Blur some images with a Gaussian of random width, cut off at three sigma (torchvision's
    /// `GaussianBlur`).
    RandomBlur(RawBlur),
    /// Multiply the difference of some images from a smoothed version by one plus a random factor: -1
    /// gives the smoothed version, 1 sharpens (torchvision's `RandomAdjustSharpness`, Pillow's
    /// `Sharpness`).
    RandomSharpness(RawSharpness),
    /// Erase a random rectangle of some images (Zhong et al. 2017, torchvision's `RandomErasing`).
    RandomErasing(RawErasing),
    /// Apply randomly chosen operations with one magnitude (Cubuk et al. 2020, torchvision's
    /// `RandAugment`): identity, shear, translation and rotation, brightness, color, contrast,
    /// sharpness, posterize, solarize, autocontrast and equalize. Uncovered areas are black.
    RandAugment(RawRandAugment),
    /// Apply one operation with one magnitude, both chosen at random (Müller and Hutter 2021,
    /// torchvision's `TrivialAugmentWide`). The operations are those of `rand_augment`; there is
    /// nothing to set.
    TrivialAugment(RawTrivialAugment),
    /// Mix the image with images that chains of random operations make from it (Hendrycks et al.
    /// 2020). The operations are shear, translation, rotation, posterize, solarize, autocontrast and
    /// equalize, as in torchvision's `AugMix` with `all_ops=False`.
    AugMix(RawAugMix),
}

/// Directions in which images are flipped.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFlip {
    /// Left to right.
    Horizontal,
    /// Top to bottom.
    Vertical,
    /// Both directions, each independently with probability 0.5.
    Both,
}

/// The range of the factor, and how uncovered areas are filled.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawMove {
    /// Range that the random factor is drawn from. One number `f` stands for `[-f, f]`.
    pub(in crate::pipeline) factor: NumberOrRange,
    /// How areas that the moved image does not cover are filled.
    #[serde(default = "defaults::fill")]
    pub(in crate::pipeline) fill: RawFill,
}

/// The ranges of the shift, and how uncovered areas are filled.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawShift {
    /// Downward shift as a fraction of the height. One number `f` stands for `[-f, f]`.
    pub(in crate::pipeline) height: NumberOrRange,
    /// Shift to the right as a fraction of the width. One number `f` stands for `[-f, f]`.
    pub(in crate::pipeline) width: NumberOrRange,
    /// How areas that the moved image does not cover are filled.
    #[serde(default = "defaults::fill")]
    pub(in crate::pipeline) fill: RawFill,
}

/// The range of the factor.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawFactor {
    /// Range that the random factor is drawn from. One number `f` stands for `[-f, f]`.
    pub(in crate::pipeline) factor: NumberOrRange,
}

/// How areas that a moved image does not cover are filled.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFill {
    /// With the image mirrored at its edge.
    Reflect,
    /// With black.
    Constant,
    /// With the nearest pixel of the edge.
    Nearest,
}

/// The area and the shape of a crop. A crop that does not fit is drawn again, at most ten times;
/// after that, the largest crop in the middle with a ratio of the range is used.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawResizedCrop {
    /// Range of the area, as a fraction of the area of the image.
    #[serde(default = "defaults::crop_scale")]
    pub(in crate::pipeline) scale: [f64; 2],
    /// Range of the width divided by the height, in pixels of the resized image.
    #[serde(default = "defaults::crop_ratio")]
    pub(in crate::pipeline) ratio: [f64; 2],
}

/// One number, or the lower and the upper end of a range of factors.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawFactors {
    /// One number `x`, which stands for factors from `1 - x`, at least 0, to `1 + x`.
    Number(f64),
    /// The lowest and the highest factor.
    Range([f64; 2]),
}

/// The ranges of the changes of color.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawColorJitter {
    /// Factor that all values are multiplied by. One number `x` stands for `[1 - x, 1 + x]`.
    #[serde(default = "defaults::factors")]
    pub(in crate::pipeline) brightness: RawFactors,
    /// Factor of the distances from the mean brightness of the image. One number `x` stands for
    /// `[1 - x, 1 + x]`.
    #[serde(default = "defaults::factors")]
    pub(in crate::pipeline) contrast: RawFactors,
    /// Factor of the distances from the brightness of the pixel. One number `x` stands for
    /// `[1 - x, 1 + x]`.
    #[serde(default = "defaults::factors")]
    pub(in crate::pipeline) saturation: RawFactors,
    /// Turn of the hue, as a fraction of the color circle. One number `f` stands for `[-f, f]`.
    #[serde(default = "defaults::hue")]
    pub(in crate::pipeline) hue: NumberOrRange,
    /// Probability that an image is changed.
    #[serde(default = "defaults::jitter_probability")]
    #[schemars(range(min = 0, max = 1))]
    pub(in crate::pipeline) probability: f64,
}

/// The share of gray images.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawGrayscale {
    /// Probability that an image is changed.
    #[serde(default = "defaults::grayscale_probability")]
    #[schemars(range(min = 0, max = 1))]
    pub(in crate::pipeline) probability: f64,
}

/// The width of the blur.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawBlur {
    /// Range of the standard deviation of the Gaussian, in pixels.
    #[serde(default = "defaults::blur_sigma")]
    pub(in crate::pipeline) sigma: [f64; 2],
    /// Probability that an image is changed.
    #[serde(default = "defaults::half")]
    #[schemars(range(min = 0, max = 1))]
    pub(in crate::pipeline) probability: f64,
}

/// The range of the factor.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawSharpness {
    /// Range that the random factor is drawn from. One number `f` stands for `[-f, f]`.
    pub(in crate::pipeline) factor: NumberOrRange,
    /// Probability that an image is changed.
    #[serde(default = "defaults::half")]
    #[schemars(range(min = 0, max = 1))]
    pub(in crate::pipeline) probability: f64,
}

/// The area, the shape and the content of the rectangle. A rectangle that does not fit is drawn
/// again, at most ten times; after that, nothing is erased.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawErasing {
    /// Range of the area, as a fraction of the area of the image.
    #[serde(default = "defaults::erasing_scale")]
    pub(in crate::pipeline) scale: [f64; 2],
    /// Range of the height divided by the width.
    #[serde(default = "defaults::erasing_ratio")]
    pub(in crate::pipeline) ratio: [f64; 2],
    /// What the rectangle is filled with.
    #[serde(default = "defaults::erased_with")]
    pub(in crate::pipeline) fill: RawErasedWith,
    /// Probability that an image is changed.
    #[serde(default = "defaults::half")]
    #[schemars(range(min = 0, max = 1))]
    pub(in crate::pipeline) probability: f64,
}

/// Content of an erased rectangle.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawErasedWith {
    /// A random number from 0 to 255 for each value.
    Noise,
    /// The mean color of ImageNet's images.
    Mean,
    /// Black.
    Black,
}

/// The number and the magnitude of the operations.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawRandAugment {
    /// Number of operations, one after the other.
    #[serde(default = "defaults::rand_augment_operations")]
    #[schemars(range(min = 1, max = 100))]
    pub(in crate::pipeline) operations: usize,
    /// Magnitude of all operations, from 0 (least) to 30 (most).
    #[serde(default = "defaults::rand_augment_magnitude")]
    #[schemars(range(min = 0, max = 30))]
    pub(in crate::pipeline) magnitude: usize,
}

/// Nothing to set: `{}`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawTrivialAugment {}

/// The chains of operations, and how they are mixed.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawAugMix {
    /// How many of the ten magnitudes of operations occur, from the lowest up.
    #[serde(default = "defaults::three")]
    #[schemars(range(min = 1, max = 10))]
    pub(in crate::pipeline) severity: usize,
    /// Number of chains.
    #[serde(default = "defaults::three")]
    #[schemars(range(min = 1, max = 100))]
    pub(in crate::pipeline) width: usize,
    /// Range of the number of operations in a chain.
    #[serde(default = "defaults::chain_depth")]
    #[schemars(inner(range(min = 1, max = 100)))]
    pub(in crate::pipeline) depth: [usize; 2],
    /// Concentration of the random weights (Dirichlet distribution) of the chains and of the image:
    /// 1 makes all weights equally likely, less prefers one of them, more prefers equal weights.
    #[serde(default = "defaults::concentration")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1000))]
    pub(in crate::pipeline) alpha: f64,
}
