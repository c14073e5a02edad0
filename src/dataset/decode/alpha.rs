//! The transparency of an image: dropped, or the image put over one color.
//!
//! Values are blended as they are stored: 8 bits, not linear in light, as Pillow's
//! `Image.alpha_composite`, browsers and image viewers do. The result of an image over an opaque
//! background is `(color * alpha + background * (255 - alpha)) / 255`, rounded to the nearest
//! number, which is Pillow's number for every color and every alpha.

use image::{DynamicImage, RgbImage};

use crate::spec::Alpha;

/// The value of red, green and blue behind an image; `None` if its alpha is dropped.
pub(super) fn background(alpha: Alpha) -> Option<u8> {
    match alpha {
        Alpha::Drop => None,
        Alpha::White => Some(255),
        Alpha::Black => Some(0),
    }
}

/// A color over a background. The color is not multiplied by its `alpha`, of which 255 is opaque.
pub(super) fn over(color: [u8; 3], alpha: u8, background: u8) -> [u8; 3] {
    let (alpha, rest) = (u32::from(alpha), u32::from(255 - alpha));
    let behind = u32::from(background) * rest;
    color.map(|value| ((u32::from(value) * alpha + behind + 127) / 255) as u8)
}

/// A color that was multiplied by its `alpha` before, over a background of black or white.
pub(super) fn multiplied_over(color: [u8; 3], alpha: u8, background: u8) -> [u8; 3] {
    let behind = if background == 0 { 0 } else { 255 - alpha };
    // A damaged file may hold colors above alpha.
    color.map(|value| value.saturating_add(behind))
}

/// The bytes that [`flatten`] needs in addition to the image and its result.
pub(super) fn flatten_bytes(n_pixels: u64, has_alpha: bool, alpha: Alpha) -> u64 {
    if has_alpha && alpha != Alpha::Drop { 4 * n_pixels } else { 0 }
}

/// An image as red, green and blue of 8 bits. Values of 16 bits, and alpha of 16 bits, are rounded
/// to 8 before they are blended.
pub(super) fn flatten(picture: DynamicImage, alpha: Alpha) -> RgbImage {
    let background = match background(alpha) {
        Some(background) if picture.color().has_alpha() => background,
        _ => return picture.into_rgb8(),
    };
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0;
        image::Rgb(over([red, green, blue], alpha, background))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `AlphaComposite.c` of Pillow 13, for an opaque background.
    fn of_pillow(color: u32, alpha: u32, background: u32) -> u32 {
        if alpha == 0 {
            return background;
        }
        let out = alpha * 255 + 255 * (255 - alpha);
        let coefficient = alpha * 255 * 255 * 128 / out;
        let sum = color * coefficient + background * (255 * 128 - coefficient) + (0x80 << 7);
        ((sum + (sum >> 8)) >> 8) >> 7
    }

    #[test]
    fn every_color_over_every_alpha_is_that_of_pillow() {
        for background in [0, 255] {
            for color in 0..=255 {
                for alpha in 0..=255 {
                    let expected = of_pillow(color.into(), alpha.into(), background.into()) as u8;
                    assert_eq!(over([color; 3], alpha, background), [expected; 3]);
                }
            }
        }
    }

    #[test]
    fn a_multiplied_color_is_within_a_level_of_the_color_itself() {
        for background in [0, 255] {
            for (color, alpha) in (0..=255).zip((0..=255).rev()) {
                let multiplied = over([color; 3], alpha, 0);
                let [ours, ..] = multiplied_over(multiplied, alpha, background);
                let [expected, ..] = over([color; 3], alpha, background);
                assert!(ours.abs_diff(expected) <= 1, "{color} {alpha}: {ours}, not {expected}");
            }
        }
        assert_eq!(multiplied_over([255; 3], 0, 255), [255; 3]);
    }

    #[test]
    fn alpha_of_16_bits_is_rounded_before() {
        let half = image::Rgba([u16::MAX, 0, 257 * 3, 0x7fff]);
        let picture = DynamicImage::ImageRgba16(image::ImageBuffer::from_pixel(2, 2, half));
        assert_eq!(flatten(picture.clone(), Alpha::Drop).get_pixel(0, 0).0, [255, 0, 3]);
        let [white, black] = [Alpha::White, Alpha::Black]
            .map(|alpha| flatten(picture.clone(), alpha).get_pixel(1, 1).0);
        assert_eq!(white, over([255, 0, 3], 127, 255));
        assert_eq!(black, over([255, 0, 3], 127, 0));
        let opaque = DynamicImage::new_luma8(2, 2);
        assert_eq!(flatten(opaque, Alpha::White).get_pixel(0, 0).0, [0; 3]);
    }
}
