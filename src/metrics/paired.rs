//! Comparisons of models on the same images: tests, a correction for many of them, and what it takes
//! to tell two models apart.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// A difference with a p-value below this is more than chance.
pub const SIGNIFICANT: f64 = 0.05;
/// The power of the estimates of how much data a difference needs.
const POWER: f64 = 0.8;

/// The exact two-sided p-value of McNemar's test (McNemar, "Note on the sampling error of the
/// difference between correlated proportions or percentages", 1947): twice the smaller tail of a
/// binomial distribution with one half, at most one. `n_better` and `n_worse` count the images that
/// only one of the two models classifies correctly.
pub fn mcnemar(n_better: usize, n_worse: usize) -> f64 {
    let n = n_better + n_worse;
    let terms = (0..=n_better.min(n_worse)).map(|k| {
        let ways = log_factorial(n) - log_factorial(k) - log_factorial(n - k);
        libm::exp(ways - n as f64 * std::f64::consts::LN_2)
    });
    let tail: f64 = terms.sum();
    (2.0 * tail).min(1.0)
}

fn log_factorial(n: usize) -> f64 {
    libm::lgamma(n as f64 + 1.0)
}

/// The differences between two models on the same images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Differences {
    /// The number of images.
    pub n: usize,
    /// The mean difference.
    pub mean: f64,
    /// The variance of the differences, with `n - 1` in the denominator.
    pub variance: f64,
    /// The two-sided p-value of a mean of zero: of McNemar's exact test if every difference is -1, 0
    /// or 1, and else of the paired t-test (Student, "The probable error of a mean", 1908).
    pub p_value: f64,
}

impl Differences {
    /// Compares two models by their differences on each image.
    ///
    /// # Panics
    /// When there are none.
    pub fn of(differences: impl Iterator<Item = f64>) -> Self {
        let (mut n, mut sum, mut squares) = (0_usize, 0.0, 0.0);
        let (mut n_up, mut n_down, mut is_counted) = (0, 0, true);
        for difference in differences {
            n += 1;
            sum += difference;
            squares += difference * difference;
            n_up += usize::from(difference == 1.0);
            n_down += usize::from(difference == -1.0);
            is_counted &= [-1.0, 0.0, 1.0].contains(&difference);
        }
        assert!(n > 0, "a comparison needs at least one image");
        let mean = sum / n as f64;
        let variance = ((squares - sum * mean) / (n.max(2) - 1) as f64).max(0.0);
        let p_value = if is_counted {
            mcnemar(n_up, n_down)
        } else {
            student(mean, (variance / n as f64).sqrt(), n)
        };
        Self { n, mean, variance, p_value }
    }

    /// The 95 % interval of the mean difference, by Student's distribution; infinitely wide for one
    /// image.
    pub fn interval(&self) -> [f64; 2] {
        let half = quantile_of_student(0.975, self.n) * (self.variance / self.n as f64).sqrt();
        [self.mean - half, self.mean + half]
    }

    /// How many images would separate the two models, if the mean and the variance of the
    /// differences stay the same: a two-sided z-test at the level 0.05, divided by the number of
    /// comparisons, with a power of 80 %. `None` if the mean difference is zero.
    pub fn images_needed(&self, n_comparisons: usize) -> Option<f64> {
        let z = needed(n_comparisons);
        (self.mean != 0.0).then(|| (z * z * self.variance / (self.mean * self.mean)).ceil())
    }

    /// How many seeds would separate the two models on these images, by the same rule, if each image
    /// was predicted with `n_seeds` seeds and `within` is the variance of an image's difference from
    /// seed to seed. More seeds reduce only this part of the variance; `None` if that does not
    /// suffice.
    pub fn seeds_needed(&self, n_seeds: usize, within: f64, n_comparisons: usize) -> Option<f64> {
        let z = needed(n_comparisons);
        let between = (self.variance - within / n_seeds as f64).max(0.0);
        let room = self.n as f64 * self.mean * self.mean / (z * z) - between;
        (room > 0.0).then(|| (within / room).ceil().max(1.0))
    }
}

/// The standard errors that a difference needs to be found among a number of comparisons.
fn needed(n_comparisons: usize) -> f64 {
    let quantile = |p: f64| Normal::standard().inverse_cdf(p);
    quantile(1.0 - SIGNIFICANT / 2.0 / n_comparisons.max(1) as f64) + quantile(POWER)
}

