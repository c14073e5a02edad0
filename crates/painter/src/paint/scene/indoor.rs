//! Walls behind an indoor image.

use super::setting::Setting;
use super::{MARGIN, View};
use crate::paint::drawing::canvas::Ink;
use crate::paint::drawing::colour::{WHITE, rgb};
use crate::paint::drawing::geometry::{at, rectangle};
use crate::paint::drawing::painter::Painter;

/// Draws the wall of an indoor setting.
pub(crate) fn draw(painter: &mut Painter, view: &View) {
    if view.setting == Setting::Stable { planks(painter, view) } else { plaster(painter, view) }
}

fn planks(painter: &mut Painter, view: &View) {
    let base = rgb(painter.random.pick([0x8a_6442, 0x74_5236, 0x9c_7a56]));
    let mut x = -MARGIN;
    while x < view.size.x + MARGIN {
        let width = painter.random.between(9.0, 15.0);
        let colour = base.varied(&mut painter.random, 0.10);
        let end = at(x + width, view.horizon + 1.0);
        let ink = Ink::Along {
            from: (at(x, -MARGIN), colour.lit(0.8)),
            to: (at(x, view.horizon), colour.lit(1.05)),
        };
        painter.canvas.fill(&rectangle(at(x, -MARGIN), end), ink);
        painter.canvas.line(&[at(x, -MARGIN), at(x, view.horizon)], 0.8, base.lit(0.5));
        x += width;
    }
    let rail = view.horizon * painter.random.between(0.3, 0.6);
    let beam = rectangle(at(-MARGIN, rail), at(view.size.x + MARGIN, rail + 7.0));
    painter.canvas.fill(&beam, base.lit(0.72));
    if painter.random.chance(0.5) {
        window(painter, view);
    }
}

fn plaster(painter: &mut Painter, view: &View) {
    let hues = [0xd8_cfc0, 0xb8_c4c8, 0xc8_b8a4, 0xa8_b89c, 0xc4_a8a0, 0x88_9098];
    let colour = rgb(painter.random.pick(hues));
    let ink = Ink::Around {
        centre: at(view.size.x * painter.random.unit(), view.horizon * 0.3),
        radius: view.size.x,
        inner: colour.lit(1.1),
        outer: colour.lit(0.72),
    };
    let end = at(view.size.x + MARGIN, view.horizon + 1.0);
    painter.canvas.fill(&rectangle(at(-MARGIN, -MARGIN), end), ink);
    let skirting = rectangle(at(-MARGIN, view.horizon - 4.0), end);
    painter.canvas.fill(&skirting, colour.mix(WHITE, 0.4).lit(0.92));
    if painter.random.chance(0.5) {
        window(painter, view);
    }
}

fn window(painter: &mut Painter, view: &View) {
    let width = view.size.x * painter.random.between(0.18, 0.3);
    let x = painter.random.between(0.0, view.size.x - width);
    let y = view.horizon * painter.random.between(0.05, 0.3);
    let corner = at(x + width, y + width * 1.1);
    let (top, low) = view.hour.sky();
    let rim = at(2.0, 2.0);
    painter.canvas.fill(&rectangle(at(x, y) - rim, corner + rim), rgb(0xec_e4d4));
    let ink = Ink::Along { from: (at(x, y), top.lit(1.1)), to: (at(x, corner.y), low) };
    painter.canvas.fill(&rectangle(at(x, y), corner), ink);
    let middle = at(x, y).toward(corner, 0.5);
    painter.canvas.line(&[at(middle.x, y), at(middle.x, corner.y)], 1.4, rgb(0xec_e4d4));
    painter.canvas.line(&[at(x, middle.y), at(corner.x, middle.y)], 1.4, rgb(0xec_e4d4));
}
