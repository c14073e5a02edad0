//! Shear, translation and rotation with the pixels of Pillow's `Image.transform` and
//! `Image.rotate`. Areas that the image does not cover are black.

use super::canvas::Canvas;
use super::warp::Pixel;
use crate::spec::ImageSize;

/// Moves the image by whole pixels, to the right and down.
pub(super) fn translate(canvas: &mut Canvas, right: i32, down: i32) {
    let ImageSize { height, width } = canvas.size;
    // Without the pixels that leave the image.
    let kept = |length: usize, by: i32| length.saturating_sub(by.unsigned_abs() as usize);
    let (n_rows, n_values) = (kept(height, down), kept(width, right) * 3);
    let first = |by: i32| [(-by).max(0) as usize, by.max(0) as usize];
    let ([from_x, to_x], [from_y, to_y]) = (first(right), first(down));
    if n_rows == 0 || n_values == 0 {
        return canvas.redraw(|_, _| ());
    }
    canvas.redraw(|from, to| {
        let from = from.chunks_exact(width * 3).skip(from_y).take(n_rows);
        for (to, from) in to.chunks_exact_mut(width * 3).skip(to_y).zip(from) {
            to[to_x * 3..][..n_values].copy_from_slice(&from[from_x * 3..][..n_values]);
        }
    });
}

/// How values between pixels are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    /// From the pixel that a position is in.
    Nearest,
    /// By linear interpolation in both directions.
    Linear,
}

/// An affine map: the new pixel with its center at column `x` and row `y` is read at column
/// `column · (x, y, 1)` and row `row · (x, y, 1)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    column: [f64; 3],
    row: [f64; 3],
}

impl Affine {
    /// Reads each row `factor` times its height further to the right.
    pub(super) fn shear_columns(factor: f64) -> Self {
        Self { column: [1.0, factor, 0.0], row: [0.0, 1.0, 0.0] }
    }

    /// Reads each column `factor` times its distance from the left further down.
    pub(super) fn shear_rows(factor: f64) -> Self {
        Self { column: [1.0, 0.0, 0.0], row: [factor, 1.0, 0.0] }
    }

    /// Turns the image around its center, counterclockwise, by an angle in degrees.
    pub(super) fn rotation(degrees: f64, size: ImageSize) -> Self {
        let (sin, cos) = libm::sincos(-degrees.rem_euclid(360.0).to_radians());
        // Pillow rounds to 15 decimals, so that quarter turns are exact.
        let rounded = |value: f64| (value * 1e15).round_ties_even() / 1e15;
        let (sin, cos) = (rounded(sin), rounded(cos));
        let (x, y) = (size.width as f64 / 2.0, size.height as f64 / 2.0);
        Self {
            column: [cos, sin, cos * -x + sin * -y + x],
            row: [-sin, cos, -sin * -x + cos * -y + y],
        }
    }

    /// Applies the map to the image.
    pub(super) fn apply(&self, canvas: &mut Canvas, between: Between) {
        let size = canvas.size;
        let mut wide = std::mem::take(&mut canvas.wide);
        canvas.redraw(|from, to| match between {
            Between::Nearest => self.nearest(from, to, size),
            Between::Linear => self.linear((from, &mut wide), to, size),
        });
        canvas.wide = wide;
    }

    /// Positions are in 16-bit fractions.
    fn nearest(&self, from: &[u8], to: &mut [u8], size: ImageSize) {
        let (from, _) = from.as_chunks::<3>();
        let (to, _) = to.as_chunks_mut::<3>();
        let fixed = |value: f64| (value * 65536.0 + 0.5).floor() as i64;
        let start = |[a, b, c]: [f64; 3]| fixed(c + a * 0.5 + b * 0.5);
        let [column, row] = [self.column, self.row].map(|[a, b, _]| [fixed(a), fixed(b)]);
        let (mut first_x, mut first_y) = (start(self.column), start(self.row));
        let (width, height) = (size.width as u64, size.height as u64);
        for line in to.chunks_exact_mut(size.width) {
            let (mut x, mut y) = (first_x, first_y);
            for pixel in line {
                // Negative positions are large ones without a sign.
                let (left, top) = ((x >> 16) as u64, (y >> 16) as u64);
                if left < width && top < height {
                    *pixel = from[top as usize * size.width + left as usize];
                }
                x += column[0];
                y += row[0];
            }
            first_x += column[1];
            first_y += row[1];
        }
    }

    /// In double precision.
    fn linear(&self, (from, wide): (&[u8], &mut Vec<Pixel>), to: &mut [u8], size: ImageSize) {
        wide.clear();
        wide.extend(from.as_chunks::<3>().0.iter().map(|&[r, g, b]| [r, g, b, 0].map(f32::from)));
        let mut line = Line::new(size.width);
        for (y, to) in to.chunks_exact_mut(size.width * 3).enumerate() {
            let line = &mut line;
            pulp::Arch::new().dispatch(LinearRow { map: self, from: wide, size, y, line });
            let (to, _) = to.as_chunks_mut::<3>();
            to.iter_mut().zip(&line.bytes).for_each(|(to, &[r, g, b, _])| *to = [r, g, b]);
        }
    }
}

/// Values of a pixel while they are mixed.
type Mixed = [f64; 4];

/// Memory for a row of the new image.
struct Line {
    /// Columns and rows of the upper left one of the four pixels that each is mixed from.
    places: Vec<[i32; 2]>,
    /// Distances from there, below 1.
    shares: Vec<[f64; 2]>,
    mixed: Vec<Mixed>,
    bytes: Vec<[u8; 4]>,
}

impl Line {
    fn new(width: usize) -> Self {
        Self {
            places: vec![[0; 2]; width],
            shares: vec![[0.0; 2]; width],
            mixed: vec![[0.0; 4]; width],
            bytes: vec![[0; 4]; width],
        }
    }
}

