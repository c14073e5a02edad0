//! Eyes.

use crate::paint::drawing::colour::{BLACK, Colour, WHITE, rgb};
use crate::paint::drawing::geometry::{Point, at, oval};
use crate::paint::drawing::painter::Painter;

/// Draws a big eye with a glint and a lid: dark, or with an upright pupil in a colored iris.
pub(crate) fn draw(painter: &mut Painter, centre: Point, size: f32, iris: Option<Colour>) {
    let size = size.max(painter.canvas.pixel() * 0.8);
    let on = |x: f32, y: f32| centre + at(x, y) * size;
    let pupil = rgb(0x17_100d);
    let rim = painter.facing(rgb(0x40_3028)).alpha(0.55);
    painter.canvas.fill(&oval(centre, at(1.25, 1.1) * size), rim);
    painter.canvas.fill(&oval(centre, at(1.0, 0.92) * size), pupil);
    if let Some(iris) = iris {
        painter.canvas.fill(&oval(centre, at(0.86, 0.78) * size), painter.facing(iris));
        painter.canvas.fill(&oval(centre, at(0.26, 0.74) * size), pupil);
    } else {
        painter.canvas.disc(on(-0.25, -0.3), size * 0.45, rgb(0x56_3a26).alpha(0.7));
    }
    painter.canvas.disc(on(0.3, 0.35), size * 0.26, WHITE.alpha(0.9));
    let lid = [on(-1.2, 0.35), on(0.0, 1.12), on(1.2, 0.45)];
    painter.canvas.line(&lid, size * 0.28, BLACK.alpha(0.6));
}
