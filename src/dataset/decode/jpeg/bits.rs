//! The bits of entropy-coded data, in which the byte 0xff is followed by zero or ends the data.

use super::Fault;

/// Reads bits from the most significant down.
///
/// After the last byte the reader returns zeros, so that a decoder need not check before each bit.
/// [`Bits::check`] tells whether any of them were used.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, the first of them the most significant.
    held: u64,
    n_held: u32,
    /// Number of the last held bits that are zeros after the end of the data.
    n_made_up: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, held: 0, n_held: 0, n_made_up: 0 }
    }

    /// Holds at least 32 bits.
    #[inline(always)]
    pub(super) fn fill(&mut self) {
        if self.n_held > 32 {
            return;
        }
        if let Some(next) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<4>) {
            let word = u32::from_be_bytes(*next);
            // A byte of `!word` that is zero borrows: the classic test for one.
            let is_plain = (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080 == 0;
            if is_plain {
                self.held |= u64::from(word) << (32 - self.n_held);
                self.n_held += 32;
                self.at += 4;
                return;
            }
        }
        *self = self.filled_by_bytes();
    }

    /// By value, so that the caller can hold the state in registers.
    #[cold]
    #[inline(never)]
    fn filled_by_bytes(mut self) -> Self {
        while self.n_held <= 56 {
            let byte = match self.bytes.get(self.at..) {
                Some([0xff, 0x00, ..]) => {
                    self.at += 2;
                    0xff
                }
                Some([byte, ..]) if *byte != 0xff => {
                    self.at += 1;
                    *byte
                }
                _ => {
                    self.n_made_up += 8;
                    0
                }
            };
            self.held |= u64::from(byte) << (56 - self.n_held);
            self.n_held += 8;
        }
        self
    }

    /// The next bits as a number, which stay. `n` is 1 to 32; they are held.
    #[inline(always)]
    pub(super) fn peek(&self, n: u32) -> u32 {
        (self.held >> (64 - n)) as u32
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, n: u32) {
        self.held <<= n;
        self.n_held = self.n_held.wrapping_sub(n);
    }

    /// Takes held bits as a number; none is zero.
    #[inline(always)]
    pub(super) fn take(&mut self, n: u32) -> u32 {
        if n == 0 {
            return 0;
        }
        let bits = self.peek(n);
        self.skip(n);
        bits
    }

    /// Takes a value of `n` bits as they are coded (T.81, F.2.2.1): those that begin with zero are
    /// negative.
    #[inline(always)]
    pub(super) fn take_value(&mut self, n: u32) -> i32 {
        if n == 0 {
            return 0;
        }
        let bits = self.take(n) as i32;
        if bits < 1 << (n - 1) { bits - (1 << n) + 1 } else { bits }
    }

    /// Whether all bits that were taken are part of the data.
    #[inline(always)]
    pub(super) fn check(&self) -> Result<(), Fault> {
        // An `n_held` below zero has wrapped to an impossible value.
        if self.n_held < self.n_made_up || self.n_held > 64 {
            if self.bytes.len() <= self.at + 1 {
                return Err(Fault::Truncated);
            }
            return Err(Fault::Damaged("image data ends before the image does"));
        }
        Ok(())
    }

    /// Whether the next marker follows, after a byte that is padded with ones.
    pub(super) fn is_at_end(&self) -> bool {
        let n_real = self.n_held - self.n_made_up;
        n_real < 8 && {
            let rest = self.rest();
            rest.is_padded_with_ones && rest.bytes.is_empty()
        }
    }

    /// The rest of the data before the next marker.
    pub(super) fn rest(&self) -> Rest {
        let n_real = self.n_held - self.n_made_up;
        let n_padding = n_real % 8;
        let padding = if n_padding == 0 { 0 } else { self.peek(n_padding) };
        let all_ones = (1u32 << n_padding) - 1;
        let mut at = self.at;
        let whole = (n_padding..n_real).step_by(8);
        let mut bytes: Vec<u8> = whole.map(|from| (self.held << from >> 56) as u8).collect();
        loop {
            match self.bytes.get(at..) {
                Some([0xff, 0x00, ..]) => {
                    bytes.push(0xff);
                    at += 2;
                }
                // Fill bytes before a marker.
                Some([0xff, 0xff, ..]) => at += 1,
                Some([byte, ..]) if *byte != 0xff => {
                    bytes.push(*byte);
                    at += 1;
                }
                _ => break,
            }
        }
        Rest {
            is_padded_with_ones: padding == all_ones,
            is_padded_with_zeros: padding == 0,
            bytes,
            end: at,
        }
    }
}

/// The data after the last bit that was needed.
pub(super) struct Rest {
    /// Whether its byte ends with it or is padded with ones, as by encoders.
    pub(super) is_padded_with_ones: bool,
    /// The same with zeros.
    pub(super) is_padded_with_zeros: bool,
    /// The whole bytes after it.
    pub(super) bytes: Vec<u8>,
    /// Where the next marker is, or the end of the file.
    pub(super) end: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_bytes_are_read_and_what_is_made_up_is_known() {
        let mut bits = Bits::new(&[0xab, 0xff, 0x00, 0xcd, 0xff, 0xd9], 0);
        bits.fill();
        assert_eq!([bits.take(4), bits.take(8), bits.take(8)], [0xa, 0xbf, 0xfc]);
        assert!(bits.check().is_ok());
        let rest = bits.rest();
        assert!(!rest.is_padded_with_ones && !rest.is_padded_with_zeros && rest.bytes.is_empty());
        assert_eq!(rest.end, 4);
        bits.skip(5);
        assert!(bits.check().is_err());
    }

    #[test]
    fn values_are_signed() {
        let mut bits = Bits::new(&[0b0001_1110, 0], 0);
        bits.fill();
        assert_eq!([3, 2, 3].map(|n| bits.take_value(n)), [-7, 3, 6]);
    }
}
