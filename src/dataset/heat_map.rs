//! Heat maps on images.

use super::thumbnail;
use crate::spec::ImageSize;

/// A gray image, colored by the strength of `map`, as JPEG.
///
/// `pixels` are `[height, width, 3]` of `size`; `map` has values from 0 to 1, row by row, of
/// `map_size`.
pub fn over(pixels: &[u8], size: ImageSize, map: &[f32], map_size: ImageSize) -> Vec<u8> {
    let marked: Vec<u8> = pixels
        .chunks_exact(3)
        .enumerate()
        .flat_map(|(place, pixel)| {
            let (row, column) = (place / size.width, place % size.width);
            let share = at(
                map,
                map_size,
                (row as f32 + 0.5) / size.height as f32,
                (column as f32 + 0.5) / size.width as f32,
            );
            let grey =
                0.3 * f32::from(pixel[0]) + 0.59 * f32::from(pixel[1]) + 0.11 * f32::from(pixel[2]);
            let strength = 0.75 * share;
            [255.0, 120.0, 0.0].map(|color| {
                (0.8 * grey * (1.0 - strength) + color * strength).clamp(0.0, 255.0) as u8
            })
        })
        .collect();
    thumbnail::encode(&marked, size)
}

/// The value at a position from 0 to 1, interpolated between the nearest four.
fn at(map: &[f32], size: ImageSize, y: f32, x: f32) -> f32 {
    let ImageSize { height, width } = size;
    let ((top, bottom, down), (left, right, along)) = (around(y, height), around(x, width));
    let value = |row: usize, column: usize| map[row * width + column];
    mix(
        mix(value(top, left), value(top, right), along),
        mix(value(bottom, left), value(bottom, right), along),
        down,
    )
}

/// The two of `n` values around a position from 0 to 1, and its distance from the first.
fn around(place: f32, n: usize) -> (usize, usize, f32) {
    let place = (place * n as f32 - 0.5).clamp(0.0, (n - 1) as f32);
    let first = place as usize;
    (first, (first + 1).min(n - 1), place - first as f32)
}

/// Interpolates between two numbers, by the weight of the second.
fn mix(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}
