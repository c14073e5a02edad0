//! A file's bytes to an upright RGB picture.
//!
//! The rules, for every format: the format is recognised by content; EXIF orientation is applied;
//! grey becomes equal red, green and blue; CMYK is converted; alpha is dropped, as Keras and
//! torchvision do; 16-bit values are rounded to 8; of an animation the first frame counts. A
//! picture that ends early is an error, not half a picture.

mod jpeg;

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

/// A picture as pixels of red, green and blue.
pub type Picture = RgbImage;

/// The smallest side that can show something.
pub const SMALLEST_SIDE: u32 = 8;
/// The most pixels that are decoded: 300 MB as RGB. A larger picture would take more memory than a
/// worker may have.
pub const MOST_PIXELS: u64 = 100_000_000;

/// The formats that are read.
const FORMATS: [ImageFormat; 6] = [
    ImageFormat::Jpeg,
    ImageFormat::Png,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Gif,
    ImageFormat::Tiff,
];

/// Why a file is not a readable picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The content is none of the known formats.
    #[error("not a JPEG, PNG, WebP, BMP, GIF or TIFF picture")]
    UnknownFormat,
    /// The file ends before the picture does.
    #[error("the file ends early")]
    Truncated,
    /// Too small to show anything.
    #[error("{width}×{height} pixels; the smallest side that is read is {SMALLEST_SIDE}")]
    TooSmall {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// More pixels than are decoded.
    #[error("{width}×{height} pixels; at most {} megapixels are read", MOST_PIXELS / 1_000_000)]
    TooLarge {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The content contradicts its format.
    #[error("a damaged {format} file: {reason}")]
    Damaged {
        /// The format.
        format: &'static str,
        /// What the decoder found.
        reason: String,
    },
    /// The file could not be read at all.
    #[error("{reason}")]
    Unreadable {
        /// Why not.
        reason: String,
    },
}

/// Whether a file name promises a picture.
pub fn has_picture_name(path: &str) -> bool {
    let ending = path.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    ending.is_some_and(|ending| {
        FORMATS.iter().any(|format| format.extensions_str().contains(&ending.as_str()))
            || ending == "jfif"
    })
}

/// Decodes a file to an upright RGB picture.
///
/// # Errors
/// When the bytes are not a complete picture of a known format and a bearable size.
pub fn decode(bytes: &[u8]) -> Result<Picture, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => {
            let (picture, orientation) = jpeg::decode(bytes)?;
            Ok(upright(DynamicImage::ImageRgb8(picture), orientation))
        }
        Ok(format) if FORMATS.contains(&format) => decode_other(bytes, format),
        _ => Err(DecodeError::UnknownFormat),
    }
}

/// The bytes at the start of a file that tell what it is.
pub const N_TELLING: u64 = 16;

/// Whether a file that starts with these bytes is a picture of a known format, readable or not.
pub fn starts_like_a_picture(bytes: &[u8]) -> bool {
    image::guess_format(bytes).is_ok_and(|format| FORMATS.contains(&format))
}

/// The name of the format of a picture.
pub fn format_name(bytes: &[u8]) -> &'static str {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => "JPEG",
        Ok(format) => name(format),
        Err(_) => "unknown",
    }
}

fn name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::WebP => "WebP",
        ImageFormat::Bmp => "BMP",
        ImageFormat::Gif => "GIF",
        _ => "TIFF",
    }
}

fn decode_other(bytes: &[u8], format: ImageFormat) -> Result<RgbImage, DecodeError> {
    let damaged = |error: image::ImageError| damaged_unless_truncated(&error, format);
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut decoder = reader.into_decoder().map_err(damaged)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(damaged)?;
    Ok(upright(picture, orientation))
}

fn damaged_unless_truncated(error: &image::ImageError, format: ImageFormat) -> DecodeError {
    if let image::ImageError::IoError(io) = error
        && io.kind() == std::io::ErrorKind::UnexpectedEof
    {
        return DecodeError::Truncated;
    }
    DecodeError::Damaged { format: name(format), reason: error.to_string() }
}

