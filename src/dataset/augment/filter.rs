//! Sharpness and blur.

use super::canvas::Canvas;
use super::levels::blend;

/// Multiplies the difference between the image and a smoothed one by `factor`: Pillow's
/// `ImageEnhance.Sharpness`. Below 1 the image is blurred, above 1 it is sharpened. Pixels at the
/// edge stay as they are.
pub(super) fn sharpness(canvas: &mut Canvas, factor: f32) {
    let row = canvas.size.width * 3;
    canvas.redraw(|from, to| {
        to.copy_from_slice(from);
        let inner = to.len().saturating_sub(row).min(to.len());
        for start in (row..inner).step_by(row) {
            let rows = [&from[start - row..start], &from[start..start + row], &from[start + row..]];
            let to = &mut to[start..start + row];
            pulp::Arch::new().dispatch(Sharpened { rows, to, factor });
        }
    });
}

/// One row, from the row above, itself and the row below.
struct Sharpened<'a> {
    rows: [&'a [u8]; 3],
    to: &'a mut [u8],
    factor: f32,
}

impl pulp::NullaryFnOnce for Sharpened<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let n = self.to.len();
        if n < 9 {
            return;
        }
        let [above, here, below] = self.rows.map(|row| &row[..n]);
        let to = &mut self.to[3..n - 3];
        let inner = to.len();
        // Left, middle and right neighbors.
        let parts =
            [above, here, below].map(|row| [&row[..inner], &row[3..3 + inner], &row[6..6 + inner]]);
        let [[a, b, c], [d, e, f], [g, h, i]] = parts;
        for x in 0..inner {
            let wide = |value: u8| u16::from(value);
            let around = wide(a[x])
                + wide(b[x])
                + wide(c[x])
                + wide(d[x])
                + wide(f[x])
                + wide(g[x])
                + wide(h[x])
                + wide(i[x]);
            // A thirteenth, rounded: it is never halfway between two numbers.
            let smooth = (2 * (around + 5 * wide(e[x])) + 13) / 26;
            to[x] = blend(smooth as u8, e[x], self.factor);
        }
    }
}

/// Blurs with a Gaussian of `sigma` pixels that is cut off at three sigma, along rows and then along
/// columns. Outside, the image is mirrored at the middle of its outermost pixels, as in
/// torchvision's `gaussian_blur`. Weights are whole numbers, so sums have no order.
pub(super) fn blur(canvas: &mut Canvas, sigma: f64) {
    let weights = gaussian(sigma);
    let radius = weights.len() / 2;
    let (height, width) = (canvas.size.height, canvas.size.width);
    let row = width * 3;
    canvas.redraw(|from, to| {
        let mut rows = vec![0u16; from.len()];
        let mut padded = vec![0; (width + 2 * radius) * 3];
        let columns: Vec<usize> =
            (0..width + 2 * radius).map(|x| mirrored(x as i64 - radius as i64, width)).collect();
        for (from, to) in from.chunks_exact(row).zip(rows.chunks_exact_mut(row)) {
            for (pixel, &x) in padded.chunks_exact_mut(3).zip(&columns) {
                pixel.copy_from_slice(&from[x * 3..x * 3 + 3]);
            }
            pulp::Arch::new().dispatch(Along { padded: &padded, weights: &weights, to });
        }
        for (y, to) in to.chunks_exact_mut(row).enumerate() {
            let taps = (0..weights.len()).map(|tap| {
                let y = mirrored(y as i64 + tap as i64 - radius as i64, height);
                &rows[y * row..(y + 1) * row]
            });
            let taps: Vec<&[u16]> = taps.collect();
            pulp::Arch::new().dispatch(Down { taps: &taps, weights: &weights, to });
        }
    });
}

/// Bits of a weight after the point.
const WEIGHT_BITS: u32 = 16;

/// Bits after the point of values that are blurred along rows only.
const ROW_BITS: u32 = 8;

