//! SHA-256 digests, as used by publishers. All other digests are BLAKE3.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use sha2::Digest as _;

use crate::base::fs::{self, FileError};

/// The SHA-256 digest of some bytes (FIPS 180-4), written as lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The digest and the size of a file, which is read in pieces.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn of_file(path: &Path) -> Result<(Self, u64), FileError> {
        let mut file = fs::open(path)?;
        let mut hasher = sha2::Sha256::new();
        let mut piece = vec![0; 1 << 16];
        let mut n_bytes = 0;
        loop {
            let n = file.read(&mut piece).map_err(|source| FileError::new("read", path, source))?;
            if n == 0 {
                return Ok((Self(hasher.finalize().into()), n_bytes));
            }
            hasher.update(&piece[..n]);
            n_bytes += n as u64;
        }
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256({self})")
    }
}

impl Serialize for Sha256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Text that is not a SHA-256 digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 has 64 hexadecimal digits")]
pub struct NotASha256;

impl FromStr for Sha256 {
    type Err = NotASha256;

    fn from_str(text: &str) -> Result<Self, NotASha256> {
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NotASha256);
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| NotASha256)?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NotASha256)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_of_abc_is_the_one_of_the_standard() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        fs::write_atomic(&path, b"abc").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let (sha256, n_bytes) = Sha256::of_file(&path).unwrap();
        assert_eq!((sha256.to_string().as_str(), n_bytes), (expected, 3));
        assert_eq!(expected.parse(), Ok(sha256));
        assert_eq!("ba78".parse::<Sha256>(), Err(NotASha256));
    }
}
