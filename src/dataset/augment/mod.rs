//! Random changes to training pictures, with the meaning and the ranges of Keras's layers of the
//! same names.
//!
//! All work on one picture of `[height, width, 3]` values from 0 to 255, and draw only from the
//! generator of that picture in that epoch.

mod flip;
mod tone;
mod warp;

use crate::base::random::{Generator, SeedStream};
use crate::spec::{AugmentationSpec, FactorRange, ImageSize};

/// Applies a list of changes to pictures of one size; keeps its working memory.
pub struct Augmenter {
    changes: Vec<AugmentationSpec>,
    size: ImageSize,
    scratch: Vec<f32>,
}

impl Augmenter {
    /// An augmenter for pictures of `size`.
    pub fn new(changes: &[AugmentationSpec], size: ImageSize) -> Self {
        Self { changes: changes.to_vec(), size, scratch: vec![] }
    }

    /// Changes a picture in place. Each change draws from the child of `stream` with its position
    /// in the list, so that changing one does not change what the others draw.
    pub fn apply(&mut self, picture: &mut Vec<f32>, stream: SeedStream) {
        for (position, change) in self.changes.iter().enumerate() {
            let generator = &mut stream.at(position as u64).generator();
            let ImageSize { height, width } = self.size;
            match *change {
                AugmentationSpec::RandomFlip(flip) => {
                    flip::random_flip(picture, self.size, flip, generator);
                }
                AugmentationSpec::RandomBrightness { factor } => {
                    tone::brighten(picture, draw(factor, generator));
                }
                AugmentationSpec::RandomContrast { factor } => {
                    tone::contrast(picture, draw(factor, generator));
                }
                AugmentationSpec::RandomRotation { factor, fill } => {
                    let map = warp::Map::rotation(draw(factor, generator), self.size);
                    warp::warp(picture, &mut self.scratch, self.size, &map, fill);
                }
                AugmentationSpec::RandomZoom { factor, fill } => {
                    let map = warp::Map::zoom(draw(factor, generator), self.size);
                    warp::warp(picture, &mut self.scratch, self.size, &map, fill);
                }
                AugmentationSpec::RandomTranslation { height: down, width: right, fill } => {
                    let down = draw(down, generator) * height as f32;
                    let right = draw(right, generator) * width as f32;
                    let map = warp::Map::translation(down, right);
                    warp::warp(picture, &mut self.scratch, self.size, &map, fill);
                }
            }
        }
    }
}

fn draw(range: FactorRange, generator: &mut Generator) -> f32 {
    generator.between(range.low as f32, range.high as f32)
}