/// The two-sided p-value of a mean with a standard error.
fn student(mean: f64, error: f64, n: usize) -> f64 {
    if mean == 0.0 || n < 2 {
        return 1.0;
    }
    if error == 0.0 {
        return 0.0;
    }
    let distribution = StudentsT::new(0.0, 1.0, n as f64 - 1.0);
    distribution.map_or(1.0, |t| (2.0 * t.cdf(-(mean / error).abs())).min(1.0))
}

fn quantile_of_student(p: f64, n: usize) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, n.max(2) as f64 - 1.0);
    match distribution {
        Ok(t) if n > 1 => t.inverse_cdf(p),
        _ => f64::INFINITY,
    }
}

/// The p-values corrected for their number (Holm, "A simple sequentially rejective multiple test
/// procedure", 1979): the probability that any of the differences below a level is chance is at most
/// that level.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![0.0; p_values.len()];
    let mut most = 0.0_f64;
    for (rank, &position) in order.iter().enumerate() {
        most = most.max((p_values.len() - rank) as f64 * p_values[position]).min(1.0);
        corrected[position] = most;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of scipy.stats.binomtest(k, n, 0.5).pvalue.
    #[test]
    fn p_values_are_those_of_the_binomial_test() {
        for ((better, worse), expected) in [
            ((0, 0), 1.0),
            ((1, 0), 1.0),
            ((3, 3), 1.0),
            ((5, 1), 0.218_75),
            ((0, 6), 0.031_25),
            ((2, 12), 0.012_939_453_125),
            ((40, 60), 0.056_887_933_640_980_9),
        ] {
            let p = mcnemar(better, worse);
            assert!((p - expected).abs() < 1e-9, "{better}, {worse}: {p}");
        }
        assert!(mcnemar(5000, 5000) <= 1.0 && mcnemar(0, 4000) >= 0.0);
    }

    fn of(differences: &[f64]) -> Differences {
        Differences::of(differences.iter().copied())
    }

    /// Values of `scipy.stats.ttest_rel`, and of `numpy.var` with `ddof=1`.
    #[test]
    fn differences_are_tested_as_pairs() {
        let found = of(&[0.1, -0.2, 0.4, 0.05, 0.5, 0.1]);
        let [low, high] = found.interval();
        for (value, expected) in [
            (found.p_value, 0.187_029_199_293_761_08),
            (low, -0.108_018_035_545_798_72),
            (high, 0.424_684_702_212_465_46),
            (found.variance, 0.064_416_666_666_666_65),
        ] {
            assert!((value - expected).abs() < 1e-9, "{value} {expected}");
        }
        // Twenty images and a bit, by the quantiles of scipy.stats.norm; of three pairs 27.
        assert_eq!(found.images_needed(1), Some(21.0));
        assert_eq!(found.images_needed(3), Some(27.0));
        assert_eq!(of(&[0.5, -0.5]).images_needed(1), None);
        // Correct or not: McNemar's test.
        assert_eq!(of(&[1.0, 1.0, 1.0, 0.0, -1.0]).p_value, mcnemar(3, 1));
        assert_eq!((of(&[0.0, 0.0]).p_value, of(&[0.5, 0.5]).p_value), (1.0, 0.0));
    }

    /// Where all of the variance is between seeds, seeds are worth as much as images.
    #[test]
    fn seeds_reduce_only_the_variance_between_them() {
        let found = Differences { n: 100, mean: 0.1, variance: 0.5, p_value: 0.5 };
        // 2.80 standard errors squared are 7.85, so 100 images need a variance of 0.127.
        assert_eq!(found.images_needed(1), Some(393.0));
        assert_eq!(found.seeds_needed(2, 1.0, 1), Some(8.0));
        // A variance of 0.4 is between images.
        assert_eq!(found.seeds_needed(2, 0.2, 1), None);
    }

    /// Values of `statsmodels.stats.multitest.multipletests(p, method="holm")`.
    #[test]
    fn corrected_p_values_are_holms() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005, 0.5]);
        for (value, expected) in corrected.iter().zip([0.04, 0.09, 0.09, 0.025, 0.5]) {
            assert!((value - expected).abs() < 1e-12, "{corrected:?}");
        }
    }
}
