//! Random changes to training images, with the meaning and the ranges of the layers of Keras and the
//! transforms of torchvision that have the same names.
//!
//! All work on one image of `[height, width, 3]` values from 0 to 255, and draw only from the
//! random stream of that image in that epoch. Flips cost nothing: the next change reads the image
//! mirrored. Keras's changes work on numbers with fractions, torchvision's on whole ones, with the
//! arithmetic of Pillow.

#![expect(
    clippy::inline_always,
    reason = "loops over pixels are compiled for the instructions of their caller, in one piece"
)]

mod affine;
mod canvas;
mod color;
mod filter;
mod gamma;
mod levels;
mod mirror;
pub mod mixing;
mod operation;
mod policy;
mod region;
mod tone;
mod warp;

#[cfg(test)]
mod tests;

use alpaca_random::{Generator, SeedStream};
use canvas::Canvas;
use mirror::Mirror;
use region::Region;
use warp::{Map, Pixel};

use crate::spec::{AugmentationSpec, ColorJitter, FactorRange, Fill, ImageSize};

/// Applies a list of changes to images of one size, and reuses its working memory.
pub struct Augmenter {
    changes: Vec<AugmentationSpec>,
    memory: Memory,
}

/// Working memory.
struct Memory {
    scratch: Vec<Pixel>,
    canvas: Canvas,
    /// For an image that is mixed with that of `canvas`.
    chain: Canvas,
}

/// An image while changes are applied.
struct Picture<'a> {
    size: ImageSize,
    place: Place<'a>,
    values: &'a mut Vec<f32>,
    memory: &'a mut Memory,
    /// Flips to be applied before the next change.
    mirror: Mirror,
}

/// Where an image is.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// Nothing has been applied yet.
    Given(&'a [u8]),
    /// In whole numbers on the canvas.
    Canvas,
    /// In `values`.
    Values,
}

impl Augmenter {
    /// An augmenter for images of `size`.
    pub fn new(changes: &[AugmentationSpec], size: ImageSize) -> Self {
        let (canvas, chain) = (Canvas::new(size), Canvas::new(size));
        Self { changes: changes.to_vec(), memory: Memory { scratch: vec![], canvas, chain } }
    }

