//! The cow: a heavy square body with patches, a wide muzzle, short horns and ears to the sides.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// A cow.
pub(crate) fn cow(random: &mut Random) -> Quadruped {
    let coats = coats(random);
    Quadruped {
        torso: vec![
            ring(-66.0, 110.0, 22.0),
            ring(-58.0, 106.0, 29.0),
            ring(-16.0, 100.0, 34.0),
            ring(28.0, 102.0, 32.0),
            ring(50.0, 108.0, 24.0),
        ],
        humps: Vec::new(),
        neck: Neck { length: 48.0, half: [21.0, 14.0], rise: 0.35, bow: 3.0, mane: Mane::Absent },
        head: Head { halter: wool::halter(random), ..head(coats.head.colour) },
        face: front_face(),
        fore: Leg {
            hip: at(40.0, 84.0),
            half: [14.0, 7.5, 5.2],
            bend: 1.5,
            sleeve: 0.36,
            foot: Foot::Hoof,
        },
        hind: Leg {
            hip: at(-54.0, 92.0),
            half: [20.0, 8.5, 5.4],
            bend: -8.0,
            sleeve: 0.44,
            foot: Foot::Hoof,
        },
        rest: Rest::Folded,
        tail: Tail {
            root: at(-86.0, 122.0),
            length: 62.0,
            half: 2.8,
            lift: -1.3,
            tuft: Some(coats.body.trimmed(Texture::Shaggy, 8.0)),
        },
        coats,
    }
}

fn coats(random: &mut Random) -> Coats {
    let (colour, second) = wool::colours(random);
    let black = colour.brightness() > 0.7 && random.chance(0.6);
    let second = if black { rgb(0x2a_2626) } else { second };
    let mut body = Coat::plain(colour, Texture::Short, 2.5);
    if random.chance(0.65) {
        body = wool::patched(body, second, random).marked(at(-38.0, 122.0), at(20.0, 18.0), second);
    }
    let face = if random.chance(0.4) { second } else { colour };
    Coats {
        neck: None,
        head: Coat::plain(face, Texture::Short, 2.0),
        thigh: body.clone(),
        shank: Coat::plain(colour.lit(0.97), Texture::Short, 2.0),
        body,
    }
}

fn head(colour: Colour) -> Head {
    Head {
        skull: vec![
            ring(-4.0, 0.0, 13.0),
            ring(8.0, -0.5, 13.0),
            ring(24.0, -3.5, 10.0),
            ring(36.0, -5.5, 9.2),
        ],
        eye: at(9.0, 4.6),
        eye_size: 2.4,
        iris: None,
        nostril: at(42.0, -2.0),
        mouth: [at(44.0, -10.5), at(32.0, -12.0)],
        muzzle: colour.mix(rgb(0xd8_a8a0), 0.7),
        halter: None,
        ear_root: at(-5.0, 6.0),
        ear_lean: 1.7,
        ear: Ear { shape: EarShape::Spear, length: 20.0, half: 5.6, inside: rgb(0xc0_9486) },
        crown: Crown::SideHorns { length: 19.0 },
        crown_root: at(-1.0, 11.0),
        pitch: 0.6,
    }
}

fn front_face() -> Face {
    Face {
        skull: vec![
            ring(0.0, 7.0, 12.0),
            ring(0.0, -3.0, 12.0),
            ring(0.0, -16.0, 9.6),
            ring(0.0, -27.0, 10.0),
        ],
        eye: at(10.6, 1.5),
        muzzle: at(0.0, -27.0),
        muzzle_half: at(10.0, 7.5),
        nose: Nose::Wide,
        ear_root: at(11.0, 9.0),
        ear_lean: 1.65,
        crown_root: at(0.0, 15.0),
    }
}
