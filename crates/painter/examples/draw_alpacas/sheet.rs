//! An overview of many images in one.

use std::path::Path;

use alpaca_painter::alpacas::Painting;
use image::{Rgb, RgbImage};

const COLUMNS: usize = 20;
const CELL: usize = 104;

/// Writes an overview of `pictures`, each at half its size.
pub fn write(path: &Path, pictures: &[Painting]) -> Result<(), String> {
    let rows = pictures.len().div_ceil(COLUMNS).max(1);
    let white = Rgb([255; 3]);
    let mut sheet = RgbImage::from_pixel((COLUMNS * CELL) as u32, (rows * CELL) as u32, white);
    for (index, picture) in pictures.iter().enumerate() {
        let (left, top) = (index % COLUMNS * CELL, index / COLUMNS * CELL);
        for row in 0..picture.height as usize / 2 {
            for column in 0..picture.width as usize / 2 {
                let pixel = Rgb(halved(picture, row * 2, column * 2));
                sheet.put_pixel((left + column) as u32, (top + row) as u32, pixel);
            }
        }
    }
    sheet.save(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The mean of four pixels.
fn halved(picture: &Painting, row: usize, column: usize) -> [u8; 3] {
    let stride = picture.width as usize * 3;
    let first = row * stride + column * 3;
    [0, 1, 2].map(|channel| {
        let corners = [0, 3, stride, stride + 3];
        let sum: u32 =
            corners.iter().map(|shift| u32::from(picture.pixels[first + shift + channel])).sum();
        (sum / 4) as u8
    })
}
