//! The goat: lean, with bent horns, a beard and a short upright tail.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// A goat.
pub(crate) fn goat(random: &mut Random) -> Quadruped {
    let coats = coats(random);
    Quadruped {
        torso: vec![
            ring(-36.0, 56.0, 11.0),
            ring(-28.0, 57.0, 16.0),
            ring(-6.0, 54.0, 19.0),
            ring(16.0, 56.0, 17.0),
            ring(26.0, 59.0, 13.0),
        ],
        humps: Vec::new(),
        neck: Neck { length: 34.0, half: [10.5, 7.0], rise: 0.95, bow: 1.5, mane: Mane::Absent },
        head: head(coats.head.colour, random.between(14.0, 24.0)),
        face: face(),
        fore: Leg {
            hip: at(20.0, 48.0),
            half: [7.0, 3.6, 2.6],
            bend: 0.8,
            sleeve: 0.34,
            foot: Foot::Hoof,
        },
        hind: Leg {
            hip: at(-29.0, 52.0),
            half: [10.5, 4.2, 2.6],
            bend: -4.5,
            sleeve: 0.40,
            foot: Foot::Hoof,
        },
        rest: Rest::Folded,
        tail: Tail { root: at(-45.0, 62.0), length: 12.0, half: 2.8, lift: 0.9, tuft: None },
        coats,
    }
}

fn coats(random: &mut Random) -> Coats {
    let (colour, second) = wool::colours(random);
    let (texture, length) =
        random.pick([(Texture::Shaggy, 3.5), (Texture::Shaggy, 7.0), (Texture::Locks, 11.0)]);
    let mut body = Coat::plain(colour, texture, length);
    if random.chance(0.4) {
        body = wool::patched(body, second, random);
    }
    let face = if random.chance(0.4) { second } else { colour };
    Coats {
        neck: None,
        head: Coat::plain(face, Texture::Short, 1.5),
        thigh: body.clone(),
        shank: Coat::plain(if random.chance(0.3) { second } else { colour }, Texture::Short, 1.2),
        body,
    }
}

fn head(colour: Colour, horns: f32) -> Head {
    Head {
        skull: vec![
            ring(-1.0, 0.0, 6.8),
            ring(4.0, 0.0, 6.4),
            ring(12.0, -2.8, 4.6),
            ring(17.0, -4.4, 3.7),
        ],
        eye: at(5.0, 1.8),
        eye_size: 1.5,
        iris: None,
        nostril: at(19.4, -3.0),
        mouth: [at(19.8, -6.4), at(14.0, -6.6)],
        muzzle: colour.mix(rgb(0x60_5048), 0.35),
        halter: None,
        ear_root: at(-2.0, 3.2),
        ear_lean: 2.0,
        ear: Ear { shape: EarShape::Spear, length: 13.0, half: 2.9, inside: rgb(0xc0_9486) },
        crown: Crown::BentHorns { length: horns },
        crown_root: at(0.5, 5.6),
        pitch: 0.45,
    }
}

fn face() -> Face {
    Face {
        skull: vec![
            ring(0.0, 3.0, 6.4),
            ring(0.0, -3.0, 6.2),
            ring(0.0, -11.0, 4.6),
            ring(0.0, -15.0, 3.8),
        ],
        eye: at(5.4, 0.0),
        muzzle: at(0.0, -13.0),
        muzzle_half: at(4.0, 4.4),
        nose: Nose::Split,
        ear_root: at(5.6, 3.0),
        ear_lean: 1.9,
        crown_root: at(0.0, 7.5),
    }
}
