//! The segments of a JPEG file (T.81, annex B): size, tables and colors.

use super::Fault;
use super::colour::{Colours, Hints};
use super::usual::{self, HuffmanCodes};

/// Markers (T.81, table B.1).
pub(super) mod code {
    pub(crate) const START: u8 = 0xd8;
    pub(crate) const END: u8 = 0xd9;
    pub(crate) const START_OF_SCAN: u8 = 0xda;
    pub(crate) const HUFFMAN_TABLES: u8 = 0xc4;
    pub(crate) const ARITHMETIC_CONDITIONS: u8 = 0xcc;
    pub(crate) const QUANTISATION_TABLES: u8 = 0xdb;
    pub(crate) const RESTART_INTERVAL: u8 = 0xdd;
    pub(crate) const APP_0: u8 = 0xe0;
    pub(crate) const APP_1: u8 = 0xe1;
    pub(crate) const APP_14: u8 = 0xee;
    pub(crate) const FIRST_RESTART: u8 = 0xd0;
}

/// Reads numbers of a segment.
pub(super) struct Segment<'a>(&'a [u8]);

impl<'a> Segment<'a> {
    pub(super) fn new(content: &'a [u8]) -> Self {
        Self(content)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        Ok(self.bytes(1)?[0])
    }

    pub(super) fn short(&mut self) -> Result<u16, Fault> {
        let bytes = self.bytes(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn bytes(&mut self, n: usize) -> Result<&'a [u8], Fault> {
        let (bytes, rest) =
            self.0.split_at_checked(n).ok_or(Fault::Damaged("a header that ends early"))?;
        self.0 = rest;
        Ok(bytes)
    }

    /// The rest of the segment.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

/// The code of the next marker, and moves `at` after it. Other bytes before it, fill bytes and
/// restart markers are skipped, as in libjpeg. `None` at the end of the file.
pub(super) fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let &[first, code] = bytes.get(*at..*at + 2)? else { return None };
        let is_marker = first == 0xff && !matches!(code, 0x00 | 0x01 | 0xd0..=0xd7 | 0xff);
        *at += if is_marker { 2 } else { 1 };
        if is_marker {
            return Some(code);
        }
    }
}

/// The content of the segment at `at`, and moves `at` after it.
pub(super) fn segment<'a>(bytes: &'a [u8], at: &mut usize) -> Result<Segment<'a>, Fault> {
    let length = bytes.get(*at..*at + 2).ok_or(Fault::Truncated)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    if length < 2 {
        return Err(Fault::Damaged("a header without a length"));
    }
    let content = bytes.get(*at + 2..*at + length).ok_or(Fault::Truncated)?;
    *at += length;
    Ok(Segment(content))
}

/// How arithmetic-coded values depend on those before them (T.81, B.2.4.3).
#[derive(Clone, Copy)]
pub(super) struct Conditions {
    pub(super) dc_low: u8,
    pub(super) dc_high: u8,
    pub(super) ac_k: u8,
}

/// The current tables.
pub(super) struct Tables {
    pub(super) dc: [Option<HuffmanCodes>; 4],
    pub(super) ac: [Option<HuffmanCodes>; 4],
    /// In the order of the file.
    pub(super) quantisation: [Option<[u16; 64]>; 4],
    pub(super) conditions: [Conditions; 4],
    pub(super) restart_interval: u32,
}

impl Tables {
    pub(super) fn new() -> Self {
        Self {
            dc: Default::default(),
            ac: Default::default(),
            quantisation: [None; 4],
            conditions: [Conditions { dc_low: 0, dc_high: 1, ac_k: 5 }; 4],
            restart_interval: 0,
        }
    }

    /// Reads a segment, if it is one with tables.
    pub(super) fn read(&mut self, code: u8, mut segment: Segment<'_>) -> Result<(), Fault> {
        match code {
            code::HUFFMAN_TABLES => {
                while !segment.rest().is_empty() {
                    self.read_huffman(&mut segment)?;
                }
            }
            code::QUANTISATION_TABLES => {
                while !segment.rest().is_empty() {
                    self.read_quantisation(&mut segment)?;
                }
            }
            code::ARITHMETIC_CONDITIONS => {
                while !segment.rest().is_empty() {
                    self.read_conditions(&mut segment)?;
                }
            }
            code::RESTART_INTERVAL => self.restart_interval = u32::from(segment.short()?),
            _ => {}
        }
        Ok(())
    }

    fn read_huffman(&mut self, segment: &mut Segment<'_>) -> Result<(), Fault> {
        let which = segment.byte()?;
        let mut counts = [0; 17];
        counts[1..].copy_from_slice(segment.bytes(16)?);
        let n = counts.iter().map(|n| usize::from(*n)).sum();
        let codes = HuffmanCodes { counts, symbols: segment.bytes(n)?.to_vec() };
        let tables = if which >> 4 == 0 { &mut self.dc } else { &mut self.ac };
        let table = tables.get_mut(usize::from(which & 15)).filter(|_| which < 0x20 && n <= 256);
        *table.ok_or(Fault::Damaged("a wrong Huffman table"))? = Some(codes);
        Ok(())
    }

