//! What a dataset holds, before anything trains on it: numbers, sizes, formats, bad files, images
//! that are there twice.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde::Serialize;

use super::copies::MOST_PAIRS;
use super::decode::{self, DecodeError};
use super::error::DatasetError;
use super::examine::{Dataset, Sample};
use super::likeness::{self, Likeness};
use super::part::Part;
use super::scan::{Candidate, Listing, Origin};
use super::split;
use crate::base::digest::Digest;
use crate::spec::{ImageSize, SplitSpec};

/// What a dataset holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Survey {
    /// Readable images.
    pub n_images: usize,
    /// Bytes of their files.
    pub bytes: u64,
    /// Each class with its images.
    pub classes: Vec<ClassSurvey>,
    /// Images of the largest class for each of the smallest.
    pub imbalance: f64,
    /// Sizes in pixels; none of images that are drawn.
    pub sizes: Option<Sizes>,
    /// Images of each format.
    pub formats: BTreeMap<String, usize>,
    /// Files that are no readable images, with the reason.
    pub bad: BTreeMap<String, String>,
    /// Files whose names promise no image.
    pub ignored: Vec<String>,
    /// Files with the same content, group by group.
    pub duplicates: Vec<Alike>,
    /// Pairs of images that look alike, but for those; a hundred thousand at most.
    pub near_duplicates: Vec<Alike>,
    /// What is odd about the dataset directory, in sentences.
    pub warnings: Vec<String>,
}

/// A class of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassSurvey {
    /// Its name.
    pub name: String,
    /// Its images.
    pub n_images: usize,
    /// Those in each part of the split.
    pub parts: BTreeMap<&'static str, usize>,
}

/// Sizes of images: width, then height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Of the image with the fewest pixels.
    pub smallest: [u32; 2],
    /// Of the one in the middle.
    pub median: [u32; 2],
    /// Of the one with the most.
    pub largest: [u32; 2],
    /// How many have a side that is shorter than the pipeline asks for.
    pub n_enlarged: usize,
    /// How many different sizes there are.
    pub n_sizes: usize,
}

/// Images that are the same, or look it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alike {
    /// Each with its part of the split.
    pub pictures: Vec<Place>,
    /// Places in which they differ, of 128.
    pub distance: u32,
    /// Whether they are in more than one part, so that validation sees what has trained.
    pub across_parts: bool,
    /// Whether they are in more than one class.
    pub across_classes: bool,
}

/// An image and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Its path below the dataset directory.
    pub path: String,
    /// Its part of the split.
    pub part: &'static str,
}

/// A file that was looked at.
enum Found {
    Picture { digest: Digest, bytes: u64, look: Option<Look> },
    Bad(DecodeError),
    Ignored,
}

/// What a file shows.
#[derive(Clone, Copy)]
struct Look {
    size: [u32; 2],
    format: &'static str,
    likeness: Likeness,
}

/// Looks at every file of a listing, and tells after each.
///
/// # Errors
/// When no file is a readable image.
pub fn survey(
    listing: Listing,
    split: &SplitSpec,
    size: ImageSize,
    tell: &(dyn Fn() + Sync),
) -> Result<Survey, DatasetError> {
    let found: Vec<Found> = listing
        .candidates
        .par_iter()
        .map(|candidate| {
            let found = look_at(candidate);
            tell();
            found
        })
        .collect();
    let mut dataset = Dataset { classes: listing.classes, ..Dataset::default() };
    let (mut looks, mut bytes) = (vec![], 0);
    let mut bad = BTreeMap::new();
    for (candidate, found) in listing.candidates.into_iter().zip(found) {
        match found {
            Found::Picture { digest, bytes: n, look } => {
                bytes += n;
                looks.push(look);
                dataset.samples.push(Sample { candidate, digest });
            }
            Found::Bad(reason) => drop(bad.insert(candidate.path, reason.to_string())),
            Found::Ignored => dataset.ignored.push(candidate.path),
        }
    }
    if dataset.samples.is_empty() {
        return Err(DatasetError::EmptyClass { classes: dataset.classes });
    }
    let parts = split::divide(&dataset, split);
    let duplicates = duplicates(&dataset, parts.parts());
    let near_duplicates = near_duplicates(&dataset, parts.parts(), &looks);
    let classes = classes(&dataset, parts.parts());
    let counts = || classes.iter().map(|class| class.n_images);
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    let mut formats = BTreeMap::new();
    for look in looks.iter().flatten() {
        *formats.entry(look.format.to_owned()).or_insert(0) += 1;
    }
    Ok(Survey {
        n_images: dataset.samples.len(),
        bytes,
        imbalance: most as f64 / least.max(1) as f64,
        classes,
        sizes: sizes(&looks, size),
        formats,
        bad,
        ignored: dataset.ignored,
        duplicates,
        near_duplicates,
        warnings: listing.warnings,
    })
}

