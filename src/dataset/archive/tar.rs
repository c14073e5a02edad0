//! Lists the members of a tar archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use tar::{Archive, EntryType};

use super::Member;

/// Names and places of the files of a tar archive, and the names of its directories, which end with
/// a slash. A hard link is a second name of a file. Other links and special files are left out.
///
/// # Errors
/// When it is not a tar archive, or ends early.
pub(super) fn list(file: &File) -> io::Result<Vec<(Vec<u8>, Option<Member>)>> {
    let end = file.metadata()?.len();
    let mut found: Vec<(Vec<u8>, Option<Member>)> = vec![];
    let mut links: Vec<(Vec<u8>, Vec<u8>)> = vec![];
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
                found.push((name, Some(member)));
            }
            EntryType::Directory => {
                let mut name = name;
                if !name.ends_with(b"/") {
                    name.push(b'/');
                }
                found.push((name, None));
            }
            EntryType::Link => {
                if let Some(target) = entry.link_name_bytes() {
                    links.push((name, target.into_owned()));
                }
            }
            _ => {}
        }
    }
    if !links.is_empty() {
        let places: BTreeMap<&[u8], Member> =
            found.iter().filter_map(|(name, member)| Some((&name[..], (*member)?))).collect();
        let linked: Vec<(Vec<u8>, Option<Member>)> = links
            .into_iter()
            .filter_map(|(name, target)| Some((name, Some(*places.get(&target[..])?))))
            .collect();
        found.extend(linked);
    }
    Ok(found)
}
