//! The alpaca: compact and woolly, with a long upright neck, a blunt face and spear-shaped ears.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// How the fleece of an alpaca looks.
#[derive(Clone, Copy)]
enum Fleece {
    /// Dense and crimped, standing off the body.
    Huacaya,
    /// In long locks that hang down.
    Suri,
    /// Cut short but for the head and the legs.
    Shorn,
}

/// An alpaca.
pub(crate) fn alpaca(random: &mut Random) -> Quadruped {
    let fleece = random.pick([
        Fleece::Huacaya,
        Fleece::Huacaya,
        Fleece::Huacaya,
        Fleece::Huacaya,
        Fleece::Suri,
        Fleece::Shorn,
    ]);
    let coats = coats(fleece, random);
    let bulk = match fleece {
        Fleece::Huacaya => random.between(0.94, 1.10),
        Fleece::Suri => random.between(0.88, 0.96),
        Fleece::Shorn => random.between(0.74, 0.82),
    };
    Quadruped {
        torso: vec![
            ring(-34.0, 65.0, 12.0 * bulk),
            ring(-26.0, 68.0, 20.0 * bulk),
            ring(-8.0, 70.0, 23.5 * bulk),
            ring(10.0, 69.0, 22.5 * bulk),
            ring(22.0, 71.0, 18.5 * bulk),
        ],
        humps: Vec::new(),
        neck: Neck {
            length: random.between(52.0, 62.0),
            half: [14.0 * bulk, 9.0 * (0.5 + 0.5 * bulk)],
            rise: random.between(1.12, 1.32),
            bow: 4.0,
            mane: Mane::Absent,
        },
        head: head(&coats, random),
        face: face(),
        fore: Leg {
            hip: at(18.0, 57.0),
            half: [9.0, 5.6, 4.0],
            bend: 0.5,
            sleeve: random.between(0.5, 0.72),
            foot: Foot::Toes,
        },
        hind: Leg {
            hip: at(-24.0, 61.0),
            half: [13.0 * bulk, 6.2, 4.0],
            bend: -4.0,
            sleeve: random.between(0.5, 0.72),
            foot: Foot::Toes,
        },
        rest: Rest::Folded,
        tail: Tail { root: at(-40.0, 73.0), length: 12.0, half: 4.5, lift: -0.9, tuft: None },
        coats,
    }
}

fn coats(fleece: Fleece, random: &mut Random) -> Coats {
    let (colour, second) = wool::colours(random);
    let wool = Coat::plain(colour, Texture::Fluffy, random.between(3.8, 5.2));
    let mut body = match fleece {
        Fleece::Huacaya => wool.clone(),
        Fleece::Suri => wool.trimmed(Texture::Locks, 13.0),
        Fleece::Shorn => wool.trimmed(Texture::Fluffy, 1.6),
    };
    if random.chance(0.2) {
        body = wool::patched(body, second, random);
    }
    let face = if random.chance(0.15) { second } else { colour };
    Coats {
        neck: None,
        head: Coat::plain(face, Texture::Fluffy, 2.0),
        thigh: if matches!(fleece, Fleece::Suri) {
            body.trimmed(Texture::Locks, 9.0)
        } else {
            wool
        },
        shank: Coat::plain(colour.lit(0.95), Texture::Short, 2.0),
        body,
    }
}

fn head(coats: &Coats, random: &mut Random) -> Head {
    let colour = coats.head.colour;
    let nose = if random.chance(0.5) { rgb(0x4a_3a34) } else { rgb(0xb0_8a80) };
    let tuft = random.between(0.8, 1.25);
    let texture = coats.thigh.texture;
    let topknot = coats.thigh.dyed(colour).trimmed(texture, coats.thigh.length.min(5.0) * 0.85);
    Head {
        skull: vec![
            ring(-2.0, 0.5, 8.8),
            ring(4.0, 0.5, 8.6),
            ring(10.0, -2.0, 6.2),
            ring(14.5, -3.4, 4.8),
        ],
        eye: at(6.3, 2.0),
        eye_size: 2.1,
        iris: None,
        nostril: at(17.8, -1.6),
        mouth: [at(18.5, -5.4), at(12.5, -6.2)],
        muzzle: colour.mix(nose, 0.45),
        halter: wool::halter(random),
        ear_root: at(-1.5, 6.5),
        ear_lean: random.between(0.0, 0.3),
        ear: Ear { shape: EarShape::Spear, length: 14.5, half: 3.5, inside: ear_inside(colour) },
        crown: Crown::Topknot { half: at(8.0 * tuft, 5.5 * tuft), coat: topknot },
        crown_root: at(1.5, 8.6),
        pitch: 0.18,
    }
}

fn ear_inside(colour: Colour) -> Colour {
    colour.mix(rgb(0xc0_9080), 0.55)
}

fn face() -> Face {
    Face {
        skull: vec![
            ring(0.0, 3.0, 9.0),
            ring(0.0, -2.0, 8.8),
            ring(0.0, -8.0, 6.6),
            ring(0.0, -11.0, 5.2),
        ],
        eye: at(6.6, 0.5),
        muzzle: at(0.0, -9.5),
        muzzle_half: at(5.2, 5.0),
        nose: Nose::Split,
        ear_root: at(6.0, 8.0),
        ear_lean: 0.25,
        crown_root: at(0.0, 8.5),
    }
}
