//! The scans of a JPEG: entropy-coded blocks to samples, or to the values that later scans refine.

use super::arithmetic::Arithmetic;
use super::bits::{Bits, Rest};
use super::header::{Frame, Scan, Tables, code};
use super::huffman::{Band, Table};
use super::usual::HuffmanCodes;
use super::{Block, Fault, NATURAL_ORDER, transform};

/// A component on its way to samples.
pub(super) struct Component {
    /// Sampling factors.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Blocks that contain part of the image.
    blocks_across: usize,
    blocks_down: usize,
    /// Blocks in a row, including padding.
    blocks_stride: usize,
    blocks_high: usize,
    /// The steps of the values, in natural order, as they were when the first scan began.
    steps: Option<Block>,
    /// Values from progressive scans so far.
    values: Vec<Block>,
    /// Lowest known bit of each value; 14 if none is known.
    known: [u8; 64],
    pub(super) samples: Vec<u8>,
    /// Samples that belong to the image.
    pub(super) width: usize,
    pub(super) height: usize,
}

const UNKNOWN: u8 = 14;

impl Component {
    pub(super) fn stride(&self) -> usize {
        8 * self.blocks_stride
    }
}

/// The largest sampling factors of an image.
pub(super) fn most(frame: &Frame) -> (usize, usize) {
    let across = frame.components.iter().map(|component| component.across).max();
    let down = frame.components.iter().map(|component| component.down).max();
    (across.unwrap_or(1), down.unwrap_or(1))
}

/// Bytes that decoding takes: samples, values from progressive scans, and the pixels, which are
/// stored twice while the orientation is applied.
pub(super) fn bytes(frame: &Frame) -> u64 {
    let (most_across, most_down) = most(frame);
    let units = frame.width.div_ceil(8 * most_across) * frame.height.div_ceil(8 * most_down);
    let blocks: usize = frame.components.iter().map(|of| of.across * of.down).sum();
    let each = if frame.process.is_progressive { 3 } else { 1 };
    (64 * each * units * blocks + 6 * frame.width * frame.height) as u64
}

/// The components of an image, with memory for all their values.
pub(super) fn components(frame: &Frame) -> Vec<Component> {
    let (most_across, most_down) = most(frame);
    let units_across = frame.width.div_ceil(8 * most_across);
    let units_down = frame.height.div_ceil(8 * most_down);
    let is_progressive = frame.process.is_progressive;
    frame
        .components
        .iter()
        .map(|of| {
            let width = (frame.width * of.across).div_ceil(most_across);
            let height = (frame.height * of.down).div_ceil(most_down);
            let (blocks_stride, blocks_high) = (units_across * of.across, units_down * of.down);
            let n = blocks_stride * blocks_high;
            Component {
                across: of.across,
                down: of.down,
                blocks_across: width.div_ceil(8),
                blocks_down: height.div_ceil(8),
                blocks_stride,
                blocks_high,
                steps: None,
                values: vec![[0; 64]; if is_progressive { n } else { 0 }],
                known: [UNKNOWN; 64],
                samples: vec![0; if is_progressive { 0 } else { 64 * n }],
                width,
                height,
            }
        })
        .collect()
}

/// The decoder for the blocks of a scan.
enum Coder<'a> {
    Huffman(Box<Huffman<'a>>),
    Arithmetic(Box<Arithmetic<'a>>),
}

struct Huffman<'a> {
    bits: Bits<'a>,
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    /// Blocks of a progressive scan that are known to have no more values.
    n_ended: u32,
}

/// A scan that is being decoded.
struct Work<'a> {
    bytes: &'a [u8],
    scan: &'a Scan,
    tables: &'a Tables,
    is_progressive: bool,
    coder: Coder<'a>,
    /// First value of the previous block of each component of the scan.
    before: [i32; 4],
    band: Band,
    /// Component of the scan that each block of a unit belongs to.
    slots: Vec<usize>,
}

