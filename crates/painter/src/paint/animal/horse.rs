//! The horse: sleek and long-legged, with a falling mane and a full tail.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// A horse.
pub(crate) fn horse(random: &mut Random) -> Quadruped {
    let (colour, second) = wool::colours(random);
    let hair = if random.chance(0.5) { rgb(0x30_2622) } else { second };
    let mane = Coat::plain(hair, Texture::Shaggy, 16.0);
    Quadruped {
        torso: vec![
            ring(-62.0, 124.0, 18.0),
            ring(-52.0, 124.0, 26.0),
            ring(-14.0, 118.0, 28.0),
            ring(26.0, 120.0, 29.0),
            ring(46.0, 124.0, 23.0),
        ],
        humps: Vec::new(),
        neck: Neck {
            length: 76.0,
            half: [20.0, 11.5],
            rise: 0.82,
            bow: -3.0,
            mane: Mane::Falling { coat: mane.clone(), half: 3.5 },
        },
        head: Head { halter: wool::halter(random), ..head(colour, &mane) },
        face: face(),
        fore: Leg {
            hip: at(38.0, 104.0),
            half: [14.0, 6.2, 4.4],
            bend: 2.0,
            sleeve: 0.34,
            foot: Foot::Hoof,
        },
        hind: Leg {
            hip: at(-50.0, 112.0),
            half: [21.0, 7.2, 4.6],
            bend: -9.0,
            sleeve: 0.42,
            foot: Foot::Hoof,
        },
        rest: Rest::Folded,
        tail: Tail {
            root: at(-78.0, 134.0),
            length: 70.0,
            half: 5.0,
            lift: -1.15,
            tuft: Some(mane),
        },
        coats: coats(colour, second, hair, random),
    }
}

fn coats(colour: Colour, second: Colour, hair: Colour, random: &mut Random) -> Coats {
    let mut body = Coat::plain(colour, Texture::Short, 2.5);
    if random.chance(0.3) {
        body = wool::patched(body, second, random);
    }
    let sock = if random.chance(0.4) { second } else { hair };
    Coats {
        neck: None,
        head: Coat::plain(colour, Texture::Short, 2.0),
        thigh: body.clone(),
        shank: Coat::plain(sock, Texture::Sleek, 1.0),
        body,
    }
}

fn head(colour: Colour, mane: &Coat) -> Head {
    Head {
        skull: vec![
            ring(-3.0, -1.0, 11.5),
            ring(8.0, -1.5, 12.0),
            ring(22.0, -3.5, 8.6),
            ring(36.0, -5.5, 6.6),
            ring(43.0, -6.5, 6.2),
        ],
        eye: at(10.0, 3.6),
        eye_size: 2.3,
        iris: None,
        nostril: at(46.0, -3.2),
        mouth: [at(48.0, -9.8), at(36.0, -9.6)],
        muzzle: colour.mix(rgb(0x40_3634), 0.5),
        halter: None,
        ear_root: at(-4.0, 8.0),
        ear_lean: -0.25,
        ear: Ear { shape: EarShape::Spear, length: 15.0, half: 3.6, inside: rgb(0x90_7468) },
        crown: Crown::Topknot { half: at(5.0, 3.2), coat: mane.trimmed(Texture::Shaggy, 9.0) },
        crown_root: at(0.0, 10.0),
        pitch: 0.75,
    }
}

fn face() -> Face {
    Face {
        skull: vec![
            ring(0.0, 5.0, 10.0),
            ring(0.0, -4.0, 10.0),
            ring(0.0, -18.0, 7.4),
            ring(0.0, -32.0, 7.4),
        ],
        eye: at(9.2, 1.0),
        muzzle: at(0.0, -31.0),
        muzzle_half: at(7.4, 7.0),
        nose: Nose::Wide,
        ear_root: at(6.0, 11.5),
        ear_lean: 0.15,
        crown_root: at(0.0, 12.0),
    }
}
