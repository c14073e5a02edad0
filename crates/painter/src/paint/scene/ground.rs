//! The ground from the horizon to the viewer.

use super::{MARGIN, View};
use crate::paint::drawing::canvas::Ink;
use crate::paint::drawing::colour::{Colour, WHITE};
use crate::paint::drawing::geometry::{Point, at, oval, rectangle};
use crate::paint::drawing::painter::Painter;
use crate::paint::random::noise;

/// The ground cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    Grass,
    Earth,
    Sand,
    Snow,
    Straw,
    Boards,
}

/// The appearance of the ground.
#[derive(Clone, Copy)]
pub(crate) struct Ground {
    pub(crate) cover: Cover,
    /// Its color at the horizon.
    pub(crate) far: Colour,
    /// Its color before the viewer's feet.
    pub(crate) near: Colour,
}

/// Draws the ground.
pub(crate) fn draw(painter: &mut Painter, view: &View) {
    let Ground { cover, far, near } = view.setting.ground();
    let far = far.varied(&mut painter.random, 0.08);
    let near = near.varied(&mut painter.random, 0.08);
    let bottom = at(view.size.x + MARGIN, view.size.y + MARGIN);
    let start = at(-MARGIN, view.ground_start());
    let ink = Ink::Along { from: (start, far), to: (at(-MARGIN, view.size.y), near) };
    painter.canvas.fill(&rectangle(start, bottom), ink);
    patches(painter, view, near);
    match cover {
        Cover::Grass => scatter(painter, view, 620, |painter, foot, size| {
            let colour = far.mix(near, 0.3 + 0.7 * (foot.y / view.size.y));
            blade(painter, foot, size * 5.0, colour);
        }),
        Cover::Earth => scatter(painter, view, 170, |painter, foot, size| {
            let colour = near.lit(painter.random.between(0.8, 1.15)).alpha(0.6);
            painter.canvas.fill(&oval(foot, at(2.2, 0.8) * size), colour);
        }),
        Cover::Sand => scatter(painter, view, 60, |painter, foot, size| {
            let width = size * painter.random.between(6.0, 16.0);
            let bow = at(foot.x + width * 0.5, foot.y - size * 1.2);
            let ripple = [foot, bow, at(foot.x + width, foot.y)];
            painter.canvas.line(&ripple, 0.6 * size, near.lit(0.88).alpha(0.45));
        }),
        Cover::Snow => scatter(painter, view, 40, |painter, foot, size| {
            let colour = if painter.random.chance(0.5) { WHITE } else { near.lit(0.9) };
            painter.canvas.fill(&oval(foot, at(9.0, 1.6) * size), colour.alpha(0.5));
        }),
        Cover::Straw => scatter(painter, view, 320, |painter, foot, size| {
            let way = at(painter.random.wobble(5.0), painter.random.wobble(1.8)) * size;
            let colour = near.varied(&mut painter.random, 0.2);
            painter.canvas.line(&[foot, foot + way], 0.5 * size.max(0.6), colour);
        }),
        Cover::Boards => boards(painter, view, near),
    }
}

/// Large soft patches, lighter and darker.
fn patches(painter: &mut Painter, view: &View, near: Colour) {
    let seed = painter.random.seed();
    for _ in 0..26 {
        let x = painter.random.between(-MARGIN, view.size.x + MARGIN);
        let depth = painter.random.unit();
        let y = view.ground_start() + depth * depth * (view.size.y - view.ground_start() + 10.0);
        let half = at(26.0, 4.0) * (0.25 + depth);
        let strength = 0.8 + 0.4 * noise(seed, x * 0.05, y * 0.1);
        let colour = near.lit(strength);
        let ink = Ink::Around {
            centre: at(x, y),
            radius: half.x,
            inner: colour.alpha(0.35),
            outer: colour.alpha(0.0),
        };
        painter.canvas.fill(&oval(at(x, y), half), ink);
    }
}

/// Calls `draw` at `count` places, farther ones first, with a size that grows toward the viewer.
fn scatter(
    painter: &mut Painter,
    view: &View,
    count: u16,
    draw: impl Fn(&mut Painter, Point, f32),
) {
    for step in 0..count {
        let depth = f32::from(step) / f32::from(count);
        let y = view.ground_start()
            + libm::powf(depth, 1.3) * (view.size.y - view.ground_start() + 12.0);
        let x = painter.random.between(-MARGIN, view.size.x + MARGIN);
        draw(painter, at(x, y), 0.25 + depth);
    }
}

/// A blade of grass, `length` long.
pub(crate) fn blade(painter: &mut Painter, foot: Point, length: f32, colour: Colour) {
    let length = length * painter.random.between(0.6, 1.3);
    let tip = foot + at(painter.random.wobble(length * 0.45), -length);
    let bend = foot + at(painter.random.wobble(length * 0.1), -length * 0.6);
    let shade = colour.varied(&mut painter.random, 0.16);
    painter.canvas.lock([foot, bend, tip], (length * 0.22).max(0.5), shade);
}

fn boards(painter: &mut Painter, view: &View, near: Colour) {
    let start = view.ground_start();
    let vanish = at(view.size.x * 0.5, start - view.size.y * 0.6);
    for plank in 0u8..16 {
        let x = -view.size.x + f32::from(plank) * view.size.x * 0.2;
        let low = at(x, view.size.y + MARGIN);
        let share = (low.y - start) / (low.y - vanish.y);
        painter.canvas.line(&[low, low.toward(vanish, share)], 0.7, near.lit(0.75));
    }
}
