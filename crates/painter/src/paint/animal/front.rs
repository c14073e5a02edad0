//! A four-legged animal that stands with its chest to the viewer.

use super::anatomy::{Leg, Mane, Quadruped};
use super::leg::Nearness;
use crate::paint::drawing::canvas::Placement;
use crate::paint::drawing::geometry::{Bounds, at};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::{Ring, Tube, ring};
use crate::paint::figure::Figure;
use crate::paint::random::Random;

/// An animal seen from the front.
pub(crate) struct Front {
    animal: Quadruped,
    /// The chest, in the middle of the image.
    chest: Ring,
    head: Placement,
    /// How far the face is turned aside, from -1 to 1.
    turn: f32,
    /// How far the neck leans aside.
    lean: f32,
}

impl Front {
    /// Poses `animal`.
    pub(crate) fn new(animal: Quadruped, random: &mut Random) -> Self {
        let chest = ring(0.0, animal.chest().centre.y, animal.girth() * 0.92);
        let turn = random.wobble(0.8);
        let lean = random.wobble(0.12);
        let rise = animal.neck.length * libm::sinf(animal.neck.rise.max(0.35) + 0.05);
        let aside = lean * animal.neck.length + turn * animal.neck.half[1] * 0.4;
        let origin = chest.centre + at(aside, rise);
        let head = Placement { turn: -lean * 0.5, ..Placement::moved(origin) };
        Self { animal, chest, head, turn, lean }
    }

    fn body(&self) -> Tube {
        let Ring { centre, half } = self.chest;
        Tube::through(&[
            ring(0.0, self.animal.belly() + half * 0.75, half * 0.82),
            self.chest,
            Ring::around(centre + at(0.0, half * 0.25), half * 0.8),
        ])
    }

    fn neck(&self) -> Tube {
        let neck = &self.animal.neck;
        let [low, high] = neck.half;
        let start = self.chest.centre - at(0.0, self.chest.half * 0.15);
        let end = self.head.origin - at(0.0, high * 0.6);
        let middle = start.toward(end, 0.5) - at(self.lean * neck.length * 0.2, 0.0);
        Tube::through(&[
            Ring::around(start, low.min(self.chest.half * 0.85)),
            Ring::around(middle, low.midpoint(high)),
            Ring::around(end, high),
        ])
    }

    /// The first hump as it shows above the back.
    fn hump(&self) -> Option<Tube> {
        let rings = self.animal.humps.first()?;
        let top = rings[rings.len() / 2];
        let base = Ring::around(self.chest.centre, self.chest.half * 0.6);
        Some(Tube::through(&[base, ring(0.0, top.centre.y, top.half * 0.8)]))
    }

    fn legs(&self, painter: &mut Painter, leg: &Leg, nearness: Nearness) {
        let spread = match nearness {
            Nearness::Near => self.chest.half * 0.55,
            Nearness::Far => self.chest.half * 0.45,
        };
        let straight = Leg { bend: 0.0, ..*leg };
        for side in [-spread, spread] {
            let joints = straight.standing(at(side - leg.hip.x, 0.0), 0.0, 0.0);
            straight.draw(painter, joints, &self.animal.coats, nearness);
        }
    }

    fn mane(&self, painter: &mut Painter) {
        if let Mane::Falling { coat, half } = &self.animal.neck.mane {
            let top = Ring::around(self.head.origin + at(half * 0.8, 0.0), *half);
            let low = ring(half * 1.2, self.chest.centre.y, half * 0.8);
            skin::body(painter, &[top, low], coat);
        }
    }

    fn face_bounds(&self) -> Bounds {
        let face = self.animal.face.bounds(&self.animal.head);
        Bounds { low: face.low + self.head.origin, high: face.high + self.head.origin }
    }
}

impl Figure for Front {
    fn bounds(&self) -> Bounds {
        let ground = Bounds::around([at(0.0, 0.0)]);
        self.body().bounds().joined(ground).joined(self.face_bounds())
    }

    fn focus(&self) -> Bounds {
        let head = self.face_bounds();
        let below = at(head.centre().x, head.low.y - head.size().y * 0.45);
        head.joined(Bounds::around([below]))
    }

    fn draw(&self, painter: &mut Painter) {
        let Quadruped { head, face, fore, hind, coats, .. } = &self.animal;
        self.legs(painter, hind, Nearness::Far);
        if let Some(hump) = self.hump() {
            skin::paint(painter, &hump, &coats.body);
        }
        skin::paint(painter, &self.body(), &coats.body);
        self.legs(painter, fore, Nearness::Near);
        skin::paint(painter, &self.neck(), coats.neck.as_ref().unwrap_or(&coats.body));
        self.mane(painter);
        face.draw(painter, head, &coats.head, self.head, self.turn);
    }
}
