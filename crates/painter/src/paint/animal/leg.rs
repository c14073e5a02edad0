//! The legs of an animal that stands or walks.

use super::anatomy::{Coats, Foot, Leg};
use crate::paint::drawing::coat::{Coat, Texture};
use crate::paint::drawing::colour::rgb;
use crate::paint::drawing::geometry::{Point, at, mix, rounded};
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::{Ring, Tube};

/// The joints of a leg.
#[derive(Clone, Copy)]
pub(crate) struct Joints {
    hip: Point,
    knee: Point,
    ankle: Point,
    sole: Point,
}

/// Whether a leg is on the viewer's side of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nearness {
    Near,
    Far,
}

impl Nearness {
    /// How bright the leg is.
    fn shade(self) -> f32 {
        match self {
            Self::Near => 1.0,
            Self::Far => 0.62,
        }
    }
}

impl Leg {
    /// The leg with its hip moved by `shift`, its foot swung forward by `swing` and raised by
    /// `lift`.
    pub(crate) fn standing(&self, shift: Point, swing: f32, lift: f32) -> Joints {
        let hip = self.hip + shift;
        let sole = at(hip.x + swing, self.half[2] * 0.9 + lift);
        let knee = hip.toward(sole, 0.52) + at(self.bend + swing.abs() * 0.15, 0.0);
        let ankle = at(sole.x - self.bend * 0.15, hip.y * 0.13 + lift);
        Joints { hip, knee, ankle, sole }
    }

    /// Draws the leg.
    pub(crate) fn draw(
        &self,
        painter: &mut Painter,
        joints: Joints,
        coats: &Coats,
        nearness: Nearness,
    ) {
        self.draw_foot(painter, joints.sole, nearness.shade());
        if matches!(coats.thigh.texture, Texture::Short | Texture::Sleek) {
            self.draw_bare(painter, joints, coats, nearness.shade());
        } else {
            self.draw_woolly(painter, joints, coats, nearness.shade());
        }
    }

    /// A leg whose short hair shows every joint.
    fn draw_bare(&self, painter: &mut Painter, joints: Joints, coats: &Coats, shade: f32) {
        let Joints { hip, knee, ankle, sole } = joints;
        let [top, middle, low] = self.half;
        let limb = Tube::through(&[
            Ring::around(hip, top),
            Ring::around(hip.toward(knee, 0.45), mix(top, middle, 0.55)),
            Ring::around(knee, middle),
            Ring::around(knee.toward(ankle, 0.5), low * 0.95),
            Ring::around(ankle, low * 1.15),
            Ring::around(sole, low),
        ]);
        let sock = at(hip.y, knee.y * 0.8);
        let coat = coats.thigh.clone().marked(at(sole.x, 0.0), sock, coats.shank.colour);
        skin::paint(painter, &limb.growing(), &coat.shaded(shade));
    }

    /// A leg with wool down to where its sleeve ends.
    fn draw_woolly(&self, painter: &mut Painter, joints: Joints, coats: &Coats, shade: f32) {
        let Joints { hip, knee, ankle, sole } = joints;
        let [top, middle, low] = self.half;
        let shank = [
            Ring::around(hip.toward(knee, 0.6), middle * 1.15),
            Ring::around(knee, middle),
            Ring::around(knee.toward(ankle, 0.5), low * 0.95),
            Ring::around(ankle, low * 1.1),
            Ring::around(sole, low),
        ];
        skin::body(painter, &shank, &coats.shank.shaded(shade));
        let half_way = joints.at_share(self.sleeve * 0.45);
        let thigh = Tube::through(&[
            Ring::around(hip, top),
            Ring::around(half_way, top * 0.4 + middle * 0.75),
            Ring::around(joints.at_share(self.sleeve), middle * 1.1),
        ]);
        skin::paint(painter, &thigh.growing(), &coats.thigh.shaded(shade));
    }

    fn draw_foot(&self, painter: &mut Painter, sole: Point, shade: f32) {
        let half = self.half[2];
        let on = |(x, y): (f32, f32)| at(sole.x + x * half, sole.y + (y - 0.9) * half);
        let horn = painter.facing(rgb(0x3a_322c)).lit(shade);
        let pad = painter.facing(rgb(0x55_4a40)).lit(shade);
        match self.foot {
            Foot::Toes => {
                let toes = [(-0.9, 0.0), (-1.0, 1.3), (0.8, 1.5), (2.0, 0.4), (1.9, 0.0)];
                painter.canvas.fill(&rounded(&toes.map(on)), horn);
            }
            Foot::Hoof => {
                let hoof = [(-1.1, 0.0), (-0.95, 1.5), (1.0, 1.5), (1.6, 0.0)];
                painter.canvas.fill(&hoof.map(on), horn);
            }
            Foot::Paw => {
                let paw = [(-1.2, 0.0), (-1.0, 1.5), (0.9, 1.7), (2.2, 0.9), (2.1, 0.0)];
                painter.canvas.fill(&rounded(&paw.map(on)), pad);
            }
        }
    }
}

impl Joints {
    /// The place `share` of the way down the leg.
    fn at_share(self, share: f32) -> Point {
        if share < 0.5 {
            self.hip.toward(self.knee, share * 2.0)
        } else {
            self.knee.toward(self.ankle, share * 2.0 - 1.0)
        }
    }
}

impl Coat {
    /// The same coat in a shadow that lets `shade` of the light through.
    fn shaded(&self, shade: f32) -> Self {
        let mut coat = self.clone();
        coat.colour = coat.colour.lit(shade);
        for mark in &mut coat.marks {
            mark.colour = mark.colour.lit(shade);
        }
        coat
    }
}
