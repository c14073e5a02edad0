//! A stage under `stages:`, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::augmentation::RawAugmentation;
use super::course::{
    RawAverage, RawBatchNorm, RawClipping, RawEarlyStopping, RawSchedule, RawSoup, RawWarmup,
};
use super::dataset::Auto;
use super::defaults;
use super::mixing::RawMixing;
use super::objective::{RawClassWeights, RawLoss, RawSampling};
use super::task::{RawEvaluate, RawExport};
use super::teacher::RawTeacher;

/// What a stage does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawStage {
    /// Train part of the model.
    Train(Box<RawTrain>),
    /// Compute the head from the features of all training images at once, without epochs and a learning
    /// rate, or calibrate the probabilities of a trained one.
    Fit(RawHeadFit),
    /// Evaluate the model of a stage on images it was not trained on.
    Evaluate(RawEvaluate),
    /// Export the model of a stage as an ONNX file.
    Export(RawExport),
}

/// A training stage. The head is always trained. Batch normalization keeps its statistics unless
/// `batch_norm` is `train`. Its scale and shift are trained with their layer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawTrain {
    /// Stage whose weights this one starts from. The training stage above it by default.
    pub(in crate::pipeline) from: Option<String>,
    /// Which weights of that stage to start from. `best` by default.
    pub(in crate::pipeline) from_weights: Option<RawFromWeights>,
    /// Part of the base model to freeze. `all` by default, unless `unfreeze_from` or
    /// `unfreeze_last` is given.
    pub(in crate::pipeline) freeze: Option<RawFreeze>,
    /// First part of the base model to train: a block, such as `block_12`, a layer by its name, or
    /// a layer by its index. All layers before it are frozen. Blocks are numbered from `block_0`;
    /// `alpaca-run layers` lists the layers.
    pub(in crate::pipeline) unfreeze_from: Option<RawLayer>,
    /// Number of blocks to train at the end of the base model, with the layers after them.
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::pipeline) unfreeze_last: Option<usize>,
    /// Random changes to the training images of this stage, instead of those of the pipeline. With
    /// `[]`, its images are not changed, so that features of a frozen base model are computed once.
    pub(in crate::pipeline) augmentation: Option<Vec<RawAugmentation>>,
    /// Number of augmented versions of each training image, for a stage with its own `augmentation`.
    /// By default every image is augmented anew in each epoch.
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::pipeline) augmentation_views: Option<usize>,
    /// Which training images an epoch visits: each of them once, or each class equally often.
    #[serde(default = "defaults::sampling")]
    pub(in crate::pipeline) sampling: RawSampling,
    /// Number of passes over the training set.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub(in crate::pipeline) epochs: usize,
    /// How the weights are updated from their gradients.
    #[serde(default = "defaults::optimizer")]
    pub(in crate::pipeline) optimizer: RawOptimizer,
    /// How the learning rate changes during the stage. It starts from the optimizer's rate.
    #[serde(default = "defaults::schedule")]
    pub(in crate::pipeline) schedule: RawSchedule,
    /// Increase the learning rate linearly at the start of the stage.
    pub(in crate::pipeline) warmup: Option<RawWarmup>,
    /// Layer-wise learning-rate decay: the learning rate of each block is that of the block after it,
    /// times this factor, such as 0.8. The head has the full rate. By default all layers have the
    /// same rate.
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) layer_decay: Option<f64>,
    /// Which weights of the base model to train, in layers that are not frozen. The head is always
    /// trained.
    #[serde(default = "defaults::parameters")]
    pub(in crate::pipeline) parameters: RawTrained,
    /// Which statistics the batch normalization of trained layers uses.
    #[serde(default = "defaults::batch_norm")]
    pub(in crate::pipeline) batch_norm: RawBatchNorm,
    /// Loss of a training image. `cross_entropy` by default, or `mse` for numbers. Validation losses
    /// are always those of the default.
    pub(in crate::pipeline) loss: Option<RawLoss>,
    /// Part of each training label that is spread evenly over all classes. It keeps the model from
    /// becoming overconfident.
    #[serde(default)]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) label_smoothing: f64,
    /// Weight of each class in the training loss, for uneven classes: a rule, or a weight for each
    /// class by its name, such as `{ alpaca: 2.0, llama: 1.0 }`.
    #[serde(default = "defaults::class_weights")]
    pub(in crate::pipeline) class_weights: RawClassWeights,
    /// Limit the gradients of each step.
    pub(in crate::pipeline) gradient_clipping: Option<RawClipping>,
    /// Evaluate and save an exponential moving average (EMA) of the weights instead of the weights.
    pub(in crate::pipeline) weight_average: Option<RawAverage>,
    /// At the end of the stage, average the weights of its best epochs (a model soup), if that is not
    /// worse than the best epoch alone.
    pub(in crate::pipeline) soup: Option<RawSoup>,
    /// Train on random mixtures of the images of a batch, whose targets are mixed likewise.
    pub(in crate::pipeline) mixing: Option<RawMixing>,
    /// A trained model whose outputs for the training images are learned besides their labels
    /// (distillation): its path, or its path with settings.
    pub(in crate::pipeline) teacher: Option<RawTeacher>,
    /// Validation metric that selects the best epoch.
    #[serde(default = "defaults::best_by")]
    pub(in crate::pipeline) best_by: RawBestBy,
    /// End the stage early when `best_by` stops improving. By default it trains all `epochs`.
    pub(in crate::pipeline) early_stopping: Option<RawEarlyStopping>,
    /// Number of parts that each batch is divided into for parallel computation. Gradients are
    /// summed in a fixed order, so results depend on this number but not on the number of threads.
    #[serde(default = "defaults::micro_batches")]
    #[schemars(range(min = 1, max = 64))]
    pub(in crate::pipeline) micro_batches: usize,
}

