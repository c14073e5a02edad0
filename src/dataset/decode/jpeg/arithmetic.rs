//! Arithmetic coding (T.81, annexes D and F.1.4; rare, but read by libjpeg-turbo and so by others).

use super::header::Conditions;
use super::huffman::Band;
use super::{Block, Fault, NATURAL_ORDER};

const BAD_CODE: Fault = Fault::Damaged("an impossible arithmetic code");

/// The states of the estimate of a probability (T.81, table D.3): the estimate, the states after
/// the less and the more probable symbol, and whether the two change places. The last stays at
/// about one half.
#[rustfmt::skip]
const STATES: [(u16, u8, u8, u8); 114] = [
    (0x5a1d, 1, 1, 1), (0x2586, 14, 2, 0), (0x1114, 16, 3, 0), (0x080b, 18, 4, 0),
    (0x03d8, 20, 5, 0), (0x01da, 23, 6, 0), (0x00e5, 25, 7, 0), (0x006f, 28, 8, 0),
    (0x0036, 30, 9, 0), (0x001a, 33, 10, 0), (0x000d, 35, 11, 0), (0x0006, 9, 12, 0),
    (0x0003, 10, 13, 0), (0x0001, 12, 13, 0), (0x5a7f, 15, 15, 1), (0x3f25, 36, 16, 0),
    (0x2cf2, 38, 17, 0), (0x207c, 39, 18, 0), (0x17b9, 40, 19, 0), (0x1182, 42, 20, 0),
    (0x0cef, 43, 21, 0), (0x09a1, 45, 22, 0), (0x072f, 46, 23, 0), (0x055c, 48, 24, 0),
    (0x0406, 49, 25, 0), (0x0303, 51, 26, 0), (0x0240, 52, 27, 0), (0x01b1, 54, 28, 0),
    (0x0144, 56, 29, 0), (0x00f5, 57, 30, 0), (0x00b7, 59, 31, 0), (0x008a, 60, 32, 0),
    (0x0068, 62, 33, 0), (0x004e, 63, 34, 0), (0x003b, 32, 35, 0), (0x002c, 33, 9, 0),
    (0x5ae1, 37, 37, 1), (0x484c, 64, 38, 0), (0x3a0d, 65, 39, 0), (0x2ef1, 67, 40, 0),
    (0x261f, 68, 41, 0), (0x1f33, 69, 42, 0), (0x19a8, 70, 43, 0), (0x1518, 72, 44, 0),
    (0x1177, 73, 45, 0), (0x0e74, 74, 46, 0), (0x0bfb, 75, 47, 0), (0x09f8, 77, 48, 0),
    (0x0861, 78, 49, 0), (0x0706, 79, 50, 0), (0x05cd, 48, 51, 0), (0x04de, 50, 52, 0),
    (0x040f, 50, 53, 0), (0x0363, 51, 54, 0), (0x02d4, 52, 55, 0), (0x025c, 53, 56, 0),
    (0x01f8, 54, 57, 0), (0x01a4, 55, 58, 0), (0x0160, 56, 59, 0), (0x0125, 57, 60, 0),
    (0x00f6, 58, 61, 0), (0x00cb, 59, 62, 0), (0x00ab, 61, 63, 0), (0x008f, 61, 32, 0),
    (0x5b12, 65, 65, 1), (0x4d04, 80, 66, 0), (0x412c, 81, 67, 0), (0x37d8, 82, 68, 0),
    (0x2fe8, 83, 69, 0), (0x293c, 84, 70, 0), (0x2379, 86, 71, 0), (0x1edf, 87, 72, 0),
    (0x1aa9, 87, 73, 0), (0x174e, 72, 74, 0), (0x1424, 72, 75, 0), (0x119c, 74, 76, 0),
    (0x0f6b, 74, 77, 0), (0x0d51, 75, 78, 0), (0x0bb6, 77, 79, 0), (0x0a40, 77, 48, 0),
    (0x5832, 80, 81, 1), (0x4d1c, 88, 82, 0), (0x438e, 89, 83, 0), (0x3bdd, 90, 84, 0),
    (0x34ee, 91, 85, 0), (0x2eae, 92, 86, 0), (0x299a, 93, 87, 0), (0x2516, 86, 71, 0),
    (0x5570, 88, 89, 1), (0x4ca9, 95, 90, 0), (0x44d9, 96, 91, 0), (0x3e22, 97, 92, 0),
    (0x3824, 99, 93, 0), (0x32b4, 99, 94, 0), (0x2e17, 93, 86, 0), (0x56a8, 95, 96, 1),
    (0x4f46, 101, 97, 0), (0x47e5, 102, 98, 0), (0x41cf, 103, 99, 0), (0x3c3d, 104, 100, 0),
    (0x375e, 99, 93, 0), (0x5231, 105, 102, 0), (0x4c0f, 106, 103, 0), (0x4639, 107, 104, 0),
    (0x415e, 103, 99, 0), (0x5627, 105, 106, 1), (0x50e7, 108, 107, 0), (0x4b85, 109, 103, 0),
    (0x5597, 110, 109, 0), (0x504f, 111, 107, 0), (0x5a10, 110, 111, 1), (0x5522, 112, 109, 0),
    (0x59eb, 112, 111, 1), (0x5a1d, 113, 113, 0),
];