    /// Writes the changed image to `values`. Each change draws from the child of `stream` with its
    /// position in the list, so that changing one does not change what the others draw.
    pub fn apply(&mut self, pixels: &[u8], values: &mut Vec<f32>, stream: SeedStream) {
        let mut picture = Picture {
            size: self.memory.canvas.size,
            place: Place::Given(pixels),
            values,
            memory: &mut self.memory,
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
        let is_left_out = |probability| f64::from(generator.uniform()) >= probability;
        if change.probability().is_some_and(is_left_out) {
            return;
        }
        match change {
            AugmentationSpec::RandomFlip(flip) => self.mirror.draw(flip, generator),
            AugmentationSpec::RandomBrightness { factor } => {
                tone::brighten(self.settle(), draw(factor, generator));
            }
            AugmentationSpec::RandomContrast { factor } => {
                tone::contrast(self.settle(), draw(factor, generator));
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
            AugmentationSpec::RandomResizedCrop { scale, ratio } => {
                Region::crop(scale, ratio, self.size, generator).enlarge(self.canvas());
            }
            AugmentationSpec::ColorJitter(jitter) => {
                color_jitter(self.canvas(), jitter, generator);
            }
            AugmentationSpec::RandomGrayscale { .. } => color::grayscale(self.canvas()),
            AugmentationSpec::RandomBlur { sigma, .. } => {
                filter::blur(self.canvas(), f64::from(draw(sigma, generator)));
            }
            AugmentationSpec::RandomSharpness { factor, .. } => {
                filter::sharpness(self.canvas(), 1.0 + draw(factor, generator));
            }
            AugmentationSpec::RandomErasing { scale, ratio, fill, .. } => {
                if let Some(region) = Region::erased(scale, ratio, self.size, generator) {
                    region.erase(self.canvas(), fill, generator);
                }
            }
            AugmentationSpec::RandAugment { operations, magnitude } => {
                policy::rand_augment(self.canvas(), operations, magnitude, generator);
            }
            AugmentationSpec::TrivialAugment {} => {
                policy::trivial_augment(self.canvas(), generator);
            }
            AugmentationSpec::AugMix(spec) => {
                self.canvas();
                self.place = Place::Values;
                let Memory { canvas, chain, .. } = &mut *self.memory;
                policy::aug_mix([canvas, chain], self.values, spec, generator);
            }
        }
    }

    fn warp(&mut self, map: Map, fill: Fill) {
        let map = map.of_mirrored(std::mem::take(&mut self.mirror), self.size);
        let scratch = &mut self.memory.scratch;
        scratch.clear();
        let whole = match self.place {
            Place::Given(pixels) => Some(pixels),
            Place::Canvas => Some(&*self.memory.canvas.pixels),
            Place::Values => None,
        };
        if let Some(pixels) = whole {
            let (pixels, _) = pixels.as_chunks::<3>();
            scratch.extend(pixels.iter().map(|&[red, green, blue]| {
                [f32::from(red), f32::from(green), f32::from(blue), 0.0]
            }));
        } else {
            let (pixels, _) = self.values.as_chunks::<3>();
            scratch.extend(pixels.iter().map(|&[red, green, blue]| [red, green, blue, 0.0]));
        }
        self.place = Place::Values;
        warp::warp(scratch, self.values, self.size, &map, fill);
    }

    /// The image in whole numbers, with pending flips applied.
    fn canvas(&mut self) -> &mut Canvas {
        let canvas = &mut self.memory.canvas;
        match self.place {
            Place::Given(pixels) => canvas.hold(pixels),
            Place::Canvas => {}
            Place::Values => canvas.hold_rounded(self.values),
        }
        self.place = Place::Canvas;
        canvas.mirror(std::mem::take(&mut self.mirror));
        canvas
    }

    /// The image as values, with pending flips applied.
    fn settle(&mut self) -> &mut [f32] {
        let whole = match self.place {
            Place::Given(pixels) => Some(pixels),
            Place::Canvas => Some(&*self.memory.canvas.pixels),
            Place::Values => None,
        };
        if let Some(pixels) = whole {
            self.values.clear();
            self.values.extend(pixels.iter().map(|&value| f32::from(value)));
        }
        self.place = Place::Values;
        std::mem::take(&mut self.mirror).apply(self.values, self.size);
        self.values
    }
}

/// Changes brightness, contrast, saturation and hue by random factors, in random order
/// (torchvision's `ColorJitter`).
fn color_jitter(canvas: &mut Canvas, jitter: ColorJitter, generator: &mut Generator) {
    let mut order = [0, 1, 2, 3];
    for i in (1..order.len()).rev() {
        order.swap(i, below(i + 1, generator));
    }
    let ColorJitter { brightness, contrast, saturation, hue, .. } = jitter;
    let factors = [brightness, contrast, saturation, hue].map(|range| draw(range, generator));
    for part in order {
        let factor = factors[part];
        match part {
            0 => levels::brightness(canvas, factor),
            1 => color::contrast(canvas, factor),
            2 => color::saturation(canvas, factor),
            // Conversion to hue, saturation and value rounds, so a turn by nothing is left out.
            _ if hue.low == 0.0 && hue.high == 0.0 => {}
            _ => color::hue(canvas, f64::from(factor)),
        }
    }
}

fn draw(range: FactorRange, generator: &mut Generator) -> f32 {
    generator.between(range.low as f32, range.high as f32)
}

/// A number from 0 to `n - 1`, all equally likely.
fn below(n: usize, generator: &mut Generator) -> usize {
    ((u64::from(generator.next_u32()) * n as u64) >> 32) as usize
}
