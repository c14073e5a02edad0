//! A TIFF decoder for the kinds of files that image editors, scanners and geographic tools write.
//! Other kinds are reported as unsupported, never as damaged.

mod directory;
mod pack;
mod raw;
mod transparency;

use directory::{Directory, tag};
use pack::Compression;
use transparency::Transparency;

use super::jpeg::{self, Colours};
use super::{DecodeError, Reserve, alpha};
use crate::spec::Alpha;

/// The color space of the samples of a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    /// From black to white, or the other way round.
    Grey {
        is_inverted: bool,
    },
    Rgb,
    /// Red, green and blue of each number.
    Palette(Vec<[u8; 3]>),
    Cmyk,
    YCbCr,
}

impl Meaning {
    /// Number of samples that are used. Others (alpha, a selection) follow.
    fn n_samples(&self) -> usize {
        match self {
            Self::Grey { .. } | Self::Palette(_) => 1,
            Self::Rgb | Self::YCbCr => 3,
            Self::Cmyk => 4,
        }
    }
}

/// How the first image of a file is stored.
struct Layout<'a> {
    bytes: &'a [u8],
    directory: Directory<'a>,
    width: usize,
    height: usize,
    n_bits: usize,
    n_samples: usize,
    meaning: Meaning,
    /// `None` if the image has no alpha, or if it is dropped.
    transparency: Option<Transparency>,
    compression: Compression,
    has_predictor: bool,
    /// Whether each sample has separate pieces.
    is_planar: bool,
    /// The size of a piece (a strip or a tile) in pixels.
    piece: (usize, usize),
    offsets: Vec<usize>,
    lengths: Vec<usize>,
}

fn unsupported(what: impl Into<String>) -> DecodeError {
    DecodeError::Unsupported { format: "TIFF", what: what.into() }
}

fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: "TIFF", reason: reason.to_owned() }
}

/// Whether the first image is of fax compression, group 4, which another decoder reads.
pub(super) fn is_fax(bytes: &[u8]) -> Result<bool, DecodeError> {
    const GROUP_4: usize = 4;
    let directory = Directory::read(bytes).ok_or(DecodeError::Truncated)?;
    let is_fax = directory.value_or(tag::COMPRESSION, 1) == GROUP_4;
    let of = |tag, default| directory.value_or(tag, default);
    if is_fax && of(tag::FILL_ORDER, 1) == 2 {
        return Err(unsupported("fax compression with bits in reverse order"));
    }
    if is_fax && (of(tag::BITS, 1) != 1 || of(tag::SAMPLES, 1) != 1) {
        return Err(unsupported("fax compression of colors"));
    }
    Ok(is_fax)
}

/// Decodes the first image of a file, before its orientation is applied.
pub(super) fn decode(
    bytes: &[u8],
    alpha: Alpha,
    reserve: &mut Reserve<'_>,
) -> Result<(u32, u32, Vec<u8>), DecodeError> {
    let layout = Layout::read(bytes, alpha)?;
    let (width, height) = (layout.width, layout.height);
    let (across, down) = layout.piece;
    let samples = across * down * layout.samples_per_pixel();
    let needed = 6 * width * height + 2 * layout.piece_bytes() + 2 * samples;
    reserve(width as u32, height as u32, needed as u64)?;
    let mut pixels = vec![0; 3 * width * height];
    let (across, down) = layout.pieces();
    for plane in layout.planes() {
        for number in 0..across * down {
            let (x, y) = (number % across * layout.piece.0, number / across * layout.piece.1);
            let piece = layout.piece(plane * across * down + number, height - y)?;
            layout.place(&piece, plane, (x, y), &mut pixels)?;
        }
    }
    Ok((width as u32, height as u32, pixels))
}

/// Samples of 16 bits at most, row by row.
struct Piece {
    samples: Vec<u16>,
    /// Samples of a row and of a pixel.
    per_row: usize,
    per_pixel: usize,
    /// The largest a sample can be.
    most: u32,
    /// Color space. Pieces in JPEG compression are already red, green and blue.
    is_rgb: bool,
}

