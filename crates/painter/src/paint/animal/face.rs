//! A head seen from the front.

use super::anatomy::{Face, Head};
use super::crown::Aspect;
use super::{crown, ear, eye, nose};
use crate::paint::drawing::canvas::{Ink, Placement};
use crate::paint::drawing::coat::Coat;
use crate::paint::drawing::geometry::{Bounds, Point, Side, at, oval};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::{Ring, Tube};

impl Face {
    /// The extent of the face with its ears.
    pub(crate) fn bounds(&self, head: &Head) -> Bounds {
        let tip = self.ear_root
            + at(libm::sinf(self.ear_lean), libm::cosf(self.ear_lean)) * head.ear.length;
        let mirrored = at(-tip.x, tip.y);
        let crown = self.crown_root + at(0.0, head.crown.height());
        Tube::through(&self.skull).bounds().joined(Bounds::around([tip, mirrored, crown]))
    }

    /// Draws the face of `head` turned aside by `turn`, from -1 to 1.
    pub(crate) fn draw(
        &self,
        painter: &mut Painter,
        head: &Head,
        coat: &Coat,
        placement: Placement,
        turn: f32,
    ) {
        painter.within(placement, |painter| {
            self.ears(painter, head, coat, turn);
            let rings: Vec<Ring> = self
                .skull
                .iter()
                .map(|ring| Ring::around(self.turned(ring.centre, turn), ring.half))
                .collect();
            let skull = Tube::through(&rings);
            skin::paint(painter, &skull, coat);
            self.muzzle(painter, head, &skull, turn);
            halter(painter, head, &skull);
            let crown_root = self.turned(self.crown_root, turn * 0.3);
            crown::draw(painter, &head.crown, crown_root, Aspect::Front);
            self.eyes(painter, head, turn);
        });
    }

    fn ears(&self, painter: &mut Painter, head: &Head, coat: &Coat, turn: f32) {
        let coat = ear::coat_of(coat);
        for (sign, tip) in [(-1.0, Side::Right), (1.0, Side::Left)] {
            let root = at(self.ear_root.x * (sign - turn * 0.3), self.ear_root.y);
            let shows = ear::Surface::Opening;
            let stand = ear::Stand { root, lean: -self.ear_lean * sign, tip, shows };
            ear::draw(painter, head.ear, &coat, stand);
        }
    }

    /// Where a point of the face goes when the head turns: the lower, the farther aside.
    fn turned(&self, point: Point, turn: f32) -> Point {
        let depth = ((self.eye.y - point.y) / (self.eye.y - self.muzzle.y)).clamp(-0.3, 1.2);
        at(point.x + turn * self.eye.x * (0.25 + 0.65 * depth), point.y)
    }

    fn eyes(&self, painter: &mut Painter, head: &Head, turn: f32) {
        for sign in [-1.0_f32, 1.0] {
            let near = 1.0 - 0.35 * (sign * turn).max(0.0);
            let aside = self.turned(at(0.0, self.eye.y), turn).x;
            let centre = at(self.eye.x * sign * near + aside, self.eye.y);
            eye::draw(painter, centre, head.eye_size * (0.75 + 0.25 * near), head.iris);
        }
    }

    fn muzzle(&self, painter: &mut Painter, head: &Head, skull: &Tube, turn: f32) {
        let centre = self.turned(self.muzzle, turn);
        let half = self.muzzle_half;
        let colour = painter.facing(head.muzzle);
        painter.canvas.clip(&skull.silhouette());
        let patch = oval(centre + at(0.0, half.y * 0.2), half * 1.15);
        painter.canvas.fill(&patch, colour.alpha(0.35));
        let ink =
            Ink::Around { centre, radius: half.x * 1.2, inner: colour, outer: colour.alpha(0.0) };
        painter.canvas.disc(centre, half.x * 1.2, ink);
        painter.canvas.unclip();
        nose::draw(painter, self.nose, centre, half);
    }
}

/// A band around the nose with a strap up each cheek.
fn halter(painter: &mut Painter, head: &Head, skull: &Tube) {
    if let Some(colour) = head.halter {
        let colour = painter.facing(colour);
        let width = head.eye_size * 0.55;
        let band: Vec<Point> = [-0.98, -0.4, 0.4, 0.98]
            .map(|across: f32| {
                skull.spot(0.58, across).place + at(0.0, 1.5 * (across * across - 1.0))
            })
            .to_vec();
        painter.canvas.line(&band, width, colour);
        for side in [-0.95, 0.95] {
            let strap = [skull.spot(0.58, side).place, skull.spot(0.3, side).place];
            painter.canvas.line(&strap, width, colour.lit(0.9));
        }
    }
}
