//! Rates, gradients and averages of a stage as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// What batch normalisations of layers that train go by.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawBatchNorm {
    /// Their running means, which stand still: right for fine-tuning.
    Frozen,
    /// The statistics of each batch, which the running means follow: needed to train from scratch.
    Train(RawBatchNormTrain),
}

/// Normalisation by the batch.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawBatchNormTrain {
    /// The share of the old running mean that is kept in a step, as Keras counts it (PyTorch's is what is left).
    #[serde(default = "defaults::batch_norm_momentum")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) momentum: f64,
}

/// How the learning rate changes, from the optimizer's rate on.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSchedule {
    /// Not at all.
    Constant,
    /// Multiplied by a factor every few epochs.
    Step(RawStepSchedule),
    /// Multiplied by a factor an epoch, a part of it in each step.
    Exponential(RawExponential),
    /// Half a cosine down to a share of the rate, a part of it in each step.
    Cosine(RawCosine),
    /// Up and down along half cosines (Smith 2018).
    OneCycle(RawOneCycle),
    /// Multiplied by a factor where `best_by` has not become better for some epochs.
    ReduceOnPlateau(RawPlateau),
}

/// A factor every few epochs.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawStepSchedule {
    /// Epochs between changes.
    #[schemars(range(min = 1))]
    pub(in crate::pipeline) every: usize,
    /// The factor.
    #[serde(default = "defaults::schedule_factor")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) factor: f64,
}

/// A factor an epoch.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawExponential {
    /// The factor of an epoch.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) factor: f64,
}

/// Half a cosine.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawCosine {
    /// The share of the rate at the end.
    #[serde(default)]
    #[schemars(extend("minimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) end: f64,
}

/// Up and down.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawOneCycle {
    /// The share of the steps that go up.
    #[serde(default = "defaults::one_cycle_rise")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) rise: f64,
    /// The share of the rate at the start.
    #[serde(default = "defaults::one_cycle_start")]
    #[schemars(extend("minimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) start: f64,
    /// The share of the rate at the end.
    #[serde(default = "defaults::one_cycle_end")]
    #[schemars(extend("minimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) end: f64,
}

/// A factor where nothing becomes better.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawPlateau {
    /// The factor.
    #[serde(default = "defaults::schedule_factor")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) factor: f64,
    /// Epochs without a better one.
    #[serde(default = "defaults::plateau_patience")]
    #[schemars(range(min = 1))]
    pub(in crate::pipeline) patience: usize,
    /// By how much an epoch must be better to count.
    #[serde(default)]
    #[schemars(extend("minimum" = 0))]
    pub(in crate::pipeline) min_delta: f64,
}

/// Steps at the start of a stage in which the learning rate rises along a line.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawWarmup {
    /// This many epochs.
    Epochs(#[schemars(range(min = 1))] usize),
    /// This many steps.
    Steps(#[schemars(range(min = 1))] usize),
}

/// A bound on the gradients of a step.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawClipping {
    /// The largest length that all gradients have together; longer ones are shortened to it.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) norm: f64,
}

/// An exponential moving average of the weights, which is what is evaluated and kept.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawAverage {
    /// The share of the average that is kept in a step; less in the first steps.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) decay: f64,
}

/// When a stage ends before its last epoch; its best weights are kept in any case.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawEarlyStopping {
    /// Epochs without a better one.
    #[schemars(range(min = 1))]
    pub(in crate::pipeline) patience: usize,
    /// By how much an epoch must be better to count.
    #[serde(default)]
    #[schemars(extend("minimum" = 0))]
    pub(in crate::pipeline) min_delta: f64,
}
