//! Random changes to training pictures.

use serde::Serialize;

/// One random change, with the meaning of the Keras layer of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AugmentationSpec {
    /// A mirror image, half the time in each direction.
    RandomFlip(Flip),
    /// A rotation by a share of a full turn.
    RandomRotation {
        /// Share of a full turn, counter-clockwise.
        factor: FactorRange,
        /// What stands where the picture does not reach.
        fill: Fill,
    },
    /// A change of size around the centre, the same in both directions.
    RandomZoom {
        /// Change of size: positive shows more than the picture, negative less.
        factor: FactorRange,
        /// What stands where the picture does not reach.
        fill: Fill,
    },
    /// A shift.
    RandomTranslation {
        /// Share of the height, downwards.
        height: FactorRange,
        /// Share of the width, to the right.
        width: FactorRange,
        /// What stands where the picture does not reach.
        fill: Fill,
    },
    /// A number added to all values.
    RandomBrightness {
        /// Share of the full range of 255.
        factor: FactorRange,
    },
    /// Distances from each channel's mean, made larger or smaller.
    RandomContrast {
        /// Change of the distances.
        factor: FactorRange,
    },
}

/// The range a random factor is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct FactorRange {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl From<FactorRange> for [f64; 2] {
    fn from(range: FactorRange) -> Self {
        [range.low, range.high]
    }
}

/// Directions of a mirror image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Flip {
    /// Left and right change places.
    Horizontal,
    /// Top and bottom change places.
    Vertical,
    /// Each of the two, independently.
    Both,
}

/// What stands where a moved picture does not reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fill {
    /// Its mirror image at the edge: `d c b a | a b c d | d c b a`.
    Reflect,
    /// Black.
    Constant,
    /// Its nearest pixel: `a a a a | a b c d | d d d d`.
    Nearest,
}
