//! What is known of the images of a dataset since they were last read: their digests, and what
//! depends on their content only. Images whose files are unchanged need not be read again.
//!
//! The records of a dataset are one file of the cache, in blocks that each have a digest. They are
//! in the order of paths, backwards, so they are read beside a list of images without being in
//! memory at once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::sync::Arc;

use super::decode::Format;
use super::likeness::Likeness;
use crate::base::digest::Digest;
use crate::base::names;
use crate::base::stamp::Stamp;
use crate::cache::directory::{Bucket, CacheDirectory};
use crate::spec::{DatasetSource, Location};

/// Version of the rules by which a file is a readable image. It must be raised when files become
/// readable or unreadable, or when the likeness or the size of an image changes.
const RULES: u32 = 1;
/// Largest block that is read.
const MOST_BYTES: u32 = 64 << 20;
/// Size at which a block is written.
const BLOCK: usize = 256 << 10;

/// What is known of a readable image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownImage {
    /// Digest of its file.
    pub digest: Digest,
    /// Its likeness.
    pub likeness: Likeness,
    /// How it looks, if it was decoded when it was read.
    pub look: Option<Look>,
}

/// The format and size of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Width and height in pixels, upright.
    pub size: [u32; 2],
    /// Size of the file in bytes.
    pub bytes: u32,
    /// Format of the file.
    pub format: Format,
}

/// Images that are known to be readable, by the digests of their files.
pub type Likenesses = BTreeMap<Digest, Likeness>;

/// The records of one dataset.
pub struct KnownImages {
    cache: Option<(CacheDirectory, Digest)>,
    /// Images that are known by their content, wherever they are.
    by_content: Option<Arc<Likenesses>>,
}

impl KnownImages {
    /// The records of the dataset at `source`, in the cache at `root`.
    pub fn of(source: &DatasetSource, root: Option<&Path>) -> Self {
        Self::at(&source.directories(), source.title(), root)
    }

    /// The records of the images without labels in some directories, in the cache at `root`.
    pub fn of_unlabeled(directories: &[Location], root: Option<&Path>) -> Self {
        let directories: Vec<&Location> = directories.iter().collect();
        Self::at(&directories, "unlabeled".to_owned(), root)
    }

    fn at(places: &[&Location], title: String, root: Option<&Path>) -> Self {
        let cache = root.map(|root| {
            let rules = format!("{RULES} {}", std::env::consts::ARCH);
            let places = places.iter().map(|place| {
                let path = std::path::absolute(&place.path);
                names::text_of_path(path.as_deref().unwrap_or(&place.path))
            });
            let places: Vec<String> = places.collect();
            let source = (rules, places, title);
            let key = Digest::of(&serde_json::to_vec(&source).expect("keys are plain data"));
            (CacheDirectory::new(root, Bucket::Images), key)
        });
        Self { cache, by_content: None }
    }

    /// No records, and no place for them.
    pub fn none() -> Self {
        Self { cache: None, by_content: None }
    }

    /// These records, and images that are known by their content.
    #[must_use]
    pub fn with_content(self, by_content: Option<Arc<Likenesses>>) -> Self {
        Self { by_content, ..self }
    }

    /// The likeness of a file that is known to be a readable image by its content.
    pub fn likeness(&self, file: Digest) -> Option<Likeness> {
        self.by_content.as_ref()?.get(&file).copied()
    }

    /// Whether records can be kept.
    pub fn are_kept(&self) -> bool {
        self.cache.is_some()
    }

    /// Starts reading the records.
    pub fn records(&self) -> Records {
        let file = self.cache.as_ref().and_then(|(directory, key)| directory.open(*key));
        Records { file: file.map(BufReader::new), block: vec![], at: 0, next: None, n_read: 0 }
    }

    /// Replaces the records. They must be in the order of paths, backwards. If they cannot be
    /// written, the images will be read again.
    pub fn replace<'a>(&self, records: impl Iterator<Item = (&'a str, Option<Stamp>, KnownImage)>) {
        let Some((directory, key)) = &self.cache else { return };
        let _ = directory.write_with(*key, |file| {
            let mut block = vec![];
            for (path, stamp, image) in records {
                let Some(stamp) = stamp else { continue };
                put(&mut block, path, stamp, image);
                if block.len() >= BLOCK {
                    write_block(file, &block)?;
                    block.clear();
                }
            }
            write_block(file, &block)
        });
    }
}

fn put(block: &mut Vec<u8>, path: &str, stamp: Stamp, image: KnownImage) {
    let KnownImage { digest, likeness, look } = image;
    let ([width, height], bytes) = look.map_or(([0; 2], 0), |look| (look.size, look.bytes));
    let format = look.map_or("", |look| look.format.name());
    for text in [path, format] {
        block.extend_from_slice(&(text.len() as u32).to_le_bytes());
        block.extend_from_slice(text.as_bytes());
    }
    block.extend_from_slice(&stamp.to_bytes());
    block.extend_from_slice(digest.as_bytes());
    block.extend_from_slice(&likeness.to_bytes());
    block.extend_from_slice(&width.to_le_bytes());
    block.extend_from_slice(&height.to_le_bytes());
    block.extend_from_slice(&bytes.to_le_bytes());
}

fn write_block(file: &mut dyn Write, block: &[u8]) -> io::Result<()> {
    file.write_all(&(block.len() as u32).to_le_bytes())?;
    file.write_all(Digest::of(block).as_bytes())?;
    file.write_all(block)
}

