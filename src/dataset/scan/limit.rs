//! Takes only some images of a dataset, for a first try.

use std::collections::BTreeMap;

use alpaca_random::SeedStream;

use super::listing::Candidate;
use crate::dataset::part::Part;
use crate::spec::{LimitSpec, TargetSpec};

/// Fewest images of a class, and of a given part of the split, that stay.
const LEAST: usize = 2;

/// The random number of an image, and its position.
type Drawn = (u64, usize);

/// Keeps as many images as the limit says. They are drawn by random numbers that belong to their
/// paths, from each class and given part of the split in proportion. A class keeps at least two
/// images of each part, if it has them. Images with several labels or a number are drawn regardless
/// of them.
pub(super) fn limit(
    candidates: &mut Vec<Candidate>,
    limit: LimitSpec,
    target: TargetSpec,
    stream: SeedStream,
) {
    let n_all = candidates.len();
    let mut strata: BTreeMap<(usize, Option<Part>), Vec<Drawn>> = BTreeMap::new();
    let mut n_of_class: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, candidate) in candidates.iter().enumerate() {
        let number = stream.child(&candidate.path).sort_key();
        let class = if target == TargetSpec::Class { candidate.label } else { 0 };
        strata.entry((class, candidate.part)).or_default().push((number, at));
        *n_of_class.entry(class).or_insert(0) += 1;
    }
    let mut is_kept = vec![false; n_all];
    for ((class, _), mut stratum) in strata {
        let fraction = match limit {
            LimitSpec::All(n) => n as f64 / n_all as f64,
            LimitSpec::PerClass { per_class } => per_class as f64 / n_of_class[&class] as f64,
        };
        let n = (stratum.len() as f64 * fraction).round() as usize;
        stratum.sort_unstable();
        stratum.into_iter().take(n.max(LEAST)).for_each(|(_, at)| is_kept[at] = true);
    }
    let mut is_kept = is_kept.into_iter();
    candidates.retain(|_| is_kept.next() == Some(true));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` images of each class, every fourth of them in the validation set.
    fn candidates(n: &[usize]) -> Vec<Candidate> {
        let candidate = |class: usize, i: usize| Candidate {
            part: Some(if i.is_multiple_of(4) { Part::Validation } else { Part::Train }),
            ..Candidate::of_file(&format!("{class}/{i}.jpg"), class)
        };
        let of = |(class, &n): (usize, &usize)| (0..n).map(move |i| candidate(class, i));
        n.iter().enumerate().flat_map(of).collect()
    }

    #[test]
    fn classes_and_parts_keep_their_proportions() {
        for (by, expected) in [
            (LimitSpec::All(100), [60, 20, 15, 5, 2, 2]),
            (LimitSpec::PerClass { per_class: 8 }, [6, 2, 6, 2, 2, 2]),
        ] {
            let mut found = candidates(&[800, 200, 8]);
            limit(&mut found, by, TargetSpec::Class, SeedStream::new(1));
            let count = |class: usize, part: Part| {
                found.iter().filter(|c| c.label == class && c.part == Some(part)).count()
            };
            let counts = [0, 1, 2]
                .map(|class| [Part::Train, Part::Validation].map(|part| count(class, part)));
            let n: Vec<usize> = counts.concat();
            assert!(n.iter().zip(expected).all(|(n, expected)| n.abs_diff(expected) <= 4), "{n:?}");
        }
    }

    #[test]
    fn more_than_there_are_is_all() {
        let mut found = candidates(&[5, 9]);
        limit(&mut found, LimitSpec::All(100), TargetSpec::Class, SeedStream::new(1));
        assert_eq!(found.len(), 14);
    }
}