/// The weights of a Gaussian with a radius of three sigma, as fractions of 2¹⁶ that add up to one.
fn gaussian(sigma: f64) -> Vec<u32> {
    let radius = libm::ceil(3.0 * sigma) as i32;
    let values: Vec<f64> = (-radius..=radius)
        .map(|x| libm::exp(-0.5 * (f64::from(x) / sigma) * (f64::from(x) / sigma)))
        .collect();
    let total: f64 = values.iter().sum();
    let one = 1u32 << WEIGHT_BITS;
    let mut weights: Vec<u32> =
        values.iter().map(|value| (value / total * f64::from(one) + 0.5) as u32).collect();
    let center = radius as usize;
    let others = weights.iter().sum::<u32>() - weights[center];
    weights[center] = one - others;
    weights
}

/// The position in `0..length` that is mirrored to `at`: `c b | a b c | b a`.
fn mirrored(at: i64, length: usize) -> usize {
    let last = length as i64 - 1;
    if last == 0 {
        return 0;
    }
    let at = at.rem_euclid(2 * last);
    at.min(2 * last - at) as usize
}

/// One row of values with [`ROW_BITS`], from a row of pixels with `weights.len() / 2` more at each
/// end.
struct Along<'a> {
    padded: &'a [u8],
    weights: &'a [u32],
    to: &'a mut [u16],
}

/// Number of sums in registers.
const RUN: usize = 64;

impl pulp::NullaryFnOnce for Along<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (run, to) in self.to.chunks_mut(RUN).enumerate() {
            let mut sums = [1u32 << (WEIGHT_BITS - ROW_BITS - 1); RUN];
            for (tap, &weight) in self.weights.iter().enumerate() {
                let from = &self.padded[run * RUN + tap * 3..][..to.len()];
                sums.iter_mut()
                    .zip(from)
                    .for_each(|(sum, &value)| *sum += weight * u32::from(value));
            }
            to.iter_mut()
                .zip(sums)
                .for_each(|(to, sum)| *to = (sum >> (WEIGHT_BITS - ROW_BITS)) as u16);
        }
    }
}

/// One row of pixels from the rows of values above and below it.
struct Down<'a> {
    taps: &'a [&'a [u16]],
    weights: &'a [u32],
    to: &'a mut [u8],
}

impl pulp::NullaryFnOnce for Down<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (run, to) in self.to.chunks_mut(RUN).enumerate() {
            let mut sums = [1u32 << (WEIGHT_BITS + ROW_BITS - 1); RUN];
            for (&weight, tap) in self.weights.iter().zip(self.taps) {
                let from = &tap[run * RUN..][..to.len()];
                sums.iter_mut()
                    .zip(from)
                    .for_each(|(sum, &value)| *sum += weight * u32::from(value));
            }
            to.iter_mut()
                .zip(sums)
                .for_each(|(to, sum)| *to = (sum >> (WEIGHT_BITS + ROW_BITS)) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ImageSize;

    #[test]
    fn weights_of_a_gaussian_add_up_to_one() {
        for sigma in [0.05, 0.1, 0.5, 1.0, 2.0, 10.0] {
            let weights = gaussian(sigma);
            assert_eq!(weights.iter().sum::<u32>(), 1 << WEIGHT_BITS, "{sigma}");
            assert!(weights.iter().all(|&weight| weight <= weights[weights.len() / 2]), "{sigma}");
        }
    }

    #[test]
    fn positions_outside_are_mirrored_at_the_middle_of_the_last_pixel() {
        let places: Vec<usize> = (-4..8).map(|at| mirrored(at, 3)).collect();
        assert_eq!(places, [0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]);
        assert_eq!(mirrored(-3, 1), 0);
    }

    #[test]
    fn one_color_stays_when_it_is_blurred_or_sharpened() {
        for size in [(1, 1), (1, 40), (2, 2), (5, 3), (30, 30)] {
            let size = ImageSize { height: size.0, width: size.1 };
            let pixels = [255, 130, 0].repeat(size.height * size.width);
            let mut canvas = Canvas::new(size);
            canvas.hold(&pixels);
            blur(&mut canvas, 2.0);
            sharpness(&mut canvas, 3.0);
            assert_eq!(canvas.pixels, pixels, "{size:?}");
        }
    }
}
