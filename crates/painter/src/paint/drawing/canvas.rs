//! An image to draw on: filled shapes in a frame that can be moved, turned and scaled.

use tiny_skia::{
    Color, FillRule, GradientStop, LinearGradient, Mask, Paint, Path, PathBuilder, Pixmap,
    RadialGradient, Shader, SpreadMode, Transform,
};

use super::colour::Colour;
use super::geometry::{Point, Side, at};

/// Pixels drawn for each pixel of the finished image, along each side.
pub(crate) const OVERSAMPLING: u32 = 2;

/// The fill of a shape.
#[derive(Clone, Copy)]
pub(crate) enum Ink {
    Flat(Colour),
    /// Runs from one color at one point to another at another.
    Along {
        from: (Point, Colour),
        to: (Point, Colour),
    },
    /// Runs from the middle of a circle to its rim.
    Around {
        centre: Point,
        radius: f32,
        inner: Colour,
        outer: Colour,
    },
}

impl From<Colour> for Ink {
    fn from(colour: Colour) -> Self {
        Self::Flat(colour)
    }
}

/// The placement of a drawing: origin, scale and rotation in radians.
#[derive(Clone, Copy)]
pub(crate) struct Placement {
    pub(crate) origin: Point,
    pub(crate) scale: Point,
    pub(crate) turn: f32,
}

impl Placement {
    /// Moved to `origin`.
    pub(crate) const fn moved(origin: Point) -> Self {
        Self { origin, scale: at(1.0, 1.0), turn: 0.0 }
    }

    /// For a drawing whose y points up and that looks to the right: standing at `foot`, `scale`
    /// times as large, and looking to `side`.
    pub(crate) fn standing(foot: Point, scale: f32, side: Side) -> Self {
        Self { origin: foot, scale: at(scale * side.sign(), -scale), turn: 0.0 }
    }
}

/// An image that is being drawn.
pub(crate) struct Canvas {
    pixmap: Pixmap,
    frame: Transform,
    clip: Option<Mask>,
    fineness: f32,
}

impl Canvas {
    /// A canvas for an image of `width` by `height` pixels, with `fineness` pixels per unit of the
    /// drawing.
    pub(crate) fn new(width: u32, height: u32, fineness: f32) -> Self {
        let pixmap = Pixmap::new(width * OVERSAMPLING, height * OVERSAMPLING)
            .expect("images are neither empty nor huge");
        let scale = OVERSAMPLING as f32 * fineness;
        Self { pixmap, frame: Transform::from_scale(scale, scale), clip: None, fineness }
    }

    /// The pixels per unit of the drawing, before oversampling by `OVERSAMPLING`.
    pub(crate) fn fineness(&self) -> f32 {
        self.fineness
    }

    /// The pixels, `OVERSAMPLING` times as wide and high as the image.
    pub(crate) fn pixmap(&mut self) -> &mut Pixmap {
        &mut self.pixmap
    }

    /// The length of one pixel of the finished image in the current frame.
    pub(crate) fn pixel(&self) -> f32 {
        let (wide, high) = self.frame.get_scale();
        OVERSAMPLING as f32 / (wide * high).sqrt()
    }

    /// The frame that is drawn in, to be put back with [`Canvas::restore`].
    pub(crate) fn enter(&mut self, placement: Placement) -> Transform {
        let outer = self.frame;
        self.frame = outer
            .pre_translate(placement.origin.x, placement.origin.y)
            .pre_concat(Transform::from_rotate(placement.turn.to_degrees()))
            .pre_scale(placement.scale.x, placement.scale.y);
        outer
    }

    /// Restores the frame from before [`Canvas::enter`].
    pub(crate) fn restore(&mut self, frame: Transform) {
        self.frame = frame;
    }

    /// A direction of the current frame in image coordinates, where y points down.
    pub(crate) fn on_picture(&self, direction: Point) -> Point {
        let frame = self.frame;
        let x = frame.sx * direction.x + frame.kx * direction.y;
        let y = frame.ky * direction.x + frame.sy * direction.y;
        at(x, y).direction() * direction.length()
    }

    /// Lets drawing through only inside `shapes`, until [`Canvas::unclip`].
    pub(crate) fn clip(&mut self, shapes: &[Vec<Point>]) {
        self.clip = Mask::new(self.pixmap.width(), self.pixmap.height()).map(|mut mask| {
            for path in shapes.iter().filter_map(|shape| polygon(shape)) {
                mask.fill_path(&path, FillRule::Winding, true, self.frame);
            }
            mask
        });
    }

