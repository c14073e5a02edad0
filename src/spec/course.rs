//! The settings of a stage that change over its steps: learning rate, gradients, weight averages
//! and early stopping.

use serde::Serialize;

/// Which statistics the batch normalization of trained layers uses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchNormSpec {
    /// The running statistics, which stay fixed.
    Frozen,
    /// The mean and variance of each batch (Ioffe and Szegedy 2015, arXiv 1502.03167), which also
    /// update the running statistics.
    Train {
        /// Weight of the old running statistics in each update.
        momentum: f64,
    },
}

/// How the learning rate changes from step to step, starting from the optimizer's rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleSpec {
    /// The learning rate stays the same.
    Constant,
    /// Multiply it by a factor every few epochs.
    Step {
        /// Epochs between changes.
        every: usize,
        /// Factor of each change.
        factor: f64,
    },
    /// Multiply it by a factor per epoch, spread over the steps.
    Exponential {
        /// Factor per epoch.
        factor: f64,
    },
    /// Decrease it along half a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983).
    Cosine {
        /// Rate at the end, as a fraction of the optimizer's.
        end: f64,
    },
    /// Increase, then decrease it along half cosines (Smith 2018, arXiv 1803.09820; as in fastai).
    OneCycle {
        /// Fraction of the steps in which the rate increases.
        rise: f64,
        /// Rate at the start, as a fraction of the optimizer's.
        start: f64,
        /// Rate at the end, as a fraction of the optimizer's.
        end: f64,
    },
    /// Multiply it by a factor when the metric of the best epoch has not improved for some epochs.
    ReduceOnPlateau {
        /// Factor of each change.
        factor: f64,
        /// Epochs without improvement before it takes effect.
        patience: usize,
        /// Smallest change that counts as an improvement.
        min_delta: f64,
    },
}

/// Length of the linear increase of the learning rate at the start of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WarmupSpec {
    /// In epochs.
    Epochs(usize),
    /// In steps.
    Steps(usize),
}

/// A limit on gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ClippingSpec {
    /// Largest L2 norm of all gradients of a step together (Pascanu et al. 2013, arXiv 1211.5063).
    pub norm: f64,
}

/// An exponential moving average of the weights, which is evaluated and saved instead of them
/// (Polyak and Juditsky 1992).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AverageSpec {
    /// Weight of the old average in each step. In step `n` it is at most `(1 + n) / (10 + n)`, so
    /// that the initial weights are soon forgotten.
    pub decay: f64,
}

/// An average of the weights of the best epochs of a stage and of other stages, at its end. The best
/// epoch comes first; the others are added from the best to the worst, each if the average does not
/// become worse on the validation images (a greedy model soup; Wortsman et al. 2022, arXiv 2203.05482,
/// recipe 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SoupSpec {
    /// Number of epochs that are tried, the best ones.
    pub epochs: usize,
    /// Other stages whose best weights are tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<String>,
}

/// When a stage ends before its last epoch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct EarlyStoppingSpec {
    /// Epochs without improvement before it takes effect.
    pub patience: usize,
    /// Smallest change that counts as an improvement.
    pub min_delta: f64,
}
