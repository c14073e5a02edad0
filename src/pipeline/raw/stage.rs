//! A stage under `stages:` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::course::{
    RawAverage, RawBatchNorm, RawClipping, RawEarlyStopping, RawSchedule, RawWarmup,
};
use super::defaults;
use super::task::{RawEvaluate, RawExport};

/// What a stage does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawStage {
    /// Trains part of the model.
    Train(RawTrain),
    /// Measures the model of a stage on pictures that did not train it.
    Evaluate(RawEvaluate),
    /// Writes the model of a stage for other software, as an ONNX file.
    Export(RawExport),
}

/// A stage that trains. The head always trains; batch normalisation keeps its statistics unless
/// `batch_norm` says otherwise, and its scale and shift train where the layer does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawTrain {
    /// The stage this one goes on from; the stage written above it where it is left out.
    pub(in crate::pipeline) from: Option<String>,
    /// Which of that stage's weights this one goes on from; `best` where it is left out.
    pub(in crate::pipeline) from_weights: Option<RawFromWeights>,
    /// Which part of the base model stands still; `all` where this and `unfreeze_from` are left out.
    pub(in crate::pipeline) freeze: Option<RawFreeze>,
    /// The first layer of the base model that trains: its name, or its index in Keras's list.
    pub(in crate::pipeline) unfreeze_from: Option<RawLayer>,
    /// Passes over the training pictures.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(in crate::pipeline) epochs: usize,
    /// How weights follow their gradients.
    #[serde(default = "defaults::optimizer")]
    pub(in crate::pipeline) optimizer: RawOptimizer,
    /// How the learning rate changes, from the optimizer's rate on.
    #[serde(default = "defaults::schedule")]
    pub(in crate::pipeline) schedule: RawSchedule,
    /// Steps at the start in which the learning rate rises along a line.
    pub(in crate::pipeline) warmup: Option<RawWarmup>,
    /// What batch normalisations of layers that train go by.
    #[serde(default = "defaults::batch_norm")]
    pub(in crate::pipeline) batch_norm: RawBatchNorm,
    /// The share of each picture's label that goes to all classes alike, in training.
    #[serde(default)]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) label_smoothing: f64,
    /// A bound on the gradients of a step.
    pub(in crate::pipeline) gradient_clipping: Option<RawClipping>,
    /// An exponential moving average of the weights, which is what is evaluated and kept.
    pub(in crate::pipeline) weight_average: Option<RawAverage>,
    /// Which epoch's weights count as the best.
    #[serde(default = "defaults::best_by")]
    pub(in crate::pipeline) best_by: RawBestBy,
    /// When the stage ends before its last epoch.
    pub(in crate::pipeline) early_stopping: Option<RawEarlyStopping>,
    /// Parts that a batch is cut into; their gradients are added in a fixed tree. Results depend on
    /// this number, not on how many threads compute the parts.
    #[serde(default = "defaults::micro_batches")]
    #[schemars(range(min = 1, max = 64))]
    pub(in crate::pipeline) micro_batches: usize,
}

/// Which weights of a stage the next one goes on from.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFromWeights {
    /// Those of its best epoch.
    Best,
    /// Those of its last epoch.
    Last,
}

/// Which part of the base model stands still.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFreeze {
    /// All of it: only the head trains.
    All,
    /// Nothing: everything trains.
    None,
}

/// A layer of the base model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawLayer {
    /// Its index in Keras's list. Indices moved between Keras releases; the name is what is recorded.
    Index(u64),
    /// Its name.
    Name(String),
}

/// How weights follow their gradients.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawOptimizer {
    /// Adam (Kingma and Ba 2015), as in Keras.
    Adam(RawAdam),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw(RawAdamw),
    /// Stochastic gradient descent.
    Sgd(RawSgd),
}

/// The numbers of Adam.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawAdam {
    /// Size of a step.
    #[serde(default = "defaults::adam_learning_rate")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) learning_rate: f64,
    /// Decay of the mean of gradients.
    #[serde(default = "defaults::beta_1")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) beta_1: f64,
    /// Decay of the mean of squared gradients.
    #[serde(default = "defaults::beta_2")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) beta_2: f64,
    /// Added to the root of the mean of squared gradients, as Keras adds it.
    #[serde(default = "defaults::epsilon")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) epsilon: f64,
}

/// The numbers of Adam with decoupled weight decay.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawAdamw {
    /// The share of each weight taken away in a step of rate one; scales, shifts and biases keep theirs.
    #[serde(default = "defaults::weight_decay")]
    #[schemars(extend("minimum" = 0))]
    pub(in crate::pipeline) weight_decay: f64,
    /// Size of a step.
    #[serde(default = "defaults::adam_learning_rate")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) learning_rate: f64,
    /// Decay of the mean of gradients.
    #[serde(default = "defaults::beta_1")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) beta_1: f64,
    /// Decay of the mean of squared gradients.
    #[serde(default = "defaults::beta_2")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) beta_2: f64,
    /// Added to the root of the mean of squared gradients, as Keras adds it.
    #[serde(default = "defaults::epsilon")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) epsilon: f64,
}

/// The numbers of stochastic gradient descent.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawSgd {
    /// Size of a step.
    #[serde(default = "defaults::sgd_learning_rate")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) learning_rate: f64,
    /// Share of the last step that is kept.
    #[serde(default)]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) momentum: f64,
    /// Whether the gradient is taken ahead of the momentum.
    #[serde(default)]
    pub(in crate::pipeline) nesterov: bool,
}

/// Which epoch's weights count as the best.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub(in crate::pipeline) enum RawBestBy {
    /// The lowest validation loss; of equal ones the first.
    #[serde(rename = "val/loss")]
    ValidationLoss,
    /// The highest validation accuracy; of equal ones that with the lower loss, then the first.
    #[serde(rename = "val/accuracy")]
    ValidationAccuracy,
    /// The highest mean recall over classes, for uneven classes; of equal ones that with the lower
    /// loss, then the first.
    #[serde(rename = "val/balanced_accuracy")]
    BalancedAccuracy,
    /// The highest mean F1 score over classes; of equal ones that with the lower loss, then the
    /// first.
    #[serde(rename = "val/macro_f1")]
    MacroF1,
}