    fn read_quantisation(&mut self, segment: &mut Segment<'_>) -> Result<(), Fault> {
        let which = segment.byte()?;
        let mut table = [0; 64];
        // Some encoders leave out the end of a table. Missing values are ones.
        let is_wide = which >> 4 > 0;
        let n_bytes = if is_wide { 128 } else { 64 };
        if segment.rest().len() < n_bytes {
            return Err(Fault::Damaged("a quantization table that ends early"));
        }
        for value in &mut table {
            *value = if is_wide { segment.short()? } else { u16::from(segment.byte()?) };
        }
        let place = self.quantisation.get_mut(usize::from(which & 15));
        *place.ok_or(Fault::Damaged("a wrong quantization table"))? = Some(table);
        Ok(())
    }

    fn read_conditions(&mut self, segment: &mut Segment<'_>) -> Result<(), Fault> {
        let (which, value) = (segment.byte()?, segment.byte()?);
        let conditions = self
            .conditions
            .get_mut(usize::from(which & 15))
            .filter(|_| which < 0x20)
            .ok_or(Fault::Damaged("a wrong arithmetic coding table"))?;
        if which < 0x10 {
            (conditions.dc_low, conditions.dc_high) = (value & 15, value >> 4);
        } else {
            conditions.ac_k = value;
        }
        Ok(())
    }

    /// Frames of Motion JPEG leave out the standard tables (T.81, annex K).
    pub(super) fn add_usual_huffman(&mut self) {
        for (place, (dc, ac)) in usual::tables().into_iter().enumerate() {
            self.dc[place].get_or_insert(dc);
            self.ac[place].get_or_insert(ac);
        }
    }
}

/// How an image is coded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) is_progressive: bool,
    pub(super) is_arithmetic: bool,
}

/// The header of an image.
pub(super) struct Frame {
    pub(super) process: Process,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: Vec<FrameComponent>,
}

/// A component in the header.
pub(super) struct FrameComponent {
    pub(super) id: u8,
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) quantisation: usize,
}

impl Frame {
    /// Reads the header of an image. `None` for other markers.
    pub(super) fn read(code: u8, mut segment: Segment<'_>) -> Result<Option<Self>, Fault> {
        let process = match code {
            0xc0..=0xc2 => Process { is_progressive: code == 0xc2, is_arithmetic: false },
            0xc9 | 0xca => Process { is_progressive: code == 0xca, is_arithmetic: true },
            0xc3 | 0xcb => return Err(Fault::Unsupported("lossless coding")),
            0xc5..=0xc7 | 0xcd..=0xcf => return Err(Fault::Unsupported("hierarchical coding")),
            _ => return Ok(None),
        };
        if segment.byte()? != 8 {
            return Err(Fault::Unsupported("more than 8 bits a value"));
        }
        let (height, width) = (usize::from(segment.short()?), usize::from(segment.short()?));
        if height == 0 {
            return Err(Fault::Unsupported("a height that is not in the header"));
        }
        let n = segment.byte()?;
        if !matches!(n, 1 | 3 | 4) {
            return Err(Fault::Unsupported("a number of channels other than 1, 3 and 4"));
        }
        let mut components = vec![];
        for _ in 0..n {
            let (id, sampling) = (segment.byte()?, segment.byte()?);
            let (across, down) = (usize::from(sampling >> 4), usize::from(sampling & 15));
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
                return Err(Fault::Damaged("wrong sampling factors"));
            }
            let quantisation = usize::from(segment.byte()?);
            components.push(FrameComponent { id, across, down, quantisation });
        }
        Ok(Some(Self { process, width, height, components }))
    }

    pub(super) fn colours(&self, hints: Hints) -> Colours {
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        Colours::of(&ids, hints)
    }
}

/// The header of a scan.
pub(super) struct Scan {
    /// The positions of its components, each with its tables for first and other values.
    pub(super) components: Vec<(usize, usize, usize)>,
    pub(super) first: usize,
    pub(super) last: usize,
    pub(super) high: u8,
    pub(super) low: u8,
}

impl Scan {
    pub(super) fn read(frame: &Frame, mut segment: Segment<'_>) -> Result<Self, Fault> {
        const WRONG: Fault = Fault::Damaged("a wrong scan header");
        let n = segment.byte()?;
        if !(1..=4).contains(&n) {
            return Err(WRONG);
        }
        let mut components: Vec<(usize, usize, usize)> = vec![];
        for _ in 0..n {
            let (id, tables) = (segment.byte()?, segment.byte()?);
            // If numbers are equal, the first component that is not in the scan yet is meant.
            let (position, _) = frame
                .components
                .iter()
                .enumerate()
                .find(|(position, component)| {
                    component.id == id && components.iter().all(|(other, ..)| other != position)
                })
                .ok_or(WRONG)?;
            components.push((position, usize::from(tables >> 4), usize::from(tables & 15)));
        }
        let (first, last, bits) = (segment.byte()?, segment.byte()?, segment.byte()?);
        let (first, last, high, low) =
            (usize::from(first), usize::from(last), bits >> 4, bits & 15);
        if components.iter().any(|(_, dc, ac)| *dc > 3 || *ac > 3) {
            return Err(WRONG);
        }
        if !frame.process.is_progressive {
            // Some encoders write other numbers here, and libjpeg ignores them too.
            return Ok(Self { components, first: 0, last: 63, high: 0, low: 0 });
        }
        let is_band = if first == 0 { last == 0 } else { first <= last && last < 64 && n == 1 };
        if !is_band || low > 13 || high != 0 && high != low + 1 {
            return Err(WRONG);
        }
        Ok(Self { components, first, last, high, low })
    }
}
