//! Images inside of a tar or zip archive, read in place.

mod copy;
mod links;
mod open;
mod pack;
mod tar;
mod zip;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;

pub use self::open::{ArchiveError, Opened, compression, is_archive, open};
pub use self::pack::{Packed, pack};
use super::decode::{DecodeError, MOST_FILE_BYTES};
use crate::base::fs;
use crate::base::stamp::Stamp;

/// An open archive, and where its members are.
#[derive(Debug)]
pub struct Archive {
    /// Path for messages.
    path: PathBuf,
    file: File,
    /// Tells whether the archive has changed since it was read.
    stamp: Option<Stamp>,
    members: Vec<Member>,
}

/// Where a member is in an archive. A million of them are in memory at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Position of its content; in a zip archive, of its header.
    offset: u64,
    /// Size of its content in bytes; at most [`u32::MAX`].
    bytes: u32,
    packing: Packing,
}

/// How the content of a member is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    /// As it is.
    Plain,
    /// As it is, behind a header of a zip archive.
    Stored,
    /// Compressed, behind a header of a zip archive.
    Deflated,
}

impl PartialEq for Archive {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.members == other.members
    }
}

impl Eq for Archive {}

impl Archive {
    /// An archive of members that are stored as they are, by position and size.
    pub fn of_plain(
        path: &Path,
        file: File,
        stamp: Option<Stamp>,
        places: impl IntoIterator<Item = (u64, u64)>,
    ) -> Self {
        let members = places.into_iter().map(|(offset, bytes)| Member::plain(offset, bytes));
        let mut members: Vec<Member> = members.collect();
        members.shrink_to_fit();
        Self { path: path.to_path_buf(), file, stamp, members }
    }

    /// The same archive with only the members at these positions, of these sizes, which are stored
    /// as they are.
    #[must_use]
    pub fn only(self, places: impl IntoIterator<Item = (u64, u64)>) -> Self {
        Self::of_plain(&self.path, self.file, self.stamp, places)
    }

    /// The position of a member and its size in bytes.
    ///
    /// # Panics
    /// When there is no such member.
    pub fn place(&self, number: u32) -> (u64, u64) {
        let member = self.members[number as usize];
        (member.offset, u64::from(member.bytes))
    }

    /// Path of the archive.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content of a member.
    ///
    /// # Errors
    /// When it cannot be read, or is too large for an image.
    ///
    /// # Panics
    /// When there is no such member.
    pub fn read(&self, number: u32) -> Result<Vec<u8>, DecodeError> {
        let member = self.members[number as usize];
        if u64::from(member.bytes) > MOST_FILE_BYTES {
            return Err(DecodeError::TooLong);
        }
        self.start(number, member.bytes as usize)
    }

    /// The first `n` bytes of a member, or all if it is shorter.
    ///
    /// # Errors
    /// When it cannot be read.
    ///
    /// # Panics
    /// When there is no such member.
    pub fn start(&self, number: u32, n: usize) -> Result<Vec<u8>, DecodeError> {
        let member = self.members[number as usize];
        let unreadable = |error: std::io::Error| DecodeError::Unreadable {
            reason: format!("`{}`: {error}", self.path.display()),
        };
        let mut content = vec![0; n.min(member.bytes as usize)];
        let offset = match member.packing {
            Packing::Plain => Ok(member.offset),
            Packing::Stored | Packing::Deflated => zip::content_offset(&self.file, member.offset),
        };
        let offset = offset.map_err(unreadable)?;
        match member.packing {
            Packing::Plain | Packing::Stored => {
                fs::read_exact_at(&self.file, &mut content, offset).map_err(unreadable)?;
            }
            Packing::Deflated => {
                let packed = ReadAt { file: &self.file, offset };
                DeflateDecoder::new(packed).read_exact(&mut content).map_err(unreadable)?;
            }
        }
        Ok(content)
    }

    /// Tells whether a member has changed since it was read. `None` if that is not known.
    ///
    /// # Panics
    /// When there is no such member.
    pub fn stamp(&self, number: u32) -> Option<Stamp> {
        let member = self.members[number as usize];
        self.stamp.map(|stamp| stamp.of_piece(member.offset, u64::from(member.bytes)))
    }
}

impl Member {
    fn plain(offset: u64, bytes: u64) -> Self {
        Self { offset, bytes: saturated(bytes), packing: Packing::Plain }
    }
}

fn saturated(bytes: u64) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Reads a file from a position on. Other readers of the file do not disturb it.
struct ReadAt<'a> {
    file: &'a File,
    offset: u64,
}

impl Read for ReadAt<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = fs::read_at(self.file, buffer, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}
