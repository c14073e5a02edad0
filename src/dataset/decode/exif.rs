//! The EXIF orientation that cameras write, for each file format.

use image::metadata::Orientation;

/// The orientation tag, and the types it is found with: cameras write SHORT, some programs BYTE or
/// LONG.
const TAG: u16 = 0x0112;
const BYTE: u16 = 1;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// The orientation in an EXIF block, which is laid out like a TIFF file.
pub(super) fn orientation(exif: &[u8]) -> Option<Orientation> {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let is_little = match exif.get(..4)? {
        b"II\x2a\0" => true,
        b"MM\0\x2a" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = *exif.get(at..)?.first_chunk::<2>()?;
        Some(if is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes = *exif.get(at..)?.first_chunk::<4>()?;
        Some(if is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = long(4)? as usize;
    for entry in 0..usize::from(short(directory)?) {
        let at = directory + 2 + 12 * entry;
        if short(at)? != TAG {
            continue;
        }
        let value = match short(at + 2)? {
            BYTE => u32::from(*exif.get(at + 8)?),
            SHORT => u32::from(short(at + 8)?),
            LONG => long(at + 8)?,
            _ => return None,
        };
        return u8::try_from(value).ok().and_then(Orientation::from_exif);
    }
    None
}

/// The `eXIf` chunk of a PNG file, before or after the pixels. `ImageMagick` writes it after them.
pub(super) fn of_png(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (name, after) = after.split_first_chunk::<4>()?;
        let (content, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        match name {
            b"eXIf" => return Some(content),
            b"IEND" => return None,
            _ => rest = after.get(4..)?,
        }
    }
}

/// The `EXIF` chunk of a WebP file, if its header announces one.
pub(super) fn of_webp(bytes: &[u8]) -> Option<&[u8]> {
    const HAS_EXIF: u8 = 0x08;
    let mut rest = bytes.get(12..)?;
    if !rest.starts_with(b"VP8X") || rest.get(8)? & HAS_EXIF == 0 {
        return None;
    }
    loop {
        let (name, after) = rest.split_first_chunk::<4>()?;
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let content = after.get(..length)?;
        if name == b"EXIF" {
            return Some(content);
        }
        rest = after.get(length.next_multiple_of(2)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(kind: u16, value: [u8; 4]) -> Vec<u8> {
        let entry = [&TAG.to_be_bytes()[..], &kind.to_be_bytes(), &[0, 0, 0, 1], &value].concat();
        [b"MM\0\x2a\0\0\0\x08\0\x01", &entry[..], &[0; 4]].concat()
    }

    #[test]
    fn the_tag_is_read_in_each_type() {
        for (kind, value) in [(BYTE, [6, 0, 0, 0]), (SHORT, [0, 6, 0, 0]), (LONG, [0, 0, 0, 6])] {
            assert_eq!(orientation(&exif(kind, value)), Some(Orientation::Rotate90), "type {kind}");
        }
        let prefixed = [b"Exif\0\0", &exif(SHORT, [0, 3, 0, 0])[..]].concat();
        assert_eq!(orientation(&prefixed), Some(Orientation::Rotate180));
        assert_eq!(orientation(&exif(SHORT, [0, 9, 0, 0])), None);
        assert_eq!(orientation(&exif(SHORT, [0, 6, 0, 0])[..15]), None);
    }
}
