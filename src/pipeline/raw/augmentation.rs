//! `augmentation:` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NumberOrRange;
use super::defaults;

/// One random change to training images, with the meaning of the Keras layer of the same name.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "these are the names of Keras's layers")]
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
