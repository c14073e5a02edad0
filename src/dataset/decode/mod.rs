//! Decodes the bytes of a file to an upright RGB image.
//!
//! The same rules apply to every format. The format is recognized by content. EXIF orientation is
//! applied. Gray becomes equal red, green and blue; CMYK is converted. Alpha is dropped, as in
//! Keras and torchvision, or the image is put over white or black. 16-bit values are rounded to 8 bits. The first frame of an animation is
//! used. An image that ends early is an error, not half an image.

mod alpha;
mod budget;
mod error;
mod exif;
mod jpeg;
mod jxl;
mod kind;
mod read;
mod tiff;

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};

pub use error::DecodeError;
use jpeg::Fault;
use kind::Kind;
pub use kind::{Format, N_TELLING, has_image_name, is_image};
pub use read::{MOST_FILE_BYTES, is_image_file, read_file, read_standard_input};

use crate::base::guard;
use crate::spec::Alpha;

/// An image as pixels of red, green and blue.
pub type RgbImage = image::RgbImage;

/// Smallest side of an image in pixels.
pub const SMALLEST_SIDE: u32 = 8;
/// Most pixels that are decoded. It is more than the largest cameras produce.
pub const MOST_PIXELS: u64 = 256_000_000;
/// Most memory that one image may take while it is decoded.
const MOST_BYTES: u64 = 3 << 30;

/// Decodes a file to an upright RGB image. It has been accepted before, so its name does not
/// matter.
///
/// # Errors
/// When the bytes are not a complete image in a known format and within the size limits.
pub fn decode(bytes: &[u8], alpha: Alpha) -> Result<RgbImage, DecodeError> {
    decode_then("", bytes, alpha, |picture| picture)
}

/// Decodes the content of a file of this name to an upright RGB image, and passes it to `then`
/// while its memory is reserved. `then` must not decode another image.
///
/// # Errors
/// When the bytes are not a complete image in a known format and within the size limits.
pub fn decode_then<T>(
    name: &str,
    bytes: &[u8],
    alpha: Alpha,
    then: impl FnOnce(RgbImage) -> T,
) -> Result<T, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let format = match Kind::of(start_of(bytes), name) {
        Kind::Read(format) => format,
        Kind::Unread(unread) => return Err(DecodeError::Unread(unread)),
        Kind::Other(what) => return Err(DecodeError::Other(what)),
        Kind::Unknown => return Err(DecodeError::UnknownFormat),
    };
    let mut permit = None;
    guarded(format, || {
        decode_format(bytes, format, alpha, &mut |width, height, bytes| {
            check_bytes(width, height, bytes)?;
            // If a decoder asks twice, the second request counts.
            drop(permit.take());
            permit = Some(budget::take(bytes));
            Ok(())
        })
    })
    .map(then)
}

fn check_bytes(width: u32, height: u32, bytes: u64) -> Result<(), DecodeError> {
    check_size(width, height)?;
    if bytes > MOST_BYTES {
        let n_bits = 8 * bytes / (u64::from(width) * u64::from(height));
        return Err(DecodeError::TooHeavy { width, height, n_bits });
    }
    Ok(())
}

/// Decoders are third-party code that reads untrusted files. A panic fails the file, not the run.
fn guarded(
    format: Format,
    decode: impl FnOnce() -> Result<RgbImage, DecodeError>,
) -> Result<RgbImage, DecodeError> {
    guard::catch(decode).unwrap_or(Err(DecodeError::Panicked { format: format.name() }))
}

/// Reserves the memory for an image, by its width and height.
type Reserve<'a> = dyn FnMut(u32, u32, u64) -> Result<(), DecodeError> + 'a;