/// Records that are read one after the other.
pub struct Records {
    file: Option<BufReader<File>>,
    block: Vec<u8>,
    at: usize,
    next: Option<(String, Stamp, KnownImage)>,
    n_read: usize,
}

impl Records {
    /// The record of the image at a path. Paths must be asked for in their order, backwards.
    pub fn find(&mut self, path: &str) -> Option<(Stamp, KnownImage)> {
        loop {
            if self.next.is_none() {
                self.next = self.read();
            }
            let (found, stamp, image) = self.next.as_ref()?;
            if found.as_str() < path {
                return None;
            }
            let record = (found == path).then_some((*stamp, *image));
            self.next = None;
            if record.is_some() {
                return record;
            }
        }
    }

    /// Number of records so far; after the last path, of all.
    pub fn n_read(&mut self) -> usize {
        while let Some(next) = self.next.take().or_else(|| self.read()) {
            drop(next);
        }
        self.n_read
    }

    fn read(&mut self) -> Option<(String, Stamp, KnownImage)> {
        if self.at == self.block.len() {
            // What follows damage is not known.
            self.block = self.read_block().unwrap_or_default();
            self.at = 0;
        }
        let path = self.text()?;
        let format = self.text()?;
        let stamp = Stamp::of_bytes(self.bytes()?);
        let digest = Digest::of_digest_bytes(self.bytes()?);
        let likeness = Likeness::of_bytes(&self.bytes::<{ Likeness::BYTES }>()?)?;
        let [width, height, bytes] =
            [self.bytes()?, self.bytes()?, self.bytes()?].map(u32::from_le_bytes);
        let format = Format::named(&format);
        let look = format.map(|format| Look { size: [width, height], bytes, format });
        self.n_read += 1;
        Some((path, stamp, KnownImage { digest, likeness, look }))
    }

    fn read_block(&mut self) -> Option<Vec<u8>> {
        let mut bytes = [0; 4];
        let mut digest = [0; 32];
        let file = self.file.as_mut()?;
        file.read_exact(&mut bytes).ok()?;
        file.read_exact(&mut digest).ok()?;
        let bytes = Some(u32::from_le_bytes(bytes)).filter(|bytes| *bytes <= MOST_BYTES)?;
        let mut block = vec![0; bytes as usize];
        file.read_exact(&mut block).ok()?;
        (Digest::of(&block).as_bytes() == &digest).then_some(block)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let bytes = self.block.get(self.at..)?.first_chunk()?;
        self.at += N;
        Some(*bytes)
    }

    fn text(&mut self) -> Option<String> {
        let bytes = u32::from_le_bytes(self.bytes()?) as usize;
        let text = self.block.get(self.at..)?.get(..bytes)?;
        self.at += bytes;
        String::from_utf8(text.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fs;
    use crate::spec::Location;

    fn image(number: u8) -> KnownImage {
        let look = Look { size: [3, u32::from(number)], bytes: 5, format: Format::JpegXl };
        let likeness = Likeness::of_bytes(&[number; 16]).unwrap();
        let look = number.is_multiple_of(2).then_some(look);
        KnownImage { digest: Digest::of(&[number]), likeness, look }
    }

    fn source() -> DatasetSource {
        DatasetSource::Directory { directory: Location { written: "a".into(), path: "a".into() } }
    }

    #[test]
    fn records_are_found_in_passing() {
        let root = tempfile::tempdir().unwrap();
        let known = KnownImages::of(&source(), Some(root.path()));
        let stamp = Stamp::of_bytes([7; 16]);
        let paths: Vec<String> = (0..100).rev().map(|i| format!("a/{i:02}.jpg")).collect();
        let records = paths.iter().map(|path| {
            let number = path[2..4].parse().unwrap();
            (path.as_str(), (number != 5).then_some(stamp), image(number))
        });
        known.replace(records);
        let mut found = known.records();
        for (path, number) in [("b", None), ("a/98.jpg", Some(98)), ("a/97.png", None)] {
            let expected = number.map(|number| (stamp, image(number)));
            assert_eq!(found.find(path), expected, "{path}");
        }
        for (path, number) in [("a/97.jpg", Some(97)), ("a/05.jpg", None), ("a/00.jpg", Some(0))] {
            let expected = number.map(|number| (stamp, image(number)));
            assert_eq!(found.find(path), expected, "{path}");
        }
        assert_eq!((found.find("a"), found.n_read()), (None, 99));
    }

    #[test]
    fn what_follows_damage_is_not_known() {
        let root = tempfile::tempdir().unwrap();
        let known = KnownImages::of(&source(), Some(root.path()));
        let paths: Vec<String> = (0..9000).rev().map(|i| format!("a/{i:05}.jpg")).collect();
        let stamp = Some(Stamp::default());
        known.replace(paths.iter().map(|path| (path.as_str(), stamp, image(1))));
        let (cache, key) = known.cache.as_ref().unwrap();
        let file = cache.entries().unwrap().remove(0).path;
        let mut bytes = fs::read(&file).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        cache.write_with(*key, |file| file.write_all(&bytes)).unwrap();
        let mut found = known.records();
        assert!(found.find("a/08999.jpg").is_some());
        assert!(found.find("a/00000.jpg").is_none());
    }
}