fn upright(mut picture: DynamicImage, orientation: Orientation) -> RgbImage {
    picture.apply_orientation(orientation);
    picture.into_rgb8()
}

fn check_size(width: u32, height: u32) -> Result<(), DecodeError> {
    if width.min(height) < SMALLEST_SIDE {
        Err(DecodeError::TooSmall { width, height })
    } else if u64::from(width) * u64::from(height) > MOST_PIXELS {
        Err(DecodeError::TooLarge { width, height })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with a dark upper left corner, to see which way is up.
    fn picture() -> RgbImage {
        RgbImage::from_fn(24, 16, |x, y| {
            if x < 8 && y < 8 { image::Rgb([10, 20, 30]) } else { image::Rgb([200, 150, 100]) }
        })
    }

    fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(vec![]);
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn every_format_is_read_by_its_content() {
        for format in FORMATS {
            let bytes = encoded(&DynamicImage::ImageRgb8(picture()), format);
            let decoded = decode(&bytes).unwrap();
            let worst = decoded.iter().zip(picture().iter()).map(|(a, b)| a.abs_diff(*b)).max();
            let tolerance = if format == ImageFormat::Jpeg { 12 } else { 0 };
            assert!(worst <= Some(tolerance), "{format:?} differs by {worst:?}");
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error() {
        for format in FORMATS {
            let bytes = encoded(&DynamicImage::ImageRgb8(picture()), format);
            for length in [1, bytes.len() / 4, bytes.len() / 2, bytes.len() * 3 / 4] {
                let result = decode(&bytes[..length]);
                assert!(
                    result.is_err(),
                    "{format:?} cut to {length} of {} bytes was read",
                    bytes.len()
                );
            }
        }
    }

    #[test]
    fn grey_alpha_and_sixteen_bits_become_rgb() {
        let rgb = DynamicImage::ImageRgb8(picture());
        let grey =
            decode(&encoded(&DynamicImage::ImageLuma8(rgb.to_luma8()), ImageFormat::Png)).unwrap();
        assert!(grey.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]));
        let deep =
            decode(&encoded(&DynamicImage::ImageRgb16(rgb.to_rgb16()), ImageFormat::Png)).unwrap();
        assert_eq!(deep, picture());
        let mut transparent = rgb.to_rgba8();
        transparent.pixels_mut().for_each(|pixel| pixel.0[3] = 0);
        let dropped =
            decode(&encoded(&DynamicImage::ImageRgba8(transparent), ImageFormat::Png)).unwrap();
        assert_eq!(dropped, picture());
    }

    #[test]
    fn exif_orientation_is_applied() {
        let jpeg = encoded(&DynamicImage::ImageRgb8(picture()), ImageFormat::Jpeg);
        // An EXIF segment that says "turn a quarter clockwise" (orientation 6).
        let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let turned = [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat();
        let decoded = decode(&turned).unwrap();
        assert_eq!(decoded.dimensions(), (16, 24));
        assert!(decoded.get_pixel(12, 3).0[0] < 60, "the dark corner is not at the upper right");
    }

    #[test]
    fn sizes_that_cannot_be_used_are_named() {
        let tiny = encoded(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png);
        assert_eq!(decode(&tiny), Err(DecodeError::TooSmall { width: 1, height: 1 }));
        let mut huge = encoded(&DynamicImage::new_rgb8(8, 8), ImageFormat::Bmp);
        huge[18..22].copy_from_slice(&20_000u32.to_le_bytes());
        huge[22..26].copy_from_slice(&20_000u32.to_le_bytes());
        assert_eq!(decode(&huge), Err(DecodeError::TooLarge { width: 20_000, height: 20_000 }));
    }

    #[test]
    fn other_content_is_refused_whatever_its_name() {
        assert_eq!(decode(b""), Err(DecodeError::Empty));
        assert_eq!(decode(b"this is text"), Err(DecodeError::UnknownFormat));
    }
}