fn decode_format(
    bytes: &[u8],
    format: Format,
    alpha: Alpha,
    reserve: &mut Reserve<'_>,
) -> Result<RgbImage, DecodeError> {
    let format = match format {
        Format::Common(format) => format,
        Format::JpegXl => return jxl::decode(bytes, alpha, reserve),
    };
    match format {
        ImageFormat::Jpeg => decode_jpeg(bytes, reserve),
        ImageFormat::Tiff if !tiff::is_fax(bytes)? => decode_tiff(bytes, alpha, reserve),
        format => decode_other(bytes, format, alpha, reserve),
    }
}

fn start_of(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(N_TELLING as usize)]
}

/// The format of an image.
pub fn format_of(bytes: &[u8]) -> Option<Format> {
    match Kind::of(start_of(bytes), "") {
        Kind::Read(format) => Some(format),
        _ => None,
    }
}

fn decode_jpeg(bytes: &[u8], reserve: &mut Reserve<'_>) -> Result<RgbImage, DecodeError> {
    let decoded = jpeg::decode(bytes, reserve).map_err(|fault| of_fault(fault, "JPEG"))?;
    let orientation = decoded.exif.as_deref().and_then(exif::orientation);
    Ok(upright(of_pixels(decoded.width, decoded.height, decoded.pixels), orientation))
}

fn of_fault(fault: Fault, format: &'static str) -> DecodeError {
    match fault {
        Fault::Truncated => DecodeError::Truncated,
        Fault::Refused(reason) => reason,
        Fault::Unsupported(what) => DecodeError::Unsupported { format, what: what.into() },
        Fault::Damaged(what) => DecodeError::Damaged { format, reason: what.into() },
    }
}

pub(super) fn of_pixels(width: u32, height: u32, pixels: Vec<u8>) -> RgbImage {
    RgbImage::from_raw(width, height, pixels).expect("there are three values per pixel")
}

fn decode_tiff(
    bytes: &[u8],
    alpha: Alpha,
    reserve: &mut Reserve<'_>,
) -> Result<RgbImage, DecodeError> {
    let (width, height, pixels) = tiff::decode(bytes, alpha, reserve)?;
    Ok(upright(of_pixels(width, height, pixels), exif::orientation(bytes)))
}

fn decode_other(
    bytes: &[u8],
    format: ImageFormat,
    alpha: Alpha,
    reserve: &mut Reserve<'_>,
) -> Result<RgbImage, DecodeError> {
    if format == ImageFormat::WebP && is_cut_webp(bytes) {
        return Err(DecodeError::Truncated);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    // The memory is reserved below. The limit here is only for headers.
    reader.no_limits();
    let decoder = reader.into_decoder().map_err(|error| wrong(&error, format))?;
    let (width, height) = decoder.dimensions();
    let n_pixels = u64::from(width) * u64::from(height);
    // These decoders also hold a canvas of their own.
    let canvas =
        if matches!(format, ImageFormat::Gif | ImageFormat::WebP) { 4 * n_pixels } else { 0 };
    let blending = alpha::flatten_bytes(n_pixels, decoder.color_type().has_alpha(), alpha);
    reserve(width, height, decoder.total_bytes() + canvas + blending + 3 * n_pixels)?;
    let exif = match format {
        ImageFormat::Png => exif::of_png(bytes),
        ImageFormat::WebP => exif::of_webp(bytes),
        ImageFormat::Tiff => Some(bytes),
        _ => None,
    };
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| wrong(&error, format))?;
    Ok(upright(alpha::flatten(picture, alpha), exif.and_then(exif::orientation)))
}

/// Whether a WebP file is shorter than its header claims.
fn is_cut_webp(bytes: &[u8]) -> bool {
    let length = bytes.get(4..).and_then(<[u8]>::first_chunk).copied().map(u32::from_le_bytes);
    length.is_some_and(|length| bytes.len() < 8 + length as usize)
}

