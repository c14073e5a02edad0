//! Reads every file of a dataset once before training: its digest, its pixels, and whether it is a
//! readable image. So all unreadable files are reported at once, not one by one during training.

use std::collections::BTreeMap;

use super::error::{BadImage, Contents, DatasetError, LeftOut};
use super::known::{KnownImage, KnownImages};
use super::labels::Labels;
use super::likeness::Likeness;
use super::pixels::Pixels;
use super::reading::{self, Finding, Reading};
use super::resize::Resizer;
use super::scan::{Candidate, Listing, UNLABELED, Weight};
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
    /// Likeness of the image.
    pub likeness: Likeness,
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
    /// Readable images without labels, sorted by path. Nothing but a teacher uses them.
    pub unlabeled: Vec<Sample>,
}

impl Sample {
    /// Its path and what is known of its content.
    pub(super) fn known(&self) -> (&str, KnownImage) {
        let Self { candidate, digest, likeness } = self;
        (&candidate.path, KnownImage { digest: *digest, likeness: *likeness, look: None })
    }
}

impl Dataset {
    /// The fingerprint of the dataset: a digest of its classes, and of the path and content of each
    /// image, with its part and group if they are given, and
    /// its class where the path does not begin with it.
    pub fn fingerprint(&self) -> Digest {
        Digest::of_written(|text| {
            text.write_str(&self.classes.join("\n"))?;
            for Sample { candidate, digest, .. } in &self.samples {
                write!(text, "\n{digest} {}", candidate.path)?;
                // A path has no control characters.
                match self.labels.target_of(candidate.label) {
                    Target::Class(class) => {
                        let class = &self.classes[class];
                        if candidate.path.split('/').next() != Some(class) {
                            write!(text, "\u{3}{class}")?;
                        }
                    }
                    Target::Classes(classes) => {
                        text.write_str("\u{4}")?;
                        for class in classes.iter() {
                            write!(text, "\u{3}{}", self.classes[*class as usize])?;
                        }
                    }
                    Target::Number(number) => write!(text, "\u{5}{number}")?,
                }
                if let Some(part) = candidate.part {
                    write!(text, "\u{1}{}", part.name())?;
                }
                if let Some(group) = &candidate.group {
                    write!(text, "\u{2}{}", &**group)?;
                }
                if !candidate.weight.is_usual() {
                    write!(text, "\u{6}{}", candidate.weight.number())?;
                }
            }
            Ok(())
        })
    }

    /// The digest of the path and content of each image without a label; `None` without such images.
    pub fn fingerprint_of_unlabeled(&self) -> Option<Digest> {
        (!self.unlabeled.is_empty()).then(|| {
            Digest::of_written(|text| {
                self.unlabeled.iter().try_for_each(|Sample { candidate, digest, .. }| {
                    write!(text, "\n{digest} {}", candidate.path)
                })
            })
        })
    }

    /// The dataset with the images without labels after the others. Their label is the first one, which
    /// means nothing.
    #[must_use]
    pub fn with_unlabeled(&self) -> Self {
        let mut all = self.clone();
        all.samples.append(&mut all.unlabeled);
        all
    }

    /// The weights of all images in training; `None` if all are 1.
    pub fn weights(&self) -> Option<Vec<f32>> {
        let weights = self.samples.iter().map(|sample| sample.candidate.weight);
        let is_needed = weights.clone().any(|weight| !weight.is_usual());
        is_needed.then(|| weights.map(Weight::number).collect())
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

/// Reads files without labels as [`examine`] reads those of a dataset, and adds them to it.
///
/// # Errors
/// When there are unreadable images, unless they are skipped, or no others; when it is canceled.
pub fn add_unlabeled(
    dataset: &mut Dataset,
    candidates: Vec<Candidate>,
    on_bad_image: OnBadImage,
    pixels: &Pixels,
    (known, tally): (&KnownImages, &Tally),
    cancel: &Cancel,
) -> Result<(), DatasetError> {
    if candidates.is_empty() {
        return Ok(());
    }
    // For errors, they are a class.
    let classes = vec![UNLABELED.to_owned()];
    let listing = Listing { candidates, ..Listing::of_class(classes) };
    let found = examine(listing, on_bad_image, pixels, known, tally, cancel)?;
    dataset.unlabeled = found.samples;
    dataset.skipped.extend(found.skipped);
    dataset.ignored.extend(found.ignored);
    Ok(())
}

/// Reads all files that are not known in parallel, and decodes and resizes those whose pixels are
/// not cached yet.
///
/// # Errors
/// With all unreadable images, unless they are skipped; when a class has no images left; when it is
/// canceled.
pub fn examine(
    listing: Listing,
    on_bad_image: OnBadImage,
    pixels: &Pixels,
    known: &KnownImages,
    tally: &Tally,
    cancel: &Cancel,
) -> Result<Dataset, DatasetError> {
    let mut contents: Vec<Contents> = listing
        .classes
        .iter()
        .map(|name| Contents { name: name.clone(), files: BTreeMap::new() })
        .collect();
    let Listing { classes, labels, candidates, may_lose_classes, .. } = listing;
    let samples = Vec::with_capacity(candidates.len());
    let mut dataset = Dataset { classes, labels, samples, ..Dataset::default() };
    let reading = Reading { known, tally, cancel, work: ("reading images", "images") };
    let records = reading.all(
        candidates,
        || Resizer::of(pixels.spec()),
        |resizer, candidate| {
            reading::find(
                candidate,
                pixels.spec().alpha,
                // Cached pixels are those of a readable image.
                |digest| known.likeness(digest).or_else(|| Some(pixels.find(digest)?.likeness)),
                |image| resizer.resize(image),
                |digest, resized, likeness| drop(pixels.insert(digest, resized, likeness)),
            )
        },
        |_| true,
        |candidate, finding| {
            if let Finding::Bad(reason) | Finding::Ignored(reason) = &finding {
                for class in dataset.labels.classes_of(candidate.label) {
                    *contents[class].files.entry(reason.what()).or_insert(0) += 1;
                }
            }
            match finding {
                Finding::Image(KnownImage { digest, likeness, .. }) => {
                    dataset.samples.push(Sample { candidate, digest, likeness });
                }
                Finding::Bad(reason) => {
                    dataset.skipped.push(BadImage { path: candidate.path.into(), reason });
                }
                Finding::Ignored(_) => dataset.ignored.push(candidate.path.into()),
            }
        },
    );
    let records = records.ok_or(DatasetError::Cancelled)?;
    records.keep(known, dataset.samples.iter().map(Sample::known));
    dataset.samples.reverse();
    dataset.skipped.reverse();
    dataset.ignored.reverse();
    let counts = contents.into_iter().zip(dataset.class_counts());
    let empty: Vec<Contents> =
        counts.filter(|(_, count)| *count == 0).map(|(contents, _)| contents).collect();
    let loses_too_much = !may_lose_classes || dataset.samples.is_empty();
    if loses_too_much && !empty.is_empty() {
        return Err(DatasetError::Unreadable { classes: empty, images: dataset.skipped });
    }
    if on_bad_image == OnBadImage::Error && !dataset.skipped.is_empty() {
        return Err(DatasetError::BadImages { images: dataset.skipped });
    }
    Ok(dataset)
}
