//! JPEG: what the segments say before a decoder is trusted with them.
//!
//! Decoders fill what is missing with grey, so completeness is checked here; and `zune-jpeg`
//! 0.5, the fastest, decodes some rare layouts to wrong colours without an error, so these are
//! recognised here and go to `jpeg-decoder`.

use image::RgbImage;
use image::metadata::Orientation;
use jpeg_decoder::PixelFormat;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{DecodeError, check_size};

/// Decodes a JPEG as it lies in the file, with the orientation it should be turned to.
pub(super) fn decode(bytes: &[u8]) -> Result<(RgbImage, Orientation), DecodeError> {
    let layout = Layout::read(bytes).ok_or(DecodeError::Truncated)?;
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| damaged(&error))?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    let (width, height) = (width as u32, height as u32);
    check_size(width, height)?;
    let exif = decoder.exif().map(Vec::as_slice);
    let orientation = exif.and_then(Orientation::from_exif_chunk);
    let pixels = match layout {
        Layout::Usual => decoder.decode().map_err(|error| damaged(&error))?,
        Layout::Rare => decode_rare(bytes)?,
    };
    let picture = RgbImage::from_raw(width, height, pixels);
    let picture = picture.ok_or_else(|| damaged(&"the number of channels is not known"))?;
    Ok((picture, orientation.unwrap_or(Orientation::NoTransforms)))
}

fn decode_rare(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    let pixels = decoder.decode().map_err(|error| damaged(&error))?;
    match decoder.info().map(|info| info.pixel_format) {
        Some(PixelFormat::RGB24) => Ok(pixels),
        Some(PixelFormat::L8) => Ok(pixels.into_iter().flat_map(|grey| [grey; 3]).collect()),
        _ => Err(damaged(&"CMYK or 16-bit values in separate scans")),
    }
}

fn damaged(reason: &dyn ToString) -> DecodeError {
    DecodeError::Damaged { format: "JPEG", reason: reason.to_string() }
}

/// How the colours of a complete JPEG are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// Progressive, or all colours in one scan, brightness at the highest resolution.
    Usual,
    /// Each colour in a scan of its own, or a colour at a higher resolution than brightness.
    Rare,
}

/// Markers (ITU-T T.81, table B.1).
const END: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const PROGRESSIVE_FRAME: u8 = 0xc2;

impl Layout {
    /// Walks the segments up to the end marker (ITU-T T.81, annex B); `None` where it is missing.
    /// An EXIF thumbnail has an end marker of its own, so looking for one would not do.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut layout = Self::Usual;
        let (mut n_colours, mut is_progressive) = (0, false);
        let mut at = 2;
        loop {
            let code = marker(bytes, &mut at)?;
            if code == END {
                return Some(layout);
            }
            let length = bytes.get(at..at + 2)?;
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            let segment = bytes.get(at + 2..at + length)?;
            at += length;
            if is_frame(code) {
                is_progressive = code == PROGRESSIVE_FRAME;
                n_colours = segment.get(5).copied()?;
                if !is_usual_sampling(segment.get(6..)?) {
                    layout = Self::Rare;
                }
            }
            if code == START_OF_SCAN {
                if !is_progressive && segment.first() != Some(&n_colours) {
                    layout = Self::Rare;
                }
                skip_entropy_coded(bytes, &mut at);
            }
        }
    }
}

/// The code of the next marker that has a segment or ends the picture. Fill bytes and stray bytes
/// may stand before a marker.
fn marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let &[first, code] = bytes.get(*at..*at + 2)? else { return None };
        let is_marker = first == 0xff && !matches!(code, 0x00 | 0x01 | 0xd0..=0xd8 | 0xff);
        *at += if is_marker { 2 } else { 1 };
        if is_marker {
            return Some(code);
        }
    }
}

/// Moves to the next marker behind entropy-coded data, in which 0xff is followed by zero or a
/// restart code.
fn skip_entropy_coded(bytes: &[u8], at: &mut usize) {
    while let Some(&[first, second]) = bytes.get(*at..*at + 2) {
        if first == 0xff && !matches!(second, 0x00 | 0xd0..=0xd7) {
            return;
        }
        *at += 1;
    }
}

fn is_frame(code: u8) -> bool {
    matches!(code, 0xc0..=0xcf) && !matches!(code, 0xc4 | 0xc8 | 0xcc)
}

/// Whether the first colour has the highest resolution, in steps of one, two or four. `colours`
/// has three bytes each: a number, the sampling factors, a table.
fn is_usual_sampling(colours: &[u8]) -> bool {
    let factors = |colour: &[u8]| (colour[1] >> 4, colour[1] & 15);
    let mut all = colours.chunks_exact(3).map(factors);
    let Some((across, down)) = all.next() else { return true };
    let is_step = |n: u8| matches!(n, 1 | 2 | 4);
    is_step(across) && is_step(down) && all.all(|(x, y)| x <= across && y <= down)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A 16x16 picture with a red, a green, a blue and a white quarter, each colour in a scan of
    /// its own at half the resolution of brightness (`jpegtran -scans`, libjpeg-turbo 2.1).
    const SEPARATE_SCANS: &[u8] = include_bytes!("separate_scans.jpg");

    #[test]
    fn colours_in_separate_scans_come_out_right() {
        assert_eq!(Layout::read(SEPARATE_SCANS), Some(Layout::Rare));
        let (picture, _) = decode(SEPARATE_SCANS).unwrap();
        let wanted = [
            ((3, 3), [255, 0, 0]),
            ((12, 3), [0, 255, 0]),
            ((3, 12), [0, 0, 255]),
            ((12, 12), [255; 3]),
        ];
        for ((x, y), colour) in wanted {
            let found = picture.get_pixel(x, y).0;
            let far = found.iter().zip(colour).any(|(a, b)| a.abs_diff(b) > 12);
            assert!(!far, "{found:?} at ({x}, {y}), not {colour:?}");
        }
    }

    #[test]
    fn sampling_below_brightness_is_usual() {
        assert!(is_usual_sampling(&[1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]));
        assert!(is_usual_sampling(&[1, 0x11, 0]));
        assert!(!is_usual_sampling(&[1, 0x11, 0, 2, 0x22, 1, 3, 0x11, 1]));
        assert!(!is_usual_sampling(&[1, 0x31, 0, 2, 0x11, 1, 3, 0x11, 1]));
    }
}