/// A stage that fits the head to the features of the frozen base model. Features are standardized
/// first: each has mean 0 and a variance of about 1 over the training images. With `temperature` it
/// calibrates the probabilities of another stage instead.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawHeadFit {
    /// Stage whose base model this one uses. The training stage above it by default.
    pub(in crate::pipeline) from: Option<String>,
    /// Which weights of that stage to use. `best` by default.
    pub(in crate::pipeline) from_weights: Option<RawFromWeights>,
    /// Logistic regression: minimizes the cross-entropy. The default for classes.
    pub(in crate::pipeline) logistic: Option<RawPenalty>,
    /// Ridge regression: minimizes the squared error of a number. The default for numbers.
    pub(in crate::pipeline) ridge: Option<RawPenalty>,
    /// Nearest class mean: classifies an image by its distances to the mean features of each class. For
    /// very many classes.
    pub(in crate::pipeline) prototypes: Option<RawPrototypes>,
    /// Temperature scaling: keeps the weights of `from`, which is required, and divides its outputs by
    /// one number, so that probabilities fit the validation images best.
    pub(in crate::pipeline) temperature: Option<RawTemperature>,
    /// Random changes to the training images of this stage. By default they are not changed,
    /// whatever the pipeline says.
    #[serde(default)]
    pub(in crate::pipeline) augmentation: Vec<RawAugmentation>,
    /// Number of augmented versions of each training image. Required with `augmentation`.
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::pipeline) augmentation_views: Option<usize>,
    /// Validation metric that selects the best stage of a run.
    #[serde(default = "defaults::best_by")]
    pub(in crate::pipeline) best_by: RawBestBy,
}

/// Nearest class mean (Snell et al. 2017). It has no settings.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawPrototypes {}

/// Temperature scaling (Guo et al. 2017). It has no settings.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawTemperature {}

/// A penalty on the weights of the head.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawPenalty {
    /// Strength of the penalty: `l2 / 2` times the sum of the squared weights is added to the mean
    /// loss. `auto` takes the strength with the lowest loss in a cross-validation of the training
    /// images.
    #[serde(default)]
    pub(in crate::pipeline) l2: RawL2,
}

/// The strength of a penalty.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawL2 {
    /// By cross-validation.
    Auto(Auto),
    /// A number.
    Fixed(#[schemars(extend("exclusiveMinimum" = 0))] f64),
}

impl Default for RawL2 {
    fn default() -> Self {
        Self::Auto(Auto::Auto)
    }
}

/// Which weights of a stage to use.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFromWeights {
    /// The weights of its best epoch.
    Best,
    /// The weights of its last epoch.
    Last,
}