fn look_at(candidate: &Candidate) -> Found {
    let file = match &candidate.origin {
        Origin::File(file) => file,
        Origin::Drawn { generator, number } => {
            let digest = generator.digest(candidate.class, *number);
            return Found::Picture { digest, bytes: 0, look: None };
        }
    };
    let content = match decode::read_file(file) {
        Ok(content) => content,
        Err(reason) => return Found::Bad(reason),
    };
    let look = decode::decode_then(&candidate.path, &content, |picture| Look {
        size: [picture.width(), picture.height()],
        format: decode::format_name(&content),
        likeness: Likeness::of(&picture),
    });
    match look {
        Ok(look) => Found::Picture {
            digest: Digest::of(&content),
            bytes: content.len() as u64,
            look: Some(look),
        },
        Err(reason) if reason.is_no_image(&candidate.path) => Found::Ignored,
        Err(reason) => Found::Bad(reason),
    }
}

fn classes(dataset: &Dataset, parts: &[Part]) -> Vec<ClassSurvey> {
    let none: BTreeMap<&'static str, usize> =
        [Part::Train, Part::Validation, Part::Test].map(|part| (part.name(), 0)).into();
    let mut in_parts = vec![none; dataset.classes.len()];
    for (sample, part) in dataset.samples.iter().zip(parts) {
        *in_parts[sample.candidate.class].entry(part.name()).or_insert(0) += 1;
    }
    dataset
        .classes
        .iter()
        .zip(in_parts)
        .map(|(name, parts)| ClassSurvey {
            name: name.clone(),
            n_images: parts.values().sum(),
            parts,
        })
        .collect()
}

fn sizes(looks: &[Option<Look>], wanted: ImageSize) -> Option<Sizes> {
    let mut sizes: Vec<[u32; 2]> = looks.iter().flatten().map(|look| look.size).collect();
    sizes.sort_by_key(|[width, height]| (u64::from(*width) * u64::from(*height), *width));
    let (smallest, largest) = (*sizes.first()?, *sizes.last()?);
    let median = sizes[sizes.len() / 2];
    let enlarged = sizes.iter().filter(|[width, height]| {
        (*width as usize) < wanted.width || (*height as usize) < wanted.height
    });
    let n_enlarged = enlarged.count();
    sizes.dedup();
    Some(Sizes { smallest, median, largest, n_enlarged, n_sizes: sizes.len() })
}

fn alike(dataset: &Dataset, parts: &[Part], positions: &[usize], distance: u32) -> Alike {
    let candidate = |position: usize| &dataset.samples[position].candidate;
    let differs = |of: &dyn Fn(usize) -> usize| {
        positions.iter().any(|position| of(*position) != of(positions[0]))
    };
    Alike {
        pictures: positions
            .iter()
            .map(|&position| Place {
                path: candidate(position).path.clone(),
                part: parts[position].name(),
            })
            .collect(),
        distance,
        across_parts: differs(&|position| parts[position] as usize),
        across_classes: differs(&|position| candidate(position).class),
    }
}

fn duplicates(dataset: &Dataset, parts: &[Part]) -> Vec<Alike> {
    let mut groups: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
    for (position, sample) in dataset.samples.iter().enumerate() {
        groups.entry(sample.digest).or_default().push(position);
    }
    let mut groups: Vec<Vec<usize>> =
        groups.into_values().filter(|group| group.len() > 1).collect();
    groups.sort();
    groups.iter().map(|group| alike(dataset, parts, group, 0)).collect()
}

fn near_duplicates(dataset: &Dataset, parts: &[Part], looks: &[Option<Look>]) -> Vec<Alike> {
    // Copies are told elsewhere; of each file one is compared, and its pairs are those of its
    // copies.
    let mut copies: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
    let mut first: Vec<(usize, Likeness)> = vec![];
    for (position, (sample, look)) in dataset.samples.iter().zip(looks).enumerate() {
        let Some(look) = look else { continue };
        let group = copies.entry(sample.digest).or_default();
        if group.is_empty() {
            first.push((position, look.likeness));
        }
        group.push(position);
    }
    let likenesses: Vec<Likeness> = first.iter().map(|(_, likeness)| *likeness).collect();
    let copies = |at: usize| &copies[&dataset.samples[first[at].0].digest];
    let mut pairs: Vec<(usize, usize, u32)> = likeness::pairs(&likenesses, MOST_PAIRS)
        .into_iter()
        .flat_map(|(a, b, distance)| {
            copies(a)
                .iter()
                .flat_map(move |&a| copies(b).iter().map(move |&b| (a.min(b), a.max(b), distance)))
        })
        .take(MOST_PAIRS)
        .collect();
    pairs.sort_unstable();
    let mut found: Vec<Alike> = pairs
        .into_iter()
        .map(|(a, b, distance)| alike(dataset, parts, &[a, b], distance))
        .collect();
    // What spoils figures first.
    found.sort_by_key(|pair| (!pair.across_parts, !pair.across_classes, pair.distance));
    found
}