/// An estimate that does not change.
const FIXED: u8 = 113;

/// The decoder of bits (T.81, figures D.14 to D.20), structured as in libjpeg.
struct Decisions<'a> {
    bytes: &'a [u8],
    at: usize,
    code: u64,
    interval: u64,
    shift: i32,
}

impl Decisions<'_> {
    /// After the data there are zeros, which encoders may leave out.
    fn byte(&mut self) -> u64 {
        match self.bytes.get(self.at..) {
            Some([0xff, 0x00, ..]) => {
                self.at += 2;
                0xff
            }
            Some([byte, ..]) if *byte != 0xff => {
                self.at += 1;
                u64::from(*byte)
            }
            _ => 0,
        }
    }

    /// The state's lower seven bits are its number, the upper one is the more probable symbol.
    fn decide(&mut self, state: &mut u8) -> bool {
        while self.interval < 0x8000 {
            self.shift -= 1;
            if self.shift < 0 {
                self.code = self.code << 8 | self.byte();
                self.shift += 8;
                if self.shift < 0 {
                    self.shift += 1;
                    if self.shift == 0 {
                        self.interval = 0x8000;
                    }
                }
            }
            self.interval <<= 1;
        }
        let (estimate, after_less, after_more, changes) = STATES[usize::from(*state & 0x7f)];
        let estimate = u64::from(estimate);
        let mut symbol = *state & 0x80;
        let less = after_less | changes << 7;
        self.interval -= estimate;
        let limit = self.interval << self.shift;
        let is_in_upper = self.code >= limit;
        if is_in_upper {
            self.code -= limit;
        }
        if is_in_upper || self.interval < 0x8000 {
            let is_less = (self.interval < estimate) != is_in_upper;
            if is_in_upper {
                self.interval = estimate;
            }
            *state = symbol ^ if is_less { less } else { after_more };
            if is_less {
                symbol ^= 0x80;
            }
        }
        symbol != 0
    }

    /// The size of a value, less one, as a power of two, beginning with bin `at`; and where it
    /// ended.
    fn magnitude(
        &mut self,
        bins: &mut [u8],
        mut at: usize,
        mut size: i32,
    ) -> Result<(i32, usize), Fault> {
        while self.decide(&mut bins[at]) {
            size <<= 1;
            if size == 0x8000 {
                return Err(BAD_CODE);
            }
            at += 1;
        }
        Ok((size, at))
    }

    /// The value of that size.
    fn value(&mut self, bins: &mut [u8], at: usize, size: i32, is_negative: bool) -> i32 {
        let mut value = size;
        let mut bit = size >> 1;
        while bit > 0 {
            if self.decide(&mut bins[at + 14]) {
                value |= bit;
            }
            bit >>= 1;
        }
        if is_negative { -value - 1 } else { value + 1 }
    }
}

/// Decodes the blocks of a scan.
pub(super) struct Arithmetic<'a> {
    decisions: Decisions<'a>,
    conditions: [Conditions; 4],
    dc_bins: [[u8; 64]; 4],
    ac_bins: [[u8; 256]; 4],
    /// Start of the bins for the next difference of each component of the scan.
    contexts: [usize; 4],
}

