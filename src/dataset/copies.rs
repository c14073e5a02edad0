//! Duplicates: copies of images, and images of different parts of a split that look alike.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::{DatasetError, LeftOut};
use super::examine::{Dataset, Sample};
use super::labels::Labels;
use super::likeness::{self, Likeness};
use super::part::{Part, Split};
use super::scan::Group;
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

/// Unites the files of each image that may have several classes: files with the same content, in the
/// directories of its classes, become one image with all of these classes. Its path is the first one.
/// Images of different given parts of a split stay apart. Groups that have an image in common become
/// one group. Returns whether each image stays.
pub fn unite(dataset: &mut Dataset) -> Vec<bool> {
    let mut stays = vec![true; dataset.samples.len()];
    let mut joined: BTreeMap<Group, Group> = BTreeMap::new();
    let label = |sample: &Sample| dataset.labels.classes_of(sample.candidate.label);
    let of_image = |sample: &Sample| label(sample).map(|class| class as u32).collect();
    let mut sets: Vec<Vec<u32>> = dataset.samples.iter().map(of_image).collect();
    for group in groups(dataset) {
        let mut first_of: BTreeMap<Option<Part>, usize> = BTreeMap::new();
        for position in group {
            let candidate = &dataset.samples[position].candidate;
            let first = *first_of.entry(candidate.part).or_insert(position);
            if first != position {
                stays[position] = false;
                let set = std::mem::take(&mut sets[position]);
                sets[first].extend(set);
                let pair = [first, position].map(|at| dataset.samples[at].candidate.group.clone());
                if let [Some(a), Some(b)] = pair {
                    let [a, b] = [a, b].map(|name| representative(&joined, name));
                    if a != b {
                        joined.insert(b, a);
                    }
                }
            }
        }
    }
    let (labels, places) = Labels::of_sets(sets);
    for (sample, label) in dataset.samples.iter_mut().zip(places) {
        sample.candidate.label = label;
        let group = sample.candidate.group.take();
        sample.candidate.group = group.map(|name| representative(&joined, name));
    }
    dataset.labels = labels;
    let mut at = stays.iter();
    dataset.samples.retain(|_| at.next() == Some(&true));
    stays
}

/// The group that a group has become part of.
fn representative(joined: &BTreeMap<Group, Group>, mut name: Group) -> Group {
    while let Some(next) = joined.get(&name) {
        name = next.clone();
    }
    name
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
    let what = dataset.labels.target();
    if groups.is_empty() { Ok(()) } else { Err(DatasetError::TwoClasses { groups, what }) }
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
    let label = |position: usize| dataset.samples[position].candidate.label;
    group.iter().any(|&position| label(position) != label(group[0]))
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
                    let label = |i: usize| dataset.samples[i].candidate.label;
                    label(other) != label(position)
                });
                let what = match dataset.labels {
                    Labels::Class => "in another class as",
                    Labels::Classes(_) | Labels::Number(_) => "with another label as",
                };
                format!("{what} {}", other.map_or("", |&other| path(other)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::dataset::scan::Candidate;

    /// An image of a single class: its path, class, content, part and group.
    type Image<'a> = (&'a str, usize, u8, Option<Part>, Option<&'a str>);

    fn dataset(images: &[Image<'_>]) -> Dataset {
        let sample = |&(path, class, content, part, group): &Image<'_>| {
            let candidate = Candidate::of_file(path, class);
            let candidate = Candidate { part, group: group.map(Group::from), ..candidate };
            Sample { candidate, digest: Digest::of(&[content]), likeness: Likeness::default() }
        };
        Dataset {
            classes: ["a", "b", "c"].map(str::to_owned).to_vec(),
            labels: Labels::of_single_classes(3),
            samples: images.iter().map(sample).collect(),
            ..Dataset::default()
        }
    }

    /// The path, the labels and the group of each image.
    fn images(dataset: &Dataset) -> Vec<(&str, String, Option<&str>)> {
        let image = |sample| {
            let Sample { candidate, .. }: &Sample = sample;
            let labels = dataset.labels.text(&dataset.classes, candidate.label);
            (&*candidate.path, labels, candidate.group.as_deref())
        };
        dataset.samples.iter().map(image).collect()
    }

    #[test]
    fn copies_become_one_image_of_all_their_classes() {
        let mut found = dataset(&[
            ("a/1", 0, 1, None, None),
            ("a/2", 0, 2, None, None),
            ("b/1", 1, 1, None, None),
            ("b/x", 1, 1, None, None),
            ("c/2", 2, 2, None, None),
            ("c/3", 2, 3, None, None),
        ]);
        assert_eq!(unite(&mut found), [true, true, false, false, false, true]);
        let expected = [("a/1", "a|b"), ("a/2", "a|c"), ("c/3", "c")];
        let expected = expected.map(|(path, labels)| (path, labels.to_owned(), None));
        assert_eq!(images(&found), expected);
        assert_eq!(found.class_counts(), [2, 1, 2]);
    }

    #[test]
    fn given_parts_stay_apart_and_groups_of_one_image_become_one() {
        let (train, test) = (Some(Part::Train), Some(Part::Test));
        let mut found = dataset(&[
            ("test/a/1", 0, 1, test, None),
            ("train/a/1", 0, 1, train, None),
            ("train/b/1", 1, 1, train, None),
        ]);
        unite(&mut found);
        let labels: Vec<String> = images(&found).into_iter().map(|image| image.1).collect();
        assert_eq!(labels, ["a", "a|b"]);
        assert_eq!(in_two_classes(&found), ["test/a/1 and train/a/1"]);
        let mut found = dataset(&[
            ("a/1", 0, 1, None, Some("x")),
            ("a/2", 0, 2, None, Some("y")),
            ("b/1", 1, 1, None, Some("y")),
            ("b/3", 1, 3, None, Some("z")),
            ("c/3", 2, 3, None, Some("y")),
        ]);
        unite(&mut found);
        let groups: Vec<Option<&str>> = images(&found).into_iter().map(|image| image.2).collect();
        assert!(groups.iter().all(|group| *group == groups[0]), "{groups:?}");
    }
}
