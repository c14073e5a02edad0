//! Paints a round body: its lit surface first, then the hair on it.

use super::coat::Coat;
use super::hair;
use super::painter::Painter;
use super::tube::{Ring, Tube, cells};

/// Paints the body through `rings` covered with `coat`.
pub(crate) fn body(painter: &mut Painter, rings: &[Ring], coat: &Coat) {
    paint(painter, &Tube::through(rings), coat);
}

/// Paints `tube` covered with `coat`.
pub(crate) fn paint(painter: &mut Painter, tube: &Tube, coat: &Coat) {
    surface(painter, tube, coat);
    hair::grow(painter, tube, coat);
}

/// Fills the silhouette and shades it as a round surface, in patches a little larger than a pixel.
fn surface(painter: &mut Painter, tube: &Tube, coat: &Coat) {
    let patch = 2.2 * painter.canvas.pixel();
    let silhouette = tube.silhouette();
    let base = painter.facing(coat.colour_at(tube.spot(0.5, 0.0).place)).lit(0.9);
    for shape in &silhouette {
        painter.canvas.fill(shape, base);
    }
    painter.canvas.clip(&silhouette);
    let columns = cells(tube.length(), patch, 90);
    let rows = cells(tube.widest() * 2.0, patch, 56);
    for column in 0..columns {
        for row in 0..rows {
            // The patches overlap, and those of the first and last row reach beyond the edge.
            let share = |step: f32| (column as f32 + step) / columns as f32;
            let across = |step: f32| (row as f32 + step) / rows as f32 * 2.2 - 1.1;
            let corners = [(0.0, 0.0), (1.25, 0.0), (1.25, 1.25), (0.0, 1.25)];
            let quad = corners.map(|(x, y)| tube.spot(share(x), across(y)).place);
            let middle = tube.spot(share(0.5), across(0.5).clamp(-1.0, 1.0));
            let strength = painter.brightness(middle.normal);
            painter.canvas.fill(&quad, coat.colour_at(middle.place).lit(strength));
        }
    }
    painter.canvas.unclip();
}