/// Decodes the scan that begins at `at`. Returns the position after it.
pub(super) fn decode(
    bytes: &[u8],
    at: usize,
    frame: &Frame,
    scan: &Scan,
    tables: &Tables,
    components: &mut [Component],
) -> Result<Rest, Fault> {
    for (position, ..) in &scan.components {
        start(&mut components[*position], frame, *position, scan, tables)?;
    }
    let is_alone = scan.components.len() == 1;
    let slots = scan.components.iter().enumerate().flat_map(|(slot, (position, ..))| {
        let component = &components[*position];
        vec![slot; if is_alone { 1 } else { component.across * component.down }]
    });
    let slots = slots.collect();
    let mut work = Work {
        slots,
        bytes,
        scan,
        tables,
        is_progressive: frame.process.is_progressive,
        coder: coder(bytes, at, frame, scan, tables)?,
        before: [0; 4],
        band: Band { first: scan.first.max(1), last: scan.last, low: scan.low },
    };
    // A scan with a single component has no padding blocks.
    let (n_across, n_down) = if let [(position, ..)] = scan.components[..] {
        (components[position].blocks_across, components[position].blocks_down)
    } else {
        let (most_across, most_down) = most(frame);
        (frame.width.div_ceil(8 * most_across), frame.height.div_ceil(8 * most_down))
    };
    let mut n_since_restart = 0;
    let mut n_restarts = 0;
    for y in 0..n_down {
        for x in 0..n_across {
            if tables.restart_interval > 0 && n_since_restart == tables.restart_interval {
                work.restart(n_restarts)?;
                n_restarts = (n_restarts + 1) % 8;
                n_since_restart = 0;
            }
            n_since_restart += 1;
            work.unit(x, y, components)?;
        }
    }
    let rest = work.finish()?;
    let is_sequential = matches!(work.coder, Coder::Huffman(_)) && !work.is_progressive;
    let data = &bytes[at..rest.end - rest.bytes.len()];
    if is_sequential && has_lost_sector(data, scan, tables) {
        return Err(Fault::Damaged("zeros in place of image data"));
    }
    Ok(rest)
}

/// Records that a scan contains a component, and checks that it may.
fn start(
    component: &mut Component,
    frame: &Frame,
    position: usize,
    scan: &Scan,
    tables: &Tables,
) -> Result<(), Fault> {
    let is_new = component.steps.is_none();
    if is_new {
        let table = frame.components[position].quantisation;
        let table = tables.quantisation.get(table).copied().flatten();
        let table = table.ok_or(Fault::Damaged("a quantization table is missing"))?;
        let mut steps = [0; 64];
        for (place, step) in NATURAL_ORDER.iter().zip(table) {
            steps[usize::from(*place)] = step as i16;
        }
        component.steps = Some(steps);
    }
    if !frame.process.is_progressive {
        return if is_new { Ok(()) } else { Err(Fault::Damaged("a channel that occurs twice")) };
    }
    if scan.first > 0 && component.known[0] == UNKNOWN {
        return Err(Fault::Damaged("a scan is missing"));
    }
    for known in &mut component.known[scan.first..=scan.last] {
        let expected = if *known == UNKNOWN { 0 } else { *known };
        if scan.high != expected || scan.high == 0 && *known != UNKNOWN {
            return Err(Fault::Damaged("a scan is missing or repeated"));
        }
        *known = scan.low;
    }
    Ok(())
}

const MISSING: Fault = Fault::Damaged("a Huffman table is missing");

fn coder<'a>(
    bytes: &'a [u8],
    at: usize,
    frame: &Frame,
    scan: &Scan,
    tables: &Tables,
) -> Result<Coder<'a>, Fault> {
    if frame.process.is_arithmetic {
        return Ok(Coder::Arithmetic(Box::new(Arithmetic::new(bytes, at, tables.conditions))));
    }
    let needs_dc = scan.first == 0 && scan.high == 0;
    let needs_ac = scan.last > 0;
    let (mut dc, mut ac) = ([const { None }; 4], [const { None }; 4]);
    for &(_, dc_table, ac_table) in &scan.components {
        if needs_dc && dc[dc_table].is_none() {
            let codes = tables.dc[dc_table].as_ref().ok_or(MISSING)?;
            dc[dc_table] = Some(Table::new(codes, true)?);
        }
        if needs_ac && ac[ac_table].is_none() {
            let codes = tables.ac[ac_table].as_ref().ok_or(MISSING)?;
            ac[ac_table] = Some(Table::new(codes, false)?);
        }
    }
    Ok(Coder::Huffman(Box::new(Huffman { bits: Bits::new(bytes, at), dc, ac, n_ended: 0 })))
}