impl<'a> Layout<'a> {
    fn read(bytes: &'a [u8], alpha: Alpha) -> Result<Self, DecodeError> {
        let directory = Directory::read(bytes).ok_or(DecodeError::Truncated)?;
        let of = |tag, default| directory.value_or(tag, default);
        if let Some(raw) = raw::find(bytes, &directory) {
            return Err(DecodeError::Unread(raw));
        }
        let (width, height) = (of(tag::WIDTH, 0), of(tag::HEIGHT, 0));
        super::check_size(width as u32, height as u32)?;
        let n_samples = of(tag::SAMPLES, 1);
        check_format(&directory)?;
        let all_bits = directory.values(tag::BITS).unwrap_or_else(|| vec![1]);
        let n_bits = all_bits.first().copied().unwrap_or(1);
        if all_bits.iter().any(|bits| *bits != n_bits) {
            return Err(unsupported("channels of different depth"));
        }
        if !(1..=16).contains(&n_bits) {
            return Err(unsupported(format!("{n_bits} bits a value")));
        }
        let meaning = meaning(&directory, n_bits, n_samples)?;
        let compression = Compression::of(of(tag::COMPRESSION, 1)).map_err(unsupported)?;
        if meaning == Meaning::YCbCr && compression != Compression::Jpeg {
            return Err(unsupported("YCbCr colors without JPEG compression"));
        }
        let has_predictor = has_predictor(&directory, compression, n_bits)?;
        let is_tiled = directory.has(tag::TILE_WIDTH);
        let (offsets, lengths, piece) = if is_tiled {
            let piece = (of(tag::TILE_WIDTH, 0), of(tag::TILE_HEIGHT, 0));
            (tag::TILE_OFFSETS, tag::TILE_BYTES, piece)
        } else {
            let rows = of(tag::ROWS_PER_STRIP, height).min(height);
            (tag::STRIP_OFFSETS, tag::STRIP_BYTES, (width, rows))
        };
        if piece.0 == 0 || piece.1 == 0 || piece.0 * piece.1 > 4 * width * height + (1 << 20) {
            return Err(damaged("the size of its pieces"));
        }
        let offsets = directory.values(offsets).ok_or(damaged("the offsets of its pieces"))?;
        let lengths = directory.values(lengths).unwrap_or_default();
        let is_planar = of(tag::PLANAR, 1) == 2 && n_samples > 1;
        let transparency = match alpha::background(alpha) {
            Some(background) => transparency::of(&directory, &meaning, n_samples, background)?,
            None => None,
        };
        Ok(Self {
            bytes,
            directory,
            width,
            height,
            n_bits,
            n_samples,
            meaning,
            transparency,
            compression,
            has_predictor,
            is_planar,
            piece,
            offsets,
            lengths,
        })
    }

    /// Pieces across and down.
    fn pieces(&self) -> (usize, usize) {
        (self.width.div_ceil(self.piece.0), self.height.div_ceil(self.piece.1))
    }

    /// The planes that are used, alpha last.
    fn planes(&self) -> impl Iterator<Item = usize> + use<> {
        let n_colors = if self.is_planar { self.meaning.n_samples() } else { 1 };
        let alpha = self.transparency.filter(|_| self.is_planar);
        (0..n_colors).chain(alpha.map(|alpha| alpha.sample))
    }

    fn samples_per_pixel(&self) -> usize {
        if self.is_planar { 1 } else { self.n_samples }
    }

    fn row_bytes(&self) -> usize {
        (self.piece.0 * self.samples_per_pixel() * self.n_bits).div_ceil(8)
    }

    fn piece_bytes(&self) -> usize {
        self.row_bytes() * self.piece.1
    }

    /// A piece, of which `n_rows` are needed.
    fn piece(&self, number: usize, n_rows: usize) -> Result<Piece, DecodeError> {
        let from = *self.offsets.get(number).ok_or(damaged("a piece is missing"))?;
        let wanted = self.row_bytes() * n_rows.min(self.piece.1);
        // Encoders leave out the length if it is obvious.
        let length = self.lengths.get(number).copied().unwrap_or(wanted);
        let end = from.saturating_add(length).min(self.bytes.len());
        let packed = self.bytes.get(from..end).ok_or(DecodeError::Truncated)?;
        if self.compression == Compression::Jpeg {
            return self.jpeg(packed);
        }
        let reversed: Vec<u8>;
        let packed = if self.directory.value_or(tag::FILL_ORDER, 1) == 2 {
            reversed = packed.iter().map(|byte| byte.reverse_bits()).collect();
            &reversed
        } else {
            packed
        };
        let unpacked = self.compression.unpack(packed, wanted);
        if unpacked.len() < wanted {
            return Err(DecodeError::Truncated);
        }
        let (per_pixel, per_row) =
            (self.samples_per_pixel(), self.piece.0 * self.samples_per_pixel());
        let mut samples = Vec::with_capacity(per_row * n_rows.min(self.piece.1));
        for row in unpacked.chunks_exact(self.row_bytes()) {
            let start = samples.len();
            self.unpack_row(row, per_row, &mut samples);
            if self.has_predictor {
                add_up(&mut samples[start..], per_pixel, self.n_bits);
            }
        }
        let most = (1 << self.n_bits) - 1;
        Ok(Piece { samples, per_row, per_pixel, most, is_rgb: false })
    }

