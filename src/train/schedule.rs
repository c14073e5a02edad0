//! The learning rate of each step, and whether a stage continues. Both are functions of the
//! position in the stage and of the metrics of its epochs, so there is no state to save.

use std::f64::consts::PI;

use crate::event::{EpochMetrics, Further};
use crate::spec::{BestBy, EarlyStoppingSpec, ScheduleSpec, WarmupSpec};

/// The learning rates of a stage.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// How the learning rate changes.
    pub spec: ScheduleSpec,
    /// How it increases at the start.
    pub warmup: Option<WarmupSpec>,
    /// Learning rate of the optimizer.
    pub rate: f64,
    /// Number of epochs of the stage.
    pub n_epochs: usize,
    /// Metric that selects the best epoch.
    pub best_by: BestBy,
}

impl Schedule {
    /// The learning rate of a step: `step` of `n_steps` in the epoch after those that are `done`.
    pub fn rate(&self, done: &[EpochMetrics], step: usize, n_steps: usize) -> f64 {
        let n_steps = n_steps.max(1);
        let at = done.len() * n_steps + step;
        let n_warmup = match self.warmup {
            None => 0,
            Some(WarmupSpec::Epochs(n)) => n * n_steps,
            Some(WarmupSpec::Steps(n)) => n,
        };
        if at < n_warmup {
            return self.rate * (at + 1) as f64 / n_warmup as f64;
        }
        // Epochs and fractions of the stage are counted after the warm-up.
        let at = (at - n_warmup) as f64;
        let n = (self.n_epochs * n_steps).saturating_sub(n_warmup).max(1) as f64;
        let (epochs, share) = (at / n_steps as f64, at / n);
        self.rate
            * match self.spec {
                ScheduleSpec::Constant => 1.0,
                ScheduleSpec::Step { every, factor } => {
                    libm::pow(factor, (epochs / every as f64).floor())
                }
                ScheduleSpec::Exponential { factor } => libm::pow(factor, epochs),
                ScheduleSpec::Cosine { end } => half_cosine(1.0, end, share),
                ScheduleSpec::OneCycle { rise, start, .. } if share < rise => {
                    half_cosine(start, 1.0, share / rise)
                }
                ScheduleSpec::OneCycle { rise, end, .. } => {
                    half_cosine(1.0, end, (share - rise) / (1.0 - rise))
                }
                ScheduleSpec::ReduceOnPlateau { factor, patience, min_delta } => {
                    let n = n_plateaus(done, self.best_by, patience, min_delta);
                    libm::pow(factor, n as f64)
                }
            }
    }
}

/// Interpolates between two values along half a cosine.
fn half_cosine(from: f64, to: f64, share: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + libm::cos(PI * share))
}

/// How often `patience` consecutive epochs have passed without an improvement of more than
/// `min_delta` over the best one. Counting restarts after each time.
fn n_plateaus(epochs: &[EpochMetrics], by: BestBy, patience: usize, min_delta: f64) -> usize {
    let mut best = f64::INFINITY;
    let (mut waited, mut n) = (0, 0);
    for epoch in epochs {
        let badness = badness(epoch, by);
        if badness < best - min_delta {
            (best, waited) = (badness, 0);
        } else {
            waited += 1;
        }
        if waited == patience {
            (waited, n) = (0, n + 1);
        }
    }
    n
}

/// Whether a stage ends after these epochs.
pub fn ends(epochs: &[EpochMetrics], by: BestBy, stopping: Option<EarlyStoppingSpec>) -> bool {
    stopping
        .is_some_and(|stopping| n_plateaus(epochs, by, stopping.patience, stopping.min_delta) > 0)
}

/// A value that is lower for a better epoch.
fn badness(epoch: &EpochMetrics, by: BestBy) -> f64 {
    match by {
        BestBy::ValidationLoss => epoch.validation.loss,
        BestBy::ValidationAccuracy | BestBy::SubsetAccuracy => -epoch.validation.score.value(),
        BestBy::MeanAbsoluteError => epoch.validation.score.value(),
        // A metric that is not defined is no reason to choose an epoch.
        BestBy::BalancedAccuracy | BestBy::MacroF1 | BestBy::AveragePrecision => {
            -further(epoch.further, by).unwrap_or(0.0)
        }
        BestBy::Spearman => -further(epoch.further, by).unwrap_or(-1.0),
    }
}

