//! Keeps a copy of what is inside of a file, in the cache or in a file without a name.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;

use super::ArchiveError;
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::cache::directory::{CacheDirectory, Found};

/// Why a copy cannot be made.
pub(super) enum Fault {
    /// The file that is copied from cannot be read, for this reason.
    Source(String),
    /// The copy cannot be written.
    Copy(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Copy(error)
    }
}

/// The copy with this key, which is made if it is not in the cache, or not as long as it was. With no
/// cache it is a file without a name. `path` is the file that is copied from.
///
/// # Errors
/// When the file cannot be read, or the copy cannot be written.
pub(super) fn kept(
    path: &Path,
    cache: Option<(&CacheDirectory, Digest)>,
    make: impl FnOnce(&mut dyn Write) -> Result<(), Fault>,
) -> Result<File, ArchiveError> {
    let Some((directory, key)) = cache else {
        let failed = |source| FileError::new("write", Path::new("a temporary file"), source);
        let mut file = tempfile::tempfile().map_err(failed)?;
        return match make(&mut file) {
            Err(Fault::Source(reason)) => Err(damaged(path, reason)),
            Err(Fault::Copy(error)) => Err(failed(error).into()),
            Ok(()) => {
                file.rewind().map_err(failed)?;
                Ok(file)
            }
        };
    };
    let length = Digest::of_parts(&[b"length", key.as_bytes()]);
    let is_whole = |file: &File| {
        let found = file.metadata().map(|found| found.len().to_le_bytes().to_vec());
        matches!((directory.find(length), found), (Found::Entry(a), Ok(b)) if a == b)
    };
    if let Some(file) = directory.open(key).filter(is_whole) {
        return Ok(file);
    }
    let mut fault = None;
    let written = directory.write_with(key, |file| match make(file) {
        Ok(()) => Ok(()),
        Err(Fault::Copy(error)) => Err(error),
        Err(Fault::Source(reason)) => {
            fault = Some(reason);
            Err(io::ErrorKind::InvalidData.into())
        }
    });
    if let Some(reason) = fault {
        return Err(damaged(path, reason));
    }
    written?;
    let gone = || io::Error::new(io::ErrorKind::NotFound, "the cache was cleared meanwhile");
    let file = directory.open(key).ok_or_else(|| FileError::new("open", path, gone()))?;
    let bytes = file.metadata().map_err(|source| FileError::new("inspect", path, source))?.len();
    directory.write(length, &bytes.to_le_bytes())?;
    Ok(file)
}

fn damaged(path: &Path, reason: String) -> ArchiveError {
    ArchiveError::Damaged { path: fs::normalise(path), reason }
}