/// Part of the base model to freeze.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawFreeze {
    /// All of it, so that only the head is trained.
    All,
    /// None of it, so that all weights are trained.
    None,
}

/// Which weights of the base model to train.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawTrained {
    /// All of them.
    All,
    /// Only the scales and shifts of normalization.
    Normalization,
    /// Only the biases of layers and the shifts of normalization (`BitFit`).
    Biases,
}

/// A layer of the base model.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawLayer {
    /// Index of the layer, for MobileNetV2 in Keras's list. Indices differ between releases of Keras,
    /// so the name is recorded.
    Index(u64),
    /// Name of the block or layer. Blocks are numbered from `block_0`.
    Name(String),
}

/// How the weights are updated from their gradients.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawOptimizer {
    /// Adam (Kingma and Ba 2015), as in Keras.
    Adam(RawAdam),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    Adamw(RawAdamw),
    /// Stochastic gradient descent, with optional momentum.
    Sgd(RawSgd),
}

/// Adam. The defaults are those of Keras.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawAdam {
    /// Learning rate.
    #[serde(default = "defaults::adam_learning_rate")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) learning_rate: f64,
    /// Decay rate of the mean of gradients.
    #[serde(default = "defaults::beta_1")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) beta_1: f64,
    /// Decay rate of the mean of squared gradients.
    #[serde(default = "defaults::beta_2")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) beta_2: f64,
    /// Added to the square root of the mean of squared gradients, to avoid division by zero.
    #[serde(default = "defaults::epsilon")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) epsilon: f64,
}

/// Adam with decoupled weight decay. The defaults are those of Keras.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawAdamw {
    /// Weight decay per step, multiplied by the learning rate. It does not apply to biases and to
    /// the scales and shifts of normalization.
    #[serde(default = "defaults::weight_decay")]
    #[schemars(extend("minimum" = 0))]
    pub(in crate::pipeline) weight_decay: f64,
    /// Learning rate.
    #[serde(default = "defaults::adam_learning_rate")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) learning_rate: f64,
    /// Decay rate of the mean of gradients.
    #[serde(default = "defaults::beta_1")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) beta_1: f64,
    /// Decay rate of the mean of squared gradients.
    #[serde(default = "defaults::beta_2")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) beta_2: f64,
    /// Added to the square root of the mean of squared gradients, to avoid division by zero.
    #[serde(default = "defaults::epsilon")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) epsilon: f64,
}

/// Stochastic gradient descent. The defaults are those of Keras.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawSgd {
    /// Learning rate.
    #[serde(default = "defaults::sgd_learning_rate")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) learning_rate: f64,
    /// Momentum: weight of the previous update in each step.
    #[serde(default)]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) momentum: f64,
    /// Whether to use Nesterov momentum.
    #[serde(default)]
    pub(in crate::pipeline) nesterov: bool,
}

/// Validation metric that selects the best epoch.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
pub(in crate::pipeline) enum RawBestBy {
    /// Lowest validation loss. The first epoch wins a tie.
    #[serde(rename = "val/loss")]
    ValidationLoss,
    /// Highest validation accuracy. Ties go to the lower loss, then to the first epoch.
    #[serde(rename = "val/accuracy")]
    ValidationAccuracy,
    /// Highest mean recall over classes, for imbalanced datasets. Ties go to the lower loss, then
    /// to the first epoch.
    #[serde(rename = "val/balanced_accuracy")]
    BalancedAccuracy,
    /// Highest mean F1 score over classes. Ties go to the lower loss, then to the first epoch.
    #[serde(rename = "val/macro_f1")]
    MacroF1,
    /// For several labels an image: highest fraction of images with exactly the right labels.
    #[serde(rename = "val/subset_accuracy")]
    SubsetAccuracy,
    /// For several labels an image: highest mean average precision (mAP) over classes.
    #[serde(rename = "val/average_precision")]
    AveragePrecision,
    /// For numbers: lowest mean absolute error.
    #[serde(rename = "val/mae")]
    MeanAbsoluteError,
    /// For numbers: highest rank correlation (Spearman's).
    #[serde(rename = "val/spearman")]
    Spearman,
}