fn wrong(error: &image::ImageError, format: ImageFormat) -> DecodeError {
    let format = Format::Common(format).name();
    let reason = error.to_string();
    // The GIF decoder has no separate error for it.
    if reason.to_lowercase().contains("unexpected end of file") {
        return DecodeError::Truncated;
    }
    let reason = reason.strip_prefix("Format error decoding ").unwrap_or(&reason);
    let reason = reason.split_once(": ").map_or(reason, |(_, reason)| reason).to_owned();
    match error {
        image::ImageError::IoError(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => {
            DecodeError::Truncated
        }
        image::ImageError::Unsupported(_) => DecodeError::Unsupported { format, what: reason },
        _ => DecodeError::Damaged { format, reason },
    }
}

fn upright(picture: RgbImage, orientation: Option<Orientation>) -> RgbImage {
    let mut picture = DynamicImage::ImageRgb8(picture);
    picture.apply_orientation(orientation.unwrap_or(Orientation::NoTransforms));
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
    use super::kind::FORMATS;
    use super::*;

    /// An image with a dark upper left corner, to see which way is up.
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
            let decoded = decode(&bytes, Alpha::Drop).unwrap();
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
                let result = decode(&bytes[..length], Alpha::Drop);
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
        let read = |picture: DynamicImage| {
            decode(&encoded(&picture, ImageFormat::Png), Alpha::Drop).unwrap()
        };
        let grey = read(DynamicImage::ImageLuma8(rgb.to_luma8()));
        assert!(grey.pixels().all(|pixel| pixel.0[0] == pixel.0[1] && pixel.0[1] == pixel.0[2]));
        assert_eq!(read(DynamicImage::ImageRgb16(rgb.to_rgb16())), picture());
        let mut transparent = rgb.to_rgba8();
        transparent.pixels_mut().for_each(|pixel| pixel.0[3] = 0);
        assert_eq!(read(DynamicImage::ImageRgba8(transparent)), picture());
    }

    #[test]
    fn exif_orientation_is_applied() {
        let jpeg = encoded(&DynamicImage::ImageRgb8(picture()), ImageFormat::Jpeg);
        // An EXIF segment that says "turn a quarter clockwise" (orientation 6).
        let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let turned = [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat();
        let decoded = decode(&turned, Alpha::Drop).unwrap();
        assert_eq!(decoded.dimensions(), (16, 24));
        assert!(decoded.get_pixel(12, 3).0[0] < 60, "the dark corner is not at the upper right");
    }

    #[test]
    fn sizes_that_cannot_be_used_are_named() {
        let tiny = encoded(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png);
        assert_eq!(decode(&tiny, Alpha::Drop), Err(DecodeError::TooSmall { width: 1, height: 1 }));
        let mut huge = encoded(&DynamicImage::new_rgb8(8, 8), ImageFormat::Bmp);
        huge[18..22].copy_from_slice(&20_000u32.to_le_bytes());
        huge[22..26].copy_from_slice(&20_000u32.to_le_bytes());
        assert_eq!(
            decode(&huge, Alpha::Drop),
            Err(DecodeError::TooLarge { width: 20_000, height: 20_000 })
        );
    }

    #[test]
    fn a_decoder_that_panics_is_the_end_of_one_file() {
        let buffer = [0; 4];
        let failed = guarded(Format::Common(ImageFormat::Tiff), || {
            assert!(buffer.len() >= std::hint::black_box(5), "as image-tiff 0.11 does");
            Ok(picture())
        });
        let error = failed.unwrap_err().to_string();
        assert_eq!(error, "a TIFF image that the decoder cannot handle: save it as PNG");
        assert_eq!(guarded(Format::Common(ImageFormat::Png), || Ok(picture())), Ok(picture()));
    }

    #[test]
    fn other_content_is_refused_whatever_its_name() {
        assert_eq!(decode(b"", Alpha::Drop), Err(DecodeError::Empty));
        assert_eq!(decode(b"this is text", Alpha::Drop), Err(DecodeError::Other("a text file")));
        assert_eq!(decode(b"\x01\x02\x03", Alpha::Drop), Err(DecodeError::UnknownFormat));
    }
}
