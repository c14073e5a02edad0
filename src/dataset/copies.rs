//! Duplicates: copies of images, and images of different parts of a split that look alike.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::{DatasetError, LeftOut};
use super::examine::Dataset;
use super::likeness::{self, Likeness};
use super::part::{Part, Split};
use crate::base::text;
use crate::spec::Duplicates;

/// Most pairs of similar images that are searched for.
pub const MOST_PAIRS: usize = 100_000;

/// Removes copies if the pipeline says so.
///
/// # Errors
/// When a class is left without images.
pub fn settle(dataset: &mut Dataset, rule: Duplicates) -> Result<(), DatasetError> {
    match rule {
        Duplicates::Keep | Duplicates::Error => Ok(()),
        Duplicates::Drop => drop_copies(dataset),
    }
}

/// Checks whether a run may train on a dataset.
///
/// # Errors
/// When the same image is in more than one class, unless the pipeline allows it.
pub fn check(dataset: &Dataset, rule: Duplicates) -> Result<(), DatasetError> {
    let groups = match rule {
        Duplicates::Keep => vec![],
        Duplicates::Error | Duplicates::Drop => in_two_classes(dataset),
    };
    if groups.is_empty() { Ok(()) } else { Err(DatasetError::TwoClasses { groups }) }
}

/// The images that are in more than one class, one line per group of copies.
pub fn in_two_classes(dataset: &Dataset) -> Vec<String> {
    groups(dataset)
        .iter()
        .filter(|group| is_in_two(dataset, group))
        .map(|group| {
            let paths = group.iter().map(|&i| dataset.samples[i].candidate.path.to_string());
            text::join(paths, "and")
        })
        .collect()
}

/// Describes copies in different parts of a split that are in one class. Copies in two classes are
/// reported separately.
pub fn in_two_parts(dataset: &Dataset, split: &Split) -> Vec<String> {
    let mut pairs = vec![];
    for group in groups(dataset).into_iter().filter(|group| !is_in_two(dataset, group)) {
        let place = |i: usize| {
            format!("{} ({})", dataset.samples[i].candidate.path, split.parts()[i].name())
        };
        pairs.extend(
            group
                .iter()
                .filter(|&&i| split.parts()[i] != split.parts()[group[0]])
                .map(|&i| format!("{} and {}", place(group[0]), place(i))),
        );
    }
    pairs.sort();
    pairs
}

/// Groups of images with the same content, in the order of their first images.
pub(super) fn groups(dataset: &Dataset) -> Vec<Vec<usize>> {
    let digest = |position: &usize| dataset.samples[*position].digest;
    let mut positions: Vec<usize> = (0..dataset.samples.len()).collect();
    positions.sort_unstable_by_key(|position| (digest(position), *position));
    let same = positions.chunk_by(|a, b| digest(a) == digest(b));
    let mut groups: Vec<Vec<usize>> =
        same.filter(|group| group.len() > 1).map(<[usize]>::to_vec).collect();
    groups.sort();
    groups
}

fn is_in_two(dataset: &Dataset, group: &[usize]) -> bool {
    let class = |position: usize| dataset.samples[position].candidate.class;
    group.iter().any(|&position| class(position) != class(group[0]))
}

/// Removes all but the first of equal images. Removes all of them if they are in more than one
/// class, because the right class is unknown.
fn drop_copies(dataset: &mut Dataset) -> Result<(), DatasetError> {
    let mut reasons = BTreeMap::new();
    for group in groups(dataset) {
        let path = |position: usize| &dataset.samples[position].candidate.path;
        let is_in_two = is_in_two(dataset, &group);
        for &position in &group[usize::from(!is_in_two)..] {
            let reason = if is_in_two {
                let other = group.iter().find(|&&other| {
                    let class = |i: usize| dataset.samples[i].candidate.class;
                    class(other) != class(position)
                });
                format!("in another class as {}", other.map_or("", |&other| path(other)))
            } else {
                format!("a copy of {}", path(group[0]))
            };
            reasons.insert(position, LeftOut { path: path(position).to_string(), reason });
        }
    }
    let mut position = 0;
    dataset.samples.retain(|_| {
        position += 1;
        !reasons.contains_key(&(position - 1))
    });
    dataset.copies = reasons.into_values().collect();
    let counts = dataset.classes.iter().zip(dataset.class_counts());
    let empty: Vec<String> =
        counts.filter(|(_, n)| *n == 0).map(|(name, _)| name.clone()).collect();
    if empty.is_empty() { Ok(()) } else { Err(DatasetError::EmptyClass { classes: empty }) }
}

/// An image outside the training set that looks like a training image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LookAlike {
    /// Path below the dataset directory.
    pub path: String,
    /// Part of the split.
    pub part: &'static str,
    /// Path of the training image.
    pub training: String,
}

/// Images of other parts that look like training images and are not plain. Each occurs once, with
/// the training image it is most similar to, in the order of paths.
pub fn look_alikes(dataset: &Dataset, parts: &[Part]) -> Vec<LookAlike> {
    let detailed = |i: &usize| dataset.samples[*i].likeness.has_detail();
    let known: Vec<usize> = (0..dataset.samples.len()).filter(detailed).collect();
    let likenesses: Vec<Likeness> = known.iter().map(|&i| dataset.samples[i].likeness).collect();
    let mut nearest: BTreeMap<usize, (u32, usize)> = BTreeMap::new();
    for (a, b, distance) in likeness::pairs(&likenesses, MOST_PAIRS) {
        if !likenesses[a].tells_with(likenesses[b]) {
            continue;
        }
        let (a, b) = (known[a], known[b]);
        let (held_out, training) = match (parts[a], parts[b]) {
            (Part::Train, Part::Train) => continue,
            (Part::Train, _) => (b, a),
            (_, Part::Train) => (a, b),
            _ => continue,
        };
        let found = nearest.entry(held_out).or_insert((distance, training));
        *found = (*found).min((distance, training));
    }
    let path = |position: usize| dataset.samples[position].candidate.path.to_string();
    let named = nearest.into_iter().map(|(held_out, (_, training))| LookAlike {
        path: path(held_out),
        part: parts[held_out].name(),
        training: path(training),
    });
    named.collect()
}
