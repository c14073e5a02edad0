//! Shadows on the ground.

use super::View;
use crate::paint::drawing::canvas::{Ink, Placement};
use crate::paint::drawing::colour::BLACK;
use crate::paint::drawing::geometry::{Point, at};
use crate::paint::drawing::painter::Painter;

/// Draws the soft shadow of something as large as `size` that stands at `foot`.
pub(crate) fn draw(painter: &mut Painter, view: &View, foot: Point, size: Point) {
    let end = view.hour.shadow_end(view.light_side);
    let strength = view.hour.shadow();
    let centre = foot + at(end.x * size.y * 0.22, end.y * size.y * 0.3);
    let wide = size.x * 0.5 + end.x.abs() * size.y * 0.2;
    let high = size.x * 0.10 + end.y * size.y * 0.4;
    let flat = Placement { origin: centre, scale: at(wide, high), turn: 0.0 };
    painter.within(flat, |painter| {
        let centre = at(0.0, 0.0);
        let ink = Ink::Around {
            centre,
            radius: 1.0,
            inner: BLACK.alpha(strength * 1.2),
            outer: BLACK.alpha(0.0),
        };
        painter.canvas.disc(centre, 1.0, ink);
    });
}
