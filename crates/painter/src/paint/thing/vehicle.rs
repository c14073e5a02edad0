//! Cars and tractors.

use crate::paint::drawing::canvas::Ink;
use crate::paint::drawing::colour::{Colour, WHITE, rgb};
use crate::paint::drawing::geometry::{Point, at, points, rounded};
use crate::paint::drawing::painter::Painter;
use crate::paint::figure::{Figure, Still};
use crate::paint::random::Random;

const PAINTS: [u32; 7] =
    [0xb4_2c2c, 0x2c_5a9c, 0xe8_e4dc, 0x3c_3c40, 0xe0_a830, 0x4c_7c58, 0xa0_a4a8];

/// A small car.
pub(crate) fn car(random: &mut Random) -> Box<dyn Figure> {
    let colour = rgb(random.pick(PAINTS)).varied(random, 0.05);
    let roof = random.between(138.0, 168.0);
    Still::boxed(400.0, roof, move |painter| {
        let paint = painter.facing(colour);
        cabin(painter, roof, paint);
        hull(painter, paint);
        painter.canvas.disc(at(184.0, 66.0), 10.0, painter.facing(rgb(0xf8_f0cc)));
        painter.canvas.disc(at(-188.0, 68.0), 8.0, painter.facing(rgb(0xa0_2020)));
        wheel(painter, at(-112.0, 34.0), 34.0);
        wheel(painter, at(116.0, 34.0), 34.0);
    })
}

/// The roof, `top` high, and the windows under it.
fn cabin(painter: &mut Painter, top: f32, paint: Colour) {
    let rim = top - 10.0;
    let shell =
        points([(-125.0, 80.0), (-95.0, rim), (-10.0, top), (62.0, rim + 2.0), (115.0, 84.0)]);
    painter.canvas.fill(&rounded(&shell), paint.lit(0.95));
    let glass = painter.facing(rgb(0x60_7888));
    let rear = points([(-108.0, 90.0), (-86.0, rim - 7.0), (-18.0, rim), (-18.0, 90.0)]);
    let front = points([(-8.0, 90.0), (-8.0, rim), (56.0, rim - 7.0), (92.0, 90.0)]);
    for pane in [rear, front] {
        let ink = Ink::Along { from: (pane[0], glass), to: (pane[2], glass.mix(WHITE, 0.45)) };
        painter.canvas.fill(&pane, ink);
    }
}

fn hull(painter: &mut Painter, paint: Colour) {
    let back = [(-196.0, 34.0), (-196.0, 78.0), (-120.0, 94.0), (0.0, 96.0)];
    let front = [(110.0, 94.0), (186.0, 78.0), (198.0, 52.0), (192.0, 30.0), (0.0, 26.0)];
    let outline = rounded(&[&points(back)[..], &points(front)[..]].concat());
    let ink =
        Ink::Along { from: (at(0.0, 26.0), paint.lit(0.7)), to: (at(0.0, 96.0), paint.lit(1.12)) };
    painter.canvas.fill(&outline, ink);
    painter.canvas.line(&[at(-10.0, 34.0), at(-10.0, 92.0)], 2.5, paint.lit(0.65));
}

/// A tractor with a cab.
pub(crate) fn tractor(random: &mut Random) -> Box<dyn Figure> {
    let colour = rgb(random.pick([0xb8_3428, 0x3c_7c3c, 0x30_60a0, 0xd8_a02c]));
    Still::boxed(330.0, 252.0, move |painter| {
        let paint = painter.facing(colour);
        let hood = [(-10.0, 80.0), (-10.0, 150.0), (130.0, 140.0), (150.0, 120.0), (150.0, 80.0)];
        let ink = Ink::Along {
            from: (at(0.0, 80.0), paint.lit(0.75)),
            to: (at(0.0, 150.0), paint.lit(1.1)),
        };
        painter.canvas.fill(&points(hood), ink);
        let cab = points([(-120.0, 120.0), (-112.0, 240.0), (-8.0, 240.0), (8.0, 120.0)]);
        painter.canvas.fill(&cab, painter.facing(rgb(0x8c_a8b4)).alpha(0.85));
        painter.canvas.line(&cab, 9.0, paint.lit(0.85));
        let roof = points([(-126.0, 238.0), (-126.0, 252.0), (6.0, 252.0), (6.0, 238.0)]);
        painter.canvas.fill(&roof, paint);
        let pipe = points([(100.0, 140.0), (100.0, 205.0)]);
        painter.canvas.line(&pipe, 9.0, painter.facing(rgb(0x44_4444)));
        wheel(painter, at(-80.0, 72.0), 72.0);
        wheel(painter, at(108.0, 44.0), 44.0);
    })
}

fn wheel(painter: &mut Painter, centre: Point, radius: f32) {
    for (share, colour) in [(1.0, 0x2c_2a2a), (0.62, 0xa8_a8a4), (0.25, 0x60_6060)] {
        painter.canvas.disc(centre, radius * share, painter.facing(rgb(colour)));
    }
}