impl Work<'_> {
    /// Decodes the blocks of all components at one place of the image.
    fn unit(&mut self, x: usize, y: usize, components: &mut [Component]) -> Result<(), Fault> {
        let scan = self.scan;
        let is_alone = scan.components.len() == 1;
        for (slot, (position, ..)) in scan.components.iter().enumerate() {
            let component = &mut components[*position];
            let (across, down) = if is_alone { (1, 1) } else { (component.across, component.down) };
            for inner in 0..across * down {
                let (x, y) = (x * across + inner % across, y * down + inner / across);
                if self.is_progressive {
                    let block = &mut component.values[y * component.blocks_stride + x];
                    self.refine(slot, block)?;
                } else {
                    self.sequential(slot, component, x, y)?;
                }
            }
        }
        if let Coder::Huffman(huffman) = &self.coder {
            huffman.bits.check()?;
        }
        Ok(())
    }

    /// Decodes a block of a sequential scan.
    #[inline]
    fn sequential(
        &mut self,
        slot: usize,
        component: &mut Component,
        x: usize,
        y: usize,
    ) -> Result<(), Fault> {
        let mut block = [0; 64];
        let last = self.whole_block(slot, &mut block)?;
        let stride = component.stride();
        let steps = component.steps.as_ref().ok_or(Fault::MISSING_SCAN)?;
        let plane = &mut component.samples[8 * (y * stride + x)..];
        transform::inverse(&block, steps, last, plane, stride)
    }

    #[inline]
    fn whole_block(&mut self, slot: usize, block: &mut Block) -> Result<usize, Fault> {
        let (_, dc_table, ac_table) = self.scan.components[slot];
        let before = &mut self.before[slot];
        match &mut self.coder {
            Coder::Huffman(huffman) => {
                let Huffman { bits, dc, ac, .. } = &mut **huffman;
                let (Some(dc), Some(ac)) = (&dc[dc_table], &ac[ac_table]) else {
                    return Err(Fault::MISSING_SCAN);
                };
                dc.block(ac, bits, before, block)
            }
            Coder::Arithmetic(coder) => {
                coder.first_dc(slot, dc_table, before, 0, block)?;
                coder.first_ac(ac_table, &self.band, block)
            }
        }
    }

    /// Decodes the values of a block in a progressive scan.
    fn refine(&mut self, slot: usize, block: &mut Block) -> Result<(), Fault> {
        let (_, dc_table, ac_table) = self.scan.components[slot];
        let (is_dc, is_first) = (self.scan.first == 0, self.scan.high == 0);
        let (low, band, before) = (self.scan.low, &self.band, &mut self.before[slot]);
        match &mut self.coder {
            Coder::Arithmetic(coder) => match (is_dc, is_first) {
                (true, true) => coder.first_dc(slot, dc_table, before, low, block),
                (true, false) => {
                    coder.next_dc(low, block);
                    Ok(())
                }
                (false, true) => coder.first_ac(ac_table, band, block).map(drop),
                (false, false) => coder.next_ac(ac_table, band, block),
            },
            Coder::Huffman(huffman) => {
                let Huffman { bits, dc, ac, n_ended } = &mut **huffman;
                match (is_dc, is_first, &dc[dc_table], &ac[ac_table]) {
                    (true, true, Some(dc), _) => dc.first_dc(bits, before, low, block),
                    (true, false, ..) => {
                        bits.fill();
                        block[0] |= (bits.take(1) as i16) << low;
                        Ok(())
                    }
                    (false, true, _, Some(ac)) => ac.first_ac(bits, n_ended, band, block),
                    (false, false, _, Some(ac)) => ac.next_ac(bits, n_ended, band, block),
                    _ => Err(Fault::MISSING_SCAN),
                }
            }
        }
    }

    /// Restarts after the restart marker of this number, which must be present.
    fn restart(&mut self, number: u8) -> Result<(), Fault> {
        let rest = self.finish()?;
        let marker = self.bytes.get(rest.end..rest.end + 2);
        if marker != Some(&[0xff, code::FIRST_RESTART + number]) {
            return Err(Fault::Damaged("a restart marker is missing or in the wrong place"));
        }
        let at = rest.end + 2;
        self.before = [0; 4];
        match &mut self.coder {
            Coder::Huffman(huffman) => {
                huffman.bits = Bits::new(self.bytes, at);
                huffman.n_ended = 0;
            }
            Coder::Arithmetic(coder) => {
                **coder = Arithmetic::new(self.bytes, at, self.tables.conditions);
            }
        }
        Ok(())
    }

    /// Checks the data after the scan: nothing, or harmless bytes.
    fn finish(&mut self) -> Result<Rest, Fault> {
        let rest = match &self.coder {
            Coder::Huffman(huffman) => {
                huffman.bits.check()?;
                huffman.bits.rest()
            }
            Coder::Arithmetic(coder) => Bits::new(self.bytes, coder.at()).rest(),
        };
        if rest.is_padded_with_zeros && rest.bytes.is_empty() || self.is_filling(&rest) {
            return Ok(rest);
        }
        // Other bytes are a mistake of the encoder, or a sign that decoding has lost
        // synchronization.
        let is_last = self.bytes.get(rest.end + 1) == Some(&code::END);
        let may_be_slip = rest.is_padded_with_ones && rest.bytes.len() <= LONGEST_SLIP;
        if !may_be_slip || self.is_progressive && !is_last || self.is_more_blocks() {
            return Err(Fault::Damaged("image data continues past the end of the image"));
        }
        Ok(rest)
    }

    /// Whether only padding bytes follow. Zeros after a zero may also be a lost end that was read
    /// as data.
    fn is_filling(&self, rest: &Rest) -> bool {
        let n = rest.bytes.len();
        let is_zeros = rest.bytes.iter().all(|byte| *byte == 0);
        let before = rest.end.checked_sub(n + 1).and_then(|at| self.bytes.get(at));
        rest.is_padded_with_ones
            && (n == 0
                || rest.bytes.iter().all(|byte| *byte == 0xff)
                || is_zeros && before.is_some_and(|byte| *byte != 0))
    }

    /// Whether the remaining data consists of whole blocks, beginning with any block of a unit.
    fn is_more_blocks(&mut self) -> bool {
        let Coder::Huffman(huffman) = &self.coder else { return true };
        if self.is_progressive {
            return false;
        }
        let (bits, before) = (huffman.bits, self.before);
        let n = self.slots.len();
        let found = (0..n).any(|first| {
            if let Coder::Huffman(huffman) = &mut self.coder {
                huffman.bits = bits;
            }
            self.is_blocks_from(first)
        });
        if let Coder::Huffman(huffman) = &mut self.coder {
            huffman.bits = bits;
        }
        self.before = before;
        found
    }

    fn is_blocks_from(&mut self, first: usize) -> bool {
        let n = self.slots.len();
        // A block takes two bits at least.
        for number in first..first + 4 * LONGEST_SLIP + 4 {
            let slot = self.slots[number % n];
            self.before = [0; 4];
            if self.whole_block(slot, &mut [0; 64]).is_err() {
                return false;
            }
            let Coder::Huffman(huffman) = &self.coder else { return true };
            if huffman.bits.check().is_err() {
                return false;
            }
            if huffman.bits.is_at_end() {
                return true;
            }
        }
        false
    }
}

