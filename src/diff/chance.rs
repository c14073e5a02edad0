//! Tests whether two runs differ by more than chance on their shared validation images.

use alpaca_random::SeedStream;
use serde::Serialize;

use super::images::common;
use super::run::{FinishedRun, Prediction};
use crate::metrics::paired::{SIGNIFICANT, mcnemar};
use crate::metrics::resample;

/// The comparison of two runs on their shared validation images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Chance {
    /// Of predictions that are correct or not.
    Correct(CorrectChange),
    /// Of estimated numbers.
    Error(ErrorChange),
}

impl Chance {
    /// Whether the p-value is below 0.05.
    pub fn is_significant(&self) -> bool {
        match self {
            Self::Correct(change) => change.is_significant,
            Self::Error(change) => change.is_significant,
        }
    }
}

/// How correct predictions change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CorrectChange {
    /// The number of shared images.
    pub n: usize,
    /// Images that only the second run classifies correctly.
    pub n_better: usize,
    /// Images that only the first run classifies correctly.
    pub n_worse: usize,
    /// The change in accuracy from the first run to the second. If images may have several classes, it
    /// is the subset accuracy.
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

/// How errors of estimated numbers change.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ErrorChange {
    /// The number of shared images.
    pub n: usize,
    /// Images whose estimate is nearer in the second run.
    pub n_better: usize,
    /// Images whose estimate is nearer in the first run.
    pub n_worse: usize,
    /// The change in mean absolute error from the first run to the second.
    pub mae: f64,
    /// The 95 % interval of that change: paired bootstrap, percentiles.
    pub mae_interval: [f64; 2],
    /// The two-sided p-value of the paired randomization test (Fisher, "The Design of Experiments",
    /// 1935, section 21): how often the change is at least as large if chance decides for each image
    /// which run is which, over 10,000 draws, of large sets fewer.
    pub p_value: f64,
    /// Whether the p-value is below 0.05.
    pub is_significant: bool,
}

/// Compares two runs; `None` if they share no validation images, or learn different things.
pub(super) fn chance(first: &FinishedRun, second: &FinishedRun) -> Option<Chance> {
    let pairs =
        || common(first, second).map(|path| [first, second].map(|run| &run.predictions[path]));
    if pairs().any(|[before, now]| !before.is_like(now)) {
        return None;
    }
    match pairs().next()?[0] {
        Prediction::Number { .. } => Some(Chance::Error(of_errors(pairs()))),
        Prediction::Class { .. } | Prediction::Several { .. } => {
            Some(Chance::Correct(of_correct(pairs())))
        }
    }
}

fn of_correct<'a>(pairs: impl Iterator<Item = [&'a Prediction; 2]>) -> CorrectChange {
    let (mut n_better, mut n_worse) = (0, 0);
    let mut changes = vec![];
    for both in pairs {
        let correct = both.map(Prediction::is_correct);
        n_better += usize::from(correct == [false, true]);
        n_worse += usize::from(correct == [true, false]);
        let [before, now] = correct.map(|is| f64::from(u8::from(is)));
        changes.push([now - before, both[1].loss() - both[0].loss()]);
    }
    let [accuracy, log_loss] = [0, 1].map(|of| mean(&changes, of));
    let [accuracy_interval, log_loss_interval] = bootstrap(&changes);
    let p_value = mcnemar(n_better, n_worse);
    CorrectChange {
        n: changes.len(),
        n_better,
        n_worse,
        accuracy,
        accuracy_interval,
        log_loss,
        log_loss_interval,
        p_value,
        is_significant: p_value < SIGNIFICANT,
    }
}

fn of_errors<'a>(pairs: impl Iterator<Item = [&'a Prediction; 2]>) -> ErrorChange {
    let changes: Vec<[f64; 1]> = pairs.map(|[before, now]| [now.loss() - before.loss()]).collect();
    let [mae_interval] = bootstrap(&changes);
    let p_value = randomization(&changes);
    ErrorChange {
        n: changes.len(),
        n_better: changes.iter().filter(|[change]| *change < 0.0).count(),
        n_worse: changes.iter().filter(|[change]| *change > 0.0).count(),
        mae: mean(&changes, 0),
        mae_interval,
        p_value,
        is_significant: p_value < SIGNIFICANT,
    }
}

/// The p-value of the randomization test of a mean of zero: signs are drawn for the changes.
fn randomization(changes: &[[f64; 1]]) -> f64 {
    let found = changes.iter().map(|[change]| change).sum::<f64>().abs();
    let n_draws = resample::n_resamples(changes.len());
    let mut generator = SeedStream::new(0).child("randomization").generator();
    let mut n_as_large = 0;
    for _ in 0..n_draws {
        let mut sum = 0.0;
        for [change] in changes {
            sum += if generator.next_u64() >> 63 == 0 { *change } else { -change };
        }
        // Sums that differ only by rounding are equal.
        n_as_large += usize::from(sum.abs() >= found * (1.0 - 1e-12));
    }
    (n_as_large + 1) as f64 / (n_draws + 1) as f64
}

fn mean<const K: usize>(changes: &[[f64; K]], of: usize) -> f64 {
    changes.iter().map(|change| change[of]).sum::<f64>() / changes.len() as f64
}

/// The bootstrap 95 % intervals of the means.
fn bootstrap<const K: usize>(changes: &[[f64; K]]) -> [[f64; 2]; K] {
    resample::intervals(changes.len(), |draws| {
        let mut sums = [0.0; K];
        for _ in changes {
            let change = changes[draws.draw()];
            sums.iter_mut().zip(change).for_each(|(sum, change)| *sum += change);
        }
        sums.map(|sum| sum / changes.len() as f64)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
