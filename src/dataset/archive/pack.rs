//! Copies images out of a file in which they cannot be read alone.

use std::fs::File;
use std::io;
use std::path::Path;

use super::copy::{self, Fault};
use super::{Archive, ArchiveError};
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::stamp::Stamp;
use crate::cache::directory::{Bucket, CacheDirectory};

/// Version of the rules by which images are copied.
const RULES: u32 = 2;

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
    let directory = cache.map(|root| CacheDirectory::new(root, Bucket::Archives));
    let kept = directory.as_ref().zip(stamp).map(|(directory, stamp)| {
        let rules = format!("images {RULES} {of}");
        (directory, Digest::of_parts(&[rules.as_bytes(), &stamp.to_bytes()]))
    });
    let file = copy::kept(path, kept, |copy| {
        let (mut places, mut at): (Vec<(u64, u64)>, u64) = (vec![], 0);
        for image in images {
            let image = image.map_err(Fault::Source)?;
            copy.write_all(&image)?;
            places.push((at, image.len() as u64));
            at += image.len() as u64;
        }
        let list = serde_json::to_vec(&places).expect("places are plain data");
        copy.write_all(&list)?;
        Ok(copy.write_all(&(list.len() as u64).to_le_bytes())?)
    })?;
    let places = places(&file).map_err(|source| FileError::new("read", path, source))?;
    let archive = Archive::of_plain(path, file, stamp, places.iter().copied());
    Ok(Packed { archive, places })
}

/// The list of places, which follows the images and is followed by its length.
fn places(file: &File) -> io::Result<Vec<(u64, u64)>> {
    const LENGTH: usize = size_of::<u64>();
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let end = file.metadata()?.len().checked_sub(LENGTH as u64).ok_or_else(damaged)?;
    let mut length = [0; LENGTH];
    fs::read_exact_at(file, &mut length, end)?;
    let start = end.checked_sub(u64::from_le_bytes(length)).ok_or_else(damaged)?;
    let mut list = vec![0; (end - start) as usize];
    fs::read_exact_at(file, &mut list, start)?;
    Ok(serde_json::from_slice(&list)?)
}
