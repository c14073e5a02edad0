//! Splits a dataset into training set, validation set and test set.
//!
//! Each image, or group of images, draws a number from a stream named by its path or group. These
//! numbers decide the parts, so the order of files has no influence, and adding an image moves few
//! others. Images whose part is given stay in it.

use std::collections::BTreeSet;

use alpaca_random::SeedStream;

use super::copies;
use super::error::DatasetError;
use super::examine::Dataset;
use super::labels::Labels;
use super::part::{Part, Split};
use super::shares::{self, Draw, Shares};
use crate::spec::{Duplicates, FoldsSpec, SplitBy, SplitSpec};

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
    check_folds(dataset, spec)?;
    let split = divide(dataset, spec);
    check_parts(dataset, &split, spec)?;
    let mut training = split.positions(Part::Train).into_iter();
    if training.all(|at| dataset.samples[at].candidate.weight.number() == 0.0) {
        return Err(DatasetError::NoWeight);
    }
    let pairs = match duplicates {
        Duplicates::Keep => vec![],
        Duplicates::Error | Duplicates::Drop => copies::in_two_parts(dataset, &split),
    };
    if pairs.is_empty() { Ok(split) } else { Err(DatasetError::SplitLeak { pairs }) }
}

/// Checks that each fold can have an image, or a group of images.
fn check_folds(dataset: &Dataset, spec: &SplitSpec) -> Result<(), DatasetError> {
    let Some(FoldsSpec { folds, .. }) = spec.folds else { return Ok(()) };
    let drawn = dataset.samples.iter().filter(|sample| sample.candidate.part.is_none());
    let has_groups = drawn.clone().any(|sample| sample.candidate.group.is_some());
    let units: BTreeSet<&str> = drawn
        .map(|sample| sample.candidate.group.as_deref().unwrap_or(&sample.candidate.path))
        .collect();
    if units.len() >= folds {
        return Ok(());
    }
    let unit = if has_groups { "group" } else { "image" };
    Err(DatasetError::FewFolds { n: units.len(), unit, folds })
}

/// Divides images at some positions into `n` equal parts: as [`divide`] makes stratified folds of a
/// dataset. Returns the part of each.
pub fn parts(dataset: &Dataset, positions: &[usize], n: usize, stream: SeedStream) -> Vec<usize> {
    let draw = Draw { dataset, by: SplitBy::Stratified, stream };
    shares::choose(&draw, positions, Shares::Equal(n))
}

/// Splits a dataset without checking the result.
pub fn divide(dataset: &Dataset, spec: &SplitSpec) -> Split {
    let mut parts = vec![Part::Train; dataset.samples.len()];
    let mut drawn = vec![];
    for (position, sample) in dataset.samples.iter().enumerate() {
        match sample.candidate.part {
            Some(part) => parts[position] = part,
            None => drawn.push(position),
        }
    }
    let stream = SeedStream::new(spec.seed).child("split");
    let draw = Draw { dataset, by: spec.by, stream };
    // The listing has made sure that no part is both given and drawn.
    let test = spec.test;
    let mut put = |positions: &[usize], shares: &[usize], of: &[Part]| {
        for (&position, &share) in positions.iter().zip(shares) {
            parts[position] = of[share];
        }
    };
    // The test set comes first, so that it is the same with any folds and repeats, and without.
    if test > 0.0 {
        let chosen = shares::choose(&draw, &drawn, Shares::Fractions([test, 0.0]));
        put(&drawn, &chosen, &[Part::Test, Part::Train, Part::Train]);
        let mut is_test = chosen.iter().map(|share| *share == 0);
        drawn.retain(|_| is_test.next() == Some(false));
    }
    // The numbers of the other images are above those of the test set, so they are drawn anew.
    let draw = match spec.by {
        SplitBy::Hash if test > 0.0 => Draw { stream: draw.stream.child("rest"), ..draw },
        _ => draw,
    };
    let Some(FoldsSpec { folds, fold, .. }) = spec.folds else {
        let validation = spec.validation / (1.0 - test);
        let chosen = shares::choose(&draw, &drawn, Shares::Fractions([validation, 0.0]));
        put(&drawn, &chosen, &[Part::Validation, Part::Train, Part::Train]);
        return Split::new(parts);
    };
    let stream = match fold / folds {
        0 => draw.stream,
        repeat => draw.stream.child("repeat").at(repeat as u64),
    };
    let chosen = shares::choose(&Draw { stream, ..draw }, &drawn, Shares::Equal(folds));
    let mut of = vec![Part::Train; folds];
    of[fold % folds] = Part::Validation;
    put(&drawn, &chosen, &of);
    Split::new(parts)
}