    /// The samples of a row, of any number of bits.
    fn unpack_row(&self, row: &[u8], n: usize, samples: &mut Vec<u16>) {
        match self.n_bits {
            8 => samples.extend(row.iter().map(|byte| u16::from(*byte))),
            16 => {
                let is_little = self.directory.is_little;
                samples.extend(row.as_chunks().0.iter().map(|&bytes| {
                    if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }
                }));
            }
            n_bits => {
                let (mut held, mut n_held, mut bytes) = (0u32, 0, row.iter());
                for _ in 0..n {
                    while n_held < n_bits {
                        held = held << 8 | u32::from(*bytes.next().unwrap_or(&0));
                        n_held += 8;
                    }
                    n_held -= n_bits;
                    samples.push((held >> n_held) as u16 & ((1 << n_bits) - 1));
                }
            }
        }
    }

    /// A piece that is a JPEG, which may begin with tables that are stored once.
    fn jpeg(&self, packed: &[u8]) -> Result<Piece, DecodeError> {
        let colours = match self.meaning {
            _ if self.n_bits != 8 => None,
            Meaning::Grey { .. } => Some(Colours::Grey),
            Meaning::Rgb if self.is_planar => Some(Colours::Grey),
            Meaning::Rgb => Some(Colours::Rgb),
            Meaning::YCbCr if !self.is_planar => Some(Colours::YCbCr),
            _ => None,
        };
        let colours = colours.ok_or_else(|| unsupported("JPEG compression of these colors"))?;
        if !self.is_planar && self.n_samples != self.meaning.n_samples() {
            return Err(unsupported("JPEG compression with further channels"));
        }
        let tables = self.directory.bytes(tag::JPEG_TABLES).unwrap_or_default();
        // Both begin with a start marker, and the tables end with an end marker.
        let tables = tables.get(2..tables.len().saturating_sub(2)).unwrap_or_default();
        let packed = packed.get(2..).ok_or(DecodeError::Truncated)?;
        let whole = [b"\xff\xd8", tables, packed].concat();
        let (width, rows) = self.piece;
        let decoded = jpeg::decode_as(&whole, colours, &mut |across, down, _| {
            let is_fit = across as usize == width && down as usize <= rows.next_multiple_of(32);
            if is_fit { Ok(()) } else { Err(damaged("a piece of unexpected size")) }
        });
        let decoded = decoded.map_err(|fault| super::of_fault(fault, "TIFF"))?;
        let is_rgb = colours != Colours::Grey;
        let values = decoded.pixels.iter().copied().map(u16::from);
        // Of gray all three are the same.
        let (per_pixel, step) = if is_rgb { (3, 1) } else { (1, 3) };
        let samples = values.step_by(step).collect();
        Ok(Piece { samples, per_row: per_pixel * width, per_pixel, most: 255, is_rgb })
    }

    /// Copies a piece to its position.
    fn place(
        &self,
        piece: &Piece,
        plane: usize,
        (x, y): (usize, usize),
        pixels: &mut [u8],
    ) -> Result<(), DecodeError> {
        let n_rows = self.piece.1.min(self.height - y);
        let n_columns = self.piece.0.min(self.width - x);
        if piece.samples.len() < piece.per_row * n_rows {
            return Err(DecodeError::Truncated);
        }
        for (row, samples) in piece.samples.chunks_exact(piece.per_row).take(n_rows).enumerate() {
            let at = 3 * ((y + row) * self.width + x);
            let pixels = pixels[at..at + 3 * n_columns].as_chunks_mut::<3>().0;
            for (pixel, samples) in pixels.iter_mut().zip(samples.chunks_exact(piece.per_pixel)) {
                if self.is_planar {
                    self.set_plane(pixel, plane, samples[0], piece.most);
                } else {
                    *pixel = self.color(samples, piece);
                    if let Some(alpha) = self.transparency {
                        *pixel = alpha.blend(*pixel, to_byte(samples[alpha.sample], piece.most));
                    }
                }
            }
        }
        Ok(())
    }

    fn color(&self, samples: &[u16], piece: &Piece) -> [u8; 3] {
        let byte = |sample: u16| to_byte(sample, piece.most);
        match &self.meaning {
            _ if piece.is_rgb => [byte(samples[0]), byte(samples[1]), byte(samples[2])],
            Meaning::Grey { is_inverted } => {
                let grey = byte(samples[0]);
                [if *is_inverted { 255 - grey } else { grey }; 3]
            }
            Meaning::Palette(colors) => {
                colors.get(usize::from(samples[0])).copied().unwrap_or_default()
            }
            Meaning::Rgb | Meaning::YCbCr => [byte(samples[0]), byte(samples[1]), byte(samples[2])],
            Meaning::Cmyk => {
                let light = 255 - byte(samples[3]);
                [0, 1, 2].map(|ink| jpeg::light_through(255 - byte(samples[ink]), light))
            }
        }
    }

    /// Gray and palettes have one plane that is used. CMYK would need all four at once.
    fn set_plane(&self, pixel: &mut [u8; 3], plane: usize, sample: u16, most: u32) {
        match &self.meaning {
            meaning if plane >= meaning.n_samples() => {
                if let Some(alpha) = self.transparency {
                    *pixel = alpha.blend(*pixel, to_byte(sample, most));
                }
            }
            Meaning::Rgb => pixel[plane] = to_byte(sample, most),
            Meaning::Cmyk | Meaning::YCbCr => {}
            _ => {
                let piece =
                    Piece { samples: vec![], per_row: 0, per_pixel: 1, most, is_rgb: false };
                *pixel = self.color(&[sample], &piece);
            }
        }
    }
}

