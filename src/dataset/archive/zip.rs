//! Lists the members of a zip archive, and finds their content.

use std::fs::File;
use std::io;

use zip::{CompressionMethod, ZipArchive};

use super::links::Listed;
use super::{Member, Packing, saturated};
use crate::base::fs;

/// Size of the header before the content of a member, without the name and the extra field that
/// follow it (APPNOTE 6.3.10, 4.3.7).
const HEADER: usize = 30;
/// The bits of a Unix mode that are the kind of a file, and those of a link.
const KIND: u32 = 0o170_000;
const LINK: u32 = 0o120_000;
/// Longest path that a link leads to, in bytes.
const LONGEST_LINK: u32 = 4096;

/// The files, directories and links of a zip archive.
///
/// # Errors
/// When it is not a zip archive, or has members that are encrypted or compressed in an unusual way.
pub(super) fn list(file: &File) -> io::Result<Vec<(Vec<u8>, Listed)>> {
    let mut archive = ZipArchive::new(file)?;
    // Some programs on Windows write the separator of that system (APPNOTE 6.3.10, 4.4.17.1).
    let is_from_windows = archive.file_names().flatten().all(|name| !name.contains('/'));
    (0..archive.len())
        .map(|number| {
            let entry = archive.by_index_raw(number)?;
            let mut name = entry.name()?.into_owned();
            if is_from_windows {
                name = name.replace('\\', "/");
            }
            if entry.is_dir() {
                return Ok((name.into_bytes(), Listed::Directory));
            }
            let refused = |what: &str| {
                let message = format!("`{name}` is {what}");
                Err(io::Error::new(io::ErrorKind::Unsupported, message))
            };
            if entry.encrypted() {
                return refused("encrypted");
            }
            let packing = match entry.compression() {
                CompressionMethod::Stored => Packing::Stored,
                CompressionMethod::DEFLATE => Packing::Deflated,
                _ => return refused("compressed in another way than Deflate"),
            };
            let (offset, bytes) = (entry.header_start(), saturated(entry.size()));
            let is_link = entry.unix_mode().is_some_and(|mode| mode & KIND == LINK);
            if is_link && packing == Packing::Stored && bytes <= LONGEST_LINK {
                let mut target = vec![0; bytes as usize];
                fs::read_exact_at(file, &mut target, content_offset(file, offset)?)?;
                return Ok((name.into_bytes(), Listed::Link(target)));
            }
            Ok((name.into_bytes(), Listed::File(Member { offset, bytes, packing })))
        })
        .collect()
}

/// The position of the content of a member whose header is at `header`.
///
/// # Errors
/// When there is no header.
pub(super) fn content_offset(file: &File, header: u64) -> io::Result<u64> {
    let mut bytes = [0; HEADER];
    fs::read_exact_at(file, &mut bytes, header)?;
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a header of the zip archive is damaged",
        ));
    }
    let length = |at: usize| u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
    Ok(header + HEADER as u64 + length(26) + length(28))
}