    /// Lets drawing through everywhere again.
    pub(crate) fn unclip(&mut self) {
        self.clip = None;
    }

    /// Fills the shape with the corners `outline`.
    pub(crate) fn fill(&mut self, outline: &[Point], ink: impl Into<Ink>) {
        if let Some(path) = polygon(outline) {
            self.fill_path(&path, ink.into());
        }
    }

    /// Fills a circle.
    pub(crate) fn disc(&mut self, centre: Point, radius: f32, ink: impl Into<Ink>) {
        if let Some(path) = PathBuilder::from_circle(centre.x, centre.y, radius) {
            self.fill_path(&path, ink.into());
        }
    }

    /// Fills a lock of hair: a curved leaf from `root` to a pointed `tip`, bent through `bend`.
    pub(crate) fn lock(&mut self, [root, bend, tip]: [Point; 3], width: f32, ink: impl Into<Ink>) {
        let side = (tip - root).direction().left() * (width / 2.0);
        let mut builder = PathBuilder::new();
        builder.move_to(root.x + side.x, root.y + side.y);
        builder.quad_to(bend.x + side.x, bend.y + side.y, tip.x, tip.y);
        builder.quad_to(bend.x - side.x, bend.y - side.y, root.x - side.x, root.y - side.y);
        builder.close();
        if let Some(path) = builder.finish() {
            self.fill_path(&path, ink.into());
        }
    }

    /// Draws a line of even `width` through `points`.
    pub(crate) fn line(&mut self, points: &[Point], width: f32, ink: impl Into<Ink>) {
        let mut builder = PathBuilder::new();
        for (index, point) in points.iter().enumerate() {
            if index == 0 {
                builder.move_to(point.x, point.y);
            } else {
                builder.line_to(point.x, point.y);
            }
        }
        let stroke = tiny_skia::Stroke {
            width,
            line_cap: tiny_skia::LineCap::Round,
            line_join: tiny_skia::LineJoin::Round,
            ..tiny_skia::Stroke::default()
        };
        if let Some(path) = builder.finish() {
            let paint = paint(ink.into());
            self.pixmap.stroke_path(&path, &paint, &stroke, self.frame, self.clip.as_ref());
        }
    }

    fn fill_path(&mut self, path: &Path, ink: Ink) {
        let paint = paint(ink);
        self.pixmap.fill_path(path, &paint, FillRule::Winding, self.frame, self.clip.as_ref());
    }
}

fn polygon(outline: &[Point]) -> Option<Path> {
    let (first, rest) = outline.split_first()?;
    let mut builder = PathBuilder::with_capacity(outline.len() + 1, outline.len() + 1);
    builder.move_to(first.x, first.y);
    for point in rest {
        builder.line_to(point.x, point.y);
    }
    builder.close();
    builder.finish()
}

fn paint(ink: Ink) -> Paint<'static> {
    let stops = |from: Colour, to: Colour| {
        vec![GradientStop::new(0.0, color(from)), GradientStop::new(1.0, color(to))]
    };
    let place = |point: Point| tiny_skia::Point::from_xy(point.x, point.y);
    let (shader, fallback) = match ink {
        Ink::Flat(colour) => (None, colour),
        Ink::Along { from, to } => {
            let (start, end) = (place(from.0), place(to.0));
            let stops = stops(from.1, to.1);
            let frame = Transform::identity();
            (LinearGradient::new(start, end, stops, SpreadMode::Pad, frame), from.1)
        }
        Ink::Around { centre, radius, inner, outer } => {
            let (middle, stops) = (place(centre), stops(inner, outer));
            let frame = Transform::identity();
            let shader =
                RadialGradient::new(middle, 0.0, middle, radius, stops, SpreadMode::Pad, frame);
            (shader, inner)
        }
    };
    Paint {
        shader: shader.unwrap_or(Shader::SolidColor(color(fallback))),
        anti_alias: true,
        ..Paint::default()
    }
}

fn color(colour: Colour) -> Color {
    let part = |value: f32| value.clamp(0.0, 1.0);
    Color::from_rgba(part(colour.red), part(colour.green), part(colour.blue), part(colour.alpha))
        .unwrap_or(Color::BLACK)
}
