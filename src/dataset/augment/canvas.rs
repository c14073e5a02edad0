//! An image in whole numbers while operations are applied to it.

use super::mirror::Mirror;
use super::warp::Pixel;
use crate::spec::ImageSize;

/// An image of `[height, width, 3]` bytes, and memory for the next one.
pub(super) struct Canvas {
    pub(super) size: ImageSize,
    pub(super) pixels: Vec<u8>,
    spare: Vec<u8>,
    /// Memory for the image as numbers.
    pub(super) wide: Vec<Pixel>,
}

impl Canvas {
    /// A canvas for images of `size`, without an image.
    pub(super) fn new(size: ImageSize) -> Self {
        Self { size, pixels: vec![], spare: vec![], wide: vec![] }
    }

    /// Holds a copy of `pixels`.
    pub(super) fn hold(&mut self, pixels: &[u8]) {
        self.pixels.clear();
        self.pixels.extend_from_slice(pixels);
    }

    /// Holds values from 0 to 255, each rounded to the nearest whole number.
    pub(super) fn hold_rounded(&mut self, values: &[f32]) {
        self.pixels.clear();
        self.pixels.extend(values.iter().map(|&value| (value + 0.5) as u8));
    }

    /// Applies pending flips.
    pub(super) fn mirror(&mut self, mirror: Mirror) {
        mirror.apply(&mut self.pixels, self.size);
    }

    /// Replaces the image by one that `draw` makes from it. The new image is black before.
    pub(super) fn redraw(&mut self, draw: impl FnOnce(&[u8], &mut [u8])) {
        self.spare.clear();
        self.spare.resize(self.pixels.len(), 0);
        draw(&self.pixels, &mut self.spare);
        std::mem::swap(&mut self.pixels, &mut self.spare);
    }

    /// Replaces each value of a channel by its entry in the channel's table.
    pub(super) fn look_up(&mut self, tables: &[[u8; 256]; 3]) {
        for pixel in self.pixels.chunks_exact_mut(3) {
            for (value, table) in pixel.iter_mut().zip(tables) {
                *value = table[usize::from(*value)];
            }
        }
    }
}
