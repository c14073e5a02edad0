//! Small copies of pictures, for pages.

use std::io::Cursor;
use std::path::Path;

use image::ImageFormat;
use image::imageops::FilterType;

use super::decode;
use crate::base::fs;

/// A picture as a JPEG file that fits into a square of `size` pixels; none where the file is not a
/// readable picture.
pub fn thumbnail(file: &Path, size: u32) -> Option<Vec<u8>> {
    let picture = decode::decode(&fs::read(file).ok()?).ok()?;
    let longest = picture.width().max(picture.height()).max(1);
    let scaled = |side: u32| (side * size).div_ceil(longest).max(1);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let small = image::imageops::resize(&picture, width, height, FilterType::Triangle);
    let mut bytes = Cursor::new(vec![]);
    small.write_to(&mut bytes, ImageFormat::Jpeg).ok()?;
    Some(bytes.into_inner())
}
