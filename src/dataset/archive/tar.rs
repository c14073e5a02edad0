//! Lists the members of a tar archive.

use std::fs::File;
use std::io;

use tar::{Archive, EntryType};

use super::Member;
use super::links::Listed;

/// The files, directories and links of a tar archive. Special files are left out.
///
/// # Errors
/// When it is not a tar archive, or ends early.
pub(super) fn list(file: &File) -> io::Result<Vec<(Vec<u8>, Listed)>> {
    let end = file.metadata()?.len();
    let mut found = vec![];
    for entry in Archive::new(file).entries_with_seek()? {
        let entry = entry?;
        let name = entry.path_bytes().into_owned();
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous => {
                let member = Member::plain(entry.raw_file_position(), entry.size());
                if member.offset + entry.size() > end {
                    let name = String::from_utf8_lossy(&name);
                    let message = format!("it ends early, inside of `{name}`");
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
                }
                found.push((name, Listed::File(member)));
            }
            EntryType::Directory => found.push((name, Listed::Directory)),
            kind @ (EntryType::Link | EntryType::Symlink) => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let is_hard = kind == EntryType::Link;
                let link = if is_hard { Listed::HardLink(target) } else { Listed::Link(target) };
                found.push((name, link));
            }
            _ => {}
        }
    }
    Ok(found)
}