/// Undoes the differences of neighbors.
fn add_up(row: &mut [u16], per_pixel: usize, n_bits: usize) {
    let mask = if n_bits == 8 { 0xff } else { 0xffff };
    for at in per_pixel..row.len() {
        row[at] = row[at].wrapping_add(row[at - per_pixel]) & mask;
    }
}

/// Rounded to 8 bits.
fn to_byte(sample: u16, most: u32) -> u8 {
    match most {
        255 => sample as u8,
        most => ((u32::from(sample) * 255 + most / 2) / most) as u8,
    }
}

/// Whether samples are stored as differences of neighbors.
fn has_predictor(
    directory: &Directory<'_>,
    compression: Compression,
    n_bits: usize,
) -> Result<bool, DecodeError> {
    match directory.value_or(tag::PREDICTOR, 1) {
        _ if compression == Compression::Jpeg => Ok(false),
        1 => Ok(false),
        2 if matches!(n_bits, 8 | 16) => Ok(true),
        _ => Err(unsupported("an unusual predictor")),
    }
}

fn check_format(directory: &Directory<'_>) -> Result<(), DecodeError> {
    const SIGNED: usize = 2;
    const FLOAT: usize = 3;
    for format in directory.values(tag::FORMAT).unwrap_or_default() {
        match format {
            SIGNED => return Err(unsupported("signed values")),
            FLOAT => return Err(unsupported("floating-point values")),
            5 | 6 => return Err(unsupported("complex values")),
            _ => {}
        }
    }
    Ok(())
}

fn meaning(
    directory: &Directory<'_>,
    n_bits: usize,
    n_samples: usize,
) -> Result<Meaning, DecodeError> {
    let is_planar = directory.value_or(tag::PLANAR, 1) == 2;
    let meaning = match directory.value_or(tag::COLOURS, 1) {
        0 => Meaning::Grey { is_inverted: true },
        1 => Meaning::Grey { is_inverted: false },
        2 => Meaning::Rgb,
        3 => Meaning::Palette(palette(directory, n_bits)?),
        5 if directory.value_or(tag::INKS, 1) == 1 && !is_planar => Meaning::Cmyk,
        5 => return Err(unsupported("inks")),
        6 => Meaning::YCbCr,
        8..=10 => return Err(unsupported("CIE L*a*b* colors")),
        32844 | 32845 => return Err(unsupported("LogLuv colors")),
        number => return Err(unsupported(format!("photometric interpretation {number}"))),
    };
    if n_samples < meaning.n_samples() {
        return Err(damaged("too few channels"));
    }
    Ok(meaning)
}

/// The colors of a palette: all red values, then green, then blue, in 16 bits.
fn palette(directory: &Directory<'_>, n_bits: usize) -> Result<Vec<[u8; 3]>, DecodeError> {
    let values = directory.values(tag::PALETTE).unwrap_or_default();
    let n = 1 << n_bits;
    if n_bits > 8 || values.len() < 3 * n {
        return Err(unsupported("an unusual color table"));
    }
    // Some writers fill in 8 bits.
    let shift = if values.iter().all(|value| *value < 256) { 0 } else { 8 };
    Ok((0..n).map(|i| [0, 1, 2].map(|channel| (values[channel * n + i] >> shift) as u8)).collect())
}
