//! Growth on top of a head: topknots, horns and antlers.

use super::anatomy::Crown;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::rgb;
use crate::paint::drawing::geometry::{Point, Side, at};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::Ring;

/// From where a head is seen.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aspect {
    Profile,
    Front,
}

impl Crown {
    /// How far it rises above its root.
    pub(crate) fn height(&self) -> f32 {
        match self {
            Self::Bare => 0.0,
            Self::Topknot { half, .. } => half.y,
            Self::BentHorns { length } | Self::SideHorns { length } | Self::Antlers { length } => {
                length * 0.85
            }
        }
    }
}

/// Draws `crown` on the head at `root`.
pub(crate) fn draw(painter: &mut Painter, crown: &Crown, root: Point, aspect: Aspect) {
    match crown {
        Crown::Bare => {}
        Crown::Topknot { half, coat } => topknot(painter, root, *half, coat),
        Crown::BentHorns { length } => horns(painter, root, *length, aspect, bent_horn),
        Crown::SideHorns { length } => horns(painter, root, *length, aspect, side_horn),
        Crown::Antlers { length } => {
            for side in [Side::Left, Side::Right] {
                antler(painter, root, *length, aspect, side);
            }
        }
    }
}

fn topknot(painter: &mut Painter, root: Point, half: Point, coat: &Coat) {
    let aside = at((half.x - half.y).max(half.x * 0.15), 0.0);
    let radius = half.y.min(half.x);
    let rings = [
        Ring::around(root - aside, radius * 0.92),
        Ring::around(root + at(0.0, radius * 0.12), radius),
        Ring::around(root + aside - at(0.0, radius * 0.08), radius * 0.88),
    ];
    skin::body(painter, &rings, coat);
}

/// The rings of a horn of length one: across, up, and half its width.
type Shape = fn(Aspect) -> Vec<(f32, f32, f32)>;

/// Draws two horns; the left one is the farther one in profile.
fn horns(painter: &mut Painter, root: Point, length: f32, aspect: Aspect, shape: Shape) {
    for side in [Side::Left, Side::Right] {
        let (mirror, spread, light) = match aspect {
            Aspect::Front => (side.sign(), 0.16, 1.0),
            Aspect::Profile => (1.0, 0.06, 0.85 + 0.15 * side.sign()),
        };
        let rings: Vec<Ring> = shape(aspect)
            .into_iter()
            .map(|(x, y, half)| {
                let place = at(x * mirror + spread * side.sign(), y);
                Ring::around(root + place * length, half * length)
            })
            .collect();
        let coat = Coat::plain(rgb(0x95_8468).lit(light), Texture::Sleek, 0.0);
        skin::body(painter, &rings, &coat);
    }
}

fn bent_horn(aspect: Aspect) -> Vec<(f32, f32, f32)> {
    match aspect {
        Aspect::Profile => {
            vec![(0.0, 0.0, 0.11), (-0.12, 0.45, 0.09), (-0.45, 0.75, 0.055), (-0.8, 0.72, 0.015)]
        }
        Aspect::Front => {
            vec![(0.0, 0.0, 0.11), (0.10, 0.45, 0.08), (0.30, 0.78, 0.045), (0.48, 0.85, 0.015)]
        }
    }
}

fn side_horn(aspect: Aspect) -> Vec<(f32, f32, f32)> {
    match aspect {
        Aspect::Profile => vec![(0.0, 0.0, 0.16), (0.22, 0.15, 0.13), (0.38, 0.75, 0.025)],
        Aspect::Front => vec![(0.0, 0.0, 0.16), (0.5, 0.15, 0.13), (0.85, 0.75, 0.025)],
    }
}

/// Draws one antler; the left one is the farther one in profile.
fn antler(painter: &mut Painter, root: Point, length: f32, aspect: Aspect, side: Side) {
    let (lean, spread, bend) = match aspect {
        Aspect::Front => (at(side.sign() * 0.5, 0.85), 0.07, -side.sign()),
        Aspect::Profile => (at(side.sign() * 0.12 - 0.35, 0.9), 0.03, 1.0),
    };
    let thick = length * 0.07;
    let base = root + at(side.sign() * length * spread, 0.0);
    let bow = lean.left() * (length * 0.14 * bend);
    let middle = base + lean * (length * 0.55) - bow;
    let tip = base + lean * length + bow * 0.3;
    let colour = painter.facing(rgb(0x8a_6f50)).lit(0.9 + 0.1 * side.sign());
    let beam = [base, base.toward(middle, 0.5) - bow * 0.4, middle, tip];
    painter.canvas.line(&beam, thick, colour);
    let way = (lean - bow.direction() * 0.9).direction();
    for share in [0.35, 0.62, 0.85] {
        let from = base.toward(tip, share) - bow * (1.2 - share);
        let tine = [from, from + way * (length * (0.36 - 0.16 * share))];
        painter.canvas.line(&tine, thick * 0.7, colour);
    }
}
