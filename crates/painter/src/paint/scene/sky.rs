//! The sky: its colors, the sun or the moon, clouds and stars.

use super::hour::Hour;
use super::{MARGIN, View};
use crate::paint::drawing::canvas::Ink;
use crate::paint::drawing::colour::{Colour, WHITE, rgb};
use crate::paint::drawing::geometry::{Point, at, oval, rectangle};
use crate::paint::drawing::painter::Painter;

/// Draws the sky down to the horizon.
pub(crate) fn draw(painter: &mut Painter, view: &View) {
    let (top, low) = view.hour.sky();
    let (top, low) = (top.varied(&mut painter.random, 0.06), low.varied(&mut painter.random, 0.05));
    let end = at(view.size.x + MARGIN, view.horizon + MARGIN);
    let ink = Ink::Along { from: (at(0.0, -MARGIN), top), to: (at(0.0, view.horizon), low) };
    painter.canvas.fill(&rectangle(at(-MARGIN, -MARGIN), end), ink);
    match view.hour {
        Hour::Night => {
            stars(painter, view);
            if painter.random.chance(0.5) {
                disc(painter, view, rgb(0xf4_f0dc), 4.0);
            }
        }
        Hour::Overcast => {}
        Hour::Dusk | Hour::Golden | Hour::Morning | Hour::Noon => {
            if painter.random.chance(0.35) {
                disc(painter, view, rgb(0xff_f4cc), 6.0);
            }
        }
    }
    let count = match view.hour {
        Hour::Overcast => 7,
        Hour::Night => 1,
        _ => painter.random.below(5),
    };
    for _ in 0..count {
        let x = painter.random.between(-10.0, view.size.x + 10.0);
        let y = painter.random.between(0.05, 0.8) * view.horizon;
        let width = painter.random.between(0.12, 0.4) * view.size.x * (1.2 - y / view.horizon);
        let colour = WHITE.mix(low, 0.3).lit(if view.hour == Hour::Overcast { 0.92 } else { 1.0 });
        cloud(painter, at(x, y), width, colour, top.mix(low, 0.6));
    }
}

/// A cloud that is `width` wide, with the colors of its top and its underside.
fn cloud(painter: &mut Painter, centre: Point, width: f32, top: Colour, under: Colour) {
    let height = width * painter.random.between(0.22, 0.36);
    for (colour, lift) in [(under.mix(top, 0.35), 0.25), (top, -0.1)] {
        for _ in 0..14 {
            let along = painter.random.wobble(1.0);
            let rise = (1.0 - along * along).sqrt() * painter.random.unit();
            let place = centre + at(along * width * 0.5, (lift - rise * 0.6) * height);
            let radius = height * painter.random.between(0.28, 0.55);
            let ink = Ink::Around {
                centre: place - at(0.0, radius * 0.3),
                radius: radius * 1.3,
                inner: colour.alpha(0.75),
                outer: colour.alpha(0.0),
            };
            painter.canvas.fill(&oval(place, at(radius * 1.5, radius)), ink);
        }
    }
}

fn stars(painter: &mut Painter, view: &View) {
    for _ in 0..45 {
        let x = painter.random.between(-MARGIN, view.size.x + MARGIN);
        let y = painter.random.between(-MARGIN, view.horizon * 0.9);
        let size = painter.random.between(0.3, 0.7);
        painter.canvas.disc(at(x, y), size, WHITE.alpha(0.8));
    }
}

/// The sun or the moon, on the side the light comes from.
fn disc(painter: &mut Painter, view: &View, colour: Colour, radius: f32) {
    let side = view.light_side.sign();
    let aside = painter.random.between(0.1, 0.45) * view.size.x;
    let x = view.size.x * 0.5 + side * aside;
    let y = view.horizon * painter.random.between(0.15, 0.6);
    let glow = radius * 5.0;
    let ink = Ink::Around {
        centre: at(x, y),
        radius: glow,
        inner: colour.alpha(0.65),
        outer: colour.alpha(0.0),
    };
    painter.canvas.disc(at(x, y), glow, ink);
    painter.canvas.disc(at(x, y), radius, colour);
}
