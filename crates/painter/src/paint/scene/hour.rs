//! The time of day: the look of the sky and the direction of the light.

use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::{Point, Side, at};
use crate::paint::drawing::painter::Light;

/// A time of day, or a covered sky.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hour {
    Morning,
    Noon,
    Overcast,
    Golden,
    Dusk,
    Night,
}

/// The hours, with the number of images out of a hundred.
pub(crate) const HOURS: [(Hour, u32); 6] = [
    (Hour::Noon, 30),
    (Hour::Morning, 20),
    (Hour::Overcast, 20),
    (Hour::Golden, 14),
    (Hour::Dusk, 9),
    (Hour::Night, 7),
];

impl Hour {
    /// The colors of the sky at its top and at the horizon.
    pub(crate) fn sky(self) -> (Colour, Colour) {
        let (top, low) = match self {
            Self::Morning => (0x86_b4e2, 0xf8_e8d0),
            Self::Noon => (0x4c_8cd8, 0xc4_e2f4),
            Self::Overcast => (0x9c_a6b0, 0xd6_dcde),
            Self::Golden => (0x70_90c0, 0xff_d08a),
            Self::Dusk => (0x56_5690, 0xf4_a28a),
            Self::Night => (0x3c_4a80, 0x6c_80b0),
        };
        (rgb(top), rgb(low))
    }

    /// The effect of the light on every color.
    pub(crate) fn tint(self) -> [f32; 3] {
        match self {
            Self::Morning => [1.03, 1.0, 0.94],
            Self::Noon => [1.02, 1.02, 1.0],
            Self::Overcast => [0.94, 0.97, 1.0],
            Self::Golden => [1.10, 0.96, 0.76],
            Self::Dusk => [0.88, 0.77, 0.80],
            Self::Night => [0.50, 0.57, 0.80],
        }
    }

    /// The light, from the left or the right.
    pub(crate) fn light(self, side: Side) -> Light {
        let (height, ambient, key) = match self {
            Self::Morning => (0.5, 0.58, 0.50),
            Self::Noon => (0.8, 0.60, 0.48),
            Self::Overcast => (0.9, 0.74, 0.30),
            Self::Golden => (0.3, 0.52, 0.58),
            Self::Dusk => (0.35, 0.60, 0.42),
            Self::Night => (0.6, 0.58, 0.46),
        };
        let toward = at(side.sign() * (1.0 - height * 0.5), -height);
        Light { toward: toward * 0.85, front: 0.5, ambient, key }
    }

    /// How dark a shadow on the ground is.
    pub(crate) fn shadow(self) -> f32 {
        match self {
            Self::Overcast => 0.22,
            Self::Dusk | Self::Night => 0.30,
            Self::Morning | Self::Noon | Self::Golden => 0.42,
        }
    }

    /// Where the shadow of something one unit high ends, with y down and the light from `side`.
    pub(crate) fn shadow_end(self, side: Side) -> Point {
        let side = side.sign();
        match self {
            Self::Overcast => at(0.0, 0.02),
            Self::Noon => at(-side * 0.2, 0.04),
            Self::Morning | Self::Night => at(-side * 0.5, 0.06),
            Self::Golden | Self::Dusk => at(-side * 0.9, 0.08),
        }
    }
}
