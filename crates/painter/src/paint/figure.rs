//! The subject of an image, and its stance.

use crate::paint::drawing::geometry::{Bounds, Point, at};
use crate::paint::drawing::painter::Painter;

/// The stance of a subject, if it supports stances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stance {
    /// Stands in profile.
    Standing,
    /// Walks in profile.
    Walking,
    /// Reaches to the ground with its head.
    Grazing,
    /// Lies in profile.
    Lying,
    /// Stands sideways and looks at the viewer.
    Turned,
    /// Lies sideways and looks at the viewer.
    LyingTurned,
    /// Stands with its chest to the viewer.
    Frontal,
}

/// Something that can be drawn standing on the line y = 0, with y up, in centimeters.
pub(crate) trait Figure {
    /// The bounds of the whole subject.
    fn bounds(&self) -> Bounds;

    /// The part that a portrait shows.
    fn focus(&self) -> Bounds {
        self.bounds()
    }

    fn draw(&self, painter: &mut Painter);
}

/// An object without stances.
pub(crate) struct Still<Drawing> {
    bounds: Bounds,
    drawing: Drawing,
}

impl<Drawing: Fn(&mut Painter) + 'static> Still<Drawing> {
    /// A thing that is `width` wide around x = 0 and `height` high.
    pub(crate) fn boxed(width: f32, height: f32, drawing: Drawing) -> Box<dyn Figure> {
        let low: Point = at(-width / 2.0, 0.0);
        let bounds = Bounds { low, high: at(width / 2.0, height) };
        Box::new(Self { bounds, drawing })
    }
}

impl<Drawing: Fn(&mut Painter)> Figure for Still<Drawing> {
    fn bounds(&self) -> Bounds {
        self.bounds
    }

    fn draw(&self, painter: &mut Painter) {
        (self.drawing)(painter);
    }
}
