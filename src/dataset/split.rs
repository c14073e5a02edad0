//! Divides a dataset into training, validation and test.
//!
//! Each picture draws a number from a stream named by its path; the lowest numbers validate, the
//! next test, the rest train. So the order in which files are listed has no influence, and adding a
//! picture moves few others.

use std::collections::BTreeMap;

use super::error::DatasetError;
use super::examine::{Dataset, Sample};
use crate::base::random::SeedStream;
use crate::spec::{SplitBy, SplitSpec};

/// A part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Weights follow its gradients.
    Train,
    /// The best epoch is chosen by it.
    Validation,
    /// No stage looks at it.
    Test,
}

impl Part {
    /// Its name in splits.csv and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The part of each picture, in the order of [`Dataset::samples`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split(Vec<Part>);

impl Split {
    /// The part of each picture.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The positions of the pictures of one part, in path order.
    pub fn positions(&self, part: Part) -> Vec<usize> {
        let in_part = |(position, of): (usize, &Part)| (*of == part).then_some(position);
        self.0.iter().enumerate().filter_map(in_part).collect()
    }
}

/// Divides a dataset.
///
/// # Errors
/// When a part that should have pictures has none, or a picture's content is in two parts.
pub fn split(dataset: &Dataset, spec: &SplitSpec) -> Result<Split, DatasetError> {
    let split = divide(dataset, spec);
    check_parts(dataset, &split, spec)?;
    check_leaks(dataset, &split)?;
    Ok(split)
}

/// Divides a dataset, whatever comes of it.
pub fn divide(dataset: &Dataset, spec: &SplitSpec) -> Split {
    let stream = SeedStream::new(spec.seed).child("split");
    let groups: Vec<Vec<usize>> = match spec.by {
        SplitBy::Stratified => {
            (0..dataset.classes.len()).map(|class| of_class(dataset, class)).collect()
        }
        SplitBy::Random => vec![(0..dataset.samples.len()).collect()],
    };
    let mut parts = vec![Part::Train; dataset.samples.len()];
    for mut group in groups {
        group.sort_by_key(|&position| {
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
    Split(parts)
}

fn of_class(dataset: &Dataset, class: usize) -> Vec<usize> {
    (0..dataset.samples.len()).filter(|&i| dataset.samples[i].candidate.class == class).collect()
}

/// How many of `n` pictures validate and test: the nearest whole numbers, but at least one where
/// the share is not zero and enough pictures are there.
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
    for part in wanted {
        let has_any = |class: Option<usize>| {
            let in_class =
                |sample: &Sample| class.is_none_or(|class| sample.candidate.class == class);
            dataset.samples.iter().zip(&split.0).any(|(sample, of)| *of == part && in_class(sample))
        };
        if !has_any(None) {
            return Err(DatasetError::EmptySplit { part: part.name(), class: None });
        }
        let must_have = spec.by == SplitBy::Stratified || part == Part::Train;
        let lacking = (0..dataset.classes.len()).find(|&class| must_have && !has_any(Some(class)));
        if let Some(class) = lacking {
            let class = Some(dataset.classes[class].clone());
            return Err(DatasetError::EmptySplit { part: part.name(), class });
        }
    }
    Ok(())
}

fn check_leaks(dataset: &Dataset, split: &Split) -> Result<(), DatasetError> {
    let mut first_with = BTreeMap::new();
    let mut pairs = vec![];
    for (sample, part) in dataset.samples.iter().zip(&split.0) {
        let path = &sample.candidate.path;
        let (first, first_part) = *first_with.entry(sample.digest).or_insert((path, part));
        if first_part != part {
            pairs.push(format!("{first} ({}) and {path} ({})", first_part.name(), part.name()));
        }
    }
    if pairs.is_empty() { Ok(()) } else { Err(DatasetError::SplitLeak { pairs }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
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
            skipped: vec![],
            ignored: vec![],
        }
    }

    fn spec(by: SplitBy) -> SplitSpec {
        SplitSpec { train: 0.7, validation: 0.2, test: 0.1, by, seed: 1 }
    }

    #[test]
    fn stratified_parts_have_the_shares_of_each_class() {
        let dataset = dataset(&[100, 30]);
        let split = split(&dataset, &spec(SplitBy::Stratified)).unwrap();
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
            let split = split(dataset, &spec).unwrap();
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
        let error = split(&dataset, &spec(SplitBy::Stratified)).unwrap_err();
        assert!(matches!(&error, DatasetError::SplitLeak { .. }), "{error}");
        assert!(error.hints()[0].contains("c0/000.jpg"), "{:?}", error.hints());
    }

    #[test]
    fn a_class_too_small_to_divide_is_named() {
        let error = split(&dataset(&[10, 1]), &spec(SplitBy::Stratified)).unwrap_err();
        assert!(error.to_string().contains("of class `c1`"), "{error}");
    }
}
