//! Painted pictures: an animal or a thing in a scene, at some hour and in some weather, as a camera
//! sees it.
//!
//! The drawn pictures of `data/alpacas` are made of these, and the kind `species` of generators, whose
//! classes are made-up animals. All of it is arithmetic that every processor does alike.

mod animal;
mod drawing;
mod figure;
mod picture;
mod random;
mod scene;
mod species;
mod thing;

use self::picture::Frame;
use self::picture::deal::Deal;
use self::picture::subject::CLASSES;
use self::random::Random;
use crate::spec::ImageSize;

/// A painted picture.
pub struct Painting {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `[height, width, 3]`.
    pub pixels: Vec<u8>,
}

/// A class of the pictures in `data/alpacas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collection {
    /// The name of its folder.
    pub folder: &'static str,
    /// How the names of its files begin.
    pub prefix: &'static str,
    /// How many pictures it has.
    pub count: u32,
}

/// The classes of `data/alpacas`.
pub fn collections() -> Vec<Collection> {
    let collection = |class: &picture::subject::Class| Collection {
        folder: class.folder,
        prefix: class.prefix,
        count: class.count(),
    };
    CLASSES.iter().map(collection).collect()
}

/// The picture numbered `index` of a class of `data/alpacas`.
///
/// # Panics
/// When there is no such class.
pub fn collected(class: usize, index: u32, seed: u64) -> Painting {
    picture::draw(&CLASSES[class], index, seed)
}

/// A picture of a made-up species: `[height, width, 3]`, values from 0 to 255.
pub(super) fn species(class: usize, number: usize, seed: u64, size: ImageSize) -> Vec<u8> {
    let name = format!("species{class}");
    let deal = Deal { seed, class: &name, index: number as u32, count: 1 };
    let make = |stance, own: &mut Random| {
        let mut of_class = Random::new(seed, "a species", class as u64);
        species::species(&mut of_class, own).posed(stance, own)
    };
    let frame = Frame::of(size.width as u32, size.height as u32);
    picture::take(&deal, frame, Some(&make)).pixels
}
