//! Operations that replace each value of a channel by another, with the numbers of Pillow's
//! `ImageOps` and `ImageEnhance`.

use super::canvas::Canvas;

/// A new value for each old one.
pub(super) type Table = [u8; 256];

/// The table of a function.
pub(super) fn table(new: impl Fn(u8) -> u8) -> Table {
    let mut table = [0; 256];
    (0..=255).zip(&mut table).for_each(|(old, entry)| *entry = new(old));
    table
}

/// Its neighbors are one apart, so adding it rounds, and the whole number is in the lowest bits. A
/// conversion would not be done for several numbers at once.
const ROUNDING: f32 = 12_582_912.0;

/// `from + factor * (to - from)` in single precision, without its fraction, from 0 to 255: Pillow's
/// `Image.blend`.
#[inline(always)]
pub(super) fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let from = f32::from(from);
    let mixed = (from + factor * (f32::from(to) - from)).clamp(0.0, 255.0);
    let nearest = mixed + ROUNDING - ROUNDING;
    let whole = if nearest > mixed { nearest - 1.0 } else { nearest };
    (whole + ROUNDING).to_bits() as u8
}

/// Multiplies all values by `factor`.
pub(super) fn brightness(canvas: &mut Canvas, factor: f32) {
    canvas.look_up(&[table(|value| blend(0, value, factor)); 3]);
}

/// Keeps the upper `bits` of each value, 0 to 8.
pub(super) fn posterize(canvas: &mut Canvas, bits: u32) {
    let mask = u8::MAX.checked_shl(8 - bits.min(8)).unwrap_or(0);
    canvas.look_up(&[table(|value| value & mask); 3]);
}

/// Inverts values that are not below `threshold`.
pub(super) fn solarize(canvas: &mut Canvas, threshold: f32) {
    let new = |value| if f32::from(value) < threshold { value } else { 255 - value };
    canvas.look_up(&[table(new); 3]);
}

/// Stretches each channel so that its darkest value becomes 0 and its lightest 255.
pub(super) fn autocontrast(canvas: &mut Canvas) {
    let tables = histograms(&canvas.pixels).map(|counts| {
        let darkest = counts.iter().position(|&count| count > 0).unwrap_or(0);
        let lightest = counts.iter().rposition(|&count| count > 0).unwrap_or(0);
        if lightest <= darkest {
            return table(|value| value);
        }
        let scale = 255.0 / (lightest - darkest) as f64;
        let offset = -(darkest as f64) * scale;
        table(|value| (f64::from(value) * scale + offset) as u8)
    });
    canvas.look_up(&tables);
}

/// Spreads the values of each channel so that all ranges of values are about equally frequent.
pub(super) fn equalize(canvas: &mut Canvas) {
    let tables = histograms(&canvas.pixels).map(|counts| {
        let total: u32 = counts.iter().sum();
        let last = counts.iter().rfind(|&&count| count > 0).copied().unwrap_or(0);
        let step = (total - last) / 255;
        if step == 0 {
            return table(|value| value);
        }
        let mut before = step / 2;
        counts.map(|count| {
            let entry = (before / step).min(255) as u8;
            before += count;
            entry
        })
    });
    canvas.look_up(&tables);
}

/// The number of pixels with each value, for each channel.
fn histograms(pixels: &[u8]) -> [[u32; 256]; 3] {
    // Two of each, so that neighboring pixels of one color do not wait for each other.
    let mut counts = [[[0; 256]; 3]; 2];
    let (pairs, rest) = pixels.as_chunks::<6>();
    for pair in pairs {
        for (i, &value) in pair.iter().enumerate() {
            counts[i / 3][i % 3][usize::from(value)] += 1;
        }
    }
    for (i, &value) in rest.iter().enumerate() {
        counts[0][i % 3][usize::from(value)] += 1;
    }
    let [mut sums, others] = counts;
    sums.as_flattened_mut().iter_mut().zip(others.as_flattened()).for_each(|(sum, n)| *sum += n);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::ImageSize;

    fn changed(pixels: &[u8], change: impl Fn(&mut Canvas)) -> Vec<u8> {
        let mut canvas = Canvas::new(ImageSize { height: 1, width: pixels.len() / 3 });
        canvas.hold(pixels);
        change(&mut canvas);
        canvas.pixels
    }

    #[test]
    fn an_image_of_one_color_has_no_contrast_to_stretch() {
        let pixels = [7, 0, 255].repeat(600);
        assert_eq!(changed(&pixels, autocontrast), pixels);
        assert_eq!(changed(&pixels, equalize), pixels);
    }

    #[test]
    fn posterizing_keeps_upper_bits() {
        assert_eq!(changed(&[255, 130, 7], |c| posterize(c, 1)), [128, 128, 0]);
        assert_eq!(changed(&[255, 130, 7], |c| posterize(c, 8)), [255, 130, 7]);
        assert_eq!(changed(&[255, 130, 7], |c| posterize(c, 0)), [0, 0, 0]);
    }

    #[test]
    fn only_light_values_are_inverted() {
        assert_eq!(changed(&[255, 128, 127], |c| solarize(c, 128.0)), [0, 127, 127]);
    }
}
