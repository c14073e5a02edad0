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
    let (last_column, last_row) = (size.width as f32 - 1.0, size.height as f32 - 1.0);
    for y in 0..size.height {
        for x in 0..size.width {
            let at = |[a, b, c]: [f32; 3]| a * x as f32 + b * y as f32 + c;
            let (column, row) = (at(map.column), at(map.row));
            let is_inside =
                (0.0..=last_column).contains(&column) && (0.0..=last_row).contains(&row);
            scratch.extend(if is_inside {
                source.inside(column, row)
            } else {
                match fill {
                    Fill::Constant => source.anywhere(column, row),
                    Fill::Nearest => {
                        source.inside(column.clamp(0.0, last_column), row.clamp(0.0, last_row))
                    }
                    Fill::Reflect => {
                        source.inside(mirrored(column, size.width), mirrored(row, size.height))
                    }
                }
            });
        }
    }
    std::mem::swap(picture, scratch);
}

/// The place in `0..length` whose mirror image stands at a place outside:
/// `d c b a | a b c d | d c b a`, mirrored at the outer edges of the outermost pixels.
fn mirrored(at: f32, length: usize) -> f32 {
    let period = 2.0 * length as f32;
    let shifted = at + 0.5;
    let place = shifted - period * floor(shifted / period) as f32;
    let mirrored = if place < length as f32 { place } else { period - place };
    (mirrored - 0.5).clamp(0.0, length as f32 - 1.0)
}

/// The largest whole number that is not above `value`. Without the instruction for it, which not
/// every processor has, the library's `floor` is a call.
fn floor(value: f32) -> i32 {
    let whole = value as i32;
    whole - i32::from(value < whole as f32)
}

struct Source<'a> {
    values: &'a [f32],
    size: ImageSize,
}

impl Source<'_> {
    /// The values at a place inside the picture, between up to four pixels.
    fn inside(&self, column: f32, row: f32) -> [f32; 3] {
        let ImageSize { height, width } = self.size;
        let (left, top) = (column as usize, row as usize);
        let shares = (column - left as f32, row - top as f32);
        let right = (left + 1).min(width - 1);
        let upper = &self.values[top * width * 3..][..width * 3];
        let lower = &self.values[(top + 1).min(height - 1) * width * 3..][..width * 3];
        let pixel = |line: &[f32], column: usize| {
            let values = &line[column * 3..column * 3 + 3];
            [values[0], values[1], values[2]]
        };
        let corners =
            [pixel(upper, left), pixel(upper, right), pixel(lower, left), pixel(lower, right)];
        between(corners, shares)
    }

    /// The values at a place anywhere; black outside.
    fn anywhere(&self, column: f32, row: f32) -> [f32; 3] {
        let (left, top) = (floor(column), floor(row));
        let shares = (column - left as f32, row - top as f32);
        let corners = [(0, 0), (1, 0), (0, 1), (1, 1)]
            .map(|(right, down)| self.pixel(left.saturating_add(right), top.saturating_add(down)));
        between(corners, shares)
    }

    /// The values of a pixel; black outside.
    fn pixel(&self, column: i32, row: i32) -> [f32; 3] {
        let ImageSize { height, width } = self.size;
        match (usize::try_from(column), usize::try_from(row)) {
            (Ok(column), Ok(row)) if column < width && row < height => {
                let at = (row * width + column) * 3;
                [self.values[at], self.values[at + 1], self.values[at + 2]]
            }
            _ => [0.0; 3],
        }
    }
}

/// Between four pixels, the upper two first, by the distances from the left and from the top.
fn between(corners: [[f32; 3]; 4], (from_left, from_top): (f32, f32)) -> [f32; 3] {
    std::array::from_fn(|c| {
        let upper = (1.0 - from_left) * corners[0][c] + from_left * corners[1][c];
        let lower = (1.0 - from_left) * corners[2][c] + from_left * corners[3][c];
        (1.0 - from_top) * upper + from_top * lower
    })
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
            [-9.0, -5.0, -4.0, -1.0, 4.0, 7.0, 8.0].map(|at| mirrored(at, 4)).to_vec();
        assert_eq!(places, [0.0, 3.0, 3.0, 0.0, 3.0, 0.0, 0.0]);
    }

    #[test]
    fn a_positive_zoom_shows_more_than_the_picture() {
        let zoomed = warped(&Map::zoom(1.0, SIZE), Fill::Constant);
        assert_eq!(zoomed[0], 0.0);
        assert_eq!(zoomed[5], 2.5);
    }
}
