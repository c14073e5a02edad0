//! Learning rates, gradients and weight averages of a stage, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// Which statistics the batch normalization of trained layers uses.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawBatchNorm {
    /// The running statistics, which stay fixed. Use it for fine-tuning.
    Frozen,
    /// The statistics of each batch, which also update the running statistics. Use it to train from
    /// scratch.
    Train(RawBatchNormTrain),
}

/// Normalization by the statistics of each batch.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawBatchNormTrain {
    /// Weight of the old running statistics in each update, as in Keras. PyTorch's `momentum` is
    /// one minus this number.
    #[serde(default = "defaults::batch_norm_momentum")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) momentum: f64,
}

/// How the learning rate changes during the stage. It starts from the optimizer's rate.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSchedule {
    /// The learning rate stays the same.
    Constant,
    /// Multiply the learning rate by a factor every few epochs.
    Step(RawStepSchedule),
    /// Multiply the learning rate by a factor per epoch, spread over the steps of the epoch.
    Exponential(RawExponential),
    /// Decrease the learning rate along half a cosine, a little in each step.
    Cosine(RawCosine),
    /// Increase, then decrease the learning rate along half cosines (Smith 2018), as in fastai.
    OneCycle(RawOneCycle),
    /// Multiply the learning rate by a factor when `best_by` has not improved for some epochs.
    ReduceOnPlateau(RawPlateau),
}

/// Multiply the learning rate by a factor every few epochs.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawStepSchedule {
    /// Number of epochs between two changes.
    #[schemars(range(min = 1))]
    pub(in crate::pipeline) every: usize,
    /// Factor that the learning rate is multiplied by.
    #[serde(default = "defaults::schedule_factor")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) factor: f64,
}

/// Multiply the learning rate by a factor per epoch.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawExponential {
    /// Factor that the learning rate is multiplied by over one epoch.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) factor: f64,
}

/// Decrease the learning rate along half a cosine.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawCosine {
    /// Learning rate at the end of the stage, as a fraction of the optimizer's.
    #[serde(default)]
    #[schemars(extend("minimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) end: f64,
}

/// Increase, then decrease the learning rate. The defaults are those of fastai.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawOneCycle {
    /// Fraction of the steps in which the learning rate increases.
    #[serde(default = "defaults::one_cycle_rise")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) rise: f64,
    /// Learning rate at the start of the stage, as a fraction of the optimizer's.
    #[serde(default = "defaults::one_cycle_start")]
    #[schemars(extend("minimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) start: f64,
    /// Learning rate at the end of the stage, as a fraction of the optimizer's.
    #[serde(default = "defaults::one_cycle_end")]
    #[schemars(extend("minimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) end: f64,
}

/// Multiply the learning rate by a factor when `best_by` stops improving.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawPlateau {
    /// Factor that the learning rate is multiplied by.
    #[serde(default = "defaults::schedule_factor")]
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) factor: f64,
    /// Number of epochs without improvement before the learning rate changes.
    #[serde(default = "defaults::plateau_patience")]
    #[schemars(range(min = 1))]
    pub(in crate::pipeline) patience: usize,
    /// Smallest change of `best_by` that counts as an improvement.
    #[serde(default)]
    #[schemars(extend("minimum" = 0))]
    pub(in crate::pipeline) min_delta: f64,
}

/// Increase the learning rate linearly at the start of the stage.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawWarmup {
    /// Length of the warm-up in epochs.
    Epochs(#[schemars(range(min = 1))] usize),
    /// Length of the warm-up in steps.
    Steps(#[schemars(range(min = 1))] usize),
}

/// Limit the gradients of each step.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawClipping {
    /// Largest L2 norm of all gradients together. Larger gradients are scaled down to it.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) norm: f64,
}

/// Evaluate and save an exponential moving average (EMA) of the weights instead of the weights.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawAverage {
    /// Weight of the old average in each step, such as 0.999. The first steps use a smaller one.
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) decay: f64,
}

/// Average the weights of the best epochs at the end of the stage, and those of other stages, as a greedy
/// model soup (Wortsman et al. 2022): the best epoch by `best_by`, then each further one that does not
/// make the average worse on the validation images.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawSoup {
    /// Number of epochs to try, the best ones. 3 by default, or 1 with `with`.
    #[schemars(range(min = 1, max = 100))]
    pub(in crate::pipeline) epochs: Option<usize>,
    /// Other stages whose best weights to try: stages that start from the same weights and train the
    /// same layers, such as with other random numbers or learning rates.
    #[serde(default)]
    pub(in crate::pipeline) with: Vec<String>,
}

/// End the stage early when `best_by` stops improving. The best weights are saved in any case.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawEarlyStopping {
    /// Number of epochs without improvement before the stage ends.
    #[schemars(range(min = 1))]
    pub(in crate::pipeline) patience: usize,
    /// Smallest change of `best_by` that counts as an improvement.
    #[serde(default)]
    #[schemars(extend("minimum" = 0))]
    pub(in crate::pipeline) min_delta: f64,
}
