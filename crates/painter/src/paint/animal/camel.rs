//! The camel: one or two humps on long legs, and a heavy neck that dips before it rises.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::{Ring, ring};
use crate::paint::random::Random;

/// A camel with one hump or two.
pub(crate) fn camel(random: &mut Random) -> Quadruped {
    let coats = coats(random);
    let humps = if random.chance(0.5) { one_hump() } else { two_humps() };
    Quadruped {
        torso: vec![
            ring(-62.0, 138.0, 16.0),
            ring(-52.0, 140.0, 25.0),
            ring(-16.0, 138.0, 31.0),
            ring(22.0, 138.0, 31.0),
            ring(46.0, 138.0, 23.0),
        ],
        humps,
        neck: Neck { length: 96.0, half: [17.0, 11.0], rise: 0.85, bow: 17.0, mane: Mane::Absent },
        head: Head { halter: wool::halter(random), ..head(coats.head.colour) },
        face: face(),
        fore: Leg {
            hip: at(38.0, 122.0),
            half: [12.0, 7.0, 4.8],
            bend: 1.5,
            sleeve: 0.40,
            foot: Foot::Toes,
        },
        hind: Leg {
            hip: at(-48.0, 128.0),
            half: [18.0, 7.5, 4.8],
            bend: -9.0,
            sleeve: 0.42,
            foot: Foot::Toes,
        },
        rest: Rest::Folded,
        tail: Tail {
            root: at(-76.0, 150.0),
            length: 42.0,
            half: 2.6,
            lift: -1.2,
            tuft: Some(coats.body.trimmed(Texture::Shaggy, 6.0)),
        },
        coats,
    }
}

fn one_hump() -> Vec<Vec<Ring>> {
    vec![vec![
        ring(-38.0, 146.0, 22.0),
        ring(-10.0, 172.0, 24.0),
        ring(4.0, 176.0, 19.0),
        ring(26.0, 150.0, 22.0),
    ]]
}

fn two_humps() -> Vec<Vec<Ring>> {
    vec![
        vec![ring(-38.0, 150.0, 20.0), ring(-36.0, 178.0, 15.0), ring(-33.0, 190.0, 10.0)],
        vec![ring(20.0, 150.0, 20.0), ring(22.0, 180.0, 15.0), ring(26.0, 192.0, 10.0)],
    ]
}

fn coats(random: &mut Random) -> Coats {
    let hex = random.pick([0xc8_9a62, 0xb4_8250, 0x96_683e, 0xde_c096, 0x76_4e32, 0xee_e0c6]);
    let colour = rgb(hex).varied(random, 0.05);
    let (texture, length) =
        random.pick([(Texture::Short, 4.0), (Texture::Shaggy, 8.0), (Texture::Fluffy, 6.0)]);
    let body = Coat::plain(colour, texture, length);
    Coats {
        neck: None,
        head: Coat::plain(colour.lit(1.04), Texture::Short, 3.0),
        thigh: body.clone(),
        shank: Coat::plain(colour.lit(0.96), Texture::Short, 3.0),
        body,
    }
}

fn head(colour: Colour) -> Head {
    Head {
        skull: vec![
            ring(-3.0, 0.0, 12.0),
            ring(7.0, 0.0, 12.0),
            ring(20.0, -3.0, 9.0),
            ring(32.0, -6.5, 8.2),
            ring(38.0, -9.5, 6.4),
        ],
        eye: at(8.0, 4.2),
        eye_size: 2.6,
        iris: None,
        nostril: at(40.5, -4.4),
        mouth: [at(43.5, -12.0), at(28.0, -12.0)],
        muzzle: colour.mix(rgb(0x70_5848), 0.35),
        halter: None,
        ear_root: at(-6.0, 8.0),
        ear_lean: 0.7,
        ear: Ear { shape: EarShape::Round, length: 11.0, half: 4.2, inside: rgb(0xb0_8876) },
        crown: Crown::Bare,
        crown_root: at(0.0, 10.0),
        pitch: 0.12,
    }
}

fn face() -> Face {
    Face {
        skull: vec![
            ring(0.0, 5.0, 12.0),
            ring(0.0, -4.0, 11.5),
            ring(0.0, -16.0, 9.4),
            ring(0.0, -26.0, 9.0),
            ring(0.0, -30.0, 7.5),
        ],
        eye: at(10.4, 2.0),
        muzzle: at(0.0, -25.0),
        muzzle_half: at(8.6, 8.0),
        nose: Nose::Split,
        ear_root: at(10.5, 11.0),
        ear_lean: 0.9,
        crown_root: at(0.0, 14.0),
    }
}
