//! Rotation, zoom and translation: one affine map from positions in the new image to positions in
//! the old one, with bilinear interpolation.
//!
//! Maps, the order of interpolation and the filling of uncovered areas follow Keras 3 on
//! TensorFlow, that is, the operation `ImageProjectiveTransformV3`.

use super::mirror::Mirror;
use crate::spec::{Fill, ImageSize};

/// An affine map: the new pixel at column `x` and row `y` is read at column
/// `column · (x, y, 1)` and row `row · (x, y, 1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Map {
    column: [f32; 3],
    row: [f32; 3],
}

impl Map {
    /// A rotation around the center by `turns` of a full turn.
    pub(super) fn rotation(turns: f32, size: ImageSize) -> Self {
        let (sin, cos) = libm::sincosf(turns * std::f32::consts::TAU);
        let (w, h) = (size.width as f32 - 1.0, size.height as f32 - 1.0);
        let x = (w - (cos * w - sin * h)) / 2.0;
        let y = (h - (sin * w + cos * h)) / 2.0;
        Self { column: [cos, -sin, x], row: [sin, cos, y] }
    }

    /// A zoom around the center. A positive factor zooms out.
    pub(super) fn zoom(factor: f32, size: ImageSize) -> Self {
        let scale = 1.0 + factor;
        let x = (size.width as f32 - 1.0) / 2.0 * (1.0 - scale);
        let y = (size.height as f32 - 1.0) / 2.0 * (1.0 - scale);
        Self { column: [scale, 0.0, x], row: [0.0, scale, y] }
    }

    /// A shift by pixels.
    pub(super) fn translation(down: f32, right: f32) -> Self {
        Self { column: [1.0, 0.0, -right], row: [0.0, 1.0, -down] }
    }

    /// The same map of the image's mirror image, as a map of the image.
    #[must_use]
    pub(super) fn of_mirrored(self, mirror: Mirror, size: ImageSize) -> Self {
        Self {
            column: if mirror.columns { turned(self.column, size.width) } else { self.column },
            row: if mirror.rows { turned(self.row, size.height) } else { self.row },
        }
    }
}

/// The axis of a map, reversed.
fn turned([a, b, c]: [f32; 3], length: usize) -> [f32; 3] {
    [-a, -b, length as f32 - 1.0 - c]
}

/// Red, green and blue from 0 to 255, and an unused value: four values fill a register, three do
/// not.
pub(super) type Pixel = [f32; 4];

/// Applies `map` to an image of `size`, and writes the result to `out`, `[height, width, 3]`.
pub(super) fn warp(source: &[Pixel], out: &mut Vec<f32>, size: ImageSize, map: &Map, fill: Fill) {
    // One more, for the fourth value of the last pixel.
    out.resize(source.len() * 3 + 1, 0.0);
    let reader = Reader { source, size };
    let mut columns = Line::new(size.width);
    let mut rows = Line::new(size.width);
    for y in 0..size.height {
        let start = |[_, b, c]: [f32; 3]| b * y as f32 + c;
        columns.follow(map.column[0], start(map.column), &Side::new(size.width), fill);
        rows.follow(map.row[0], start(map.row), &Side::new(size.height), fill);
        let places = columns.places().zip(rows.places()).enumerate();
        for (x, (column, row)) in places {
            let at = (y * size.width + x) * 3;
            reader.read(column, row, &mut out[at..at + 4]);
        }
    }
    out.truncate(source.len() * 3);
}

/// Positions along one axis that a line of the new image reads: between a pixel and the next one.
struct Line {
    pixels: Vec<i32>,
    /// Distance from the pixel towards the next, from 0 to 1.
    shares: Vec<f32>,
}

impl Line {
    fn new(width: usize) -> Self {
        Self { pixels: vec![0; width], shares: vec![0.0; width] }
    }

    fn places(&self) -> impl Iterator<Item = (i32, f32)> {
        self.pixels.iter().copied().zip(self.shares.iter().copied())
    }

    /// Positions in steps from `first`. Positions outside are mapped inside, unless they are filled
    /// with black.
    fn follow(&mut self, step: f32, first: f32, side: &Side, fill: Fill) {
        match fill {
            Fill::Constant => self.set(step, first, |at| at),
            Fill::Nearest => self.set(step, first, |at| side.nearest(at)),
            Fill::Reflect => self.set(step, first, |at| side.mirrored(at)),
        }
    }

    fn set(&mut self, step: f32, first: f32, inside: impl Fn(f32) -> f32) {
        let places = self.pixels.iter_mut().zip(&mut self.shares);
        for (x, (pixel, share)) in (0i32..).zip(places) {
            let at = inside((step * x as f32 + first).clamp(-REACH, REACH));
            let whole = floor(at);
            *pixel = integer(whole);
            *share = at - whole;
        }
    }
}

/// The width or the height of an image.
struct Side {
    length: f32,
    /// Position of the last pixel.
    last: f32,
    /// Period of the mirrored image in pixels, and its inverse.
    period: (f32, f32),
}

impl Side {
    fn new(length: usize) -> Self {
        let length = length as f32;
        Self { length, last: length - 1.0, period: (2.0 * length, 0.5 / length) }
    }

    fn nearest(&self, at: f32) -> f32 {
        at.clamp(0.0, self.last)
    }

