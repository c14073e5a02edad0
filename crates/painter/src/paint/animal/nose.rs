//! The tip of a muzzle seen from the front.

use super::anatomy::Nose;
use crate::paint::drawing::colour::{Colour, WHITE, rgb};
use crate::paint::drawing::geometry::{Point, at, oval};
use crate::paint::drawing::painter::Painter;

/// Draws `nose` and the mouth below it on the muzzle around `centre`.
pub(crate) fn draw(painter: &mut Painter, nose: Nose, centre: Point, half: Point) {
    let thin = (half.x * 0.09).max(painter.canvas.pixel() * 0.45);
    let mut muzzle = Muzzle { dark: painter.facing(rgb(0x2a_211d)), painter, centre, half, thin };
    match nose {
        Nose::Split => muzzle.split(),
        Nose::Pad(size) => muzzle.pad(size),
        Nose::Wide => muzzle.wide(),
        Nose::Whiskered => muzzle.whiskered(),
    }
}

/// A muzzle to draw on, in shares of its half width and half height.
struct Muzzle<'a> {
    painter: &'a mut Painter,
    centre: Point,
    half: Point,
    dark: Colour,
    thin: f32,
}

impl Muzzle<'_> {
    fn on(&self, (x, y): (f32, f32)) -> Point {
        self.centre + at(x * self.half.x, y * self.half.y)
    }

    /// Draws a line `width` times as wide as a thin one.
    fn line<const COUNT: usize>(&mut self, points: [(f32, f32); COUNT], width: f32) {
        let points = points.map(|point| self.on(point));
        self.painter.canvas.line(&points, self.thin * width, self.dark.alpha(0.8));
    }

    fn split(&mut self) {
        for side in [-1.0, 1.0] {
            self.line([(0.55 * side, 0.65), (0.3 * side, 0.3), (0.05 * side, 0.1)], 1.8);
        }
        self.lips(0.1, -0.35);
    }

    fn pad(&mut self, size: f32) {
        let reach = self.half.x * size;
        let pad = oval(self.on((0.0, 0.45)), at(reach, reach * 0.72));
        self.painter.canvas.fill(&pad, self.dark);
        let glint = self.on((-0.08, 0.55));
        self.painter.canvas.disc(glint, reach * 0.25, rgb(0xb0_a8a0).alpha(0.5));
        self.lips(0.3, -0.3);
    }

    fn wide(&mut self) {
        for side in [-1.0, 1.0] {
            let hole =
                oval(self.on((0.45 * side, 0.2)), at(self.half.x * 0.17, self.half.y * 0.26));
            self.painter.canvas.fill(&hole, self.dark.alpha(0.9));
        }
        self.line([(-0.6, -0.5), (0.0, -0.62), (0.6, -0.5)], 1.0);
    }

    fn whiskered(&mut self) {
        let pink = self.painter.facing(rgb(0xc0_7474));
        let nose = [(-0.28, 0.5), (0.28, 0.5), (0.0, 0.1)].map(|point| self.on(point));
        self.painter.canvas.fill(&nose, pink);
        self.lips(0.1, -0.2);
        for (side, lift) in [-1.0, 1.0].into_iter().flat_map(|x| [-0.45, 0.0, 0.45].map(|y| (x, y)))
        {
            let hair = [self.on((0.5 * side, lift * 0.3)), self.on((2.2 * side, lift * 1.2))];
            self.painter.canvas.line(&hair, self.thin * 0.6, WHITE.alpha(0.75));
        }
    }

    /// Draws the groove below the nose and the two halves of the mouth.
    fn lips(&mut self, nose: f32, mouth: f32) {
        self.line([(0.0, nose), (0.0, mouth)], 1.0);
        for side in [-1.0, 1.0] {
            self.line([(0.0, mouth), (0.3 * side, mouth - 0.22), (0.62 * side, mouth)], 1.0);
        }
    }
}
