//! Describes a dataset before training: numbers, sizes, formats, unreadable files and duplicates.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::copies::{self, MOST_PAIRS};
use super::error::DatasetError;
use super::examine::{Dataset, Sample};
use super::known::{KnownImage, KnownImages, Look};
use super::labels::Labels;
use super::likeness::{self, Likeness};
use super::part::Part;
use super::reading::{self, Finding, Reading};
use super::scan::Listing;
use super::split;
use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
use crate::base::target::moments;
use crate::spec::{ImageSize, PixelSpec, SplitSpec};

/// The description of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Survey {
    /// Number of readable images.
    pub n_images: usize,
    /// Size of their files in bytes.
    pub bytes: u64,
    /// Number of images without labels, if there are some. They are in none of the other numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_unlabeled: Option<usize>,
    /// Classes with their numbers of images; of numbers one, with the name of the number.
    pub classes: Vec<ClassSurvey>,
    /// With several labels an image, how many each has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub several: Option<SeveralSurvey>,
    /// The distribution of the numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumberSurvey>,
    /// Size of the largest class divided by that of the smallest.
    pub imbalance: f64,
    /// Sizes in pixels; `None` for images that are drawn.
    pub sizes: Option<Sizes>,
    /// Number of images of each format.
    pub formats: BTreeMap<String, usize>,
    /// Files that are not readable images, with the reason.
    pub bad: BTreeMap<String, String>,
    /// Files that are not images by name or content.
    pub ignored: Vec<String>,
    /// Groups of files with the same content.
    pub duplicates: Vec<Alike>,
    /// Pairs of other images that look alike; a hundred thousand at most.
    pub near_duplicates: Vec<Alike>,
    /// What decides the parts of the split, if the dataset is split already.
    pub split_by: Option<String>,
    /// Columns of a table that are not used.
    pub unused_columns: Vec<String>,
    /// Warnings about the dataset directory.
    pub warnings: Vec<String>,
}

/// A class of a dataset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassSurvey {
    /// Name of the class.
    pub name: String,
    /// Number of images.
    pub n_images: usize,
    /// Number of images in each part of the split.
    pub parts: BTreeMap<&'static str, usize>,
}

/// How many labels images have that may have several.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SeveralSurvey {
    /// Mean number of labels of an image.
    pub mean: f64,
    /// Most labels of an image.
    pub most: usize,
    /// Number of images without a label.
    pub n_without: usize,
}

/// The distribution of the numbers of images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NumberSurvey {
    /// Smallest number, quartiles and largest number.
    pub quartiles: [f64; 5],
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
}

/// Sizes of images: width, then height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Size of the image with the fewest pixels.
    pub smallest: [u32; 2],
    /// Size of the median image.
    pub median: [u32; 2],
    /// Size of the image with the most pixels.
    pub largest: [u32; 2],
    /// Number of images with a side shorter than `image_size`.
    pub n_enlarged: usize,
    /// Number of different sizes.
    pub n_sizes: usize,
}

/// Images that are the same or look alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alike {
    /// Images with their parts of the split.
    pub images: Vec<Place>,
    /// Number of 128 bits in which they differ; see the likeness.
    pub distance: u32,
    /// Whether they are in more than one part, so that the validation set contains training images.
    pub across_parts: bool,
    /// Whether they are in more than one class.
    pub across_classes: bool,
}

/// An image and its part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Path below the dataset directory.
    pub path: String,
    /// Part of the split.
    pub part: &'static str,
}

/// Reads every file of a listing. `unites_copies` is whether files with the same content are one
/// image with several classes.
///
/// # Errors
/// When no file is a readable image.
pub fn survey(
    listing: Listing,
    split: &SplitSpec,
    pixels: PixelSpec,
    unites_copies: bool,
    known: &KnownImages,
    tally: &Tally,
) -> Result<Survey, DatasetError> {
    let reading =
        Reading { known, tally, cancel: &Cancel::new(), work: ("reading files", "files") };
    let Listing { classes, labels, candidates, split_by, unused, warnings, .. } = listing;
    let samples = Vec::with_capacity(candidates.len());
    let mut dataset = Dataset { classes, labels, samples, ..Dataset::default() };
    let mut looks = vec![];
    let mut bad = BTreeMap::new();
    let records = reading.all(
        candidates,
        || (),
        |(), candidate| reading::find(candidate, pixels.alpha, |_| None, |_| (), |_, (), _| ()),
        |image| image.look.is_some(),
        |candidate, finding| match finding {
            Finding::Image(KnownImage { digest, likeness, look }) => {
                looks.push(look);
                dataset.samples.push(Sample { candidate, digest, likeness });
            }
            Finding::Bad(reason) => drop(bad.insert(candidate.path.into(), reason.to_string())),
            Finding::Ignored(_) => dataset.ignored.push(candidate.path.into()),
        },
    );
    let records = records.expect("nothing cancels it");
    records.keep(known, dataset.samples.iter().map(Sample::known));
    dataset.samples.reverse();
    looks.reverse();
    dataset.ignored.reverse();
    let bytes = looks.iter().flatten().map(|look| u64::from(look.bytes)).sum();
    if dataset.samples.is_empty() {
        return Err(DatasetError::EmptyClass { classes: dataset.classes });
    }
    if unites_copies {
        let mut stays = copies::unite(&mut dataset).into_iter();
        looks.retain(|_| stays.next() == Some(true));
    }
    let parts = split::divide(&dataset, split);
    let duplicates = duplicates(&dataset, parts.parts());
    let near_duplicates = near_duplicates(&dataset, parts.parts(), &looks);
    let classes = in_parts(&dataset, parts.parts());
    let counts = || classes.iter().map(|class| class.n_images);
    let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
    Ok(Survey {
        n_images: dataset.samples.len(),
        bytes,
        n_unlabeled: None,
        imbalance: most as f64 / least.max(1) as f64,
        several: several(&dataset),
        numbers: numbers(&dataset),
        classes,
        sizes: sizes(&looks, pixels.image_size),
        formats: formats(&looks),
        bad,
        ignored: dataset.ignored,
        duplicates,
        near_duplicates,
        split_by,
        unused_columns: unused,
        warnings,
    })
}

