//! Coats: the colors and the hair of a body.

use super::colour::Colour;
use super::geometry::Point;
use crate::paint::random::noise;

/// The hair of a coat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Texture {
    /// No hair to be seen: skin, a horn, a horse in summer.
    Sleek,
    /// Short hair that lies along the body.
    Short,
    /// Long straight hair that hangs and sticks out.
    Shaggy,
    /// Dense crimped wool, soft at the edge.
    Fluffy,
    /// Tight round curls.
    Curly,
    /// Long wavy locks that hang down.
    Locks,
    /// Overlapping feathers.
    Feathers,
}

/// A patch of another color with an uneven edge.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) centre: Point,
    pub(crate) half: Point,
    pub(crate) colour: Colour,
}

/// A covering of hair or feathers.
#[derive(Clone, Debug)]
pub(crate) struct Coat {
    pub(crate) colour: Colour,
    pub(crate) texture: Texture,
    /// How long the hair is, in the units of the drawing.
    pub(crate) length: f32,
    pub(crate) marks: Vec<Mark>,
}

impl Coat {
    /// A coat of one color.
    pub(crate) fn plain(colour: Colour, texture: Texture, length: f32) -> Self {
        Self { colour, texture, length, marks: Vec::new() }
    }

    /// The same hair in another color.
    #[must_use]
    pub(crate) fn dyed(&self, colour: Colour) -> Self {
        Self { colour, marks: Vec::new(), ..self.clone() }
    }

    /// The same colors as another kind of hair.
    #[must_use]
    pub(crate) fn trimmed(&self, texture: Texture, length: f32) -> Self {
        Self { texture, length, ..self.clone() }
    }

    /// The same coat with a patch added.
    #[must_use]
    pub(crate) fn marked(mut self, centre: Point, half: Point, colour: Colour) -> Self {
        self.marks.push(Mark { centre, half, colour });
        self
    }

    /// The color at one place of the drawing.
    pub(crate) fn colour_at(&self, place: Point) -> Colour {
        self.marks.iter().fold(self.colour, |under, mark| {
            let x = (place.x - mark.centre.x) / mark.half.x;
            let y = (place.y - mark.centre.y) / mark.half.y;
            let rim = 0.75 + 0.5 * noise(17, place.x * 0.16, place.y * 0.16);
            if libm::hypotf(x, y) < rim { mark.colour } else { under }
        })
    }
}
