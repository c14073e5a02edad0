//! A JPEG decoder with bit-for-bit the results of libjpeg-turbo, which Pillow, `OpenCV` and
//! torchvision use: the same inverse transform, chroma upsampling and rules for the color space.
//!
//! Other decoders differ by a level in some pixels, which is enough to change one prediction in
//! fifty. They also fill missing or damaged areas with gray. Here data that contradicts itself or
//! ends early is an error: a code that is in no table, values out of range, restart markers out of
//! order, data after the end of the image, a progressive image without its last scans. Harmless
//! data is skipped, as in libjpeg: bytes between segments, unknown segments, anything after the
//! end.

#![expect(
    clippy::inline_always,
    reason = "loops over bits and samples are fast in one piece, and in the instructions of the caller"
)]

mod arithmetic;
mod bits;
mod colour;
mod enlarge;
mod header;
mod huffman;
mod scan;
mod transform;
mod usual;

use colour::Hints;
pub(super) use colour::{Colours, light_through};
use enlarge::{Buffer, Enlarge, Plane};
use header::{Frame, Scan, Tables, code};
use scan::Component;

use super::Reserve;

/// Most scans that are read; encoders use ten. The time for each grows with the size of the image,
/// but it may take almost no bytes in the file.
const MOST_SCANS: usize = 128;

/// The values of a block.
type Block = [i16; 64];

/// Where the values of a block, in the order of the file, are in it.
#[rustfmt::skip]
const NATURAL_ORDER: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Why a JPEG cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The file ends before the image does.
    Truncated,
    /// The content contradicts itself.
    Damaged(&'static str),
    /// The file may be valid, but its kind is not supported.
    Unsupported(&'static str),
    /// The caller refused an image of this size.
    Refused(super::DecodeError),
}

impl Fault {
    const RANGE: Self = Self::Damaged("a value out of range");
    const MISSING_SCAN: Self = Self::Damaged("a scan is missing");
}

/// A decoded image, before its orientation is applied.
pub(super) struct Jpeg {
    pub(super) width: u32,
    pub(super) height: u32,
    /// Red, green and blue of each pixel.
    pub(super) pixels: Vec<u8>,
    /// Content of the first EXIF segment.
    pub(super) exif: Option<Vec<u8>>,
}

/// Everything read so far.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    tables: Tables,
    hints: Hints,
    exif: Option<&'a [u8]>,
    frame: Option<Frame>,
    components: Vec<Component>,
    n_scans: usize,
    /// Whether only zeros follow a scan up to the end of the file.
    is_padded: bool,
}

/// Decodes a JPEG, without checking its first two bytes. `reserve` is called before memory for the
/// image is allocated.
pub(super) fn decode(bytes: &[u8], reserve: &mut Reserve<'_>) -> Result<Jpeg, Fault> {
    Reader::read_all(bytes, reserve)?.finish(None)
}

/// As [`decode`], with the color space given by the caller.
pub(super) fn decode_as(
    bytes: &[u8],
    colours: Colours,
    reserve: &mut Reserve<'_>,
) -> Result<Jpeg, Fault> {
    Reader::read_all(bytes, reserve)?.finish(Some(colours))
}

impl<'a> Reader<'a> {
    /// Reads everything up to the end marker.
    fn read_all(bytes: &'a [u8], reserve: &mut Reserve<'_>) -> Result<Self, Fault> {
        let mut reader = Reader {
            bytes,
            at: 2,
            tables: Tables::new(),
            hints: Hints::default(),
            exif: None,
            frame: None,
            components: vec![],
            n_scans: 0,
            is_padded: false,
        };
        loop {
            match header::next_marker(bytes, &mut reader.at) {
                Some(code::END) => break,
                // A copy that ends in a sector of zeros is complete if its last scan is.
                None if reader.is_padded => break,
                None => return Err(Fault::Truncated),
                Some(code::START) => {
                    return Err(Fault::Damaged("a second image begins inside the image"));
                }
                Some(marker) => reader.read(marker, reserve)?,
            }
        }
        Ok(reader)
    }

    fn read(&mut self, marker: u8, reserve: &mut Reserve<'_>) -> Result<(), Fault> {
        let segment = header::segment(self.bytes, &mut self.at)?;
        match marker {
            code::APP_0 => self.hints.read_app_0(segment.rest()),
            code::APP_14 => self.hints.read_app_14(segment.rest()),
            code::APP_1 if self.exif.is_none() => {
                self.exif = segment.rest().strip_prefix(b"Exif\0\0");
            }
            code::START_OF_SCAN => {
                let frame = self.frame.as_ref();
                let frame = frame.ok_or(Fault::Damaged("a scan before the header"))?;
                let scan = Scan::read(frame, segment)?;
                self.n_scans += 1;
                if self.n_scans > MOST_SCANS {
                    return Err(Fault::Unsupported("too many scans"));
                }
                if !frame.process.is_progressive {
                    self.tables.add_usual_huffman();
                }
                let components = &mut self.components;
                let rest =
                    scan::decode(self.bytes, self.at, frame, &scan, &self.tables, components)?;
                self.at = rest.end;
                self.is_padded = rest.end == self.bytes.len()
                    && !rest.bytes.is_empty()
                    && rest.bytes.iter().all(|byte| *byte == 0);
            }
            _ => {
                let content = segment.rest();
                if let Some(frame) = Frame::read(marker, segment)? {
                    if self.frame.is_some() {
                        return Err(Fault::Damaged("two headers"));
                    }
                    let (width, height) = (frame.width as u32, frame.height as u32);
                    reserve(width, height, scan::bytes(&frame)).map_err(Fault::Refused)?;
                    self.components = scan::components(&frame);
                    self.frame = Some(frame);
                } else {
                    self.tables.read(marker, header::Segment::new(content))?;
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, colours: Option<Colours>) -> Result<Jpeg, Fault> {
        let frame = self.frame.ok_or(Fault::Damaged("there is no header"))?;
        self.components.iter_mut().try_for_each(scan::complete)?;
        let colours = colours.unwrap_or_else(|| frame.colours(self.hints));
        if colours.n_channels() != frame.components.len() {
            return Err(Fault::Damaged("an unexpected number of channels"));
        }
        let pixels = pixels(&frame, &self.components, colours)?;
        let (width, height) = (frame.width as u32, frame.height as u32);
        Ok(Jpeg { width, height, pixels, exif: self.exif.map(<[u8]>::to_vec) })
    }
}

/// The pixels that samples make, row by row.
fn pixels(frame: &Frame, components: &[Component], colours: Colours) -> Result<Vec<u8>, Fault> {
    let most = scan::most(frame);
    let mut how = vec![];
    for component in components {
        how.push(Enlarge::new((component.across, component.down), most, component.width)?);
    }
    let planes: Vec<Plane<'_>> = components
        .iter()
        .map(|component| Plane {
            samples: &component.samples,
            stride: component.stride(),
            width: component.width,
            height: component.height,
        })
        .collect();
    let width = frame.width;
    let mut buffers: Vec<Buffer> = how.iter().map(|_| Buffer::new(width)).collect();
    let mut pixels = vec![0; 3 * width * frame.height];
    for (y, row) in pixels.chunks_exact_mut(3 * width).enumerate() {
        let rows = planes.iter().zip(&how).zip(&mut buffers);
        let rows: Vec<&[u8]> =
            rows.map(|((plane, how), buffer)| &plane.enlarged(*how, y, buffer)[..width]).collect();
        colours.convert(&rows, row);
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests;
