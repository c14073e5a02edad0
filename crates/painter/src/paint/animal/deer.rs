//! The deer: slender and sleek, with antlers or large ears and a short light tail.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// A deer, with antlers or without.
pub(crate) fn deer(random: &mut Random) -> Quadruped {
    let coats = coats(random);
    let crown = if random.chance(0.6) {
        Crown::Antlers { length: random.between(28.0, 44.0) }
    } else {
        Crown::Bare
    };
    Quadruped {
        torso: vec![
            ring(-40.0, 84.0, 12.0),
            ring(-32.0, 84.0, 16.5),
            ring(-8.0, 82.0, 17.5),
            ring(18.0, 83.0, 17.0),
            ring(30.0, 86.0, 13.0),
        ],
        humps: Vec::new(),
        neck: Neck { length: 46.0, half: [10.5, 6.4], rise: 0.98, bow: 2.0, mane: Mane::Absent },
        head: head(coats.head.colour, crown),
        face: face(),
        fore: Leg {
            hip: at(24.0, 76.0),
            half: [8.0, 3.6, 2.4],
            bend: 1.0,
            sleeve: 0.32,
            foot: Foot::Hoof,
        },
        hind: Leg {
            hip: at(-32.0, 80.0),
            half: [12.5, 4.2, 2.6],
            bend: -6.5,
            sleeve: 0.40,
            foot: Foot::Hoof,
        },
        rest: Rest::Folded,
        tail: Tail {
            root: at(-50.0, 90.0),
            length: 13.0,
            half: 3.4,
            lift: -0.4,
            tuft: Some(Coat::plain(rgb(0xf4_ece0), Texture::Shaggy, 4.0)),
        },
        coats,
    }
}

fn coats(random: &mut Random) -> Coats {
    let hex = random.pick([0xb0_7444, 0x96_6238, 0xc8_925e, 0x78_5a44, 0xec_e2d2]);
    let colour = rgb(hex).varied(random, 0.05);
    let mut body = Coat::plain(colour, Texture::Short, 2.5);
    if random.chance(0.4) {
        for spot in 0u8..9 {
            let x = -34.0 + f32::from(spot) * 7.0;
            let centre = at(x, 88.0 + random.wobble(8.0));
            body = body.marked(centre, at(2.6, 2.2), rgb(0xf2_e8d8));
        }
    }
    Coats {
        neck: None,
        head: Coat::plain(colour, Texture::Short, 1.5),
        thigh: body.clone(),
        shank: Coat::plain(colour.lit(0.92), Texture::Short, 1.5),
        body,
    }
}

fn head(colour: Colour, crown: Crown) -> Head {
    Head {
        skull: vec![
            ring(-1.0, 0.0, 7.2),
            ring(5.0, 0.0, 7.0),
            ring(13.0, -2.6, 4.8),
            ring(20.5, -4.4, 3.5),
        ],
        eye: at(6.0, 1.8),
        eye_size: 1.9,
        iris: None,
        nostril: at(22.8, -2.8),
        mouth: [at(23.0, -6.2), at(16.5, -6.4)],
        muzzle: colour.mix(rgb(0x30_2622), 0.55),
        halter: None,
        ear_root: at(-2.0, 4.8),
        ear_lean: 0.75,
        ear: Ear { shape: EarShape::Spear, length: 16.0, half: 4.8, inside: rgb(0xd0_b0a0) },
        crown,
        crown_root: at(0.0, 6.0),
        pitch: 0.32,
    }
}

fn face() -> Face {
    Face {
        skull: vec![
            ring(0.0, 3.5, 7.0),
            ring(0.0, -3.0, 6.6),
            ring(0.0, -11.0, 4.4),
            ring(0.0, -15.0, 3.8),
        ],
        eye: at(6.0, 0.5),
        muzzle: at(0.0, -13.5),
        muzzle_half: at(3.8, 4.2),
        nose: Nose::Pad(0.5),
        ear_root: at(5.4, 6.5),
        ear_lean: 0.85,
        crown_root: at(0.0, 8.0),
    }
}
