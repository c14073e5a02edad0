//! A canvas with its light and the random numbers that vary drawings.

use super::canvas::{Canvas, Placement};
use super::colour::Colour;
use super::geometry::{Point, at};
use crate::paint::random::Random;

/// The direction and strength of the light.
#[derive(Clone, Copy)]
pub(crate) struct Light {
    /// Toward the light within the image, where y points down.
    pub(crate) toward: Point,
    /// Toward the viewer.
    pub(crate) front: f32,
    /// The ambient light.
    pub(crate) ambient: f32,
    /// The directional light.
    pub(crate) key: f32,
}

/// Everything a drawing needs.
pub(crate) struct Painter {
    pub(crate) canvas: Canvas,
    pub(crate) light: Light,
    pub(crate) random: Random,
}

impl Painter {
    /// Draws `drawing` moved, scaled and turned by `placement`.
    pub(crate) fn within(&mut self, placement: Placement, drawing: impl FnOnce(&mut Self)) {
        let frame = self.canvas.enter(placement);
        drawing(self);
        self.canvas.restore(frame);
    }

    /// How strongly a skin that leans by `normal` is lit.
    pub(crate) fn brightness(&self, normal: Point) -> f32 {
        let on_picture = self.canvas.on_picture(normal);
        let facing = (1.0 - normal.length().powi(2)).max(0.0).sqrt();
        let Light { toward, front, ambient, key } = self.light;
        let hit = on_picture.x * toward.x + on_picture.y * toward.y + facing * front;
        let soft = hit * 0.75 + 0.25;
        ambient + key * soft.max(0.0) - 0.10 * on_picture.y.max(0.0)
    }

    /// Which way along the x axis of the current frame the light is: -1 or 1.
    pub(crate) fn lit_side(&self) -> f32 {
        (self.canvas.on_picture(at(1.0, 0.0)).x * self.light.toward.x).signum()
    }

    /// `colour` as it looks on a flat surface that faces the viewer.
    pub(crate) fn facing(&self, colour: Colour) -> Colour {
        colour.lit(self.brightness(at(0.0, 0.0)))
    }
}