impl<'a> Arithmetic<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize, conditions: [Conditions; 4]) -> Self {
        Self {
            decisions: Decisions { bytes, at, code: 0, interval: 0, shift: -16 },
            conditions,
            dc_bins: [[0; 64]; 4],
            ac_bins: [[0; 256]; 4],
            contexts: [0; 4],
        }
    }

    /// Start of the data that was not needed.
    pub(super) fn at(&self) -> usize {
        self.decisions.at
    }

    fn difference(&mut self, component: usize, table: usize) -> Result<i32, Fault> {
        let (decisions, bins) = (&mut self.decisions, &mut self.dc_bins[table]);
        let context = &mut self.contexts[component];
        let mut at = *context;
        if !decisions.decide(&mut bins[at]) {
            *context = 0;
            return Ok(0);
        }
        let is_negative = decisions.decide(&mut bins[at + 1]);
        at += 2 + usize::from(is_negative);
        let mut size = i32::from(decisions.decide(&mut bins[at]));
        if size > 0 {
            (size, at) = decisions.magnitude(bins, 20, size)?;
        }
        let Conditions { dc_low, dc_high, .. } = self.conditions[table];
        *context = if size < (1 << dc_low) >> 1 {
            0
        } else if size > (1 << dc_high) >> 1 {
            12 + 4 * usize::from(is_negative)
        } else {
            4 + 4 * usize::from(is_negative)
        };
        Ok(decisions.value(bins, at, size, is_negative))
    }

    /// The first value of a block, down to bit `low`.
    pub(super) fn first_dc(
        &mut self,
        component: usize,
        table: usize,
        before: &mut i32,
        low: u8,
        block: &mut Block,
    ) -> Result<(), Fault> {
        *before = i32::from((*before + self.difference(component, table)?) as i16);
        block[0] = i16::try_from(*before << low).map_err(|_| Fault::RANGE)?;
        Ok(())
    }

    /// A further bit of the first value.
    pub(super) fn next_dc(&mut self, low: u8, block: &mut Block) {
        if self.decisions.decide(&mut FIXED.clone()) {
            block[0] |= 1 << low;
        }
    }

    /// The other values of a block, or the first bits of some, and the position of the last.
    pub(super) fn first_ac(
        &mut self,
        table: usize,
        band: &Band,
        block: &mut Block,
    ) -> Result<usize, Fault> {
        let (decisions, bins) = (&mut self.decisions, &mut self.ac_bins[table]);
        let (mut k, mut last) = (band.first, 0);
        while k <= band.last {
            let mut at = 3 * (k - 1);
            if decisions.decide(&mut bins[at]) {
                break;
            }
            while !decisions.decide(&mut bins[at + 1]) {
                at += 3;
                k += 1;
                if k > band.last {
                    return Err(BAD_CODE);
                }
            }
            let is_negative = decisions.decide(&mut FIXED.clone());
            at += 2;
            let mut size = i32::from(decisions.decide(&mut bins[at]));
            if size > 0 && decisions.decide(&mut bins[at]) {
                let is_low = k <= usize::from(self.conditions[table].ac_k);
                (size, at) = decisions.magnitude(bins, if is_low { 189 } else { 217 }, 2)?;
            }
            let value = decisions.value(bins, at, size, is_negative) << band.low;
            block[usize::from(NATURAL_ORDER[k])] =
                i16::try_from(value).map_err(|_| Fault::RANGE)?;
            last = k;
            k += 1;
        }
        Ok(last)
    }

    /// A further bit of the other values.
    pub(super) fn next_ac(
        &mut self,
        table: usize,
        band: &Band,
        block: &mut Block,
    ) -> Result<(), Fault> {
        let (decisions, bins) = (&mut self.decisions, &mut self.ac_bins[table]);
        let end_before =
            (1..=band.last).rev().find(|&k| block[usize::from(NATURAL_ORDER[k])] != 0).unwrap_or(0);
        let step = 1i16 << band.low;
        let mut k = band.first;
        while k <= band.last {
            let mut at = 3 * (k - 1);
            if k > end_before && decisions.decide(&mut bins[at]) {
                break;
            }
            loop {
                let value = &mut block[usize::from(NATURAL_ORDER[k])];
                if *value != 0 {
                    if decisions.decide(&mut bins[at + 2]) {
                        *value = value.wrapping_add(if *value < 0 { -step } else { step });
                    }
                    break;
                }
                if decisions.decide(&mut bins[at + 1]) {
                    let is_negative = decisions.decide(&mut FIXED.clone());
                    *value = if is_negative { -step } else { step };
                    break;
                }
                at += 3;
                k += 1;
                if k > band.last {
                    return Err(BAD_CODE);
                }
            }
            k += 1;
        }
        Ok(())
    }
}
