//! Ears, from both sides.

use super::anatomy::{Ear, EarShape};
use crate::paint::drawing::canvas::Placement;
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::geometry::{Point, Side, at, rounded};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::ring;

/// How an ear stands on the head.
#[derive(Clone, Copy)]
pub(crate) struct Stand {
    pub(crate) root: Point,
    /// Its turn from straight up, positive to the left.
    pub(crate) lean: f32,
    /// Where the tip of a bent ear points.
    pub(crate) tip: Side,
    pub(crate) shows: Surface,
}

/// The side of an ear that is seen.
#[derive(Clone, Copy)]
pub(crate) enum Surface {
    Opening,
    Back,
}

/// Draws `ear`.
pub(crate) fn draw(painter: &mut Painter, ear: Ear, coat: &Coat, stand: Stand) {
    let Stand { root, lean, tip, shows } = stand;
    let placement = Placement { origin: root, scale: at(-tip.sign(), 1.0), turn: lean };
    painter.within(placement, |painter| match ear.shape {
        EarShape::Round => round(painter, ear, coat),
        EarShape::Floppy => floppy(painter, ear, coat),
        EarShape::Spear | EarShape::Banana => upright(painter, ear, coat, shows),
    });
}

/// An ear with a point; the frame is mirrored so that the tip bends to the left.
fn upright(painter: &mut Painter, ear: Ear, coat: &Coat, shows: Surface) {
    let Ear { length, half, shape, inside } = ear;
    let bend = if matches!(shape, EarShape::Banana) { -0.9 * half } else { 0.0 };
    let outline = |grow: f32, from: f32| {
        rounded(&[
            at(-0.55 * half * grow, length * from),
            at(-0.95 * half * grow + bend * -0.2, length * 0.38),
            at(-0.55 * half * grow + bend * 0.25, length * 0.75),
            at(bend, length * (1.0 - 0.06 * from)),
            at(0.6 * half * grow + bend * 0.1, length * 0.72),
            at(half * grow + bend * -0.5, length * 0.36),
            at(0.6 * half * grow, length * from),
        ])
    };
    let skin = painter.facing(coat.colour).lit(0.92);
    painter.canvas.fill(&outline(1.0, 0.0), skin.lit(0.8));
    painter.canvas.fill(&outline(0.88, 0.03), skin);
    if matches!(shows, Surface::Opening) {
        let inside = painter.facing(inside).mix(skin, 0.25);
        painter.canvas.fill(&outline(0.60, 0.08), inside.lit(0.9));
        let hair = skin.lit(1.05).alpha(0.75);
        let tip = at(bend * 0.5, length * 0.62);
        let edge = [at(-0.35 * half, 0.0), at(-0.5 * half, length * 0.35), tip];
        painter.canvas.lock(edge, half * 0.5, hair);
    }
}

fn floppy(painter: &mut Painter, ear: Ear, coat: &Coat) {
    let Ear { length, half, .. } = ear;
    let flap = [
        ring(0.0, 0.0, half * 0.5),
        ring(half * 0.2, length * 0.45, half),
        ring(0.0, length * 0.85, half * 0.8),
    ];
    skin::body(painter, &flap, &coat.dyed(coat.colour.lit(0.85)));
}

fn round(painter: &mut Painter, ear: Ear, coat: &Coat) {
    let Ear { length, half, inside, .. } = ear;
    let ball = [ring(0.0, length * 0.3, half), ring(0.0, length * 0.5, half)];
    skin::body(painter, &ball, coat);
    let inside = painter.facing(inside);
    painter.canvas.disc(at(0.0, length * 0.4), half * 0.55, inside);
}

/// The coat of an ear that stands on a head with `coat`.
pub(crate) fn coat_of(coat: &Coat) -> Coat {
    coat.trimmed(Texture::Short, coat.length.min(2.0))
}