/// Most bytes that count as a mistake of the encoder. In damaged files there are usually more.
const LONGEST_SLIP: usize = 64;

/// Number of consecutive zeros that cannot be image data, unless they encode even blocks.
const LOST_SECTOR: usize = 64;

/// Whether the data of a scan contains zeros that no encoder writes, as from a lost sector.
/// Decoders would show noise.
fn has_lost_sector(data: &[u8], scan: &Scan, tables: &Tables) -> bool {
    let mut n_zeros = 0;
    let has_run = data.iter().any(|byte| {
        n_zeros = if *byte == 0 { n_zeros + 1 } else { 0 };
        n_zeros >= LOST_SECTOR
    });
    has_run
        && !scan.components.iter().all(|&(_, dc, ac)| {
            writes_zeros(tables.dc[dc].as_ref()) && writes_zeros(tables.ac[ac].as_ref())
        })
}

/// Whether zero bits encode a zero, so that even blocks are a run of zeros.
fn writes_zeros(codes: Option<&HuffmanCodes>) -> bool {
    codes.is_some_and(|codes| codes.symbols.first() == Some(&0))
}

/// Transforms the values from progressive scans.
///
/// # Errors
/// When a value is not known to its last bit.
pub(super) fn complete(component: &mut Component) -> Result<(), Fault> {
    let steps = component.steps.as_ref().ok_or(Fault::MISSING_SCAN)?;
    if component.values.is_empty() {
        return Ok(());
    }
    if component.known.iter().any(|low| *low != 0) {
        return Err(Fault::MISSING_SCAN);
    }
    let stride = 8 * component.blocks_stride;
    component.samples = vec![0; 64 * component.blocks_stride * component.blocks_high];
    for y in 0..component.blocks_down {
        for x in 0..component.blocks_across {
            let block = &component.values[y * component.blocks_stride + x];
            let is_flat = block[1..].iter().all(|value| *value == 0);
            let last = if is_flat { 0 } else { 63 };
            let plane = &mut component.samples[8 * (y * stride + x)..];
            transform::inverse(block, steps, last, plane, stride)?;
        }
    }
    component.values = vec![];
    Ok(())
}
