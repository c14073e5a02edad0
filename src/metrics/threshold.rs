//! Thresholds for a wanted precision: how sure a model must be of a class, so that it is mostly right.

use super::interval;

/// The probability of a class for an image that may be given it, and whether that would be right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// Probability of the class.
    pub probability: f64,
    /// Whether the image is of the class.
    pub is_right: bool,
}

/// What is given at a threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// How often the class is given.
    pub n: usize,
    /// How often that is right.
    pub n_right: usize,
}

impl Given {
    /// Fraction that is right; `None` if the class is never given.
    pub fn precision(self) -> Option<f64> {
        (self.n > 0).then(|| self.n_right as f64 / self.n as f64)
    }

    /// 95 % confidence interval of the precision (Wilson 1927). It takes the threshold as given.
    pub fn interval(self) -> Option<[f64; 2]> {
        (self.n > 0).then(|| interval::wilson(self.n_right, self.n))
    }

    /// Counts the candidates with at least a probability.
    pub fn at(candidates: &[Candidate], threshold: f64) -> Self {
        let given = candidates.iter().filter(|one| one.probability >= threshold);
        given.fold(Self::default(), |Self { n, n_right }, one| Self {
            n: n + 1,
            n_right: n_right + usize::from(one.is_right),
        })
    }
}

/// The lowest threshold at which the fraction of right candidates is at least `min_precision`, among
/// their probabilities. `None` if there is none.
pub fn lowest(candidates: &[Candidate], min_precision: f64) -> Option<f64> {
    let mut sorted = candidates.to_vec();
    sorted.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    let (mut found, mut n_right) = (None, 0_usize);
    for (at, one) in sorted.iter().enumerate() {
        n_right += usize::from(one.is_right);
        // Candidates of one probability are given together.
        let is_last = sorted.get(at + 1).is_none_or(|next| next.probability < one.probability);
        if is_last && n_right as f64 >= min_precision * (at + 1) as f64 {
            found = Some(one.probability);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(of: &[(f64, bool)]) -> Vec<Candidate> {
        let candidate = |&(probability, is_right)| Candidate { probability, is_right };
        of.iter().map(candidate).collect()
    }

    #[test]
    fn the_lowest_threshold_reaches_the_precision_and_no_lower_one_does() {
        let all = candidates(&[(0.9, true), (0.8, false), (0.7, true), (0.6, true), (0.5, false)]);
        assert_eq!(lowest(&all, 1.0), Some(0.9));
        // Below 0.8 the precision rises again: 3 of 4 at 0.6.
        assert_eq!(lowest(&all, 0.75), Some(0.6));
        assert_eq!(lowest(&all, 0.6), Some(0.5));
        assert_eq!(Given::at(&all, 0.6), Given { n: 4, n_right: 3 });
        for wanted in [0.3, 0.6, 0.61, 0.75, 0.76, 1.0] {
            let found = lowest(&all, wanted).unwrap();
            assert!(Given::at(&all, found).precision().unwrap() >= wanted);
            let lower = all.iter().map(|one| one.probability).filter(|lower| *lower < found);
            for lower in lower {
                assert!(Given::at(&all, lower).precision().unwrap() < wanted);
            }
        }
    }

    #[test]
    fn candidates_of_one_probability_are_given_together() {
        let all = candidates(&[(0.9, true), (0.9, false), (0.8, true)]);
        assert_eq!(lowest(&all, 0.9), None);
        assert_eq!(lowest(&all, 0.5), Some(0.8));
        let wrong = candidates(&[(0.9, false)]);
        assert_eq!((lowest(&wrong, 0.01), lowest(&[], 0.5)), (None, None));
        assert_eq!(Given::at(&[], 0.5).precision(), None);
    }
}
