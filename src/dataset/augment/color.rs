//! Grays, contrast, saturation and hue, with the numbers of Pillow's `convert` and
//! `ImageEnhance`, and of torchvision's `adjust_hue` on Pillow's images.

use super::canvas::Canvas;
use super::levels::{blend, table};

/// The brightness of a pixel `[red, green, blue]`: ITU-R BT.601 in 16-bit fractions.
#[inline(always)]
fn gray(pixel: &[u8]) -> u8 {
    let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
    ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as u8
}

/// Gives all channels the brightness of the pixel.
pub(super) fn grayscale(canvas: &mut Canvas) {
    for pixel in canvas.pixels.chunks_exact_mut(3) {
        let gray = gray(pixel);
        pixel.fill(gray);
    }
}

/// Multiplies the distance of all values from the mean brightness by `factor`.
pub(super) fn contrast(canvas: &mut Canvas, factor: f32) {
    let sum: u64 = canvas.pixels.chunks_exact(3).map(|pixel| u64::from(gray(pixel))).sum();
    let n_pixels = (canvas.pixels.len() / 3).max(1);
    let mean = (sum as f64 / n_pixels as f64 + 0.5) as u8;
    canvas.look_up(&[table(|value| blend(mean, value, factor)); 3]);
}

/// Multiplies the distance of each value from the brightness of its pixel by `factor`.
pub(super) fn saturation(canvas: &mut Canvas, factor: f32) {
    let pixels = &mut canvas.pixels;
    pulp::Arch::new().dispatch(EachPixel { pixels, change: Saturation { factor } });
}

/// Turns the hue of each pixel by a fraction of the color circle, in steps of 1/255.
pub(super) fn hue(canvas: &mut Canvas, turn: f64) {
    let steps = (turn * 255.0) as i32 as u8;
    let pixels = &mut canvas.pixels;
    pulp::Arch::new().dispatch(EachPixel { pixels, change: Turn { steps } });
}

/// A change of one pixel.
trait Change {
    fn apply(&self, pixel: [u8; 3]) -> [u8; 3];
}

struct Saturation {
    factor: f32,
}

impl Change for Saturation {
    #[inline(always)]
    fn apply(&self, pixel: [u8; 3]) -> [u8; 3] {
        let gray = gray(&pixel);
        pixel.map(|value| blend(gray, value, self.factor))
    }
}

struct Turn {
    steps: u8,
}

impl Change for Turn {
    #[inline(always)]
    fn apply(&self, pixel: [u8; 3]) -> [u8; 3] {
        let [hue, saturation, value] = to_hsv(pixel);
        from_hsv([hue.wrapping_add(self.steps), saturation, value])
    }
}

struct EachPixel<'a, C> {
    pixels: &'a mut [u8],
    change: C,
}

/// Number of pixels that are changed together, channel by channel.
const RUN: usize = 32;

impl<C: Change> pulp::NullaryFnOnce for EachPixel<'_, C> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for pixels in self.pixels.chunks_mut(3 * RUN) {
            let (pixels, _) = pixels.as_chunks_mut::<3>();
            let mut channels = [[0; RUN]; 3];
            for (i, pixel) in pixels.iter().enumerate() {
                (0..3).for_each(|c| channels[c][i] = pixel[c]);
            }
            let [red, green, blue] = &mut channels;
            for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
                [*red, *green, *blue] = self.change.apply([*red, *green, *blue]);
            }
            for (i, pixel) in pixels.iter_mut().enumerate() {
                (0..3).for_each(|c| pixel[c] = channels[c][i]);
            }
        }
    }
}

/// Hue, saturation and value from 0 to 255, in the precision of Pillow's `rgb2hsv_row`. Nothing is
/// decided by a jump, so that several pixels are converted at once.
#[inline(always)]
fn to_hsv([red, green, blue]: [u8; 3]) -> [u8; 3] {
    let most = red.max(green).max(blue);
    let least = red.min(green).min(blue);
    let range = f32::from(most - least);
    // Gray is converted as a color and becomes gray again: its saturation is 0 / 1.
    let range_or_one = range.max(1.0);
    let below = |value: u8| f64::from(f32::from(most - value) / range_or_one);
    let [red_below, green_below, blue_below] = [red, green, blue].map(below);
    let (is_red, is_green) = (red == most, green == most);
    let of_two =
        if is_green { (2.0, red_below, blue_below) } else { (4.0, green_below, red_below) };
    let (first, plus, minus) = if is_red { (0.0, blue_below, green_below) } else { of_two };
    let sixths = (first + plus - minus) as f32;
    let turn = f64::from(sixths) / 6.0 + 1.0;
    let turn = if turn >= 1.0 { turn - 1.0 } else { turn } as f32;
    let saturation = range / f32::from(most.max(1));
    [whole(f64::from(turn) * 255.0), whole(f64::from(saturation) * 255.0), most]
}

/// Red, green and blue from hue, saturation and value, in the precision of Pillow's `hsv2rgb`.
#[inline(always)]
fn from_hsv([hue, saturation, value]: [u8; 3]) -> [u8; 3] {
    let sixths = f64::from(hue) * 6.0 / 255.0;
    let sector = whole(sixths);
    let along = f64::from((sixths - f64::from(sector)) as f32);
    let share = f64::from((f64::from(saturation) / 255.0) as f32);
    let light = f64::from(value);
    // Halves are rounded up, as C's `round` does with numbers that are not negative.
    let least = whole(light * (1.0 - share) + 0.5);
    let falling = whole(light * (1.0 - share * along) + 0.5);
    let rising = whole(light * (1.0 - share * (1.0 - along)) + 0.5);
    let choose = |of_sectors: [u8; 6]| {
        let mut chosen = of_sectors[0];
        for (i, &other) in (1..6).zip(&of_sectors[1..]) {
            chosen = if sector == i { other } else { chosen };
        }
        chosen
    };
    [
        choose([value, falling, least, least, rising, value]),
        choose([rising, value, value, falling, least, least]),
        choose([least, least, rising, value, value, falling]),
    ]
}

/// Its neighbors are one apart, so adding it rounds, and the whole number is in the lowest bits. A
/// conversion would not be done for several numbers at once.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

/// The whole part of a number from 0 to 255.
#[inline(always)]
fn whole(number: f64) -> u8 {
    let nearest = number + ROUNDING - ROUNDING;
    let whole = if nearest > number { nearest - 1.0 } else { nearest };
    (whole + ROUNDING).to_bits() as u8
}
