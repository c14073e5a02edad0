//! Opens an archive by its content.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::copy::{self, Fault};
use super::links::{self, Resolved};
use super::{Archive, Member, tar, zip};
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::base::stamp::Stamp;
use crate::cache::directory::{Bucket, CacheDirectory};

/// Number of bytes that tell what a file is: the first block of a tar archive.
const N_TELLING: u64 = 512;

/// Why an archive cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not an archive that can be read.
    #[error("`{}` {what}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// What it is: "is a RAR archive, not a tar or zip archive".
        what: String,
        /// What to do.
        advice: Option<&'static str>,
    },
    /// It is damaged, or has members that cannot be read.
    #[error("the archive `{}` cannot be read: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
}

/// An archive with the names of its members.
pub struct Opened {
    /// The archive.
    pub archive: Archive,
    /// Names of its files with the numbers of their members, and of its directories, which end with
    /// a slash. They have forward slashes, and are written as [`names`] writes paths.
    pub names: Vec<(String, Option<u32>)>,
    /// Names that lead out of the archive, and links that lead nowhere, sorted.
    pub lost: Vec<String>,
    /// Names of several files, of which the last counts.
    pub repeated: Vec<String>,
    /// Whether it is a tar archive.
    pub is_tar: bool,
    /// Whether it was decompressed as a whole, so that members are not read from the file itself.
    pub is_unpacked: bool,
}

/// What a file is, by its first bytes.
enum Kind {
    Tar,
    Zip,
    Gzip,
    Other(&'static str, Option<&'static str>),
}

impl Kind {
    fn of(start: &[u8]) -> Self {
        const UNPACK: Option<&str> = Some("unpack it, or pack it again as zip or tar");
        let is = |mark: &[u8]| start.starts_with(mark);
        if let Some((what, advice)) = compression(start) {
            return Self::Other(what, Some(advice));
        }
        match () {
            () if is(b"PK\x03\x04") || is(b"PK\x05\x06") => Self::Zip,
            () if is(b"\x1f\x8b") => Self::Gzip,
            () if is(b"7z\xbc\xaf\x27\x1c") => Self::Other("a 7z archive", UNPACK),
            () if is(b"Rar!") => Self::Other("a RAR archive", UNPACK),
            () if has_tar_header(start) => Self::Tar,
            () if start.is_empty() => Self::Other("an empty file", None),
            () if start.trim_ascii_start().starts_with(b"<") => {
                Self::Other("an HTML page (a login page?)", None)
            }
            () => Self::Other("", None),
        }
    }
}

/// What a file is that is compressed as a whole in a way that is not read, by its first bytes, and
/// what to do.
pub fn compression(start: &[u8]) -> Option<(&'static str, &'static str)> {
    const FORMS: [(&[u8], &str, &str); 3] = [
        (b"BZh", "compressed with bzip2", "run `bunzip2` on it"),
        (b"\xfd7zXZ\0", "compressed with xz", "run `unxz` on it"),
        (b"\x28\xb5\x2f\xfd", "compressed with zstd", "run `unzstd` on it"),
    ];
    let form = FORMS.iter().find(|(mark, ..)| start.starts_with(mark));
    form.map(|&(_, what, advice)| (what, advice))
}

/// Whether the first block is the header of a tar archive: its checksum is that of its bytes, with
/// the checksum itself as spaces (POSIX.1-2001, pax).
fn has_tar_header(start: &[u8]) -> bool {
    let Some(block) = start.first_chunk::<512>() else { return false };
    if block.iter().all(|byte| *byte == 0) {
        // An empty archive is all zeros.
        return true;
    }
    let written = String::from_utf8_lossy(&block[148..156]);
    let written = written.trim_matches(|c: char| c == ' ' || c == '\0');
    let sum = |range: &[u8]| range.iter().map(|byte| u64::from(*byte)).sum::<u64>();
    let found = sum(&block[..148]) + 8 * u64::from(b' ') + sum(&block[156..]);
    u64::from_str_radix(written, 8) == Ok(found)
}

/// Whether there is a tar or zip archive at a path, by its first bytes.
pub fn is_archive(path: &Path) -> bool {
    !fs::is_no_plain_file(path)
        && fs::read_start(path, N_TELLING)
            .is_ok_and(|start| !matches!(Kind::of(&start), Kind::Other(..)))
}

