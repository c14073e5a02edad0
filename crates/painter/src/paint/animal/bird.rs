//! The common anatomy of birds: two legs, a feathered body, and a neck that may be long.

use std::f32::consts::PI;

use super::eye;
use crate::paint::drawing::canvas::Placement;
use crate::paint::drawing::coat::Coat;
use crate::paint::drawing::colour::Colour;
use crate::paint::drawing::geometry::{Bounds, Point, at, heading, mix, rounded};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::{Ring, Tube, ring};
use crate::paint::figure::{Figure, Stance};
use crate::paint::random::Random;

/// The anatomy of a bird: lengths in centimeters, standing on y = 0 and looking along the x axis.
pub(crate) struct Bird {
    /// From the rump to the breast.
    pub(crate) body: Vec<Ring>,
    pub(crate) neck_root: Point,
    pub(crate) neck_length: f32,
    /// Half the width of the neck at the breast and at the head.
    pub(crate) neck_half: [f32; 2],
    /// Half the height of the head.
    pub(crate) head: f32,
    pub(crate) beak: f32,
    pub(crate) beak_colour: Colour,
    /// The color of its comb, where it has one.
    pub(crate) comb: Option<Colour>,
    pub(crate) leg_length: f32,
    pub(crate) leg_half: f32,
    pub(crate) leg_colour: Colour,
    pub(crate) tail: f32,
    pub(crate) feathers: Coat,
    /// The coat of the neck and the head.
    pub(crate) down: Coat,
}

impl Bird {
    /// The bird in the given stance.
    pub(crate) fn posed(self, stance: Stance, random: &mut Random) -> Box<dyn Figure> {
        let drop = match stance {
            Stance::Lying | Stance::LyingTurned => self.leg_length,
            _ => 0.0,
        };
        let (rise, pitch) = match stance {
            Stance::Grazing => {
                (-libm::asinf((self.neck_root.y / self.neck_length * 0.85).min(0.9)), -0.9)
            }
            _ => (1.2 + random.wobble(0.15), -0.05),
        };
        let way = heading(rise) * self.neck_length;
        let ring = |share: f32| {
            let bow = way.left() * (-0.10 * libm::sinf(share * PI));
            let half = mix(self.neck_half[0], self.neck_half[1], share);
            Ring::around(self.neck_root + way * share + bow, half)
        };
        let neck = [0.0, 0.35, 0.7, 1.0].map(ring);
        let head = Placement { turn: pitch, ..Placement::moved(neck[3].centre) };
        Box::new(Posed { bird: self, neck, head, drop })
    }

    fn draw_legs(&self, painter: &mut Painter) {
        let half = self.leg_half;
        let hip = self.body[1].centre.toward(self.body[2].centre, 0.5);
        for (aside, shade) in [(2.4, 0.75), (-0.8, 1.0)] {
            let colour = painter.facing(self.leg_colour).lit(shade);
            let x = hip.x + aside * half;
            let foot = at(x, half * 0.6);
            let knee = at(x - half * 1.2, hip.y * 0.45);
            painter.canvas.line(&[at(x, hip.y), knee, foot], half * 1.3, colour);
            for toe in [at(4.5, -0.3), at(3.4, 0.6)] {
                painter.canvas.line(&[foot, foot + toe * half], half, colour);
            }
        }
    }

    fn draw_tail(&self, painter: &mut Painter) {
        let rump = self.body[0].centre;
        for plume in [0.0, 1.0, 2.0, 3.0] {
            let way = heading(2.2 + 0.28 * plume) * self.tail;
            let side = way.left() * 0.16;
            let fan = [rump, rump + way * 0.6 + side, rump + way, rump + way * 0.6 - side];
            let colour = painter.facing(self.feathers.colour).lit(0.8 + 0.08 * plume);
            painter.canvas.fill(&rounded(&fan), colour);
        }
    }

    fn draw_head(&self, painter: &mut Painter) {
        let size = self.head;
        if let Some(comb) = self.comb {
            let comb = painter.facing(comb);
            for (x, y) in [(-0.6, 0.9), (0.0, 1.2), (0.6, 1.0), (0.8, -0.9)] {
                painter.canvas.disc(at(x, y) * size, size * 0.42, comb);
            }
        }
        let colour = painter.facing(self.beak_colour);
        let (root, tip) = (size * 0.45, size * 0.6 + self.beak);
        let beak = [
            at(root, size * 0.5),
            at(tip * 0.8, size * 0.12),
            at(tip, -size * 0.2),
            at(tip * 0.8, -size * 0.42),
            at(root, -size * 0.5),
        ];
        painter.canvas.fill(&rounded(&beak), colour);
        let gape = [at(root, -size * 0.28), at(tip * 0.95, -size * 0.22)];
        painter.canvas.line(&gape, size * 0.07, colour.lit(0.55));
        let skull = [ring(-0.1 * size, 0.0, size * 0.92), ring(0.2 * size, 0.0, size * 0.85)];
        skin::body(painter, &skull, &self.down);
        eye::draw(painter, at(size * 0.35, size * 0.2), size * 0.26, None);
    }
}

/// A bird in a pose.
struct Posed {
    bird: Bird,
    neck: [Ring; 4],
    head: Placement,
    /// How far the body has come down to the ground.
    drop: f32,
}

impl Posed {
    fn head_bounds(&self) -> Bounds {
        let centre = self.head.origin - at(0.0, self.drop);
        let reach = at(self.bird.head + self.bird.beak * 0.7, self.bird.head * 1.3);
        Bounds { low: centre - reach, high: centre + reach }
    }
}

impl Figure for Posed {
    fn bounds(&self) -> Bounds {
        let body = Tube::through(&self.bird.body).bounds();
        let tail = at(body.low.x - self.bird.tail * 0.6, 0.0);
        let top = body.high - at(0.0, self.drop);
        Bounds::around([tail, top]).joined(self.head_bounds())
    }

    fn focus(&self) -> Bounds {
        let head = self.head_bounds();
        head.joined(Bounds::around([at(head.low.x, head.low.y - head.size().y * 0.9)]))
    }

    fn draw(&self, painter: &mut Painter) {
        let bird = &self.bird;
        if self.drop == 0.0 {
            bird.draw_legs(painter);
        }
        let lowered = Placement::moved(at(0.0, -self.drop));
        painter.within(lowered, |painter| {
            bird.draw_tail(painter);
            skin::body(painter, &self.neck, &bird.down);
            skin::body(painter, &bird.body, &bird.feathers);
            painter.within(self.head, |painter| bird.draw_head(painter));
        });
    }
}