/// Whether an epoch is better than another. A tie goes to the lower loss, and with equal losses
/// neither is better.
pub fn is_better(epoch: &EpochMetrics, best: &EpochMetrics, by: BestBy) -> bool {
    let [ours, theirs] = [epoch, best].map(|epoch| badness(epoch, by));
    ours < theirs || (ours <= theirs && epoch.validation.loss < best.validation.loss)
}

/// The value of a further metric; `None` if it is not there or not defined.
fn further(further: Further, by: BestBy) -> Option<f64> {
    match (further, by) {
        (Further::Class { balanced_accuracy, .. }, BestBy::BalancedAccuracy) => {
            Some(balanced_accuracy)
        }
        (Further::Class { macro_f1, .. } | Further::Several { macro_f1, .. }, BestBy::MacroF1) => {
            Some(macro_f1)
        }
        (Further::Several { average_precision, .. }, BestBy::AveragePrecision) => average_precision,
        (Further::Number { spearman, .. }, BestBy::Spearman) => spearman,
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Evaluated, Score};

    fn rates(spec: ScheduleSpec, warmup: Option<WarmupSpec>, losses: &[f64]) -> Vec<f64> {
        let epochs: Vec<EpochMetrics> = losses.iter().map(|&loss| epoch(loss)).collect();
        let n_epochs = losses.len();
        let by = BestBy::ValidationLoss;
        let schedule = Schedule { spec, warmup, rate: 1.0, n_epochs, best_by: by };
        let rate = |at: usize| schedule.rate(&epochs[..at / 2], at % 2, 2);
        (0..2 * n_epochs).map(rate).collect()
    }

    fn epoch(loss: f64) -> EpochMetrics {
        let evaluated = Evaluated { loss, score: Score::Accuracy(0.5) };
        EpochMetrics {
            epoch: 1,
            train: evaluated,
            validation: evaluated,
            further: Further::None {},
            learning_rate: 1.0,
        }
    }

    #[track_caller]
    fn assert_rates(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found:?} instead of {expected:?}");
        }
    }

    #[test]
    fn rates_follow_their_formulas() {
        let losses = [1.0; 3];
        let half = std::f64::consts::FRAC_1_SQRT_2;
        assert_rates(&rates(ScheduleSpec::Constant, None, &losses), &[1.0; 6]);
        let step = ScheduleSpec::Step { every: 2, factor: 0.1 };
        assert_rates(&rates(step, None, &losses), &[1.0, 1.0, 1.0, 1.0, 0.1, 0.1]);
        let exponential = ScheduleSpec::Exponential { factor: 0.25 };
        assert_rates(&rates(exponential, None, &losses), &[1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125]);
        let cosine = ScheduleSpec::Cosine { end: 0.0 };
        let expected = [1.0, 0.5 + half / 2.0, 0.5, 0.5 - half / 2.0];
        assert_rates(&rates(cosine, None, &losses[..2]), &expected);
        let warm = Some(WarmupSpec::Steps(2));
        assert_rates(&rates(cosine, warm, &losses), &[&[0.5, 1.0][..], &expected].concat());
        assert_rates(
            &rates(step, Some(WarmupSpec::Epochs(1)), &losses),
            &[0.5, 1.0, 1.0, 1.0, 1.0, 1.0],
        );
        let cycle = ScheduleSpec::OneCycle { rise: 0.5, start: 0.2, end: 0.0 };
        assert_rates(&rates(cycle, None, &losses[..2]), &[0.2, 0.6, 1.0, 0.5]);
    }

    #[test]
    fn a_plateau_is_so_many_epochs_without_a_better_one() {
        let plateau = ScheduleSpec::ReduceOnPlateau { factor: 0.5, patience: 2, min_delta: 0.1 };
        let losses = [1.0, 0.95, 0.8, 0.8, 0.75, 0.9, 0.9, 0.1];
        let found = rates(plateau, None, &losses);
        let by_epoch: Vec<f64> = found.iter().step_by(2).copied().collect();
        // 0.95 and 0.75 are not better by more than a tenth.
        assert_rates(&by_epoch, &[1.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25]);
        let ends_after = |n: usize| {
            let epochs: Vec<EpochMetrics> = losses[..n].iter().map(|&loss| epoch(loss)).collect();
            let stopping = EarlyStoppingSpec { patience: 2, min_delta: 0.1 };
            ends(&epochs, BestBy::ValidationLoss, Some(stopping))
        };
        assert_eq!([4, 5, 8].map(ends_after), [false, true, true]);
        assert!(!ends(&[], BestBy::ValidationLoss, None));
    }
}
