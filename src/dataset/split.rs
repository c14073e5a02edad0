//! Splits a dataset into training set, validation set and test set.
//!
//! Each image draws a number from a stream named by its path. The lowest numbers form the
//! validation set, the next ones the test set, and the rest the training set. So the order of files
//! has no influence, and adding an image moves few others.

use alpaca_random::SeedStream;

use super::copies;
use super::error::DatasetError;
use super::examine::Dataset;
use super::part::{Part, Split};
use crate::spec::{Duplicates, SplitBy, SplitSpec};

/// Splits a dataset.
///
/// # Errors
/// When a part that should have images has none, or copies of an image are in two parts and the
/// pipeline does not allow it.
pub fn split(
    dataset: &Dataset,
    spec: &SplitSpec,
    duplicates: Duplicates,
) -> Result<Split, DatasetError> {
    let split = divide(dataset, spec);
    check_parts(dataset, &split, spec)?;
    let pairs = match duplicates {
        Duplicates::Keep => vec![],
        Duplicates::Error | Duplicates::Drop => copies::in_two_parts(dataset, &split),
    };
    if pairs.is_empty() { Ok(split) } else { Err(DatasetError::SplitLeak { pairs }) }
}

/// Splits a dataset without checking the result.
pub fn divide(dataset: &Dataset, spec: &SplitSpec) -> Split {
    let stream = SeedStream::new(spec.seed).child("split");
    let groups: Vec<Vec<usize>> = match spec.by {
        SplitBy::Stratified => {
            let mut groups = vec![vec![]; dataset.classes.len()];
            for (position, sample) in dataset.samples.iter().enumerate() {
                groups[sample.candidate.class].push(position);
            }
            groups
        }
        SplitBy::Random => vec![(0..dataset.samples.len()).collect()],
    };
    let mut parts = vec![Part::Train; dataset.samples.len()];
    for mut group in groups {
        group.sort_by_cached_key(|&position| {
            let path = &dataset.samples[position].candidate.path;
            (stream.child(path).sort_key(), path)
        });
        let (validation, test) = sizes(group.len(), spec);
        for (rank, &position) in group.iter().enumerate() {
            parts[position] = match rank {
                rank if rank < validation => Part::Validation,
                rank if rank < validation + test => Part::Test,
                _ => Part::Train,
            };
        }
    }
    Split::new(parts)
}

/// The number of validation and test images of `n`: the nearest integers, but at least one if the
/// fraction is not zero and there are enough images.
fn sizes(n: usize, spec: &SplitSpec) -> (usize, usize) {
    let n_parts = if spec.test > 0.0 { 3 } else { 2 };
    let size = |share: f64| {
        let least = usize::from(share > 0.0 && n >= n_parts);
        ((n as f64 * share).round() as usize).max(least)
    };
    let validation = size(spec.validation).min(n.saturating_sub(n_parts - 1));
    let test = size(spec.test).min(n.saturating_sub(validation + 1));
    (validation, test)
}

fn check_parts(dataset: &Dataset, split: &Split, spec: &SplitSpec) -> Result<(), DatasetError> {
    let mut wanted = vec![Part::Train, Part::Validation];
    wanted.extend((spec.test > 0.0).then_some(Part::Test));
    let mut counts = vec![[0; 3]; dataset.classes.len()];
    for (sample, part) in dataset.samples.iter().zip(split.parts()) {
        counts[sample.candidate.class][*part as usize] += 1;
    }
    let n_parts = wanted.len();
    for part in wanted {
        let is_empty = |counts: &[usize; 3]| counts[part as usize] == 0;
        let must_have = spec.by == SplitBy::Stratified || part == Part::Train;
        let lacking = counts.iter().enumerate().filter(|(_, counts)| must_have && is_empty(counts));
        let classes: Vec<(String, usize)> = lacking
            .map(|(class, counts)| (dataset.classes[class].clone(), counts.iter().sum()))
            .collect();
        if counts.iter().all(is_empty) || !classes.is_empty() {
            let is_stratified = spec.by == SplitBy::Stratified;
            return Err(DatasetError::EmptySplit {
                part: part.name(),
                classes,
                n_parts,
                is_stratified,
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::base::digest::Digest;
    use crate::dataset::examine::Sample;
    use crate::dataset::scan::{Candidate, Origin};

    fn dataset(counts: &[usize]) -> Dataset {
        let sample = |class: usize, i: usize| {
            let path = format!("c{class}/{i:03}.jpg");
            let digest = Digest::of(path.as_bytes());
            Sample {
                candidate: Candidate { origin: Origin::File(path.clone().into()), path, class },
                digest,
            }
        };
        let samples =
            counts.iter().enumerate().flat_map(|(class, &n)| (0..n).map(move |i| sample(class, i)));
        Dataset {
            classes: (0..counts.len()).map(|class| format!("c{class}")).collect(),
            samples: samples.collect(),
            ..Dataset::default()
        }
    }

    fn spec(by: SplitBy) -> SplitSpec {
        SplitSpec { train: 0.7, validation: 0.2, test: 0.1, by, seed: 1 }
    }

    #[test]
    fn stratified_parts_have_the_shares_of_each_class() {
        let dataset = dataset(&[100, 30]);
        let split = split(&dataset, &spec(SplitBy::Stratified), Duplicates::Error).unwrap();
        let count = |class, part| {
            let pairs = dataset.samples.iter().zip(split.parts());
            pairs.filter(|(sample, of)| sample.candidate.class == class && **of == part).count()
        };
        assert_eq!(
            [Part::Train, Part::Validation, Part::Test].map(|part| count(0, part)),
            [70, 20, 10]
        );
        assert_eq!(
            [Part::Train, Part::Validation, Part::Test].map(|part| count(1, part)),
            [21, 6, 3]
        );
    }

    #[test]
    fn the_order_of_files_does_not_matter_and_the_seed_does() {
        let dataset = dataset(&[40, 40]);
        let by_path = |dataset: &Dataset, seed| {
            let spec = SplitSpec { seed, ..spec(SplitBy::Random) };
            let split = split(dataset, &spec, Duplicates::Error).unwrap();
            let paths = dataset.samples.iter().map(|sample| sample.candidate.path.clone());
            paths.zip(split.parts().to_vec()).collect::<BTreeMap<_, _>>()
        };
        let mut reversed = dataset.clone();
        reversed.samples.reverse();
        assert_eq!(by_path(&dataset, 1), by_path(&reversed, 1));
        assert_ne!(by_path(&dataset, 1), by_path(&dataset, 2));
    }

    #[test]
    fn a_picture_in_two_parts_is_an_error_that_names_both_files() {
        let mut dataset = dataset(&[40, 40]);
        let twin = dataset.samples[0].digest;
        dataset.samples[1..40].iter_mut().for_each(|sample| sample.digest = twin);
        let error = split(&dataset, &spec(SplitBy::Stratified), Duplicates::Error).unwrap_err();
        assert!(matches!(&error, DatasetError::SplitLeak { .. }), "{error}");
        assert!(error.notes()[0].contains("c0/000.jpg"), "{:?}", error.notes());
    }

    #[test]
    fn a_class_too_small_to_divide_is_named() {
        let error = split(&dataset(&[10, 1, 2]), &spec(SplitBy::Stratified), Duplicates::Error)
            .unwrap_err();
        let said = format!("{error} {:?} {:?}", error.notes(), error.hints());
        for part in ["`c1` and `c2`", "c1: 1 image", "c2: 2 images", "at least 3", "by: random"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}
