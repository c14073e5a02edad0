//! MD5 digests (RFC 1321), which Keras publishes for some of its files. They tell a damaged or another
//! file, not a forged one; every file's SHA-256 is recorded as well.

use std::path::Path;

use md5::{Digest as _, Md5};

use crate::base::fs::{self, FileError};

/// The digest of a file, as lower-case hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn of_file(path: &Path) -> Result<String, FileError> {
    Ok(of(&fs::read(path)?))
}

fn of(bytes: &[u8]) -> String {
    let digits = Md5::digest(bytes).into_iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
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
