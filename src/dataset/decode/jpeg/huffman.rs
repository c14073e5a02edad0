//! Huffman tables, and the blocks coded with them (T.81, F.2 and G.2).

use super::bits::Bits;
use super::usual::HuffmanCodes;
use super::{Block, Fault, NATURAL_ORDER};

/// How many bits are looked up at once: most codes of photographs, with their value, are shorter.
const LOOKUP: u32 = 10;

const BAD_CODE: Fault = Fault::Damaged("a code that is in no table");
const TOO_MANY: Fault = Fault::Damaged("more than 64 values in a block");

/// A Huffman table, ready to be looked up.
pub(super) struct Table {
    /// For each start of `LOOKUP` bits: the code it begins with.
    starts: Vec<Start>,
    /// For each length, the first number of 16 bits that begins with no code of up to that length.
    limits: [u32; 18],
    /// For each length, what a code and the place of its symbol differ by.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

/// An entry of the lookup table in one number: the value after the code (16 bits), the symbol (8),
/// the length of the code (4; zero for a longer code), and the length of code and value (4; zero if
/// the value is incomplete).
#[derive(Clone, Copy, Default)]
struct Start(u32);

impl Start {
    fn new(value: i32, symbol: u8, n_code: u32, n_all: u32) -> Self {
        Self((value as u32) << 16 | u32::from(symbol) << 8 | n_code << 4 | n_all)
    }

    fn value(self) -> i16 {
        (self.0 >> 16) as i16
    }

    fn symbol(self) -> u8 {
        (self.0 >> 8) as u8
    }

    fn n_code(self) -> u32 {
        self.0 >> 4 & 15
    }

    fn n_all(self) -> u32 {
        self.0 & 15
    }
}

impl Table {
    /// `is_dc` is a table for the first value of each block, whose symbols are sizes.
    pub(super) fn new(codes: &HuffmanCodes, is_dc: bool) -> Result<Self, Fault> {
        const WRONG: Fault = Fault::Damaged("a wrong Huffman table");
        let HuffmanCodes { counts, symbols } = codes;
        if is_dc && symbols.iter().any(|symbol| *symbol > 15) {
            return Err(WRONG);
        }
        let mut table = Self {
            starts: vec![Start::default(); 1 << LOOKUP],
            limits: [u32::MAX; 18],
            offsets: [0; 17],
            symbols: symbols.clone(),
        };
        let (mut code, mut place) = (0u32, 0usize);
        for n_bits in 1..=16u32 {
            let count = u32::from(counts[n_bits as usize]);
            table.offsets[n_bits as usize] = place as i32 - code as i32;
            if code + count > 1 << n_bits {
                return Err(WRONG);
            }
            for code in code..code + count {
                if n_bits <= LOOKUP {
                    table.enter(code, n_bits, symbols[place]);
                }
                place += 1;
            }
            code += count;
            table.limits[n_bits as usize] = code << (16 - n_bits);
            code <<= 1;
        }
        Ok(table)
    }

    /// Enters a code under everything that begins with it.
    fn enter(&mut self, code: u32, n_code: u32, symbol: u8) {
        let n_more = LOOKUP - n_code;
        let size = u32::from(symbol & 15);
        for more in 0..1u32 << n_more {
            let (mut value, mut n_all) = (0, 0);
            if size > 0 && size <= n_more {
                let bits = (more >> (n_more - size)) as i32;
                value = if bits < 1 << (size - 1) { bits - (1 << size) + 1 } else { bits };
                n_all = n_code + size;
            }
            self.starts[(code << n_more | more) as usize] =
                Start::new(value, symbol, n_code, n_all);
        }
    }

    #[inline(always)]
    fn start(&self, bits: &Bits<'_>) -> Start {
        self.starts[bits.peek(LOOKUP) as usize]
    }

    /// Takes a code; at least 16 bits are held.
    #[inline(always)]
    fn symbol(&self, bits: &mut Bits<'_>) -> Result<u8, Fault> {
        let start = self.start(bits);
        if start.n_code() > 0 {
            bits.skip(start.n_code());
            return Ok(start.symbol());
        }
        self.long_symbol(bits)
    }

    /// The same by counting, for any code.
    #[inline(always)]
    fn long_symbol(&self, bits: &mut Bits<'_>) -> Result<u8, Fault> {
        let (symbol, n_bits) = self.search(bits.peek(16)).ok_or(BAD_CODE)?;
        bits.skip(n_bits);
        Ok(symbol)
    }

    #[cold]
    #[inline(never)]
    fn search(&self, next: u32) -> Option<(u8, u32)> {
        let n_bits = (1..=16).find(|n| next < self.limits[*n as usize])?;
        let place = (next >> (16 - n_bits)) as i32 + self.offsets[n_bits as usize];
        let symbol = self.symbols.get(usize::try_from(place).ok()?)?;
        Some((*symbol, n_bits))
    }

    /// The difference of a block's first value to that of the block before.
    #[inline(always)]
    fn difference(&self, bits: &mut Bits<'_>) -> Result<i32, Fault> {
        bits.fill();
        let size = self.symbol(bits)?;
        Ok(bits.take_value(u32::from(size)))
    }