    /// The position inside the image that is mirrored to a position: `d c b a | a b c d | d c b a`,
    /// mirrored at the outer edges of the outermost pixels.
    fn mirrored(&self, at: f32) -> f32 {
        let shifted = at + 0.5;
        let place = shifted - self.period.0 * floor(shifted * self.period.1);
        let mirrored = if place < self.length { place } else { self.period.0 - place };
        if at >= 0.0 && at <= self.last { at } else { self.nearest(mirrored - 0.5) }
    }
}

/// A number so large that its neighbors are one apart, so adding a value to it rounds the value.
/// Every CPU has vector instructions for it.
const ROUNDING: f32 = 12_582_912.0;

/// The range in which [`ROUNDING`] works.
const REACH: f32 = 4_000_000.0;

/// The largest integer that is not above `value`, which is in [`REACH`].
fn floor(value: f32) -> f32 {
    let nearest = value + ROUNDING - ROUNDING;
    if nearest > value { nearest - 1.0 } else { nearest }
}

/// Converts a whole number in [`REACH`] to an integer type.
fn integer(value: f32) -> i32 {
    (value + ROUNDING).to_bits() as i32 - ROUNDING.to_bits() as i32
}

struct Reader<'a> {
    source: &'a [Pixel],
    size: ImageSize,
}

impl Reader<'_> {
    /// Writes the four values between up to four pixels; black outside.
    fn read(&self, (left, x): (i32, f32), (top, y): (i32, f32), out: &mut [f32]) {
        let ImageSize { height, width } = self.size;
        let (column, row) = (left as usize, top as usize);
        if column < width - 1 && row < height - 1 {
            let upper = row * width + column;
            let pair = |at: usize| <&[Pixel; 2]>::try_from(&self.source[at..at + 2]);
            if let (Ok([a, b]), Ok([c, d])) = (pair(upper), pair(upper + width)) {
                between([a, b, c, d], x, y, out);
            }
        } else {
            let corner =
                |right, down| self.pixel(left.saturating_add(right), top.saturating_add(down));
            let [a, b, c, d] = [corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)];
            between([&a, &b, &c, &d], x, y, out);
        }
    }

    /// The values of a pixel; black outside.
    fn pixel(&self, column: i32, row: i32) -> Pixel {
        let ImageSize { height, width } = self.size;
        match (usize::try_from(column), usize::try_from(row)) {
            (Ok(column), Ok(row)) if column < width && row < height => {
                self.source[row * width + column]
            }
            _ => [0.0; 4],
        }
    }
}

/// Between four pixels, the upper two first, by the distances from the left and from the top.
fn between(corners: [&Pixel; 4], from_left: f32, from_top: f32, out: &mut [f32]) {
    let upper = mix(corners[0], corners[1], from_left);
    let lower = mix(corners[2], corners[3], from_left);
    out.copy_from_slice(&mix(&upper, &lower, from_top));
}

/// Interpolates between two pixels, by the weight of the second.
#[inline]
fn mix(a: &Pixel, b: &Pixel, share: f32) -> Pixel {
    std::array::from_fn(|c| (1.0 - share) * a[c] + share * b[c])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize { height: 4, width: 4 };

    /// The first channel of the image that counts its pixels, warped.
    fn warped(map: &Map, fill: Fill) -> Vec<f32> {
        let picture: Vec<Pixel> = (0u8..16).map(|i| [f32::from(i), 0.0, 0.0, 9.0]).collect();
        let mut out = vec![7.0; 3];
        warp(&picture, &mut out, SIZE, map, fill);
        out.chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn a_quarter_turn_is_counter_clockwise() {
        let turned = warped(&Map::rotation(0.25, SIZE), Fill::Constant);
        let rounded: Vec<f32> = turned.iter().map(|value| value.round()).collect();
        assert_eq!(rounded[..8], [3.0, 7.0, 11.0, 15.0, 2.0, 6.0, 10.0, 14.0]);
    }

    #[test]
    fn a_mirror_image_is_mirrored_before_it_is_moved() {
        let moved = |mirror| {
            let map = Map::translation(0.0, 1.0).of_mirrored(mirror, SIZE);
            warped(&map, Fill::Nearest)[..4].to_vec()
        };
        assert_eq!(moved(Mirror::default()), [0.0, 0.0, 1.0, 2.0]);
        assert_eq!(moved(Mirror { columns: true, rows: false }), [3.0, 3.0, 2.0, 1.0]);
        assert_eq!(moved(Mirror { columns: false, rows: true }), [12.0, 12.0, 13.0, 14.0]);
    }

    #[test]
    fn fills_differ_outside_the_picture() {
        let shifted = |fill| warped(&Map::translation(0.0, 2.0), fill)[..4].to_vec();
        assert_eq!(shifted(Fill::Constant), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(shifted(Fill::Nearest), [0.0, 0.0, 0.0, 1.0]);
        assert_eq!(shifted(Fill::Reflect), [1.0, 0.0, 0.0, 1.0]);
    }

    #[test]
    fn places_far_outside_are_mirrored_back_and_forth() {
        let places = [-9.0, -5.0, -4.0, -1.0, 4.0, 7.0, 8.0].map(|at| Side::new(4).mirrored(at));
        assert_eq!(places, [0.0, 3.0, 3.0, 0.0, 3.0, 0.0, 0.0]);
    }

    #[test]
    fn a_positive_zoom_shows_more_than_the_picture() {
        let zoomed = warped(&Map::zoom(1.0, SIZE), Fill::Constant);
        assert_eq!(zoomed[0], 0.0);
        assert_eq!(zoomed[5], 2.5);
    }
}
