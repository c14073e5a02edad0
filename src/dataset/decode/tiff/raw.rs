//! Recognizes the files of cameras that are laid out as TIFF (DNG, NEF, ARW, PEF, SRW and others).
//! The first image in them is often a preview, and must not be taken for the photograph.

use super::super::kind::{self, Unread};
use super::directory::{Directory, tag};

/// Photometric interpretations of sensor values: behind a color filter array, and linear.
const SENSOR: [usize; 2] = [32803, 34892];
/// Compressions that only cameras use (Sony, Kodak, Samsung, Nikon, Pentax).
const OF_CAMERAS: [usize; 7] = [32767, 32769, 32770, 32867, 34713, 65000, 65535];
/// Most directories that are examined. Cameras write up to ten.
const MOST_DIRECTORIES: usize = 32;

/// The kind of raw image in a file, if it is one.
pub(super) fn find(bytes: &[u8], first: &Directory<'_>) -> Option<Unread> {
    let is_preview = first.value_or(tag::KIND, 0) & 1 == 1 && first.has(tag::SUB_DIRECTORIES);
    let (mut open, mut n) = (vec![first.start()], 0);
    let mut found = is_preview.then_some(kind::RAW);
    while let Some(start) = open.pop().filter(|_| n < MOST_DIRECTORIES) {
        n += 1;
        let Some(directory) = Directory::read_at(bytes, start) else { continue };
        if directory.has(tag::DNG_VERSION) {
            return Some(kind::DNG);
        }
        let of = |tag| directory.value_or(tag, 0);
        if SENSOR.contains(&of(tag::COLOURS)) || OF_CAMERAS.contains(&of(tag::COMPRESSION)) {
            found = Some(kind::RAW);
        }
        open.extend(directory.next());
        open.extend(directory.values(tag::SUB_DIRECTORIES).unwrap_or_default());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory at `start` with values of one SHORT or LONG each.
    fn directory(entries: &[(u16, u16, u32)], next: u32) -> Vec<u8> {
        let mut bytes = (entries.len() as u16).to_le_bytes().to_vec();
        for (tag, kind, value) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(1u32.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(next.to_le_bytes());
        bytes
    }

    fn found(directories: &[Vec<u8>]) -> Option<&'static str> {
        let bytes = [&b"II\x2a\0\x08\0\0\0"[..], &directories.concat()].concat();
        find(&bytes, &Directory::read(&bytes).unwrap()).map(|unread| unread.what)
    }

    #[test]
    fn sensor_values_are_found_in_any_directory() {
        let plain = |next| directory(&[(tag::COLOURS, 3, 2), (tag::COMPRESSION, 3, 1)], next);
        let long = plain(0).len() as u32;
        assert_eq!(found(&[plain(0)]), None);
        let sensor = directory(&[(tag::COLOURS, 3, 32803)], 0);
        assert_eq!(found(std::slice::from_ref(&sensor)), Some("a camera raw image"));
        assert_eq!(found(&[plain(8 + long), sensor.clone()]), Some("a camera raw image"));
        // The second directory below the first, as Nikon, Sony and Samsung write it.
        let below = |at| directory(&[(tag::COLOURS, 3, 2), (tag::SUB_DIRECTORIES, 4, at)], 0);
        assert_eq!(found(&[below(8 + long), sensor]), Some("a camera raw image"));
        let pentax = directory(&[(tag::COMPRESSION, 3, 65535)], 0);
        assert_eq!(found(&[pentax]), Some("a camera raw image"));
        // Kind 1 is a smaller image.
        let preview = directory(&[(tag::KIND, 4, 1), (tag::SUB_DIRECTORIES, 4, 0)], 0);
        assert_eq!(found(&[preview]), Some("a camera raw image"));
        let digital_negative = directory(&[(tag::DNG_VERSION, 1, 1)], 0);
        assert_eq!(found(&[plain(8 + long), digital_negative]), Some("a camera raw image (DNG)"));
    }

    #[test]
    fn directories_in_a_circle_and_reduced_copies_are_no_raw_images() {
        let circle = directory(&[(tag::COLOURS, 3, 2), (tag::SUB_DIRECTORIES, 4, 8)], 8);
        assert_eq!(found(&[circle]), None);
        // A pyramid: smaller copies in directories below.
        let first = directory(&[(tag::COLOURS, 3, 2), (tag::SUB_DIRECTORIES, 4, 38)], 0);
        let copy = directory(&[(tag::KIND, 4, 1), (tag::COLOURS, 3, 2)], 0);
        assert_eq!(found(&[first, copy]), None);
    }
}