fn in_parts(dataset: &Dataset, parts: &[Part]) -> Vec<ClassSurvey> {
    let none: BTreeMap<&'static str, usize> =
        [Part::Train, Part::Validation, Part::Test].map(|part| (part.name(), 0)).into();
    let mut in_parts = vec![none; dataset.classes.len()];
    for (sample, part) in dataset.samples.iter().zip(parts) {
        for class in dataset.labels.classes_of(sample.candidate.label) {
            *in_parts[class].entry(part.name()).or_insert(0) += 1;
        }
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

fn several(dataset: &Dataset) -> Option<SeveralSurvey> {
    let Labels::Classes(sets) = &dataset.labels else { return None };
    let counts = || dataset.samples.iter().map(|sample| sets[sample.candidate.label].len());
    Some(SeveralSurvey {
        mean: counts().sum::<usize>() as f64 / dataset.samples.len() as f64,
        most: counts().max().unwrap_or(0),
        n_without: counts().filter(|n| *n == 0).count(),
    })
}

fn numbers(dataset: &Dataset) -> Option<NumberSurvey> {
    let Labels::Number(all) = &dataset.labels else { return None };
    let of = |sample: &Sample| all[sample.candidate.label];
    let mut numbers: Vec<f64> = dataset.samples.iter().map(of).collect();
    numbers.sort_unstable_by(f64::total_cmp);
    let (mean, deviation) = moments(&numbers);
    let quartiles = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&numbers, share));
    Some(NumberSurvey { quartiles, mean, deviation })
}

/// A quantile of ascending numbers, interpolated between neighbors as numpy does by default.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (sorted.len() - 1) as f64 * share;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (above - below) * at.fract()
}

/// The number of images of each format.
fn formats(looks: &[Option<Look>]) -> BTreeMap<String, usize> {
    let mut formats = BTreeMap::new();
    for look in looks.iter().flatten() {
        *formats.entry(look.format.name().to_owned()).or_insert(0) += 1;
    }
    formats
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
        images: positions
            .iter()
            .map(|&position| Place {
                path: candidate(position).path.to_string(),
                part: parts[position].name(),
            })
            .collect(),
        distance,
        across_parts: differs(&|position| parts[position] as usize),
        across_classes: differs(&|position| candidate(position).label),
    }
}

fn duplicates(dataset: &Dataset, parts: &[Part]) -> Vec<Alike> {
    let groups = copies::groups(dataset);
    groups.iter().map(|group| alike(dataset, parts, group, 0)).collect()
}

fn near_duplicates(dataset: &Dataset, parts: &[Part], looks: &[Option<Look>]) -> Vec<Alike> {
    // Copies are reported separately. The first file of each group is compared, and its pairs hold
    // for its copies too.
    let groups = copies::groups(dataset);
    let is_copy: BTreeSet<usize> = groups.iter().flat_map(|group| &group[1..]).copied().collect();
    let of_first: BTreeMap<usize, &[usize]> =
        groups.iter().map(|group| (group[0], &group[..])).collect();
    let is_compared = |position: &usize| looks[*position].is_some() && !is_copy.contains(position);
    let first: Vec<usize> = (0..dataset.samples.len()).filter(is_compared).collect();
    let likenesses: Vec<Likeness> =
        first.iter().map(|&position| dataset.samples[position].likeness).collect();
    let copies = |at: usize| -> &[usize] {
        of_first.get(&first[at]).copied().unwrap_or_else(|| std::slice::from_ref(&first[at]))
    };
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
    // Pairs that distort metrics come first.
    found.sort_by_key(|pair| (!pair.across_parts, !pair.across_classes, pair.distance));
    found
}
