//! Random changes to training images, with the meaning and the ranges of Keras's layers of the same
//! names.
//!
//! All work on one image of `[height, width, 3]` values from 0 to 255, and draw only from the
//! random stream of that image in that epoch. Flips cost nothing: the next change reads the image
//! mirrored.

mod mirror;
mod tone;
mod warp;

use alpaca_random::{Generator, SeedStream};
use mirror::Mirror;
use warp::{Map, Pixel};

use crate::spec::{AugmentationSpec, FactorRange, Fill, ImageSize};

/// Applies a list of changes to images of one size, and reuses its working memory.
pub struct Augmenter {
    changes: Vec<AugmentationSpec>,
    size: ImageSize,
    scratch: Vec<Pixel>,
}

/// An image while changes are applied.
struct Picture<'a> {
    size: ImageSize,
    /// Original image; `None` once a change has been applied, and the image is in `values`.
    pixels: Option<&'a [u8]>,
    values: &'a mut Vec<f32>,
    scratch: &'a mut Vec<Pixel>,
    /// Flips to be applied before the next change.
    mirror: Mirror,
}

impl Augmenter {
    /// An augmenter for images of `size`.
    pub fn new(changes: &[AugmentationSpec], size: ImageSize) -> Self {
        Self { changes: changes.to_vec(), size, scratch: vec![] }
    }

    /// Writes the changed image to `values`. Each change draws from the child of `stream` with its
    /// position in the list, so that changing one does not change what the others draw.
    pub fn apply(&mut self, pixels: &[u8], values: &mut Vec<f32>, stream: SeedStream) {
        let mut picture = Picture {
            size: self.size,
            pixels: Some(pixels),
            values,
            scratch: &mut self.scratch,
            mirror: Mirror::default(),
        };
        for (position, change) in self.changes.iter().enumerate() {
            picture.change(*change, &mut stream.at(position as u64).generator());
        }
        picture.settle();
    }
}

impl Picture<'_> {
    fn change(&mut self, change: AugmentationSpec, generator: &mut Generator) {
        match change {
            AugmentationSpec::RandomFlip(flip) => self.mirror.draw(flip, generator),
            AugmentationSpec::RandomBrightness { factor } => {
                let factor = draw(factor, generator);
                tone::brighten(self.settle(), factor);
            }
            AugmentationSpec::RandomContrast { factor } => {
                let factor = draw(factor, generator);
                tone::contrast(self.settle(), factor);
            }
            AugmentationSpec::RandomRotation { factor, fill } => {
                self.warp(Map::rotation(draw(factor, generator), self.size), fill);
            }
            AugmentationSpec::RandomZoom { factor, fill } => {
                self.warp(Map::zoom(draw(factor, generator), self.size), fill);
            }
            AugmentationSpec::RandomTranslation { height: down, width: right, fill } => {
                let down = draw(down, generator) * self.size.height as f32;
                let right = draw(right, generator) * self.size.width as f32;
                self.warp(Map::translation(down, right), fill);
            }
        }
    }

    fn warp(&mut self, map: Map, fill: Fill) {
        let map = map.of_mirrored(std::mem::take(&mut self.mirror), self.size);
        self.scratch.clear();
        if let Some(pixels) = self.pixels.take() {
            let (pixels, _) = pixels.as_chunks::<3>();
            self.scratch.extend(pixels.iter().map(|&[red, green, blue]| {
                [f32::from(red), f32::from(green), f32::from(blue), 0.0]
            }));
        } else {
            let (pixels, _) = self.values.as_chunks::<3>();
            self.scratch.extend(pixels.iter().map(|&[red, green, blue]| [red, green, blue, 0.0]));
        }
        warp::warp(self.scratch, self.values, self.size, &map, fill);
    }

    /// The image as values, with pending flips applied.
    fn settle(&mut self) -> &mut [f32] {
        if let Some(pixels) = self.pixels.take() {
            self.values.clear();
            self.values.extend(pixels.iter().map(|&value| f32::from(value)));
        }
        std::mem::take(&mut self.mirror).apply(self.values, self.size);
        self.values
    }
}

fn draw(range: FactorRange, generator: &mut Generator) -> f32 {
    generator.between(range.low as f32, range.high as f32)
}
