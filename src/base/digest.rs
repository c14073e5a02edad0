//! Digests of bytes: BLAKE3 with 32 bytes, written as lowercase hexadecimal.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fs::{self, FileError};

/// The BLAKE3 digest of some bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The digest of several byte strings. Each is preceded by its length, so that different lists
    /// never have equal bytes.
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(*hasher.finalize().as_bytes())
    }

    /// The digest of the text that `write` writes, which is never in memory as a whole.
    pub fn of_written(write: impl FnOnce(&mut dyn fmt::Write) -> fmt::Result) -> Self {
        let mut text = HashedText(blake3::Hasher::new());
        write(&mut text).expect("hashing text does not fail");
        Self(*text.0.finalize().as_bytes())
    }

    /// The digest as bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A digest from its bytes.
    pub fn of_digest_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The digest of a file's content, read in pieces.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_file(path: &Path) -> Result<Self, FileError> {
        let mut hasher = blake3::Hasher::new();
        let mut file = fs::open(path)?;
        hasher.update_reader(&mut file).map_err(|source| FileError::new("read", path, source))?;
        Ok(Self(*hasher.finalize().as_bytes()))
    }

    /// The digest of values as little-endian bytes.
    pub fn of_f32(values: &[f32]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for piece in values.chunks(1024) {
            let mut bytes = [0; 4096];
            for (slot, value) in bytes.chunks_exact_mut(4).zip(piece) {
                slot.copy_from_slice(&value.to_le_bytes());
            }
            hasher.update(&bytes[..piece.len() * 4]);
        }
        Self(*hasher.finalize().as_bytes())
    }
}

struct HashedText(blake3::Hasher);

impl fmt::Write for HashedText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Text that is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 hexadecimal digits")]
pub struct NotADigest;

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        blake3::Hash::from_hex(text).map(|hash| Self(*hash.as_bytes())).map_err(|_| NotADigest)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_digest_is_the_one_of_the_blake3_paper() {
        let expected = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(Digest::of(b"").to_string(), expected);
    }

    #[test]
    fn values_are_digested_as_little_endian_bytes() {
        let values: Vec<f32> = (0u16..3000).map(|i| f32::from(i) * 0.5).collect();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(Digest::of_f32(&values), Digest::of(&bytes));
    }
}
