//! The legs of an animal that lies.

use super::anatomy::{Coats, Leg};
use crate::paint::drawing::geometry::at;
use crate::paint::drawing::painter::Painter;
use crate::paint::drawing::skin;
use crate::paint::drawing::tube::{Ring, Tube};

/// Draws a foreleg folded under the chest, its knee to the front.
pub(crate) fn folded_fore(painter: &mut Painter, leg: &Leg, coats: &Coats) {
    let [top, middle, low] = leg.half;
    let hip = at(leg.hip.x, top * 1.2);
    let knee = at(hip.x + leg.hip.y * 0.30, middle * 1.2);
    let back = at(hip.x - leg.hip.y * 0.12, low * 1.1);
    let under = knee - at(0.0, middle * 0.2);
    let shank = [Ring::around(back, low), Ring::around(under, middle * 1.05)];
    skin::body(painter, &shank, &coats.shank);
    let thigh = Tube::through(&[Ring::around(hip, top * 0.9), Ring::around(knee, middle * 1.15)]);
    skin::paint(painter, &thigh.growing(), &coats.thigh);
}

/// Draws a foreleg stretched out along the ground.
pub(crate) fn stretched_fore(painter: &mut Painter, leg: &Leg, coats: &Coats) {
    let [top, middle, low] = leg.half;
    let hip = at(leg.hip.x, top * 1.4);
    let elbow = at(hip.x + top * 0.4, middle * 1.1);
    let toe = at(hip.x + leg.hip.y * 0.75, low * 1.1);
    let arm = Tube::through(&[
        Ring::around(hip, top),
        Ring::around(elbow, middle * 1.1),
        Ring::around(toe, low * 1.15),
    ]);
    skin::paint(painter, &arm.growing(), &coats.thigh);
}

/// Draws the haunch and the hind foot.
pub(crate) fn hind(painter: &mut Painter, leg: &Leg, coats: &Coats) {
    let [top, _, low] = leg.half;
    let hip = at(leg.hip.x, top * 1.5);
    let heel = at(hip.x - top * 0.3, low * 1.1);
    let toe = at(hip.x + leg.hip.y * 0.42, low);
    skin::body(painter, &[Ring::around(heel, low * 1.1), Ring::around(toe, low)], &coats.shank);
    let knee = at(hip.x + top * 0.8, top * 1.25);
    let haunch = Tube::through(&[Ring::around(hip, top * 1.3), Ring::around(knee, top * 1.1)]);
    skin::paint(painter, &haunch.growing(), &coats.thigh);
}
