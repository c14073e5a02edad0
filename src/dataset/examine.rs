//! Reads every file of a dataset once before training: its digest, its pixels, and whether it is a
//! readable image. So all unreadable files are reported at once, not one by one during training.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use rayon::prelude::*;

use super::decode::{self, DecodeError};
use super::error::{BadImage, Contents, DatasetError, LeftOut};
use super::labels::Labels;
use super::likeness::Likeness;
use super::pixels::Pixels;
use super::resize::Resizer;
use super::scan::{Candidate, Listing, Origin};
use crate::base::cancel::Cancel;
use crate::base::digest::Digest;
use crate::base::tally::Tally;
use crate::base::target::Target;
use crate::spec::OnBadImage;

/// An image of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Location and class.
    pub candidate: Candidate,
    /// Digest of the file.
    pub digest: Digest,
}

/// The images of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    /// Names of the classes, sorted. For numbers it is one, the name of the number.
    pub classes: Vec<String>,
    /// What the labels of the images stand for.
    pub labels: Labels,
    /// Readable images, sorted by path.
    pub samples: Vec<Sample>,
    /// Unreadable images that were left out, with `on_bad_image: skip`.
    pub skipped: Vec<BadImage>,
    /// Files that are not images by name or content, such as `notes.txt`, sorted by path.
    pub ignored: Vec<String>,
    /// Images that were left out as copies of others, with `duplicates: drop`.
    pub copies: Vec<LeftOut>,
}

impl Dataset {
    /// The fingerprint of the dataset: a digest of its classes, and of the path and content of each
    /// image, with its part and group if they are given, and
    /// its class where the path does not begin with it.
    pub fn fingerprint(&self) -> Digest {
        let mut text = self.classes.join("\n");
        for Sample { candidate, digest } in &self.samples {
            let _ = write!(text, "\n{digest} {}", candidate.path);
            // A path has no control characters.
            match self.labels.target_of(candidate.label) {
                Target::Class(class) => {
                    let class = &self.classes[class];
                    if candidate.path.split('/').next() != Some(class) {
                        let _ = write!(text, "\u{3}{class}");
                    }
                }
                Target::Classes(classes) => {
                    text.push('\u{4}');
                    for class in classes.iter() {
                        let _ = write!(text, "\u{3}{}", self.classes[*class as usize]);
                    }
                }
                Target::Number(number) => {
                    let _ = write!(text, "\u{5}{number}");
                }
            }
            if let Some(part) = candidate.part {
                let _ = write!(text, "\u{1}{}", part.name());
            }
            if let Some(group) = &candidate.group {
                let _ = write!(text, "\u{2}{group}");
            }
        }
        Digest::of(text.as_bytes())
    }

    /// The target of the image at a position.
    pub fn target(&self, position: usize) -> Target {
        self.labels.target_of(self.samples[position].candidate.label)
    }

    /// The number of images of each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for sample in &self.samples {
            let classes = self.labels.classes_of(sample.candidate.label);
            classes.for_each(|class| counts[class] += 1);
        }
        counts
    }
}

/// The result of reading one file.
enum Finding {
    Image(Digest),
    Bad(DecodeError),
    Ignored(DecodeError),
}

/// Reads all files in parallel, and decodes and resizes those whose pixels are not cached yet.
///
/// # Errors
/// With all unreadable images, unless they are skipped; when a class has no images left; when it is
/// canceled.
pub fn examine(
    listing: Listing,
    on_bad_image: OnBadImage,
    pixels: &Pixels,
    tally: &Tally,
    cancel: &Cancel,
) -> Result<Dataset, DatasetError> {
    let counting = tally.begin("reading images", "images", listing.candidates.len());
    let findings: Vec<Option<Finding>> = listing
        .candidates
        .par_iter()
        .map_init(
            || Resizer::of(pixels.spec()),
            |resizer, candidate| {
                if cancel.is_set() {
                    return None;
                }
                let finding = match &candidate.origin {
                    Origin::File(file) => find(candidate, file, pixels, resizer),
                    Origin::Drawn { generator, number } => {
                        Finding::Image(generator.digest(candidate.label, *number))
                    }
                };
                tally.add();
                Some(finding)
            },
        )
        .collect();
    drop(counting);
    if cancel.is_set() {
        return Err(DatasetError::Cancelled);
    }
    let mut contents: Vec<Contents> = listing
        .classes
        .iter()
        .map(|name| Contents { name: name.clone(), files: BTreeMap::new() })
        .collect();
    let Listing { classes, labels, candidates, .. } = listing;
    let mut dataset = Dataset { classes, labels, ..Dataset::default() };
    for (candidate, finding) in candidates.into_iter().zip(findings.into_iter().flatten()) {
        if let Finding::Bad(reason) | Finding::Ignored(reason) = &finding {
            for class in dataset.labels.classes_of(candidate.label) {
                *contents[class].files.entry(reason.what()).or_insert(0) += 1;
            }
        }
        match finding {
            Finding::Image(digest) => dataset.samples.push(Sample { candidate, digest }),
            Finding::Bad(reason) => dataset.skipped.push(BadImage { path: candidate.path, reason }),
            Finding::Ignored(_) => dataset.ignored.push(candidate.path),
        }
    }
    let counts = contents.into_iter().zip(dataset.class_counts());
    let empty: Vec<Contents> =
        counts.filter(|(_, count)| *count == 0).map(|(contents, _)| contents).collect();
    if !empty.is_empty() {
        return Err(DatasetError::Unreadable { classes: empty, images: dataset.skipped });
    }
    if on_bad_image == OnBadImage::Error && !dataset.skipped.is_empty() {
        return Err(DatasetError::BadImages { images: dataset.skipped });
    }
    Ok(dataset)
}

fn find(candidate: &Candidate, file: &Path, pixels: &Pixels, resizer: &mut Resizer) -> Finding {
    let name = &candidate.path;
    let bytes = match decode::read_file(file) {
        Ok(bytes) => bytes,
        Err(reason) => return Finding::Bad(reason),
    };
    let digest = Digest::of(&bytes);
    if pixels.find(digest).is_some() {
        // Cached pixels are those of a readable image.
        return Finding::Image(digest);
    }
    let decoded = decode::decode_then(name, &bytes, pixels.spec().alpha, |image| {
        (resizer.resize(&image), Likeness::of(&image))
    });
    match decoded {
        Ok((resized, likeness)) => {
            pixels.insert(digest, resized, likeness);
            Finding::Image(digest)
        }
        Err(reason) if reason.is_no_image(name) => Finding::Ignored(reason),
        Err(reason) => Finding::Bad(reason),
    }
}
