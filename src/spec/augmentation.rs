//! Random changes to training images.

use serde::Serialize;

/// One random change, with the meaning of the Keras layer of the same name.
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