/// Opens a tar or zip archive. One that is compressed as a whole is decompressed once, into the cache
/// at `cache` or a file without a name.
///
/// # Errors
/// When it is something else, is damaged, or has members that cannot be read.
pub fn open(path: &Path, cache: Option<&Path>) -> Result<Opened, ArchiveError> {
    if let Some(what) = fs::special_file(path) {
        let what = format!("is {what}, not a tar or zip archive");
        return Err(ArchiveError::Other { path: path.to_path_buf(), what, advice: None });
    }
    let start = fs::read_start(path, N_TELLING)?;
    let stamp = Stamp::of(path)?;
    let file = fs::open(path)?;
    let kind = Kind::of(&start);
    let is_unpacked = matches!(kind, Kind::Gzip);
    let (kind, file) = match kind {
        Kind::Gzip => {
            let file = decompressed(path, file, stamp, cache)?;
            let start =
                first_bytes(&file).map_err(|source| FileError::new("read", path, source))?;
            match Kind::of(&start) {
                Kind::Tar => (Kind::Tar, file),
                _ => (Kind::Other("one file that is compressed with gzip", None), file),
            }
        }
        kind => (kind, file),
    };
    let is_tar = !matches!(kind, Kind::Zip);
    let listed = match kind {
        Kind::Zip => zip::list(&file),
        Kind::Tar | Kind::Gzip => tar::list(&file),
        Kind::Other(what, advice) => {
            let what = match what {
                "" => "is not a tar or zip archive".to_owned(),
                what => format!("is {what}, not a tar or zip archive"),
            };
            return Err(ArchiveError::Other { path: path.to_path_buf(), what, advice });
        }
    };
    let listed = listed.map_err(|error| ArchiveError::Damaged {
        path: path.to_path_buf(),
        reason: reason(&error),
    })?;
    let Resolved { found: listed, lost, repeated } = links::resolve(listed);
    let mut members: Vec<Member> = vec![];
    let named = listed.into_iter().map(|(name, member)| {
        let number = member.map(|member| {
            members.push(member);
            members.len() as u32 - 1
        });
        (names::text_of_bytes(&name), number)
    });
    let names = named.collect();
    let archive = Archive { path: path.to_path_buf(), file, stamp, members };
    let texts = |all: Vec<Vec<u8>>| all.iter().map(|name| names::text_of_bytes(name)).collect();
    let (lost, repeated) = (texts(lost), texts(repeated));
    Ok(Opened { archive, names, lost, repeated, is_tar, is_unpacked })
}

/// Why an archive cannot be read.
fn reason(error: &io::Error) -> String {
    // Files that are encrypted or compressed in an unusual way are not damaged.
    if error.kind() == io::ErrorKind::Unsupported {
        format!("{error}; pack it again with Deflate and without a password")
    } else {
        format!("it is damaged or not complete: {error}")
    }
}

fn first_bytes(file: &File) -> io::Result<Vec<u8>> {
    let mut start = vec![0; N_TELLING as usize];
    let n = fs::read_at(file, &mut start, 0)?;
    start.truncate(n);
    Ok(start)
}

/// The content of a file that is compressed with gzip.
fn decompressed(
    path: &Path,
    file: File,
    stamp: Option<Stamp>,
    cache: Option<&Path>,
) -> Result<File, ArchiveError> {
    let directory = cache.map(|root| CacheDirectory::new(root, Bucket::Archives));
    let key = match stamp {
        Some(stamp) => Digest::of_parts(&[b"gzip", &stamp.to_bytes()]),
        None => Digest::of_parts(&[b"gzip", Digest::of_file(path)?.as_bytes()]),
    };
    copy::kept(path, directory.as_ref().map(|directory| (directory, key)), |copy| {
        let mut packed = MultiGzDecoder::new(BufReader::new(file));
        let mut buffer = vec![0; 1 << 20];
        loop {
            match packed.read(&mut buffer).map_err(|error| Fault::Source(reason(&error)))? {
                0 => return Ok(()),
                n => copy.write_all(&buffer[..n])?,
            }
        }
    })
}
