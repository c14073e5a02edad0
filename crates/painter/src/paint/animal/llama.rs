//! The llama: taller than an alpaca, with a straight back, a long face and banana-shaped ears.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// A llama.
pub(crate) fn llama(random: &mut Random) -> Quadruped {
    let coats = coats(random);
    let girth = random.between(0.92, 1.06);
    Quadruped {
        torso: vec![
            ring(-48.0, 92.0, 12.0 * girth),
            ring(-40.0, 93.0, 18.0 * girth),
            ring(-14.0, 92.0, 21.0 * girth),
            ring(14.0, 92.0, 21.0 * girth),
            ring(30.0, 94.0, 17.0 * girth),
        ],
        humps: Vec::new(),
        neck: Neck {
            length: random.between(74.0, 84.0),
            half: [14.0, 8.0],
            rise: 1.28,
            bow: 6.0,
            mane: Mane::Absent,
        },
        head: Head { halter: wool::halter(random), ..head(coats.head.colour) },
        face: face(),
        fore: Leg {
            hip: at(25.0, 82.0),
            half: [9.0, 5.0, 3.6],
            bend: 1.0,
            sleeve: 0.42,
            foot: Foot::Toes,
        },
        hind: Leg {
            hip: at(-36.0, 86.0),
            half: [14.0, 5.6, 3.6],
            bend: -6.0,
            sleeve: 0.45,
            foot: Foot::Toes,
        },
        rest: Rest::Folded,
        tail: Tail { root: at(-55.0, 102.0), length: 22.0, half: 5.0, lift: -0.2, tuft: None },
        coats,
    }
}

fn coats(random: &mut Random) -> Coats {
    let (colour, second) = wool::colours(random);
    let texture = random.pick([Texture::Shaggy, Texture::Shaggy, Texture::Fluffy]);
    let mut body = Coat::plain(colour, texture, 7.0);
    if random.chance(0.35) {
        body = wool::patched(body, second, random);
    }
    let neck = if random.chance(0.5) { second } else { colour };
    let face = if random.chance(0.3) { second } else { neck };
    Coats {
        neck: Some(Coat::plain(neck, Texture::Fluffy, 3.0)),
        head: Coat::plain(face, random.pick([Texture::Short, Texture::Fluffy]), 1.5),
        thigh: body.trimmed(Texture::Fluffy, 3.5),
        shank: Coat::plain(if random.chance(0.4) { second } else { colour }, Texture::Short, 2.0),
        body,
    }
}

fn head(colour: Colour) -> Head {
    Head {
        skull: vec![
            ring(-3.0, 0.0, 7.6),
            ring(3.0, 0.5, 7.8),
            ring(12.0, -2.6, 5.6),
            ring(20.0, -5.2, 4.5),
            ring(23.5, -6.0, 4.3),
        ],
        eye: at(5.5, 2.4),
        eye_size: 1.9,
        iris: None,
        nostril: at(26.0, -3.8),
        mouth: [at(27.2, -8.0), at(19.5, -8.2)],
        muzzle: colour.mix(rgb(0x38_2c26), 0.55),
        halter: None,
        ear_root: at(-3.0, 5.5),
        ear_lean: 0.10,
        ear: Ear { shape: EarShape::Banana, length: 22.0, half: 3.4, inside: rgb(0xc0_9486) },
        crown: Crown::Topknot {
            half: at(5.0, 2.6),
            coat: Coat::plain(colour, Texture::Fluffy, 2.5),
        },
        crown_root: at(1.0, 7.0),
        pitch: 0.12,
    }
}

fn face() -> Face {
    Face {
        skull: vec![
            ring(0.0, 4.0, 7.4),
            ring(0.0, -2.0, 7.6),
            ring(0.0, -10.0, 5.6),
            ring(0.0, -19.0, 4.6),
        ],
        eye: at(6.2, 1.0),
        muzzle: at(0.0, -17.0),
        muzzle_half: at(4.6, 5.5),
        nose: Nose::Split,
        ear_root: at(4.4, 8.5),
        ear_lean: 0.16,
        crown_root: at(0.0, 9.0),
    }
}
