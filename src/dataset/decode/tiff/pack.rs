//! Compression methods of TIFF files, except JPEG.

use std::io::Read;

use flate2::read::ZlibDecoder;
use weezl::{BitOrder, LzwStatus, decode};

/// How the pieces of a file are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Lzw,
    Deflate,
    PackBits,
    /// Each piece is a JPEG, which may share its tables with others.
    Jpeg,
}

impl Compression {
    /// The method by its number in the file, or its name if it is not supported.
    pub(super) fn of(number: usize) -> Result<Self, String> {
        Ok(match number {
            1 => Self::None,
            5 => Self::Lzw,
            7 => Self::Jpeg,
            8 | 32946 => Self::Deflate,
            32773 => Self::PackBits,
            2 | 3 => return Err("fax compression, group 3".to_owned()),
            6 => return Err("old JPEG compression".to_owned()),
            34712 => return Err("JPEG 2000 compression".to_owned()),
            34887 => return Err("LERC compression".to_owned()),
            34925 => return Err("LZMA compression".to_owned()),
            50000 | 34926 => return Err("Zstandard compression".to_owned()),
            50001 | 34927 => return Err("WebP compression".to_owned()),
            number => return Err(format!("compression {number}")),
        })
    }

    /// Decompresses the first `n` bytes; fewer if the data ends early.
    pub(super) fn unpack(self, bytes: &[u8], n: usize) -> Vec<u8> {
        match self {
            Self::None | Self::Jpeg => bytes[..bytes.len().min(n)].to_vec(),
            Self::Lzw => lzw(bytes, n),
            Self::PackBits => pack_bits(bytes, n),
            Self::Deflate => {
                let mut unpacked = vec![];
                // Data before an error is too short, which the caller checks.
                let _ = ZlibDecoder::new(bytes).take(n as u64).read_to_end(&mut unpacked);
                unpacked
            }
        }
    }
}

fn lzw(mut bytes: &[u8], n: usize) -> Vec<u8> {
    let mut decoder = decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8);
    let (mut unpacked, mut at) = (vec![0; n], 0);
    while at < n {
        let step = decoder.decode_bytes(bytes, &mut unpacked[at..]);
        at += step.consumed_out;
        bytes = &bytes[step.consumed_in..];
        match step.status {
            Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            _ => break,
        }
    }
    unpacked.truncate(at);
    unpacked
}

fn pack_bits(bytes: &[u8], n: usize) -> Vec<u8> {
    let (mut unpacked, mut rest) = (vec![], bytes);
    while let Some((&head, after)) = rest.split_first() {
        if unpacked.len() >= n {
            break;
        }
        match head {
            0..=127 => {
                let (copied, after) = after.split_at(after.len().min(usize::from(head) + 1));
                unpacked.extend(copied);
                rest = after;
            }
            128 => rest = after,
            129..=255 => {
                let Some((&byte, after)) = after.split_first() else { break };
                unpacked.extend(std::iter::repeat_n(byte, 257 - usize::from(head)));
                rest = after;
            }
        }
    }
    unpacked.truncate(n);
    unpacked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_unpacked() {
        // The example of TIFF 6.0, section 9.
        let packed = [
            0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x03, 0x80, 0x00, 0x2a, 0x22, 0xf7,
            0xaa,
        ];
        let mut wanted = vec![0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa];
        wanted.extend([0x80, 0x00, 0x2a, 0x22]);
        wanted.extend([0xaa; 10]);
        assert_eq!(pack_bits(&packed, 24), wanted);
        assert_eq!(pack_bits(&packed, 7), wanted[..7]);
        assert_eq!(pack_bits(&packed[..2], 24), wanted[..3]);
    }
}
