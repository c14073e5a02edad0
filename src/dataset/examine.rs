//! Reads every file of a dataset once before anything runs: its digest, whether it is a readable
//! picture, and its pixels. All bad files are known at once, not one an epoch.

use std::fmt::Write as _;
use std::path::Path;

use rayon::prelude::*;

use super::copies::LeftOut;
use super::decode::{self, DecodeError};
use super::error::{BadImage, DatasetError};
use super::likeness::Likeness;
use super::pixels::Pixels;
use super::resize::Resizer;
use super::scan::{Candidate, Listing, Origin};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::spec::OnBadImage;

/// A picture of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Where it is and which class it belongs to.
    pub candidate: Candidate,
    /// The digest of the file.
    pub digest: Digest,
}

/// The pictures of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    /// The names of the classes, sorted.
    pub classes: Vec<String>,
    /// The readable pictures, sorted by path.
    pub samples: Vec<Sample>,
    /// Bad pictures that were left out because the pipeline says so.
    pub skipped: Vec<BadImage>,
    /// Files that neither are pictures nor claim to be (`notes.txt`), by path.
    pub ignored: Vec<String>,
    /// Pictures that were left out as copies of others, because the pipeline says so.
    pub copies: Vec<LeftOut>,
}

impl Dataset {
    /// A digest of what the dataset is: classes, and path and content of each picture.
    pub fn fingerprint(&self) -> Digest {
        let mut text = self.classes.join("\n");
        for Sample { candidate, digest } in &self.samples {
            let _ = write!(text, "\n{digest} {}", candidate.path);
        }
        Digest::of(text.as_bytes())
    }

    /// How many pictures each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for sample in &self.samples {
            counts[sample.candidate.class] += 1;
        }
        counts
    }
}

/// What one file turned out to be.
enum Finding {
    Picture(Digest),
    Bad(DecodeError),
    Ignored,
}

/// Reads every file in parallel, and decodes and resizes those whose pixels are not held yet.
///
/// # Errors
/// With all bad pictures, unless they are to be skipped; when a class is left without pictures.
pub fn examine(
    listing: Listing,
    on_bad_image: OnBadImage,
    pixels: &Pixels,
) -> Result<Dataset, DatasetError> {
    let resizer = || Resizer::new(pixels.resize(), pixels.size());
    let findings: Vec<Finding> = listing
        .candidates
        .par_iter()
        .map_init(resizer, |resizer, candidate| match &candidate.origin {
            Origin::File(file) => find(candidate, file, pixels, resizer),
            Origin::Drawn { draughtsman, number } => {
                Finding::Picture(draughtsman.digest(candidate.class, *number))
            }
        })
        .collect();
    let mut dataset = Dataset { classes: listing.classes, ..Dataset::default() };
    for (candidate, finding) in listing.candidates.into_iter().zip(findings) {
        match finding {
            Finding::Picture(digest) => dataset.samples.push(Sample { candidate, digest }),
            Finding::Bad(reason) => dataset.skipped.push(BadImage { path: candidate.path, reason }),
            Finding::Ignored => dataset.ignored.push(candidate.path),
        }
    }
    if on_bad_image == OnBadImage::Error && !dataset.skipped.is_empty() {
        return Err(DatasetError::BadImages { images: dataset.skipped });
    }
    let is_empty = |(_, count): &(&String, usize)| *count == 0;
    let counts = dataset.classes.iter().zip(dataset.class_counts());
    let empty: Vec<String> = counts.filter(is_empty).map(|(name, _)| name.clone()).collect();
    if !empty.is_empty() {
        return Err(DatasetError::EmptyClass { classes: empty });
    }
    Ok(dataset)
}

fn find(candidate: &Candidate, file: &Path, pixels: &Pixels, resizer: &mut Resizer) -> Finding {
    let bytes = match fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            return Finding::Bad(DecodeError::Unreadable { reason: error.source.to_string() });
        }
    };
    let digest = Digest::of(&bytes);
    if pixels.find(digest).is_some() {
        // They were made from a readable picture.
        return Finding::Picture(digest);
    }
    match decode::decode(&bytes) {
        Ok(picture) => {
            pixels.insert(digest, resizer.resize(&picture), Likeness::of(&picture));
            Finding::Picture(digest)
        }
        Err(DecodeError::UnknownFormat) if !decode::has_picture_name(&candidate.path) => {
            Finding::Ignored
        }
        Err(reason) => Finding::Bad(reason),
    }
}
