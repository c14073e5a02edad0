//! `augmentation:` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::NumberOrRange;
use super::defaults;

/// One random change to training pictures, with the meaning of Keras's layer of the same name.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "these are the names of Keras's layers")]
pub(in crate::pipeline) enum RawAugmentation {
    /// A mirror image, half the time in each direction that is named.
    RandomFlip(RawFlip),
    /// A rotation by a random share of a full turn.
    RandomRotation(RawMove),
    /// A change of size around the centre. A positive factor shows more than the picture, a negative one less.
    RandomZoom(RawMove),
    /// A shift by random shares of height and width.
    RandomTranslation(RawShift),
    /// A number added to all values, as a share of their full range.
    RandomBrightness(RawFactor),
    /// Distances from each channel's mean multiplied by one plus a random factor.
    RandomContrast(RawFactor),
}

/// Directions of a mirror image.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFlip {
    /// Left and right change places.
    Horizontal,
    /// Top and bottom change places.
    Vertical,
    /// Each of the two, independently.
    Both,
}

/// A change that moves pixels.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawMove {
    /// The range of the random factor; one number `f` stands for `[-f, f]`.
    pub(in crate::pipeline) factor: NumberOrRange,
    /// What stands where the picture does not reach.
    #[serde(default = "defaults::fill")]
    pub(in crate::pipeline) fill: RawFill,
}

/// A shift.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawShift {
    /// Share of the height, downwards; one number `f` stands for `[-f, f]`.
    pub(in crate::pipeline) height: NumberOrRange,
    /// Share of the width, to the right; one number `f` stands for `[-f, f]`.
    pub(in crate::pipeline) width: NumberOrRange,
    /// What stands where the picture does not reach.
    #[serde(default = "defaults::fill")]
    pub(in crate::pipeline) fill: RawFill,
}

/// A change of values.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawFactor {
    /// The range of the random factor; one number `f` stands for `[-f, f]`.
    pub(in crate::pipeline) factor: NumberOrRange,
}

/// What stands where a moved picture does not reach.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFill {
    /// The picture's mirror image at the edge.
    Reflect,
    /// Black.
    Constant,
    /// The nearest pixel of the edge.
    Nearest,
}
