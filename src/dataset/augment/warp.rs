//! Rotation, zoom and translation: one affine map from places in the new picture to places in the
//! old one, read bilinearly.
//!
//! Maps, the order of interpolation and what lies outside follow Keras 3 on TensorFlow, that is,
//! the operation `ImageProjectiveTransformV3`.

use crate::spec::{Fill, ImageSize};

/// An affine map: the new pixel at column `x` and row `y` is read at column
/// `column · (x, y, 1)` and row `row · (x, y, 1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Map {
    column: [f32; 3],
    row: [f32; 3],
}

impl Map {
    /// A rotation around the centre by `turns` of a full turn.
    pub(super) fn rotation(turns: f32, size: ImageSize) -> Self {
        let (sin, cos) = libm::sincosf(turns * std::f32::consts::TAU);
        let (w, h) = (size.width as f32 - 1.0, size.height as f32 - 1.0);
        let x = (w - (cos * w - sin * h)) / 2.0;
        let y = (h - (sin * w + cos * h)) / 2.0;
        Self { column: [cos, -sin, x], row: [sin, cos, y] }
    }

    /// A change of size around the centre; a positive factor shows more.
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
}

/// Replaces `picture` by what `map` reads from it; `scratch` is working memory.
pub(super) fn warp(
    picture: &mut Vec<f32>,
    scratch: &mut Vec<f32>,
    size: ImageSize,
    map: &Map,
    fill: Fill,
) {
    scratch.clear();
    scratch.reserve(picture.len());
    let source = Source { values: picture, size };
    for y in 0..size.height {
        for x in 0..size.width {
            let at = |[a, b, c]: [f32; 3]| a * x as f32 + b * y as f32 + c;
            let column = inside(at(map.column), size.width, fill);
            let row = inside(at(map.row), size.height, fill);
            scratch.extend(source.bilinear(column, row));
        }
    }
    std::mem::swap(picture, scratch);
}

/// The place inside `0..length` that stands for a place outside. With [`Fill::Constant`] places
/// stay where they are, and what is read outside is black.
fn inside(at: f32, length: usize, fill: Fill) -> f32 {
    let last = length as f32 - 1.0;
    match fill {
        Fill::Constant => at,
        Fill::Nearest => at.clamp(0.0, last),
        Fill::Reflect => {
            // d c b a | a b c d | d c b a: mirrored at the outer edges of the outermost pixels.
            let period = 2.0 * length as f32;
            let shifted = (at + 0.5).rem_euclid(period);
            let mirrored = if shifted < length as f32 { shifted } else { period - shifted };
            (mirrored - 0.5).clamp(0.0, last)
        }
    }
}

struct Source<'a> {
    values: &'a [f32],
    size: ImageSize,
}

impl Source<'_> {
    /// The values at a place between pixels.
    fn bilinear(&self, column: f32, row: f32) -> [f32; 3] {
        let (left, top) = (column.floor(), row.floor());
        let (from_left, from_top) = (column - left, row - top);
        let (left, top) = (left as i64, top as i64);
        let corners = [
            self.pixel(left, top),
            self.pixel(left + 1, top),
            self.pixel(left, top + 1),
            self.pixel(left + 1, top + 1),
        ];
        std::array::from_fn(|c| {
            let upper = (1.0 - from_left) * corners[0][c] + from_left * corners[1][c];
            let lower = (1.0 - from_left) * corners[2][c] + from_left * corners[3][c];
            (1.0 - from_top) * upper + from_top * lower
        })
    }

    /// The values of a pixel; black outside.
    fn pixel(&self, column: i64, row: i64) -> [f32; 3] {
        let ImageSize { height, width } = self.size;
        if column < 0 || row < 0 || column >= width as i64 || row >= height as i64 {
            return [0.0; 3];
        }
        let at = (row as usize * width + column as usize) * 3;
        [self.values[at], self.values[at + 1], self.values[at + 2]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize { height: 4, width: 4 };

    /// A picture whose first channel counts pixels.
    fn picture() -> Vec<f32> {
        (0u8..16).flat_map(|i| [f32::from(i), 0.0, 0.0]).collect()
    }

    fn warped(map: &Map, fill: Fill) -> Vec<f32> {
        let mut values = picture();
        warp(&mut values, &mut vec![], SIZE, map, fill);
        values.chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn a_quarter_turn_is_counter_clockwise() {
        let turned = warped(&Map::rotation(0.25, SIZE), Fill::Constant);
        let rounded: Vec<f32> = turned.iter().map(|value| value.round()).collect();
        assert_eq!(rounded[..8], [3.0, 7.0, 11.0, 15.0, 2.0, 6.0, 10.0, 14.0]);
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
        let places: Vec<f32> =
            [-9.0, -5.0, -4.0, -1.0, 4.0, 7.0, 8.0].map(|at| inside(at, 4, Fill::Reflect)).to_vec();
        assert_eq!(places, [0.0, 3.0, 3.0, 0.0, 3.0, 0.0, 0.0]);
    }

    #[test]
    fn a_positive_zoom_shows_more_than_the_picture() {
        let zoomed = warped(&Map::zoom(1.0, SIZE), Fill::Constant);
        assert_eq!(zoomed[0], 0.0);
        assert_eq!(zoomed[5], 2.5);
    }
}
