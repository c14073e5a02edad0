//! Painted images: an animal or an object in a scene, at some hour and in some weather, as a camera
//! sees it.
//!
//! They make up `data/alpacas` and the kind `species` of generators, which has invented animals as
//! classes.

mod animal;
mod drawing;
mod figure;
pub(crate) mod picture;
mod random;
mod scene;
mod species;
mod thing;

use self::picture::Frame;
use self::picture::deal::Deal;
use self::random::Random;

/// A painted image.
pub struct Painting {
    /// The number of columns.
    pub width: u32,
    /// The number of rows.
    pub height: u32,
    /// The pixels, `[height, width, 3]`.
    pub pixels: Vec<u8>,
}

/// An image of an invented species: `[height, width, 3]`, values from 0 to 255.
pub(crate) fn species(
    class: usize,
    number: usize,
    seed: u64,
    [height, width]: [usize; 2],
) -> Vec<u8> {
    let name = format!("species{class}");
    let deal = Deal { seed, class: &name, index: number as u32, count: 1 };
    let make = |stance, own: &mut Random| {
        let mut of_class = Random::new(seed, "a species", class as u64);
        species::species(&mut of_class, own).posed(stance, own)
    };
    let frame = Frame::of(width as u32, height as u32);
    picture::take(&deal, frame, Some(&make)).pixels
}