fn is_given(dataset: &Dataset, part: Part) -> bool {
    dataset.samples.iter().any(|sample| sample.candidate.part == Some(part))
}

fn check_parts(dataset: &Dataset, split: &Split, spec: &SplitSpec) -> Result<(), DatasetError> {
    let mut wanted = vec![Part::Train, Part::Validation];
    wanted.extend((spec.test > 0.0 || is_given(dataset, Part::Test)).then_some(Part::Test));
    // With groups, folds and several labels, the fractions of each class hold only as far as possible.
    let is_exact = spec.by == SplitBy::Stratified
        && spec.groups.is_none()
        && spec.folds.is_none()
        && dataset.labels == Labels::Class;
    let mut counts = vec![[0; 3]; dataset.classes.len()];
    for (sample, part) in dataset.samples.iter().zip(split.parts()) {
        let classes = dataset.labels.classes_of(sample.candidate.label);
        classes.for_each(|class| counts[class][*part as usize] += 1);
    }
    let n_parts = wanted.len();
    for part in wanted {
        let is_empty = |counts: &[usize; 3]| counts[part as usize] == 0;
        let has_none = split.parts().iter().all(|found| *found != part);
        let must_have = is_exact || part == Part::Train;
        let lacking = counts.iter().enumerate().filter(|(_, counts)| must_have && is_empty(counts));
        let classes: Vec<(String, usize)> = lacking
            .map(|(class, counts)| (dataset.classes[class].clone(), counts.iter().sum()))
            .collect();
        if has_none || !classes.is_empty() {
            let part = part.name();
            return Err(DatasetError::EmptySplit { part, classes, n_parts, is_exact });
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
    use crate::dataset::likeness::Likeness;
    use crate::dataset::scan::Candidate;

    fn dataset(counts: &[usize]) -> Dataset {
        let sample = |class: usize, i: usize| {
            let path = format!("c{class}/{i:03}.jpg");
            let digest = Digest::of(path.as_bytes());
            let likeness = Likeness::default();
            Sample { candidate: Candidate::of_file(&path, class), digest, likeness }
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
        SplitSpec { train: 0.7, validation: 0.2, test: 0.1, by, groups: None, folds: None, seed: 1 }
    }

    #[test]
    fn the_test_set_is_the_same_with_and_without_folds() {
        let dataset = dataset(&[40, 23, 9]);
        for by in [SplitBy::Stratified, SplitBy::Random, SplitBy::Hash] {
            let test = |validation, folds| {
                let spec = SplitSpec { test: 0.2, validation, folds, ..spec(by) };
                divide(&dataset, &spec).positions(Part::Test)
            };
            let plain = test(0.2, None);
            assert!((8..22).contains(&plain.len()), "{by:?}: {}", plain.len());
            assert_eq!(plain, test(0.4, None), "{by:?}");
            for fold in [0, 3, 7] {
                let folds = Some(FoldsSpec { folds: 4, fold, repeats: 2 });
                assert_eq!(plain, test(0.2, folds), "{by:?}, fold {fold}");
            }
        }
    }

    #[test]
    fn stratified_parts_have_the_shares_of_each_class() {
        let dataset = dataset(&[100, 30]);
        let split = split(&dataset, &spec(SplitBy::Stratified), Duplicates::Error).unwrap();
        let count = |class, part| {
            let pairs = dataset.samples.iter().zip(split.parts());
            pairs.filter(|(sample, of)| sample.candidate.label == class && **of == part).count()
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

    /// The paths of each part.
    fn parts(dataset: &Dataset, spec: &SplitSpec) -> Vec<(String, Part)> {
        let split = split(dataset, spec, Duplicates::Error).unwrap();
        let paths = dataset.samples.iter().map(|sample| sample.candidate.path.to_string());
        paths.zip(split.parts().iter().copied()).collect()
    }

    fn folded(by: SplitBy, fold: usize) -> SplitSpec {
        let folds = Some(FoldsSpec { folds: 5, fold, repeats: 2 });
        SplitSpec { validation: 0.18, folds, ..spec(by) }
    }

    #[test]
    fn each_image_is_in_one_fold_of_each_repeat_and_test_images_in_none() {
        let dataset = dataset(&[53, 28, 19]);
        for by in [SplitBy::Stratified, SplitBy::Random, SplitBy::Hash] {
            let of = |fold| parts(&dataset, &folded(by, fold));
            let tested = |parts: &[(String, Part)]| -> Vec<String> {
                let tested = parts.iter().filter(|(_, part)| *part == Part::Test);
                tested.map(|(path, _)| path.clone()).collect()
            };
            let test = tested(&of(0));
            assert!(!test.is_empty());
            for repeat in 0..2 {
                let mut seen: BTreeMap<String, usize> = BTreeMap::new();
                for fold in 0..5 {
                    let parts = of(5 * repeat + fold);
                    assert_eq!(tested(&parts), test, "{by:?}");
                    let validated = parts.iter().filter(|(_, part)| *part == Part::Validation);
                    validated.for_each(|(path, _)| *seen.entry(path.clone()).or_insert(0) += 1);
                }
                assert_eq!(seen.len(), 100 - test.len(), "{by:?}");
                assert!(seen.values().all(|n| *n == 1), "{by:?}");
            }
            assert_ne!(of(0), of(5), "{by:?}: a repeat divides anew");
        }
    }

    #[test]
    fn stratified_folds_differ_by_one_image_of_a_class_and_in_all() {
        let dataset = dataset(&[53, 28, 19, 3]);
        let spec = |fold| SplitSpec { test: 0.0, ..folded(SplitBy::Stratified, fold) };
        // Images of each class, and of all, in each fold.
        let mut counts: BTreeMap<String, BTreeMap<usize, usize>> = BTreeMap::new();
        for fold in 0..5 {
            for (path, part) in parts(&dataset, &spec(fold)) {
                for what in [&path[..2], "all"] {
                    let n = counts.entry(what.to_owned()).or_default().entry(fold).or_insert(0);
                    *n += usize::from(part == Part::Validation);
                }
            }
        }
        assert_eq!(counts.len(), 5);
        for counts in counts.into_values().map(|of| of.into_values().collect::<Vec<_>>()) {
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            assert!(most - least <= 1, "{counts:?}");
        }
    }

    #[test]
    fn by_hash_new_images_move_no_other() {
        let (few, many) = (dataset(&[40, 40]), dataset(&[60, 90]));
        let spec = spec(SplitBy::Hash);
        let many: BTreeMap<String, Part> = parts(&many, &spec).into_iter().collect();
        assert!(parts(&few, &spec).into_iter().all(|(path, part)| many[&path] == part));
        let n = many.values().filter(|part| **part == Part::Validation).count();
        assert!((15..=45).contains(&n), "{n} of 150 at 0.2");
    }

    #[test]
    fn images_of_a_group_stay_together_and_classes_are_balanced() {
        let mut dataset = dataset(&[300, 100]);
        for (position, sample) in dataset.samples.iter_mut().enumerate() {
            sample.candidate.group = Some(format!("g{}", position / 7).as_str().into());
        }
        let groups = Some("unused".to_owned());
        for by in [SplitBy::Stratified, SplitBy::Random, SplitBy::Hash] {
            for folds in [None, Some(FoldsSpec { folds: 4, fold: 2, repeats: 1 })] {
                let spec = SplitSpec { groups: groups.clone(), folds, ..spec(by) };
                let split = divide(&dataset, &spec);
                let mut of_group = BTreeMap::new();
                for (sample, part) in dataset.samples.iter().zip(split.parts()) {
                    let group = sample.candidate.group.clone().unwrap();
                    assert_eq!(of_group.entry(group).or_insert(*part), part, "{by:?}");
                }
                if by == SplitBy::Stratified && folds.is_none() {
                    let counts = |class: usize| {
                        let pairs = dataset.samples.iter().zip(split.parts());
                        pairs
                            .filter(|(s, part)| {
                                s.candidate.label == class && **part == Part::Validation
                            })
                            .count()
                    };
                    assert!((56..=64).contains(&counts(0)), "{}", counts(0));
                    assert!((16..=24).contains(&counts(1)), "{}", counts(1));
                }
            }
        }
        // Two groups are enough for two parts, whatever the fractions.
        for (position, sample) in dataset.samples.iter_mut().enumerate() {
            sample.candidate.group = Some(if position % 2 == 0 { "x" } else { "y" }.into());
        }
        let spec = SplitSpec { test: 0.0, validation: 0.01, groups, ..spec(SplitBy::Stratified) };
        assert_eq!(divide(&dataset, &spec).positions(Part::Validation).len(), 200);
    }

    /// The largest difference of a class's share of a fold from one fifth, over five folds of groups
    /// whose images and classes are given by formulas.
    fn unevenness(class_of: fn(usize, usize) -> usize, size: fn(usize) -> usize, seed: u64) -> f64 {
        let images = (0..60).flat_map(|group| (0..size(group)).map(move |i| (group, i)));
        let samples = images.map(|(group, i)| {
            let path = format!("g{group:02}/{i:02}.jpg");
            let digest = Digest::of(path.as_bytes());
            let mut candidate = Candidate::of_file(&path, class_of(group, i));
            candidate.group = Some(format!("g{group}").as_str().into());
            Sample { candidate, digest, likeness: Likeness::default() }
        });
        let classes = (0..4).map(|class| format!("c{class}")).collect();
        let dataset = Dataset { classes, samples: samples.collect(), ..Dataset::default() };
        let totals = dataset.class_counts();
        let differences = (0..5).flat_map(|fold| {
            let folds = Some(FoldsSpec { folds: 5, fold, repeats: 1 });
            let groups = Some("unused".to_owned());
            let spec = spec(SplitBy::Stratified);
            let split = divide(&dataset, &SplitSpec { test: 0.0, seed, groups, folds, ..spec });
            let mut counts = [0; 4];
            for position in split.positions(Part::Validation) {
                counts[dataset.samples[position].candidate.label] += 1;
            }
            let shares = counts.into_iter().zip(totals.clone()).filter(|(_, total)| *total > 0);
            shares.map(|(n, total)| (f64::from(n) / total as f64 - 0.2).abs()).collect::<Vec<_>>()
        });
        differences.fold(0.0, f64::max)
    }

    /// The means of ten seeds of `StratifiedGroupKFold(5, shuffle=True)` of scikit-learn 1.9.1 on the
    /// same images are 0.0430, 0.0207 and 0.0308.
    #[test]
    fn folds_of_groups_are_as_even_as_those_of_scikit_learn() {
        type Case = (fn(usize, usize) -> usize, fn(usize) -> usize, f64);
        let cases: [Case; 3] = [
            (|k, i| (k * 5 + i * (k % 3)) % 4, |k| 2 + k * 7 % 11, 0.0430),
            (|k, i| (k * k / 7 + i / 2) % 3, |k| 1 + k * k % 23, 0.0207),
            (|k, _| k % 7 % 2, |_| 4, 0.0308),
        ];
        for (class_of, size, of_scikit_learn) in cases {
            let all = (0..10).map(|seed| unevenness(class_of, size, seed));
            let mean = all.sum::<f64>() / 10.0;
            assert!(mean <= of_scikit_learn * 1.1, "{mean} and {of_scikit_learn}");
        }
    }

    #[test]
    fn what_is_given_is_not_drawn() {
        let mut dataset = dataset(&[50, 50]);
        for sample in dataset.samples.iter_mut().step_by(10) {
            sample.candidate.part = Some(Part::Test);
        }
        let without = SplitSpec { test: 0.0, ..spec(SplitBy::Stratified) };
        let split = split(&dataset, &without, Duplicates::Error).unwrap();
        let n = |part| split.positions(part).len();
        assert_eq!([n(Part::Train), n(Part::Validation), n(Part::Test)], [72, 18, 10]);
    }
}
