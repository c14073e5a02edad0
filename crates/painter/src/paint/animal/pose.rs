//! Where the parts of an animal are when it stands, walks, grazes or lies, seen from the side.

use std::f32::consts::PI;

use super::anatomy::{Neck, Quadruped};
use crate::paint::drawing::canvas::Placement;
use crate::paint::drawing::geometry::{at, heading, mix};
use crate::paint::drawing::tube::Ring;
use crate::paint::figure::Stance;
use crate::paint::random::Random;

/// Which way the head is turned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Gaze {
    Ahead,
    /// At the viewer, more or less; from -1 to 1.
    AtViewer(f32),
}

/// An animal's pose.
pub(crate) struct Pose {
    pub(crate) torso: Vec<Ring>,
    pub(crate) neck: Vec<Ring>,
    pub(crate) head: Placement,
    pub(crate) gaze: Gaze,
    /// How far the torso has come down to the ground.
    pub(crate) drop: f32,
    /// How much shorter the body looks because it is turned toward the viewer.
    pub(crate) squeeze: f32,
    /// How far forward the feet are: the near and the far hind leg, then the forelegs.
    pub(crate) swings: [f32; 4],
}

impl Pose {
    /// The pose of `animal` in `stance`.
    pub(crate) fn new(animal: &Quadruped, stance: Stance, random: &mut Random) -> Self {
        let (drop, gaze) = match stance {
            Stance::Lying => (animal.belly() - 1.0, Gaze::Ahead),
            Stance::LyingTurned => (animal.belly() - 1.0, Gaze::AtViewer(random.wobble(0.75))),
            Stance::Turned => (0.0, Gaze::AtViewer(random.wobble(0.75))),
            _ => (0.0, Gaze::Ahead),
        };
        let squeeze = if stance == Stance::Turned { random.between(0.72, 0.95) } else { 1.0 };
        let moved = |ring: &Ring| {
            Ring::around(at(ring.centre.x * squeeze, ring.centre.y - drop), ring.half)
        };
        let torso: Vec<Ring> = animal.torso.iter().map(moved).collect();
        let chest = moved(&animal.chest());
        let (neck, head) = match stance {
            Stance::Grazing => grazing(animal, chest, random),
            _ => upright(animal, chest, random),
        };
        let stride = if stance == Stance::Walking { 0.24 } else { 0.06 } * animal.fore.hip.y;
        let phase = random.between(0.0, 2.0 * PI);
        let swings = [0.0, PI, PI * 1.1, PI * 0.1].map(|leg| libm::sinf(phase + leg) * stride);
        Self { torso, neck, head, gaze, drop, squeeze, swings }
    }
}

/// A raised neck with the head on it.
fn upright(animal: &Quadruped, chest: Ring, random: &mut Random) -> (Vec<Ring>, Placement) {
    let Neck { length, rise, bow, .. } = animal.neck;
    let pitch = random.wobble(0.12) - animal.head.pitch;
    reaching(&animal.neck, chest, (length, rise + random.wobble(0.10)), bow, pitch)
}

/// A neck that reaches down so that the muzzle is close to the ground.
fn grazing(animal: &Quadruped, chest: Ring, random: &mut Random) -> (Vec<Ring>, Placement) {
    let length = animal.neck.length * 1.12;
    let muzzle = animal.head.bounds().size().y * 0.55;
    let depth = (chest.centre.y - muzzle).max(length * 0.27);
    let rise = -libm::asinf((depth / length).clamp(0.2, 0.95));
    let pitch = random.wobble(0.12) - 1.15;
    reaching(&animal.neck, chest, (length, rise), -animal.neck.bow * 0.6, pitch)
}

/// The rings of a neck of a given length and rise, and the head at its end.
fn reaching(
    neck: &Neck,
    chest: Ring,
    (length, rise): (f32, f32),
    bow: f32,
    pitch: f32,
) -> (Vec<Ring>, Placement) {
    let way = heading(rise);
    let tip = chest.centre + way * length;
    let ring = |share: f32, bulge: f32| {
        let centre = chest.centre.toward(tip, share) - way.left() * (bow * bulge);
        Ring::around(centre, mix(neck.half[0], neck.half[1], share))
    };
    let rings = vec![ring(0.33, 0.85), ring(0.66, 1.0), ring(1.0, 0.0)];
    (rings, Placement { turn: pitch, ..Placement::moved(tip) })
}
