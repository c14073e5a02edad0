//! Thumbnails of images, for HTML pages.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::{ExtendedColorType, ImageEncoder, ImageFormat};

use super::decode;
use super::scan::{self, Candidate};
use crate::base::digest::Digest;
use crate::spec::{Alpha, DatasetSpec, ImageSize};

/// JPEG quality of 100; no difference to the image is visible.
const QUALITY: u8 = 85;

/// The image in a file as a JPEG file that fits into a square of `size` pixels, with its
/// transparency as in training. `None` if the file is not a readable image.
pub fn of_file(file: &Path, size: u32, alpha: Alpha) -> Option<Vec<u8>> {
    thumbnail(&decode::read_file(file).ok()?, size, alpha)
}

/// [`of_file`] by the content of the file.
pub fn thumbnail(content: &[u8], size: u32, alpha: Alpha) -> Option<Vec<u8>> {
    let picture = decode::decode(content, alpha).ok()?;
    let longest = picture.width().max(picture.height()).max(1);
    let scaled = |side: u32| (side * size).div_ceil(longest).max(1);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let small = image::imageops::resize(&picture, width, height, FilterType::Triangle);
    let mut bytes = Cursor::new(vec![]);
    small.write_to(&mut bytes, ImageFormat::Jpeg).ok()?;
    Some(bytes.into_inner())
}

/// The images of a dataset, to show some of them.
#[derive(Clone, Debug)]
pub struct Thumbnails {
    /// Sorted by path.
    candidates: Vec<Candidate>,
    alpha: Alpha,
}

impl Thumbnails {
    /// The images of a dataset as they are now; none of them if it cannot be listed. What archives
    /// contain is looked up in the cache at `cache`.
    pub fn of(spec: &DatasetSpec, cache: Option<&Path>) -> Self {
        let listing = scan::list(spec, cache);
        let candidates = listing.map_or(vec![], |listing| listing.candidates);
        Self { candidates, alpha: spec.alpha }
    }

    /// The image at a path as a JPEG file that fits into a square of `size` pixels. `None` if it is
    /// drawn, is not among the images, or cannot be read.
    pub fn find(&self, path: &str, size: u32) -> Option<Vec<u8>> {
        thumbnail(&self.read(path)?, size, self.alpha)
    }

    /// [`Self::find`], if the content of the file has a digest.
    pub fn find_same(&self, path: &str, digest: &str, size: u32) -> Option<Vec<u8>> {
        let content = self.read(path)?;
        let is_same = Digest::of(&content).to_string() == digest;
        is_same.then(|| thumbnail(&content, size, self.alpha)).flatten()
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let found = self.candidates.binary_search_by(|candidate| (*candidate.path).cmp(path));
        self.candidates[found.ok()?].read().ok()
    }
}

/// Pixels `[height, width, 3]` as a JPEG file.
///
/// # Panics
/// When the number of pixels does not match the size.
pub fn encode(pixels: &[u8], size: ImageSize) -> Vec<u8> {
    encode_with(pixels, size, QUALITY)
}

/// Pixels `[height, width, 3]` as a JPEG file of a quality between 1 and 100.
///
/// # Panics
/// When the number of pixels does not match the size.
pub fn encode_with(pixels: &[u8], size: ImageSize, quality: u8) -> Vec<u8> {
    let mut bytes = vec![];
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    let (width, height) = (size.width as u32, size.height as u32);
    let written = encoder.write_image(pixels, width, height, ExtendedColorType::Rgb8);
    written.expect("memory can be written");
    bytes
}
