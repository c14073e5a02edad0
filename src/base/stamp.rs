//! Tells whether a file is the one that was read before, without reading it.

use std::fs::Metadata;
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::clock;
use super::digest::Digest;
use super::fs::FileError;

/// Files that changed less than this ago have no stamp. The clock of a file system may advance in
/// steps, so a second change could go unnoticed.
const SETTLED: Duration = Duration::from_secs(2);

/// What a file system knows of a file: its size and the time of its last change; on Unix also its
/// number, and the time at which its name, owner or content changed. As in Git, a file whose stamp
/// is the same has the same content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp([u8; Self::BYTES]);

impl Stamp {
    /// Size in bytes.
    pub const BYTES: usize = 16;

    /// The stamp of a file. `None` if the file has changed just now, so that its next change may
    /// leave the same stamp.
    ///
    /// # Errors
    /// When the file system tells nothing about it.
    pub fn of(path: &Path) -> Result<Option<Self>, FileError> {
        Self::at(path, clock::system())
    }

    fn at(path: &Path, now: SystemTime) -> Result<Option<Self>, FileError> {
        let failed = |source| FileError::new("inspect", path, source);
        let found = std::fs::metadata(path).map_err(failed)?;
        let modified = found.modified().map_err(failed)?;
        let (number, changed) = number_and_change(&found).unwrap_or((0, modified));
        // A time in the future tells nothing about how long ago it was.
        if now.duration_since(modified.max(changed)).is_ok_and(|age| age < SETTLED) {
            return Ok(None);
        }
        let since = |time: SystemTime| {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            since.map_or(0, |since| since.as_nanos()).to_le_bytes()
        };
        let (bytes, number) = (found.len().to_le_bytes(), number.to_le_bytes());
        Ok(Some(Self::of_parts(&[&bytes, &since(modified), &since(changed), &number])))
    }

    /// The stamp of a piece of this file.
    #[must_use]
    pub fn of_piece(self, offset: u64, bytes: u64) -> Self {
        Self::of_parts(&[&self.0, &offset.to_le_bytes(), &bytes.to_le_bytes()])
    }

    /// The stamp as bytes.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0
    }

    /// The stamp from bytes.
    pub fn of_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    fn of_parts(parts: &[&[u8]]) -> Self {
        let digest = Digest::of_parts(parts);
        let (start, _) = digest.as_bytes().split_at(Self::BYTES);
        Self(start.try_into().expect("a digest is longer"))
    }
}

/// The number of a file in its file system, and the time of its last change of any kind.
#[cfg(unix)]
fn number_and_change(found: &Metadata) -> Option<(u64, SystemTime)> {
    use std::os::unix::fs::MetadataExt;
    let seconds = Duration::from_secs(u64::try_from(found.ctime()).ok()?);
    let nanoseconds = Duration::from_nanos(u64::try_from(found.ctime_nsec()).ok()?);
    Some((found.ino(), SystemTime::UNIX_EPOCH + seconds + nanoseconds))
}

#[cfg(not(unix))]
fn number_and_change(_: &Metadata) -> Option<(u64, SystemTime)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fs;

    #[test]
    fn a_file_has_a_stamp_once_it_rests_and_another_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write_atomic(&path, b"1").unwrap();
        assert_eq!(Stamp::of(&path).unwrap(), None);
        let later = || Stamp::at(&path, clock::system() + 2 * SETTLED).unwrap().unwrap();
        let first = later();
        assert_eq!(later(), first);
        assert_ne!(first.of_piece(0, 1), first.of_piece(1, 1));
        fs::write_atomic(&path, b"2").unwrap();
        assert_ne!(later(), first);
        assert!(Stamp::of(&folder.path().join("b")).is_err());
    }
}