    /// A block of a sequential scan: its values in natural order, and the place of the last in the
    /// order of the file.
    #[inline(always)]
    pub(super) fn block(
        &self,
        ac: &Self,
        bits: &mut Bits<'_>,
        before: &mut i32,
        block: &mut Block,
    ) -> Result<usize, Fault> {
        // A copy stays in registers.
        let mut local = *bits;
        let last = self.local_block(ac, &mut local, before, block);
        *bits = local;
        last
    }

    #[inline(always)]
    fn local_block(
        &self,
        ac: &Self,
        bits: &mut Bits<'_>,
        before: &mut i32,
        block: &mut Block,
    ) -> Result<usize, Fault> {
        *before += self.difference(bits)?;
        block[0] = i16::try_from(*before).map_err(|_| Fault::RANGE)?;
        let (mut k, mut last) = (1, 0);
        while k < 64 {
            bits.fill();
            let start = ac.start(bits);
            if start.n_all() > 0 {
                bits.skip(start.n_all());
                k += usize::from(start.symbol() >> 4);
                let place = NATURAL_ORDER.get(k).ok_or(TOO_MANY)?;
                block[usize::from(*place) & 63] = start.value();
                last = k;
                k += 1;
                continue;
            }
            let symbol = ac.symbol(bits)?;
            let (n_zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if n_zeros < 15 {
                    break;
                }
                k += 16;
                if k > 64 {
                    return Err(TOO_MANY);
                }
                continue;
            }
            k += n_zeros;
            let place = NATURAL_ORDER.get(k).ok_or(TOO_MANY)?;
            block[usize::from(*place) & 63] = bits.take_value(size) as i16;
            last = k;
            k += 1;
        }
        Ok(last)
    }

    /// The first bits of a block's first value, in a progressive scan.
    pub(super) fn first_dc(
        &self,
        bits: &mut Bits<'_>,
        before: &mut i32,
        low: u8,
        block: &mut Block,
    ) -> Result<(), Fault> {
        *before += self.difference(bits)?;
        block[0] = i16::try_from(*before << low).map_err(|_| Fault::RANGE)?;
        Ok(())
    }

    /// The first bits of the other values, in a progressive scan. `n_ended` is how many blocks have
    /// ended already.
    pub(super) fn first_ac(
        &self,
        bits: &mut Bits<'_>,
        n_ended: &mut u32,
        band: &Band,
        block: &mut Block,
    ) -> Result<(), Fault> {
        if *n_ended > 0 {
            *n_ended -= 1;
            return Ok(());
        }
        let mut k = band.first;
        while k <= band.last {
            bits.fill();
            let symbol = self.symbol(bits)?;
            let (n_zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 && n_zeros < 15 {
                *n_ended = (1 << n_zeros) + bits.take(n_zeros) - 1;
                break;
            }
            k += n_zeros as usize;
            if size > 0 {
                let value = bits.take_value(size) << band.low;
                let place = *NATURAL_ORDER.get(k).filter(|_| k <= band.last).ok_or(TOO_MANY)?;
                block[usize::from(place)] = i16::try_from(value).map_err(|_| Fault::RANGE)?;
            }
            k += 1;
        }
        Ok(())
    }

    /// A further bit of the other values, in a progressive scan.
    pub(super) fn next_ac(
        &self,
        bits: &mut Bits<'_>,
        n_ended: &mut u32,
        band: &Band,
        block: &mut Block,
    ) -> Result<(), Fault> {
        let mut k = band.first;
        while *n_ended == 0 && k <= band.last {
            bits.fill();
            let symbol = self.symbol(bits)?;
            let (mut n_zeros, size) = (u32::from(symbol >> 4), symbol & 15);
            if size == 0 && n_zeros < 15 {
                *n_ended = (1 << n_zeros) + bits.take(n_zeros);
                break;
            }
            if size > 1 {
                return Err(Fault::Damaged("a large new value in a refinement scan"));
            }
            let is_positive = size == 1 && bits.take(1) == 1;
            let new = if is_positive { 1 } else { -1 } << band.low;
            while k <= band.last {
                let value = &mut block[usize::from(NATURAL_ORDER[k])];
                if *value != 0 {
                    refine(bits, band, value);
                } else if n_zeros == 0 {
                    if size == 1 {
                        *value = new;
                    }
                    break;
                } else {
                    n_zeros -= 1;
                }
                k += 1;
            }
            if k > band.last && size == 1 {
                return Err(TOO_MANY);
            }
            k += 1;
        }
        if *n_ended > 0 {
            *n_ended -= 1;
            while k <= band.last {
                let value = &mut block[usize::from(NATURAL_ORDER[k])];
                if *value != 0 {
                    refine(bits, band, value);
                }
                k += 1;
            }
        }
        Ok(())
    }
}

fn refine(bits: &mut Bits<'_>, band: &Band, value: &mut i16) {
    bits.fill();
    if bits.take(1) == 1 {
        let step = 1i16 << band.low;
        // The bit may already be set if a scan is repeated.
        if *value & step == 0 {
            *value = value.wrapping_add(if *value < 0 { -step } else { step });
        }
    }
}

/// The values that a progressive scan contains, in the order of the file.
pub(super) struct Band {
    pub(super) first: usize,
    pub(super) last: usize,
    /// The lowest bit of them.
    pub(super) low: u8,
}
