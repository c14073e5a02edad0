//! Tests whether two runs differ by more than chance on their shared validation images.

use alpaca_random::{Generator, SeedStream};
use serde::Serialize;

use super::images::common;
use super::run::{FinishedRun, Prediction};

/// A difference with a p-value below this is reported as more than chance.
const SIGNIFICANT: f64 = 0.05;
/// The maximum number of images in all resamples together; bounds the time for large datasets.
const DRAWS: usize = 20_000_000;
/// The number of resamples for small datasets.
const RESAMPLES: usize = 10_000;

/// The comparison of two runs on their shared validation images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Chance {
    /// The number of shared images.
    pub n: usize,
    /// Images that only the second run classifies correctly.
    pub n_better: usize,
    /// Images that only the first run classifies correctly.
    pub n_worse: usize,
    /// The change in accuracy from the first run to the second.
    pub accuracy: f64,
    /// The 95 % interval of that change: paired bootstrap, percentiles (Efron and Tibshirani, "An
    /// Introduction to the Bootstrap", 1993, section 13.3).
    pub accuracy_interval: [f64; 2],
    /// The change in mean log-loss.
    pub log_loss: f64,
    /// The 95 % interval of that change, computed the same way.
    pub log_loss_interval: [f64; 2],
    /// The exact two-sided p-value of McNemar's test (McNemar, "Note on the sampling error of the
    /// difference between correlated proportions or percentages", 1947): the probability that a
    /// fair coin divides `n_better + n_worse` images at least as unevenly.
    pub p_value: f64,
    /// Whether the p-value is below 0.05.
    pub is_significant: bool,
}

/// Compares two runs; `None` if they share no validation images.
pub(super) fn chance(first: &FinishedRun, second: &FinishedRun) -> Option<Chance> {
    let (mut n_better, mut n_worse) = (0, 0);
    let mut changes = vec![];
    for path in common(first, second) {
        let both = [first, second].map(|run| &run.predictions[path]);
        let correct = both.map(Prediction::is_correct);
        n_better += usize::from(correct == [false, true]);
        n_worse += usize::from(correct == [true, false]);
        let [before, now] = correct.map(|is| f64::from(u8::from(is)));
        changes.push([now - before, both[1].log_loss() - both[0].log_loss()]);
    }
    if changes.is_empty() {
        return None;
    }
    let [accuracy, log_loss] = [0, 1].map(|of| mean(&changes, of));
    let [accuracy_interval, log_loss_interval] = bootstrap(&changes);
    let p_value = mcnemar(n_better, n_worse);
    Some(Chance {
        n: changes.len(),
        n_better,
        n_worse,
        accuracy,
        accuracy_interval,
        log_loss,
        log_loss_interval,
        p_value,
        is_significant: p_value < SIGNIFICANT,
    })
}

/// The exact p-value: twice the smaller tail of a binomial distribution with one half, at most one.
fn mcnemar(n_better: usize, n_worse: usize) -> f64 {
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

fn mean(changes: &[[f64; 2]], of: usize) -> f64 {
    changes.iter().map(|change| change[of]).sum::<f64>() / changes.len() as f64
}

/// The bootstrap 95 % intervals of both means. The random stream is fixed, so the same changes give
/// the same intervals.
fn bootstrap(changes: &[[f64; 2]]) -> [[f64; 2]; 2] {
    let n = changes.len();
    let n_resamples = RESAMPLES.min(DRAWS / n).max(200);
    let mut generator = SeedStream::new(0).child("bootstrap").generator();
    let mut means = [vec![], vec![]];
    for _ in 0..n_resamples {
        let mut sums = [0.0; 2];
        for _ in 0..n {
            let change = changes[below(&mut generator, n)];
            sums[0] += change[0];
            sums[1] += change[1];
        }
        for (means, sum) in means.iter_mut().zip(sums) {
            means.push(sum / n as f64);
        }
    }
    means.map(|mut means| {
        means.sort_by(f64::total_cmp);
        let at = |share: f64| means[((means.len() - 1) as f64 * share).round() as usize];
        [at(0.025), at(0.975)]
    })
}

/// A uniformly distributed number below `n`, up to a bias of one in 2^64 / n.
fn below(generator: &mut Generator, n: usize) -> usize {
    ((u128::from(generator.next_u64()) * n as u128) >> 64) as usize
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

    /// The interval of a mean of independent images is close to 1.96 standard errors wide on each
    /// side.
    #[test]
    fn intervals_are_about_two_standard_errors_wide() {
        let changes: Vec<[f64; 2]> =
            (0..400).map(|i| [[0.0, 1.0, 0.0, -1.0, 0.0][i % 5], (i % 7) as f64]).collect();
        for (of, interval) in bootstrap(&changes).into_iter().enumerate() {
            let mean = mean(&changes, of);
            let square = |change: &[f64; 2]| (change[of] - mean) * (change[of] - mean);
            let variance = changes.iter().map(square).sum::<f64>() / changes.len() as f64;
            let error = 1.96 * (variance / changes.len() as f64).sqrt();
            let found = [mean - interval[0], interval[1] - mean];
            assert!(found.iter().all(|side| (side / error - 1.0).abs() < 0.1), "{found:?} {error}");
        }
    }
}
