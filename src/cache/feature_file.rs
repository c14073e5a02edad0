//! Files of features that were computed before, such as those of a shard: numbers of one length for each
//! image, found by the digest of the image's file.
//!
//! A file starts with a list of its images, which has a digest of its own, so that it can be read alone.
//! The numbers follow, as little-endian `f32`, one image after the other.

use std::io::{self, Read};
use std::path::Path;

use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};

/// The first bytes, with the version of the format.
const MAGIC: &[u8; 8] = b"ALPACAF1";
/// Bytes before the list of images: magic, two digests, length, number, digest of the list.
const HEAD: usize = 8 + 32 + 32 + 4 + 8 + 32;
/// Bytes of an image in the list.
const ENTRY: usize = 32 + NOTE;
/// Bytes of the note of an image.
pub const NOTE: usize = 16;
/// Images in a file; more are a sign of damage.
const MOST: u64 = 1 << 32;

/// What decides the features in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureKeys {
    /// How a file becomes pixels.
    pub pixels: Digest,
    /// Everything besides the image.
    pub features: Digest,
}

/// An image in a file of features.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageFeatures {
    /// The digest of its file.
    pub digest: Digest,
    /// Bytes that are stored with it.
    pub note: [u8; NOTE],
    /// Its features.
    pub values: Vec<f32>,
}

/// The list of the images in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureList {
    /// What decides the features.
    pub keys: FeatureKeys,
    /// Numbers of each image.
    pub len: usize,
    /// The images in the order of their features, each with its note.
    pub images: Vec<(Digest, [u8; NOTE])>,
}

/// The content of a file.
///
/// # Panics
/// When the features differ in their length.
pub fn encode(keys: FeatureKeys, all: &[ImageFeatures]) -> Vec<u8> {
    let len = all.first().map_or(0, |image| image.values.len());
    let list = all.iter().flat_map(|image| image.digest.as_bytes().iter().chain(&image.note));
    let list: Vec<u8> = list.copied().collect();
    let mut bytes = Vec::with_capacity(HEAD + list.len() + all.len() * len * size_of::<f32>());
    bytes.extend(MAGIC);
    bytes.extend(keys.pixels.as_bytes());
    bytes.extend(keys.features.as_bytes());
    bytes.extend((len as u32).to_le_bytes());
    bytes.extend((all.len() as u64).to_le_bytes());
    bytes.extend(Digest::of(&list).as_bytes());
    bytes.extend(&list);
    for image in all {
        assert_eq!(image.values.len(), len, "the features of all images have one length");
        bytes.extend(image.values.iter().flat_map(|value| value.to_le_bytes()));
    }
    bytes
}

/// Reads the list of the images in a file.
///
/// # Errors
/// When the file cannot be read, or is none of features.
pub fn read_list(path: &Path) -> Result<FeatureList, FileError> {
    let failed = |source| FileError::new("read", path, source);
    let mut file = fs::open(path).map_err(|FileError { source, .. }| {
        failed(if source.kind() == io::ErrorKind::NotFound { missing() } else { source })
    })?;
    list(&mut file).map_err(failed)
}

/// Reads a file whose content has a digest, and passes the features of each image to `take`.
///
/// # Errors
/// When the file cannot be read or has another digest; when `take` fails.
pub fn read_all(
    path: &Path,
    digest: Digest,
    mut take: impl FnMut(Digest, &[f32]) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let bytes = fs::read(path)?;
    let failed = |source| FileError::new("read", path, source);
    if Digest::of(&bytes) != digest {
        return Err(failed(damaged()));
    }
    let mut rest = &bytes[..];
    let list = list(&mut rest).map_err(failed)?;
    let n_bytes = list.len * size_of::<f32>();
    if rest.len() != n_bytes * list.images.len() {
        return Err(failed(damaged()));
    }
    let mut values = vec![0.0; list.len];
    for (number, (digest, _)) in list.images.iter().enumerate() {
        let record = rest[number * n_bytes..][..n_bytes].as_chunks().0;
        values
            .iter_mut()
            .zip(record)
            .for_each(|(value, bytes)| *value = f32::from_le_bytes(*bytes));
        take(*digest, &values)?;
    }
    Ok(())
}

fn list(file: &mut impl Read) -> io::Result<FeatureList> {
    let mut head = [0; HEAD];
    let is_cut_off = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    let read = file.read_exact(&mut head);
    read.map_err(|error| if is_cut_off(&error) { damaged() } else { error })?;
    let digest = |at: usize| Digest::of_digest_bytes(head[at..][..32].try_into().expect("32"));
    let len = u32::from_le_bytes(head[72..76].try_into().expect("4"));
    let n = u64::from_le_bytes(head[76..84].try_into().expect("8"));
    if &head[..8] != MAGIC || n > MOST {
        return Err(damaged());
    }
    let mut list = vec![];
    file.take(n * ENTRY as u64).read_to_end(&mut list)?;
    if list.len() as u64 != n * ENTRY as u64 || Digest::of(&list) != digest(84) {
        return Err(damaged());
    }
    let images = list.as_chunks::<ENTRY>().0.iter().map(|entry| {
        let (digest, note) = entry.split_at(32);
        let digest = Digest::of_digest_bytes(digest.try_into().expect("32"));
        (digest, note.try_into().expect("the rest"))
    });
    let keys = FeatureKeys { pixels: digest(8), features: digest(40) };
    Ok(FeatureList { keys, len: len as usize, images: images.collect() })
}

fn missing() -> io::Error {
    let reason = "it is missing; `alpaca-run shard features` writes it again";
    io::Error::new(io::ErrorKind::NotFound, reason)
}

fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "it is damaged; `alpaca-run shard features` writes it again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(number: u8) -> ImageFeatures {
        let values = vec![f32::from(number), -0.0, f32::MIN_POSITIVE];
        ImageFeatures { digest: Digest::of(&[number]), note: [number; NOTE], values }
    }

    #[test]
    fn features_are_read_as_they_were_written_and_damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.features");
        let keys = FeatureKeys { pixels: Digest::of(b"a"), features: Digest::of(b"b") };
        let images: Vec<ImageFeatures> = (0..5).map(image).collect();
        let bytes = encode(keys, &images);
        fs::write_atomic(&path, &bytes).unwrap();
        let list = read_list(&path).unwrap();
        assert_eq!((list.keys, list.len), (keys, 3));
        let mut found = vec![];
        let digest = Digest::of(&bytes);
        read_all(&path, digest, |digest, values| {
            found.push((digest, values.to_vec()));
            Ok(())
        })
        .unwrap();
        for ((image, (digest, note)), (other, values)) in
            images.iter().zip(&list.images).zip(&found)
        {
            assert_eq!((image.digest, image.digest, &image.note), (*digest, *other, note));
            assert_eq!(&image.values, values);
        }
        // Each byte counts.
        for at in [0, 50, 80, HEAD + 3, bytes.len() - 1] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            fs::write_atomic(&path, &damaged).unwrap();
            assert!(read_all(&path, digest, |_, _| Ok(())).is_err(), "byte {at}");
        }
        for len in [0, 10, HEAD + 40] {
            fs::write_atomic(&path, &bytes[..len]).unwrap();
            assert!(read_list(&path).is_err(), "{len} bytes");
        }
    }
}
