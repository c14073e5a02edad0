//! The horizon: hills, mountains, woods and the sea.

use super::{MARGIN, View};
use crate::paint::drawing::canvas::Ink;
use crate::paint::drawing::colour::{Colour, WHITE, rgb};
use crate::paint::drawing::geometry::{Point, at, rectangle};
use crate::paint::drawing::painter::Painter;
use crate::paint::random::noise;

/// A ridge at the horizon, with its color.
#[derive(Clone, Copy)]
pub(crate) enum Ridge {
    Hill(u32),
    Peaks(u32),
    Trees(u32),
    Sea(u32),
}

impl Ridge {
    /// Draws the ridge; `distance` is 1 for the farthest and 0 for the nearest.
    pub(crate) fn draw(self, painter: &mut Painter, view: &View, distance: f32) {
        let haze = view.hour.sky().1;
        let tone = |hex: u32| rgb(hex).mix(haze, 0.15 + 0.35 * distance);
        match self {
            Self::Hill(hex) => {
                let height = view.size.y * (0.06 + 0.10 * distance);
                hill(painter, view, height, tone(hex));
            }
            Self::Peaks(hex) => peaks(painter, view, tone(hex)),
            Self::Trees(hex) => trees(painter, view, tone(hex)),
            Self::Sea(hex) => sea(painter, view, tone(hex)),
        }
    }
}

fn hill(painter: &mut Painter, view: &View, height: f32, colour: Colour) {
    let seed = painter.random.seed();
    let line = skyline(view, |x| noise(seed, x * 0.016, 0.5) * height);
    land(painter, view, &line, colour);
}

fn sea(painter: &mut Painter, view: &View, colour: Colour) {
    let start = at(-MARGIN, view.horizon);
    let end = at(view.size.x + MARGIN, view.ground_start() + 2.0);
    let shallow = colour.mix(WHITE, 0.35);
    let ink = Ink::Along { from: (start, colour), to: (at(-MARGIN, end.y), shallow) };
    painter.canvas.fill(&rectangle(start, end), ink);
    for _ in 0..22 {
        let x = painter.random.between(-MARGIN, view.size.x);
        let y = painter.random.between(view.horizon + 1.0, view.ground_start());
        let foam = [at(x, y), at(x + painter.random.between(4.0, 16.0), y)];
        painter.canvas.line(&foam, 0.5, WHITE.alpha(0.35));
    }
}

/// The points of a line that rises `height(x)` above the horizon.
fn skyline(view: &View, height: impl Fn(f32) -> f32) -> Vec<Point> {
    let steps = (view.size.x * 0.5 + MARGIN) as u16;
    (0..=steps)
        .map(|step| {
            let x = f32::from(step) * 2.0 - MARGIN;
            at(x, view.horizon - height(x))
        })
        .collect()
}

/// Fills everything from `line` down to just below the horizon.
fn land(painter: &mut Painter, view: &View, line: &[Point], colour: Colour) {
    let mut outline = line.to_vec();
    outline.push(at(view.size.x + MARGIN, view.horizon + 6.0));
    outline.push(at(-MARGIN, view.horizon + 6.0));
    let top = line.iter().map(|point| point.y).fold(f32::MAX, f32::min);
    let ink = Ink::Along {
        from: (at(0.0, top), colour.lit(0.96)),
        to: (at(0.0, view.horizon + 6.0), colour.lit(1.08)),
    };
    painter.canvas.fill(&outline, ink);
}

/// Mountains with snow above a line.
fn peaks(painter: &mut Painter, view: &View, colour: Colour) {
    let seed = painter.random.seed();
    let height = view.size.y * 0.26;
    let rise = |x: f32| {
        let ridge = 1.0 - (noise(seed, x * 0.018, 0.5) * 2.0 - 1.0).abs();
        let detail = noise(seed, x * 0.09, 3.5) * 0.22 + noise(seed, x * 0.25, 5.5) * 0.08;
        let range = 0.45 + 0.75 * noise(seed, x * 0.011, 12.5);
        (ridge * 0.75 + detail) * range * height
    };
    let line = skyline(view, rise);
    land(painter, view, &line, colour);
    let snow_line = view.horizon - height * 0.60;
    let snow = WHITE.mix(colour, 0.12);
    let sun = view.light_side.sign();
    for pair in line.windows(2) {
        let strength = if (pair[1].y - pair[0].y) * sun > 0.0 { 1.12 } else { 0.84 };
        let depth = 5.0 + 9.0 * noise(seed, pair[0].x * 0.2, 8.5);
        let foot = |point: Point| point + at(sun * 2.0, depth);
        let face = [pair[0], pair[1], foot(pair[1]), foot(pair[0])];
        painter.canvas.fill(&face, colour.lit(strength).alpha(0.55));
        if pair[0].y < snow_line {
            let edge = |point: Point| {
                let melt = 0.25 + 0.65 * noise(seed, point.x * 0.14, 9.5);
                point + at(0.0, (snow_line - point.y).max(0.0) * melt)
            };
            let cap = [pair[0], pair[1], edge(pair[1]), edge(pair[0])];
            painter.canvas.fill(&cap, snow.lit(strength.min(1.0)));
        }
    }
}

/// The edge of a wood.
fn trees(painter: &mut Painter, view: &View, colour: Colour) {
    let seed = painter.random.seed();
    let height = view.size.y * 0.085;
    let mut x = -MARGIN;
    while x < view.size.x + MARGIN {
        let tall = height * (0.35 + 0.9 * noise(seed, x * 0.03, 0.5));
        let radius = tall * painter.random.between(0.35, 0.55);
        let shade = colour.varied(&mut painter.random, 0.08);
        for (lift, light) in [(0.15, 0.85), (0.55, 1.0)] {
            let centre = at(x + painter.random.wobble(1.5), view.horizon - tall * lift);
            painter.canvas.disc(centre, radius, shade.lit(light));
        }
        x += radius * 0.9;
    }
    let strip =
        rectangle(at(-MARGIN, view.horizon - 2.0), at(view.size.x + MARGIN, view.horizon + 4.0));
    painter.canvas.fill(&strip, colour.lit(0.8));
}