/// Row `y` of the new image.
struct LinearRow<'a> {
    map: &'a Affine,
    from: &'a [Pixel],
    size: ImageSize,
    y: usize,
    line: &'a mut Line,
}

impl pulp::NullaryFnOnce for LinearRow<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { map: Affine { column, row }, from, size, y, line } = self;
        let y = y as f64 + 0.5;
        let places = line.places.iter_mut().zip(&mut line.shares);
        for (x, (place, share)) in (0i32..).zip(places) {
            let x = f64::from(x) + 0.5;
            let at = [column, row].map(|[a, b, c]| a * x + b * y + c - 0.5);
            // Positions beyond are far outside the image.
            let at = at.map(|at| at.clamp(-FAR, FAR));
            let whole = at.map(floor);
            *place = whole.map(integer);
            *share = [at[0] - whole[0], at[1] - whole[1]];
        }
        let pixels = line.places.iter().zip(&line.shares).zip(&mut line.mixed);
        for ((&place, &share), pixel) in pixels {
            *pixel = mixed(from, size, place, share);
        }
        let values = line.mixed.as_flattened().iter();
        let bytes = line.bytes.as_flattened_mut();
        values.zip(bytes).for_each(|(&value, byte)| *byte = integer(floor(value)) as u8);
    }
}

/// Mixes the four pixels around a position; black where the position is outside the image, half a
/// pixel beyond the middle of the outermost ones.
#[inline(always)]
fn mixed(from: &[Pixel], size: ImageSize, [left, top]: [i32; 2], [x, y]: [f64; 2]) -> Mixed {
    let ImageSize { height, width } = size;
    let (column, row) = (left as usize, top as usize);
    if column < width - 1 && row < height - 1 {
        let upper = row * width + column;
        let pair = |at: usize| <&[Pixel; 2]>::try_from(&from[at..at + 2]);
        if let (Ok([a, b]), Ok([c, d])) = (pair(upper), pair(upper + width)) {
            // A shear is between two pixels only: no share of the others changes nothing.
            return match (x == 0.0, y == 0.0) {
                (_, true) => mix_wide(a, b, x),
                (true, _) => mix_wide(a, c, y),
                _ => mix(mix_wide(a, b, x), mix_wide(c, d, x), y),
            };
        }
    }
    let is_inside = |first: i32, share: f64, length: usize| {
        (first >= 0 || (first == -1 && share >= 0.5))
            && (first < length as i32 - 1 || (first == length as i32 - 1 && share < 0.5))
    };
    if !is_inside(left, x, width) || !is_inside(top, y, height) {
        return [0.0; 4];
    }
    let corner = |right: i32, down: i32| {
        let column = (left + right).clamp(0, width as i32 - 1) as usize;
        let row = (top + down).clamp(0, height as i32 - 1) as usize;
        from[row * width + column]
    };
    let upper = mix_wide(&corner(0, 0), &corner(1, 0), x);
    mix(upper, mix_wide(&corner(0, 1), &corner(1, 1), x), y)
}

/// A number so large that its neighbors are one apart, so adding a value to it rounds the value.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

/// The range in which positions are found.
const FAR: f64 = 1e9;

/// The largest whole number that is not above `value`.
#[inline(always)]
fn floor(value: f64) -> f64 {
    let nearest = value + ROUNDING - ROUNDING;
    if nearest > value { nearest - 1.0 } else { nearest }
}

/// Converts a whole number to an integer.
#[inline(always)]
fn integer(value: f64) -> i32 {
    (value + ROUNDING).to_bits() as i32
}

#[inline(always)]
fn mix_wide(a: &Pixel, b: &Pixel, share: f64) -> Mixed {
    mix(a.map(f64::from), b.map(f64::from), share)
}

/// Interpolates between two pixels, by the weight of the second.
#[inline(always)]
fn mix(a: Mixed, b: Mixed, share: f64) -> Mixed {
    std::array::from_fn(|c| a[c] + (b[c] - a[c]) * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: ImageSize = ImageSize { height: 2, width: 2 };

    fn moved(map: Affine, between: Between) -> Vec<u8> {
        let mut canvas = Canvas::new(SIZE);
        canvas.hold(&[1, 2, 3, 4].map(|value: u8| [value; 3]).concat());
        map.apply(&mut canvas, between);
        canvas.pixels.chunks_exact(3).map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn quarter_turns_are_exact_and_counterclockwise() {
        for between in [Between::Nearest, Between::Linear] {
            assert_eq!(moved(Affine::rotation(90.0, SIZE), between), [2, 4, 1, 3]);
            assert_eq!(moved(Affine::rotation(-90.0, SIZE), between), [3, 1, 4, 2]);
            assert_eq!(moved(Affine::rotation(180.0, SIZE), between), [4, 3, 2, 1]);
        }
    }

    #[test]
    fn areas_that_the_image_leaves_are_black() {
        let moved = |right, down| {
            let mut canvas = Canvas::new(SIZE);
            canvas.hold(&[1, 2, 3, 4].map(|value: u8| [value; 3]).concat());
            translate(&mut canvas, right, down);
            canvas.pixels.chunks_exact(3).map(|pixel| pixel[0]).collect::<Vec<u8>>()
        };
        assert_eq!(moved(1, 0), [0, 1, 0, 3]);
        assert_eq!(moved(-1, 1), [0, 0, 2, 0]);
        assert_eq!(moved(0, -1), [3, 4, 0, 0]);
        assert_eq!(moved(0, 0), [1, 2, 3, 4]);
        for (right, down) in [(2, 0), (0, 2), (-3, 0), (0, -9)] {
            assert_eq!(moved(right, down), [0; 4]);
        }
    }
}
