//! How a stage goes through its steps: rates, gradients, averages, and when it ends.

use serde::Serialize;

/// What normalisations of layers that train go by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchNormSpec {
    /// Their running means, which stand still.
    Frozen,
    /// The mean and variance of each batch (Ioffe and Szegedy 2015, arXiv 1502.03167), which the
    /// running means follow.
    Train {
        /// The share of the old running mean that is kept in a step.
        momentum: f64,
    },
}

/// How the learning rate changes from step to step, from the rate of the optimiser on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleSpec {
    /// Not at all.
    Constant,
    /// Multiplied by a factor every few epochs.
    Step {
        /// Epochs between changes.
        every: usize,
        /// The factor.
        factor: f64,
    },
    /// Multiplied by a factor an epoch, a part of it a step.
    Exponential {
        /// The factor of an epoch.
        factor: f64,
    },
    /// Half a cosine down to a share of the rate (Loshchilov and Hutter 2017, arXiv 1608.03983).
    Cosine {
        /// The share at the end.
        end: f64,
    },
    /// Up and down along half cosines (Smith 2018, arXiv 1803.09820; as in fastai).
    OneCycle {
        /// The share of the steps that go up.
        rise: f64,
        /// The share of the rate at the start.
        start: f64,
        /// The share of the rate at the end.
        end: f64,
    },
    /// Multiplied by a factor where the measure of the best epoch has not become better for some
    /// epochs.
    ReduceOnPlateau {
        /// The factor.
        factor: f64,
        /// Epochs without a better one.
        patience: usize,
        /// By how much an epoch must be better to count.
        min_delta: f64,
    },
}

/// Steps at the start in which the learning rate rises along a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarmupSpec {
    /// This many epochs.
    Epochs(usize),
    /// This many steps.
    Steps(usize),
}

/// A bound on gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClippingSpec {
    /// The largest length that all gradients of a step have together (Pascanu et al. 2013, arXiv
    /// 1211.5063).
    pub norm: f64,
}

/// An exponential moving average of weights, which is what is evaluated and kept (Polyak and
/// Juditsky 1992).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AverageSpec {
    /// The share of the average that is kept in a step, once there have been enough; after `n` steps
    /// `(1 + n) / (10 + n)` where that is less.
    pub decay: f64,
}

/// When a stage ends before its last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EarlyStoppingSpec {
    /// Epochs without a better one.
    pub patience: usize,
    /// By how much an epoch must be better to count.
    pub min_delta: f64,
}
