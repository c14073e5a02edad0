//! Copies images out of a file in which they cannot be read alone.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use super::{Archive, ArchiveError};
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::stamp::Stamp;
use crate::cache::directory::{Bucket, CacheDirectory, Found};

/// Version of the rules by which images are copied.
const RULES: u32 = 1;

/// Images that were copied.
pub struct Packed {
    /// The copies.
    pub archive: Archive,
    /// Position and size in bytes of each.
    pub places: Vec<(u64, u64)>,
}

/// Copies images of the file at `path` one after the other, into the cache at `cache` or a file
/// without a name. `of` distinguishes several such lists of one file. If they were copied before,
/// `images` is not used.
///
/// # Errors
/// With the first error of `images`, and when the copies cannot be written.
pub fn pack(
    path: &Path,
    of: &str,
    cache: Option<&Path>,
    images: impl Iterator<Item = Result<Vec<u8>, String>>,
) -> Result<Packed, ArchiveError> {
    let stamp = Stamp::of(path)?;
    let packed = |file: File, places: Vec<(u64, u64)>| {
        let archive = Archive::of_plain(path, file, stamp, places.iter().copied());
        Packed { archive, places }
    };
    let Some((root, stamp)) = cache.zip(stamp) else {
        let failed = |source| FileError::new("write", Path::new("a temporary file"), source);
        let mut file = tempfile::tempfile().map_err(failed)?;
        let (mut places, mut fault) = (vec![], None);
        let copied = copy(images, &mut file, &mut places, &mut fault);
        return match (copied, fault) {
            (_, Some(reason)) => Err(damaged(path, reason)),
            (copied, None) => {
                copied.map_err(failed)?;
                Ok(packed(file, places))
            }
        };
    };
    let directory = CacheDirectory::new(root, Bucket::Archives);
    let [key, list] = ["images", "list"].map(|what| {
        let rules = format!("{what} {RULES} {of}");
        Digest::of_parts(&[rules.as_bytes(), &stamp.to_bytes()])
    });
    if let (Found::Entry(bytes), Some(file)) = (directory.find(list), directory.open(key))
        && let Ok(places) = serde_json::from_slice::<Vec<(u64, u64)>>(&bytes)
        && is_whole(&file, &places)
    {
        return Ok(packed(file, places));
    }
    let (mut places, mut fault) = (vec![], None);
    let written = directory.write_with(key, |file| copy(images, file, &mut places, &mut fault));
    if let Some(reason) = fault {
        return Err(damaged(path, reason));
    }
    written?;
    directory.write(list, &serde_json::to_vec(&places).expect("places are plain data"))?;
    let gone = || io::Error::new(io::ErrorKind::NotFound, "the cache was cleared meanwhile");
    let file = directory.open(key).ok_or_else(|| FileError::new("open", path, gone()))?;
    Ok(packed(file, places))
}

/// Whether a file has all copies and nothing else.
fn is_whole(file: &File, places: &[(u64, u64)]) -> bool {
    let bytes: u64 = places.iter().map(|(_, bytes)| bytes).sum();
    file.metadata().is_ok_and(|found| found.len() == bytes)
}

/// Writes images, and adds the place of each. A fault of the images themselves is kept apart.
fn copy(
    images: impl Iterator<Item = Result<Vec<u8>, String>>,
    file: &mut dyn Write,
    places: &mut Vec<(u64, u64)>,
    fault: &mut Option<String>,
) -> io::Result<()> {
    let mut at = 0;
    for image in images {
        let image = image.map_err(|reason| {
            *fault = Some(reason);
            io::Error::from(io::ErrorKind::InvalidData)
        })?;
        file.write_all(&image)?;
        places.push((at, image.len() as u64));
        at += image.len() as u64;
    }
    Ok(())
}

fn damaged(path: &Path, reason: String) -> ArchiveError {
    ArchiveError::Damaged { path: fs::normalise(path), reason }
}
