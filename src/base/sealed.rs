//! Bytes that begin with a digest, which proves that the content is the one written under the same
//! name.

use super::digest::Digest;
use super::fs::{self, FileError};
use std::path::Path;

/// The length of a digest.
const DIGEST_LEN: usize = size_of::<[u8; 32]>();

/// The digest that precedes `content`, which is stored under `name`.
pub fn seal(name: &[u8], content: &[u8]) -> Digest {
    Digest::of_parts(&[name, content])
}

/// The content of sealed bytes. `None` if it is not the content that was sealed under `name`.
pub fn open(name: &[u8], mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    if bytes.len() < DIGEST_LEN {
        return None;
    }
    let content = bytes.split_off(DIGEST_LEN);
    (seal(name, &content).as_bytes()[..] == bytes[..]).then_some(content)
}

/// Writes content with its seal, complete or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, name: &[u8], content: &[u8]) -> Result<(), FileError> {
    fs::write_atomic_parts(path, &[seal(name, content).as_bytes(), content])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_bound_to_its_name() {
        let sealed = [&seal(b"name", b"content").as_bytes()[..], b"content"].concat();
        assert_eq!(open(b"name", sealed.clone()), Some(b"content".to_vec()));
        assert_eq!(open(b"other", sealed.clone()), None);
        // Nor can a part of the name be moved into the content.
        assert_eq!(open(b"namec", [&sealed[..32], b"ontent"].concat()), None);
        assert_eq!(open(b"name", sealed[..31].to_vec()), None);
        for position in 0..sealed.len() {
            let mut spoilt = sealed.clone();
            spoilt[position] ^= 1;
            assert_eq!(open(b"name", spoilt), None, "byte {position}");
        }
    }
}
