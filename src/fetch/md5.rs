//! MD5 digests (RFC 1321), which Keras publishes for some of its files. They tell a damaged or another
//! file, not a forged one; every file's SHA-256 is recorded as well.

use std::path::Path;

use crate::base::fs::{self, FileError};

/// The digest of a file, as lower-case hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn of_file(path: &Path) -> Result<String, FileError> {
    Ok(of(&fs::read(path)?))
}

/// The rotations of each round, in turn.
const ROTATIONS: [[u32; 4]; 4] =
    [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

fn of(bytes: &[u8]) -> String {
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let whole = bytes.chunks_exact(64);
    // The end: a bit, zeros up to a multiple of the block, and the number of bits.
    let mut end = whole.remainder().to_vec();
    end.push(0x80);
    let n_zeros = (64 + 56 - end.len() % 64) % 64;
    end.resize(end.len() + n_zeros, 0);
    end.extend((bytes.len() as u64 * 8).to_le_bytes());
    let constants: [u32; 64] =
        std::array::from_fn(|i| (libm::sin((i + 1) as f64).abs() * 4_294_967_296.0) as u32);
    for block in whole.chain(end.chunks_exact(64)) {
        add(&mut state, block, &constants);
    }
    let bytes = state.iter().flat_map(|word: &u32| word.to_le_bytes());
    bytes.map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Adds a block of 64 bytes to the state.
fn add(state: &mut [u32; 4], block: &[u8], constants: &[u32; 64]) {
    let mut words = [0u32; 16];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }
    let [mut a, mut b, mut c, mut d] = *state;
    for (i, constant) in constants.iter().enumerate() {
        let (mixed, word) = match i / 16 {
            0 => (b & c | !b & d, i),
            1 => (d & b | !d & c, 5 * i + 1),
            2 => (b ^ c ^ d, 3 * i + 5),
            _ => (c ^ (b | !d), 7 * i),
        };
        let sum = a.wrapping_add(mixed).wrapping_add(*constant).wrapping_add(words[word % 16]);
        let turned = sum.rotate_left(ROTATIONS[i / 16][i % 4]);
        (a, b, c, d) = (d, b.wrapping_add(turned), b, c);
    }
    for (word, added) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(added);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 1321, appendix A.5, and lengths around a block (`md5sum`).
    #[test]
    fn digests_are_those_of_the_standard() {
        for (text, expected) in [
            (String::new(), "d41d8cd98f00b204e9800998ecf8427e"),
            ("a".to_owned(), "0cc175b9c0f1b6a831c399e269772661"),
            ("message digest".to_owned(), "f96b697d7cb7938d525a2f31aaf161d0"),
            ("1234567890".repeat(8), "57edf4a22be3c955ac49da2e2107b67a"),
            ("x".repeat(55), "04364420e25c512fd958a70738aa8f72"),
            ("x".repeat(56), "668a72d5ba17f08e62dabcafad6db14b"),
            ("x".repeat(64), "c1bb4f81d892b2d57947682aeb252456"),
        ] {
            assert_eq!(of(text.as_bytes()), expected, "{text}");
        }
    }
}
