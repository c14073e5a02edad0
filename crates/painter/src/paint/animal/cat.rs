//! The cat: small, with a round face, upright triangular ears and a long tail.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::{Colour, rgb};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// The pattern of a cat's coat.
#[derive(Clone, Copy)]
enum Pattern {
    Plain,
    Striped,
    Patched,
}

/// A cat.
pub(crate) fn cat(random: &mut Random) -> Quadruped {
    let coats = coats(random);
    Quadruped {
        torso: vec![
            ring(-17.0, 22.0, 6.5),
            ring(-12.0, 22.5, 8.2),
            ring(0.0, 21.5, 8.2),
            ring(11.0, 22.0, 7.6),
            ring(15.0, 23.0, 6.4),
        ],
        humps: Vec::new(),
        neck: Neck { length: 11.0, half: [6.0, 5.2], rise: 0.85, bow: 0.0, mane: Mane::Absent },
        head: head(coats.head.colour),
        face: face(),
        fore: Leg {
            hip: at(11.0, 18.0),
            half: [3.6, 2.1, 1.7],
            bend: 0.2,
            sleeve: 0.45,
            foot: Foot::Paw,
        },
        hind: Leg {
            hip: at(-13.0, 19.0),
            half: [5.8, 2.5, 1.8],
            bend: -2.6,
            sleeve: 0.5,
            foot: Foot::Paw,
        },
        rest: Rest::Stretched,
        tail: Tail {
            root: at(-22.0, 25.0),
            length: 25.0,
            half: 2.2,
            lift: random.between(-0.4, 1.2),
            tuft: None,
        },
        coats,
    }
}

fn coats(random: &mut Random) -> Coats {
    let (colour, second) = wool::colours(random);
    let (texture, length) =
        random.pick([(Texture::Short, 1.5), (Texture::Short, 1.5), (Texture::Shaggy, 3.0)]);
    let body = patterned(Coat::plain(colour, texture, length), second, random);
    let sock = if random.chance(0.4) { second } else { colour };
    Coats {
        neck: None,
        head: Coat::plain(colour, texture, length.min(1.6)),
        thigh: body.clone(),
        shank: Coat::plain(sock, Texture::Short, 1.2),
        body,
    }
}

/// `coat` with stripes, a patch of `second`, or neither.
fn patterned(coat: Coat, second: Colour, random: &mut Random) -> Coat {
    match random.pick([Pattern::Striped, Pattern::Striped, Pattern::Patched, Pattern::Plain]) {
        Pattern::Plain => coat,
        Pattern::Patched => coat.marked(at(-6.0, 26.0), at(9.0, 6.0), second),
        Pattern::Striped => {
            let dark = coat.colour.lit(0.6);
            [-18.0, -11.5, -5.0, 1.5, 8.0, 14.5]
                .into_iter()
                .fold(coat, |coat, x| coat.marked(at(x, 27.0), at(1.4, 5.5), dark))
        }
    }
}

fn head(colour: Colour) -> Head {
    Head {
        skull: vec![ring(-0.5, 0.0, 6.2), ring(3.0, -0.4, 5.6), ring(6.0, -1.8, 3.2)],
        eye: at(4.6, 1.2),
        eye_size: 1.6,
        iris: Some(rgb(0xa8_b048)),
        nostril: at(8.7, -0.8),
        mouth: [at(8.6, -3.2), at(5.8, -3.8)],
        muzzle: colour.mix(rgb(0xd0_908c), 0.35),
        halter: None,
        ear_root: at(-1.2, 4.4),
        ear_lean: 0.15,
        ear: Ear { shape: EarShape::Spear, length: 7.5, half: 3.4, inside: rgb(0xd0_9c94) },
        crown: Crown::Bare,
        crown_root: at(0.0, 5.0),
        pitch: 0.05,
    }
}

fn face() -> Face {
    Face {
        skull: vec![ring(0.0, 1.0, 6.8), ring(0.0, -1.8, 6.4), ring(0.0, -3.4, 4.6)],
        eye: at(3.2, 0.6),
        muzzle: at(0.0, -3.2),
        muzzle_half: at(3.0, 2.6),
        nose: Nose::Whiskered,
        ear_root: at(4.4, 5.0),
        ear_lean: 0.35,
        crown_root: at(0.0, 6.0),
    }
}
