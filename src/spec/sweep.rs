//! A search over values of a pipeline.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A value of a pipeline that an arm of a sweep sets.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Setting {
    /// The key as in `-S`, such as `stages.finetune.train.epochs`.
    pub key: String,
    /// The value.
    pub value: Value,
}

/// A search over values of a pipeline, which other commands than `sweep` ignore.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SweepSpec {
    /// The keys that vary.
    pub over: Vec<AxisSpec>,
    /// How the arms are chosen.
    pub search: SearchSpec,
    /// The number of folds that each arm is run on; `None` for the split of the pipeline.
    pub folds: Option<usize>,
    /// How often the images are divided into folds anew.
    pub repeats: usize,
    /// The seeds that each arm is run with; empty for the pipeline's own.
    pub seeds: Vec<u64>,
    /// What arms are ranked by.
    pub rank_by: RankBy,
}

impl SweepSpec {
    /// The number of arms.
    pub fn n_arms(&self) -> usize {
        let n_values = |axis: &AxisSpec| match &axis.values {
            ValuesSpec::OneOf(values) => values.len(),
            ValuesSpec::Between { .. } => 1,
        };
        self.search.n_drawn().unwrap_or_else(|| self.over.iter().map(n_values).product())
    }

    /// The number of runs of an arm.
    pub fn runs_per_arm(&self) -> usize {
        self.folds.map_or(1, |folds| folds * self.repeats) * self.seeds.len().max(1)
    }
}

/// A key that varies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AxisSpec {
    /// The key as it was written.
    pub key: String,
    /// Its values.
    pub values: ValuesSpec,
}

/// The values of a key.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ValuesSpec {
    /// One of these.
    OneOf(Vec<Value>),
    /// Any number from the first to the second.
    Between {
        /// The smallest number.
        from: f64,
        /// The largest number.
        to: f64,
        /// Whether differences or ratios count.
        scale: Scale,
        /// Whether only whole numbers are meant.
        is_whole: bool,
    },
}

/// Whether differences or ratios between numbers count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Differences.
    Linear,
    /// Ratios.
    Log,
}

/// How the arms of a sweep are chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchSpec {
    /// All combinations.
    Grid,
    /// Random combinations.
    Random {
        /// Their number.
        arms: usize,
        /// The seed of the draws.
        seed: u64,
    },
    /// Many arms with few epochs, and the best of them with more.
    Halving(HalvingSpec),
    /// Each arm from the results of those before it.
    Tpe {
        /// Their number.
        arms: usize,
        /// The seed of the draws.
        seed: u64,
    },
}

impl SearchSpec {
    /// The number of arms that are drawn; `None` if they are all combinations.
    pub fn n_drawn(&self) -> Option<usize> {
        match self {
            Self::Grid => None,
            Self::Random { arms, .. } | Self::Tpe { arms, .. } => Some(*arms),
            Self::Halving(halving) => halving.random.map(|(arms, _)| arms),
        }
    }
}

/// Successive halving.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HalvingSpec {
    /// The number of random arms and the seed of the draws; `None` for all combinations.
    pub random: Option<(usize, u64)>,
    /// One of so many arms of a round is in the next.
    pub keep: usize,
    /// The key of the number of epochs.
    pub key: String,
    /// The number of epochs in each round.
    pub epochs: Vec<usize>,
}

impl HalvingSpec {
    /// The number of arms in the last round that there are at least.
    pub const LEAST_IN_ROUND: usize = 2;
}

/// What arms are ranked and compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// Accuracy.
    Accuracy,
    /// Of several labels an image, the fraction of images with exactly the right ones.
    SubsetAccuracy,
    /// Log loss.
    LogLoss,
    /// The absolute error of a number.
    AbsoluteError,
}

impl RankBy {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::SubsetAccuracy => "subset_accuracy",
            Self::LogLoss => "log_loss",
            Self::AbsoluteError => "mae",
        }
    }

    /// Its name in sentences.
    pub fn words(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::SubsetAccuracy => "subset accuracy",
            Self::LogLoss => "log loss",
            Self::AbsoluteError => "mean absolute error",
        }
    }

    /// Whether more of it is better.
    pub fn is_gain(self) -> bool {
        matches!(self, Self::Accuracy | Self::SubsetAccuracy)
    }
}
