//! The places where images are taken.

use super::ground::{Cover, Ground};
use super::ridge::Ridge;
use crate::paint::drawing::colour::rgb;

/// A kind of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Meadow,
    Hills,
    Highland,
    Farmyard,
    Snowfield,
    Desert,
    Beach,
    Forest,
    Stable,
    Studio,
}

/// The settings, with the number of images out of a hundred.
pub(crate) const SETTINGS: [(Setting, u32); 10] = [
    (Setting::Meadow, 18),
    (Setting::Hills, 14),
    (Setting::Highland, 13),
    (Setting::Farmyard, 13),
    (Setting::Snowfield, 8),
    (Setting::Desert, 7),
    (Setting::Beach, 6),
    (Setting::Forest, 8),
    (Setting::Stable, 7),
    (Setting::Studio, 6),
];

impl Setting {
    /// Whether there is a sky.
    pub(crate) fn is_outdoors(self) -> bool {
        !matches!(self, Self::Stable | Self::Studio)
    }

    /// The ground of the setting.
    pub(crate) fn ground(self) -> Ground {
        let (cover, far, near) = match self {
            Self::Meadow => (Cover::Grass, 0x9c_b86a, 0x5e_8a3a),
            Self::Hills => (Cover::Grass, 0xa4_ba72, 0x6e_9244),
            Self::Highland => (Cover::Grass, 0xc8_b884, 0x9a_8650),
            Self::Farmyard => (Cover::Earth, 0xbc_a482, 0x9a_7e5c),
            Self::Snowfield => (Cover::Snow, 0xe4_ecf2, 0xf2_f5f8),
            Self::Desert => (Cover::Sand, 0xe4_c898, 0xcc_a468),
            Self::Beach => (Cover::Sand, 0xe8_dab8, 0xdc_c898),
            Self::Forest => (Cover::Grass, 0x70_8a4c, 0x54_6e38),
            Self::Stable => (Cover::Straw, 0xb8_9a5c, 0xc8_a864),
            Self::Studio => (Cover::Boards, 0xa8_8c70, 0xb8_9878),
        };
        Ground { cover, far: rgb(far), near: rgb(near) }
    }

    /// The ridges behind the ground, from the farthest to the nearest.
    pub(crate) fn ridges(self) -> &'static [Ridge] {
        match self {
            Self::Meadow => &[Ridge::Hill(0x92_aa88), Ridge::Trees(0x5e_7e4a)],
            Self::Hills => {
                &[Ridge::Hill(0x94_aab0), Ridge::Hill(0x8a_a676), Ridge::Hill(0x7c_9c54)]
            }
            Self::Highland => &[Ridge::Peaks(0x86_8a9c), Ridge::Hill(0xa8_9a72)],
            Self::Farmyard => &[Ridge::Hill(0x8e_a67a), Ridge::Trees(0x62_7c4a)],
            Self::Snowfield => &[Ridge::Peaks(0x9c_a8bc), Ridge::Trees(0x58_6c64)],
            Self::Desert => &[Ridge::Hill(0xd0_a070), Ridge::Hill(0xda_b680)],
            Self::Beach => &[Ridge::Sea(0x3c_86a8)],
            Self::Forest => &[Ridge::Trees(0x68_825c), Ridge::Trees(0x44_5e38)],
            Self::Stable | Self::Studio => &[],
        }
    }
}
