//! A four-legged animal seen from the side.

use std::f32::consts::PI;

use super::anatomy::{Mane, Quadruped, Rest};
use super::leg::Nearness;
use super::lying;
use super::pose::{Gaze, Pose};
use crate::paint::drawing::canvas::Placement;
use crate::paint::drawing::geometry::{Bounds, at, heading};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::{Ring, Tube};
use crate::paint::figure::{Figure, Stance};
use crate::paint::random::Random;

/// An animal in a pose.
pub(crate) struct SideView {
    animal: Quadruped,
    pose: Pose,
}

impl SideView {
    /// Poses `animal`.
    pub(crate) fn new(animal: Quadruped, stance: Stance, random: &mut Random) -> Self {
        let pose = Pose::new(&animal, stance, random);
        Self { animal, pose }
    }

    /// The torso, together with the neck where the two share a coat.
    fn torso(&self) -> Tube {
        let mut rings = self.pose.torso.clone();
        if self.animal.coats.neck.is_none() {
            rings.extend(&self.pose.neck);
        }
        Tube::through(&rings)
    }

    /// The neck from inside the torso to the head.
    fn neck(&self) -> Tube {
        let chest = self.pose.torso[self.pose.torso.len() - 1];
        let mut rings = vec![Ring::around(chest.centre, chest.half * 0.9)];
        rings.extend(&self.pose.neck);
        Tube::through(&rings)
    }

    fn humps(&self) -> impl Iterator<Item = Tube> {
        let lowered = |ring: &Ring| Ring::around(ring.centre - at(0.0, self.pose.drop), ring.half);
        self.animal
            .humps
            .iter()
            .map(move |hump| Tube::through(&hump.iter().map(lowered).collect::<Vec<_>>()))
    }

    fn legs(&self, painter: &mut Painter, nearness: Nearness) {
        let Quadruped { fore, hind, coats, .. } = &self.animal;
        let depth = match nearness {
            Nearness::Near => 0.0,
            Nearness::Far => fore.hip.y * 0.16,
        };
        for (pair, leg) in [hind, fore].into_iter().enumerate() {
            let swing = self.pose.swings[pair * 2 + usize::from(nearness == Nearness::Far)];
            let shift = at(leg.hip.x * (self.pose.squeeze - 1.0) + depth * 0.8, 0.0);
            let joints = leg.standing(shift, swing, depth * 0.35);
            leg.draw(painter, joints, coats, nearness);
        }
    }

    fn lying_legs(&self, painter: &mut Painter) {
        let Quadruped { fore, hind, coats, rest, .. } = &self.animal;
        lying::hind(painter, hind, coats);
        match rest {
            Rest::Folded => lying::folded_fore(painter, fore, coats),
            Rest::Stretched => lying::stretched_fore(painter, fore, coats),
        }
    }

    fn tail(&self, painter: &mut Painter) {
        let tail = &self.animal.tail;
        let root = at(tail.root.x * self.pose.squeeze, tail.root.y - self.pose.drop);
        let way = heading(PI - tail.lift) * tail.length;
        let sag = at(0.0, -tail.length * 0.25);
        let tip = root + way + sag;
        let tip = at(tip.x, tip.y.max(tail.half));
        let rings = [
            Ring::around(root, tail.half),
            Ring::around(root + way * 0.5, tail.half * 0.9),
            Ring::around(tip, tail.half * 0.5),
        ];
        skin::body(painter, &rings, &self.animal.coats.body);
        if let Some(coat) = &tail.tuft {
            let tuft = [
                Ring::around(root.toward(tip, 0.55), tail.half * 0.9),
                Ring::around(tip + sag * 0.3, tail.half * 1.3),
            ];
            skin::body(painter, &tuft, coat);
        }
    }

    fn mane(&self, painter: &mut Painter) {
        if let Mane::Falling { coat, half } = &self.animal.neck.mane {
            let neck = self.neck();
            let rings = [0.12, 0.3, 0.48, 0.65, 0.8, 0.93]
                .map(|share| Ring::around(neck.spot(share, 0.85).place, *half));
            skin::body(painter, &rings, coat);
        }
    }

    fn head(&self, painter: &mut Painter) {
        let Quadruped { head, face, coats, .. } = &self.animal;
        match self.pose.gaze {
            Gaze::Ahead => head.draw(painter, &coats.head, self.pose.head),
            Gaze::AtViewer(turn) => {
                let placement = Placement { turn: 0.0, ..self.pose.head };
                face.draw(painter, head, &coats.head, placement, turn);
            }
        }
    }

    fn head_bounds(&self) -> Bounds {
        let Quadruped { head, face, .. } = &self.animal;
        let (bounds, turn) = match self.pose.gaze {
            Gaze::Ahead => (head.bounds(), self.pose.head.turn),
            Gaze::AtViewer(_) => (face.bounds(head), 0.0),
        };
        Bounds::around(bounds.corners().map(|corner| self.pose.head.origin + corner.turned(turn)))
    }
}

impl Figure for SideView {
    fn bounds(&self) -> Bounds {
        let tail = &self.animal.tail;
        let back = tail.root.x * self.pose.squeeze - tail.length * libm::cosf(tail.lift) * 0.8;
        let ground = Bounds::around([at(back, 0.0)]);
        let trunk = self.torso().bounds().joined(self.neck().bounds()).joined(ground);
        self.humps()
            .map(|hump| hump.bounds())
            .fold(trunk.joined(self.head_bounds()), Bounds::joined)
    }

    fn focus(&self) -> Bounds {
        let head = self.head_bounds();
        let below = at(head.centre().x - head.size().x * 0.3, head.low.y - head.size().y * 0.45);
        head.joined(Bounds::around([below]))
    }

    fn draw(&self, painter: &mut Painter) {
        let coats = &self.animal.coats;
        let stands = self.pose.drop == 0.0;
        if stands {
            self.legs(painter, Nearness::Far);
        }
        self.tail(painter);
        for hump in self.humps() {
            skin::paint(painter, &hump, &coats.body);
        }
        skin::paint(painter, &self.torso(), &coats.body);
        if stands {
            self.legs(painter, Nearness::Near);
        } else {
            self.lying_legs(painter);
        }
        if let Some(coat) = &coats.neck {
            skin::paint(painter, &self.neck(), coat);
        }
        self.mane(painter);
        self.head(painter);
    }
}
