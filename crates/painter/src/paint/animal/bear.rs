//! The bear: heavy, low and shaggy, with a round head and small round ears.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// A brown, black or white bear.
pub(crate) fn bear(random: &mut Random) -> Quadruped {
    let hex = random.pick([0x5a_3c28, 0x76_5034, 0x2e_2824, 0xec_e4d0, 0x9a_7448]);
    let colour = rgb(hex).varied(random, 0.05);
    let body = Coat::plain(colour, Texture::Shaggy, 7.0);
    let snout = colour.mix(rgb(0xc8_a070), 0.4);
    Quadruped {
        torso: vec![
            ring(-46.0, 56.0, 18.0),
            ring(-36.0, 60.0, 26.0),
            ring(-8.0, 60.0, 27.0),
            ring(18.0, 64.0, 27.0),
            ring(34.0, 64.0, 20.0),
        ],
        humps: Vec::new(),
        neck: Neck { length: 26.0, half: [19.0, 14.0], rise: 0.25, bow: 0.0, mane: Mane::Absent },
        head: head(snout),
        face: face(),
        fore: Leg {
            hip: at(26.0, 46.0),
            half: [13.0, 8.5, 6.6],
            bend: 0.5,
            sleeve: 0.7,
            foot: Foot::Paw,
        },
        hind: Leg {
            hip: at(-34.0, 46.0),
            half: [17.0, 9.0, 6.8],
            bend: -2.0,
            sleeve: 0.7,
            foot: Foot::Paw,
        },
        rest: Rest::Stretched,
        tail: Tail { root: at(-62.0, 60.0), length: 7.0, half: 4.0, lift: -0.8, tuft: None },
        coats: Coats {
            neck: None,
            head: body.trimmed(Texture::Shaggy, 3.5),
            thigh: body.clone(),
            shank: body.trimmed(Texture::Short, 3.0),
            body,
        },
    }
}

fn head(snout: Colour) -> Head {
    Head {
        skull: vec![
            ring(-2.0, 0.0, 14.5),
            ring(6.0, 0.0, 13.5),
            ring(15.0, -4.2, 8.0),
            ring(22.0, -5.4, 6.0),
        ],
        eye: at(11.0, 3.4),
        eye_size: 1.7,
        iris: None,
        nostril: at(27.0, -2.4),
        mouth: [at(26.6, -8.6), at(16.5, -10.0)],
        muzzle: snout,
        halter: None,
        ear_root: at(-5.0, 9.5),
        ear_lean: 0.3,
        ear: Ear { shape: EarShape::Round, length: 8.0, half: 5.0, inside: rgb(0x50_3c30) },
        crown: Crown::Bare,
        crown_root: at(0.0, 12.0),
        pitch: 0.2,
    }
}

fn face() -> Face {
    Face {
        skull: vec![ring(0.0, 2.0, 15.0), ring(0.0, -4.0, 14.0), ring(0.0, -11.0, 9.5)],
        eye: at(6.0, 1.5),
        muzzle: at(0.0, -9.5),
        muzzle_half: at(7.5, 6.6),
        nose: Nose::Pad(0.4),
        ear_root: at(11.0, 11.0),
        ear_lean: 0.6,
        crown_root: at(0.0, 14.0),
    }
}
