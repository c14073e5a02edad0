//! The sample dataset: the images of `data/alpacas`, drawn on the spot.

use std::path::PathBuf;

use alpaca_painter::alpacas;

use super::thumbnail;
use crate::spec::ImageSize;

/// The JPEG quality: small files without visible blocks.
const QUALITY: u8 = 76;

/// An image of the sample dataset.
#[derive(Clone, Debug)]
pub struct SampleImage {
    /// The path of its file in the directory of the dataset.
    pub path: PathBuf,
    class: usize,
    index: u32,
}

impl SampleImage {
    /// The bytes of its JPEG file. With seed 1, they are those in `data/alpacas`.
    pub fn draw(&self, seed: u64) -> Vec<u8> {
        let painting = alpacas::collected(self.class, self.index, seed);
        let size = ImageSize { height: painting.height as usize, width: painting.width as usize };
        thumbnail::encode_with(&painting.pixels, size, QUALITY)
    }
}

/// The names of the directories of its classes.
pub fn classes() -> Vec<&'static str> {
    alpacas::collections().iter().map(|class| class.folder).collect()
}

/// All images of the sample dataset.
pub fn images() -> Vec<SampleImage> {
    let classes = alpacas::collections().into_iter().enumerate();
    let of_class = classes.map(|(class, collection)| {
        (0..collection.count).map(move |index| {
            let file = format!("{}_{index:03}.jpg", collection.prefix);
            let path = PathBuf::from(collection.folder).join(file);
            SampleImage { path, class, index }
        })
    });
    of_class.flatten().collect()
}
