//! The images of `data/alpacas`, with and without alpacas.

pub use crate::paint::Painting;
use crate::paint::picture;
use crate::paint::picture::subject::{CLASSES, Class};

/// A class of the images in `data/alpacas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collection {
    /// The name of its directory.
    pub folder: &'static str,
    /// The prefix of its file names.
    pub prefix: &'static str,
    /// The number of images.
    pub count: u32,
}

/// The classes of `data/alpacas`.
pub fn collections() -> Vec<Collection> {
    let collection = |class: &Class| Collection {
        folder: class.folder,
        prefix: class.prefix,
        count: class.count(),
    };
    CLASSES.iter().map(collection).collect()
}

/// The image numbered `index` of a class of `data/alpacas`.
///
/// # Panics
/// When there is no such class.
pub fn collected(class: usize, index: u32, seed: u64) -> Painting {
    picture::draw(&CLASSES[class], index, seed)
}
