//! JPEG XL, decoded by `jxl`, the decoder of Chromium and Firefox.
//!
//! It is built without vector instructions, so that it computes the same bits on every processor.

use std::io::ErrorKind;

use image::RgbImage;
use jxl::api::{
    AlphaMode, Event, ExtraChannel, JxlBasicInfo, JxlColorProfile, JxlColorType, JxlDataFormat,
    JxlDecoder, JxlDecoderOptions, JxlOutputBuffer, JxlPixelFormat, ProfileLevel,
};
use jxl::error::Error;

use super::{DecodeError, Reserve, alpha, jpeg, of_pixels};
use crate::spec::Alpha;

const FORMAT: &str = "JPEG XL";
const BYTE: Option<JxlDataFormat> = Some(JxlDataFormat::U8 { bit_depth: 8 });

/// Bytes that the decoder holds for a sample: a number of 32 bits.
const BYTES_PER_SAMPLE: u64 = 4;
/// Samples that frames may have more than the image, since layers may stick out of it.
const MORE_SAMPLES: usize = 1 << 20;

/// Decodes the first frame of an image, upright.
pub(super) fn decode(
    bytes: &[u8],
    alpha: Alpha,
    reserve: &mut Reserve<'_>,
) -> Result<RgbImage, DecodeError> {
    // The limit for frames follows from the header, and a decoder takes it when it is made.
    let header = Opened::new(bytes, alpha, None)?;
    let (width, height) = header.info.size;
    let n_pixels = width.saturating_mul(height);
    let n_samples = n_pixels.saturating_mul(3 + header.info.extra_channels.len());
    let (width, height) = (u32_of(width), u32_of(height));
    super::check_size(width, height)?;
    // The image as it is decoded, with black and alpha, and as red, green and blue.
    let results = (4 + 1 + 3) * n_pixels as u64;
    reserve(width, height, results + BYTES_PER_SAMPLE * n_samples as u64)?;
    drop(header);
    let opened = Opened::new(bytes, alpha, Some(n_samples.saturating_mul(2) + MORE_SAMPLES))?;
    let pixels = opened.pixels(alpha)?;
    Ok(of_pixels(width, height, pixels))
}

/// Sizes above that of a `u32` are too large anyway.
fn u32_of(side: usize) -> u32 {
    u32::try_from(side).unwrap_or(u32::MAX)
}

/// A file whose header has been read.
struct Opened<'a> {
    decoder: JxlDecoder,
    rest: &'a [u8],
    info: JxlBasicInfo,
}

impl<'a> Opened<'a> {
    fn new(
        bytes: &'a [u8],
        alpha: Alpha,
        sample_limit: Option<usize>,
    ) -> Result<Self, DecodeError> {
        let mut options = JxlDecoderOptions::default();
        options.max_profile_level = ProfileLevel::Main10;
        options.alpha_mode = match alpha {
            Alpha::Drop => AlphaMode::AsIs,
            Alpha::White | Alpha::Black => AlphaMode::Unpremultiplied,
        };
        options.sample_limit = sample_limit;
        let (mut decoder, mut rest) = (JxlDecoder::new(options), bytes);
        decoder.process(&mut rest, None, None).map_err(wrong).and_then(more)?;
        // The header comes first.
        let info = decoder.basic_info().cloned().ok_or(DecodeError::Truncated)?;
        Ok(Self { decoder, rest, info })
    }

    /// Red, green and blue of the first frame.
    fn pixels(mut self, alpha: Alpha) -> Result<Vec<u8>, DecodeError> {
        let (width, height) = self.info.size;
        let is_cmyk = self.decoder.embedded_color_profile().is_some_and(JxlColorProfile::is_cmyk);
        let (color_type, per_pixel) =
            if is_cmyk { (JxlColorType::Cmyk, 4) } else { (JxlColorType::Rgb, 3) };
        let background = alpha::background(alpha);
        let channels = &self.info.extra_channels;
        let clear = background
            .and(channels.iter().position(|channel| channel.ec_type == ExtraChannel::Alpha));
        let mut extra_channel_format = vec![None; channels.len()];
        if let Some(clear) = clear {
            extra_channel_format[clear] = BYTE;
        }
        let format = JxlPixelFormat { color_type, color_data_format: BYTE, extra_channel_format };
        self.decoder.set_pixel_format(format).map_err(wrong)?;
        let mut colors = vec![0; per_pixel * width * height];
        let mut alphas = vec![0; if clear.is_some() { width * height } else { 0 }];
        let mut buffers = vec![JxlOutputBuffer::new(&mut colors, height, per_pixel * width)];
        if clear.is_some() {
            buffers.push(JxlOutputBuffer::new(&mut alphas, height, width));
        }
        loop {
            let event = self.decoder.process(&mut self.rest, Some(&mut buffers), None);
            match event.map_err(wrong).and_then(more)? {
                Event::FrameComplete { .. } => break,
                Event::Complete => return Err(DecodeError::Truncated),
                _ => {}
            }
        }
        drop(buffers);
        let mut pixels = if is_cmyk { of_cmyk(&colors) } else { colors };
        if let (Some(background), Some(_)) = (background, clear) {
            for (pixel, alpha) in pixels.as_chunks_mut::<3>().0.iter_mut().zip(alphas) {
                *pixel = alpha::over(*pixel, alpha, background);
            }
        }
        Ok(pixels)
    }
}

/// As from a CMYK JPEG. Zero is as much ink as there can be.
fn of_cmyk(light: &[u8]) -> Vec<u8> {
    let pixels = light.as_chunks::<4>().0.iter();
    pixels.flat_map(|&[c, m, y, k]| [c, m, y].map(|ink| jpeg::light_through(ink, k))).collect()
}

/// The whole file has been given, so a decoder that wants more has been given too little.
fn more(event: Event) -> Result<Event, DecodeError> {
    match event {
        Event::NeedMoreInput { .. } => Err(DecodeError::Truncated),
        event => Ok(event),
    }
}

fn wrong(error: Error) -> DecodeError {
    match error {
        Error::OutOfBounds(_) => DecodeError::Truncated,
        Error::IOError(error) if error.kind() == ErrorKind::UnexpectedEof => DecodeError::Truncated,
        Error::NotCmyk => unsupported("CMYK without black"),
        Error::PatchesUnsupportedMixedUpsampling(..) => unsupported("patches of mixed upsampling"),
        error => DecodeError::Damaged { format: FORMAT, reason: error.to_string() },
    }
}

fn unsupported(what: &str) -> DecodeError {
    DecodeError::Unsupported { format: FORMAT, what: what.to_owned() }
}
