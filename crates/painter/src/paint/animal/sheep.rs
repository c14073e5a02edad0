//! The sheep: a barrel of curls on thin legs, with a narrow face and ears to the sides.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// A sheep.
pub(crate) fn sheep(random: &mut Random) -> Quadruped {
    let coats = coats(random);
    let girth = random.between(0.95, 1.12);
    let crown = if random.chance(0.5) {
        Crown::Topknot { half: at(6.0, 3.6), coat: coats.body.clone() }
    } else {
        Crown::Bare
    };
    Quadruped {
        torso: vec![
            ring(-36.0, 48.0, 15.0 * girth),
            ring(-26.0, 50.0, 21.0 * girth),
            ring(-4.0, 50.0, 22.5 * girth),
            ring(18.0, 51.0, 21.0 * girth),
            ring(28.0, 54.0, 15.0 * girth),
        ],
        humps: Vec::new(),
        neck: Neck { length: 22.0, half: [14.0, 9.5], rise: 0.75, bow: 0.0, mane: Mane::Absent },
        head: head(coats.head.colour, crown),
        face: face(),
        fore: Leg {
            hip: at(20.0, 40.0),
            half: [7.0, 4.0, 2.9],
            bend: 0.6,
            sleeve: 0.36,
            foot: Foot::Hoof,
        },
        hind: Leg {
            hip: at(-27.0, 42.0),
            half: [10.0, 4.5, 2.9],
            bend: -3.5,
            sleeve: 0.42,
            foot: Foot::Hoof,
        },
        rest: Rest::Folded,
        tail: Tail { root: at(-48.0, 54.0), length: 14.0, half: 4.0, lift: -1.1, tuft: None },
        coats,
    }
}

fn coats(random: &mut Random) -> Coats {
    let (colour, second) = wool::colours(random);
    let face = if random.chance(0.6) { rgb(0x3a_3230) } else { colour.mix(second, 0.15) };
    let (texture, length) = random.pick([
        (Texture::Curly, 6.0),
        (Texture::Curly, 5.0),
        (Texture::Fluffy, 5.0),
        (Texture::Fluffy, 4.0),
        (Texture::Locks, 11.0),
    ]);
    let body = Coat::plain(colour, texture, length);
    Coats {
        neck: None,
        head: Coat::plain(face, Texture::Short, 1.5),
        thigh: body.clone(),
        shank: Coat::plain(face.lit(1.1), Texture::Sleek, 1.0),
        body,
    }
}

fn head(colour: Colour, crown: Crown) -> Head {
    Head {
        skull: vec![
            ring(-1.0, 0.0, 8.0),
            ring(5.0, 0.0, 7.4),
            ring(13.0, -3.2, 5.2),
            ring(18.0, -5.0, 4.0),
        ],
        eye: at(6.0, 1.8),
        eye_size: 1.5,
        iris: None,
        nostril: at(20.6, -3.8),
        mouth: [at(21.0, -7.4), at(15.0, -7.4)],
        muzzle: colour.mix(rgb(0x50_4440), 0.3),
        halter: None,
        ear_root: at(-1.0, 3.6),
        ear_lean: 1.75,
        ear: Ear { shape: EarShape::Spear, length: 12.0, half: 3.4, inside: rgb(0xc0_9486) },
        crown,
        crown_root: at(1.0, 7.0),
        pitch: 0.55,
    }
}

fn face() -> Face {
    Face {
        skull: vec![
            ring(0.0, 3.0, 7.6),
            ring(0.0, -3.0, 7.2),
            ring(0.0, -11.0, 5.4),
            ring(0.0, -15.0, 4.4),
        ],
        eye: at(6.0, 0.0),
        muzzle: at(0.0, -13.0),
        muzzle_half: at(4.4, 4.6),
        nose: Nose::Split,
        ear_root: at(6.5, 4.0),
        ear_lean: 1.75,
        crown_root: at(0.0, 8.0),
    }
}
