//! Dogs: with a long muzzle, a dark nose pad and paws; short-haired, shaggy, or a poodle.

use super::anatomy::{
    Coats, Crown, Ear, EarShape, Face, Foot, Head, Leg, Mane, Neck, Nose, Quadruped, Rest, Tail,
};
use super::wool;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::rgb;
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::tube::ring;
use crate::paint::random::Random;

/// A dog with a coat of short or shaggy hair.
pub(crate) fn dog(random: &mut Random) -> Quadruped {
    let coats = coats(random);
    let upright = random.chance(0.4);
    let ear = if upright {
        Ear { shape: EarShape::Spear, length: 9.0, half: 3.6, inside: rgb(0xb0_8478) }
    } else {
        Ear { shape: EarShape::Floppy, length: 12.0, half: 3.6, inside: rgb(0xb0_8478) }
    };
    let (lean, front) = if upright { (0.2, 0.3) } else { (2.7, 2.7) };
    let mut animal = body(coats, ear);
    animal.head.ear_lean = lean;
    animal.face.ear_lean = front;
    animal
}

/// A poodle with pompoms.
pub(crate) fn poodle(random: &mut Random) -> Quadruped {
    let (colour, _) = wool::colours(random);
    let curls = Coat::plain(colour, Texture::Curly, 5.0);
    let shorn = curls.trimmed(Texture::Short, 1.0);
    let coats = Coats {
        body: curls.clone(),
        neck: None,
        head: shorn.clone(),
        thigh: curls.clone(),
        shank: shorn,
    };
    let ear = Ear { shape: EarShape::Floppy, length: 15.0, half: 5.5, inside: colour };
    let mut animal = body(coats, ear);
    animal.head.crown = Crown::Topknot { half: at(8.5, 7.5), coat: curls.clone() };
    animal.head.crown_root = at(-0.5, 8.5);
    animal.head.ear_lean = 2.85;
    animal.face.ear_lean = 2.75;
    animal.face.crown_root = at(0.0, 9.5);
    animal.neck.rise = 1.15;
    animal.neck.half = [10.0, 8.0];
    animal.fore.sleeve = 0.5;
    animal.hind.sleeve = 0.55;
    animal.tail =
        Tail { root: at(-36.0, 58.0), length: 24.0, half: 2.2, lift: 1.2, tuft: Some(curls) };
    animal
}

fn body(coats: Coats, ear: Ear) -> Quadruped {
    Quadruped {
        torso: vec![
            ring(-28.0, 50.0, 9.0),
            ring(-20.0, 50.0, 12.5),
            ring(-2.0, 48.0, 13.5),
            ring(14.0, 47.0, 15.5),
            ring(22.0, 49.0, 13.0),
        ],
        humps: Vec::new(),
        neck: Neck { length: 25.0, half: [11.0, 7.5], rise: 0.95, bow: 1.0, mane: Mane::Absent },
        head: head(&coats.head, ear),
        face: face(),
        fore: Leg {
            hip: at(17.0, 42.0),
            half: [7.0, 3.6, 3.0],
            bend: 0.3,
            sleeve: 0.4,
            foot: Foot::Paw,
        },
        hind: Leg {
            hip: at(-22.0, 44.0),
            half: [9.5, 4.0, 2.8],
            bend: -5.5,
            sleeve: 0.45,
            foot: Foot::Paw,
        },
        rest: Rest::Stretched,
        tail: Tail { root: at(-35.0, 56.0), length: 26.0, half: 3.0, lift: 0.7, tuft: None },
        coats,
    }
}

fn coats(random: &mut Random) -> Coats {
    let (colour, second) = wool::colours(random);
    let (texture, length) = random.pick([
        (Texture::Short, 2.0),
        (Texture::Short, 2.0),
        (Texture::Shaggy, 6.0),
        (Texture::Fluffy, 4.5),
    ]);
    let mut body = Coat::plain(colour, texture, length);
    if random.chance(0.35) {
        body = body.marked(at(-6.0, 54.0), at(14.0, 10.0), second);
    }
    Coats {
        neck: None,
        head: Coat::plain(colour, Texture::Short, 1.5),
        thigh: body.clone(),
        shank: Coat::plain(if random.chance(0.4) { second } else { colour }, Texture::Short, 1.2),
        body,
    }
}

fn head(coat: &Coat, ear: Ear) -> Head {
    Head {
        skull: vec![
            ring(-1.0, 0.5, 8.4),
            ring(4.0, 0.5, 8.0),
            ring(9.5, -2.2, 5.0),
            ring(17.0, -3.4, 3.9),
        ],
        eye: at(6.4, 2.2),
        eye_size: 1.6,
        iris: None,
        nostril: at(20.3, -1.0),
        mouth: [at(20.0, -5.4), at(12.0, -6.0)],
        muzzle: coat.colour.mix(rgb(0x1c_1816), 0.6),
        halter: None,
        ear_root: at(-2.0, 6.0),
        ear_lean: 0.0,
        ear,
        crown: Crown::Bare,
        crown_root: at(0.0, 8.0),
        pitch: 0.12,
    }
}

fn face() -> Face {
    Face {
        skull: vec![ring(0.0, 2.5, 8.6), ring(0.0, -2.5, 8.0), ring(0.0, -8.5, 5.2)],
        eye: at(4.6, 0.8),
        muzzle: at(0.0, -7.5),
        muzzle_half: at(5.0, 4.6),
        nose: Nose::Pad(0.42),
        ear_root: at(6.2, 7.0),
        ear_lean: 0.0,
        crown_root: at(0.0, 9.0),
    }
}
