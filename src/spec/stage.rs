//! Stages: which layers are trained, from which weights, and how.

use serde::{Serialize, Serializer};

use super::course::{
    AverageSpec, BatchNormSpec, ClippingSpec, EarlyStoppingSpec, ScheduleSpec, SoupSpec, WarmupSpec,
};
use super::mixing::MixingSpec;
use super::objective::{ClassWeightsSpec, LossSpec, SamplingSpec};
use super::{AugmentationSpec, FitSpec, TargetSpec, TeacherSpec};

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageSpec {
    /// Name, unique in the pipeline, where it is the key.
    #[serde(skip)]
    pub name: String,
    /// How its weights are found.
    #[serde(flatten)]
    pub kind: StageKind,
}

/// How the weights of a stage are found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// By training over epochs.
    Train(Box<TrainSpec>),
    /// By fitting the head.
    Fit(FitSpec),
}

impl StageSpec {
    /// The stage whose weights it starts from.
    pub fn from(&self) -> Option<&str> {
        self.start().0
    }

    /// The stages that must run before it: the one that it starts from, and those whose weights it
    /// averages with its own.
    pub fn needs(&self) -> impl Iterator<Item = &str> {
        let others = self.soup_with().iter().map(String::as_str);
        self.from().into_iter().chain(others.filter(|name| *name != self.name))
    }

    /// The stages whose weights it averages with its own.
    pub fn soup_with(&self) -> &[String] {
        let soup = self.train().and_then(|train| train.soup.as_ref());
        soup.map_or(&[], |soup| &soup.with)
    }

    /// The stage and the weights that it starts from.
    pub fn start(&self) -> (Option<&str>, Option<FromWeights>) {
        match &self.kind {
            StageKind::Train(train) => (train.from.as_deref(), train.from_weights),
            StageKind::Fit(fit) => (fit.from.as_deref(), fit.from_weights),
        }
    }

    /// Its settings, if it trains over epochs.
    pub fn train(&self) -> Option<&TrainSpec> {
        match &self.kind {
            StageKind::Train(train) => Some(train),
            StageKind::Fit(_) => None,
        }
    }

    /// The key of its kind in pipelines.
    pub fn key(&self) -> &'static str {
        match self.kind {
            StageKind::Train(_) => "train",
            StageKind::Fit(_) => "fit",
        }
    }

    /// Which layers are frozen.
    pub fn freeze(&self) -> &FreezeSpec {
        match &self.kind {
            StageKind::Train(train) => &train.freeze,
            StageKind::Fit(_) => &FreezeSpec::All,
        }
    }

    /// Number of epochs. Fitting counts as one.
    pub fn epochs(&self) -> usize {
        self.train().map_or(1, |train| train.epochs)
    }

    /// Which training images an epoch visits.
    pub fn sampling(&self) -> SamplingSpec {
        self.train().map_or(SamplingSpec::Shuffled, |train| train.sampling)
    }

    /// The metric that selects the best epoch.
    pub fn best_by(&self) -> BestBy {
        match &self.kind {
            StageKind::Train(train) => train.best_by,
            StageKind::Fit(fit) => fit.best_by,
        }
    }
}

/// The settings of a training stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainSpec {
    /// Stage whose weights it starts from. `None` for the first stage of a chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which weights of that stage it starts from. `None` for the first stage of a chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_weights: Option<FromWeights>,
    /// Which layers are frozen.
    #[serde(flatten)]
    pub freeze: FreezeSpec,
    /// Random changes to the training images of this stage. `None` for those of the pipeline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Vec<AugmentationSpec>>,
    /// Number of augmented versions of each image, for changes of its own. `None` to augment anew in
    /// each epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augmentation_views: Option<usize>,
    /// Which training images an epoch visits.
    pub sampling: SamplingSpec,
    /// Number of passes over the training set.
    pub epochs: usize,
    /// How the weights are updated from their gradients.
    pub optimizer: OptimizerSpec,
    /// How the learning rate changes.
    pub schedule: ScheduleSpec,
    /// How it increases at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<WarmupSpec>,
    /// Learning rate of each block as a fraction of that of the block after it; the head has the full
    /// rate (discriminative fine-tuning; Howard and Ruder 2018, arXiv 1801.06146, section 3.2).
    /// `None` if all have the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer_decay: Option<f64>,
    /// Which weights of the layers that are not frozen are trained.
    #[serde(skip_serializing_if = "TrainedSpec::is_all")]
    pub parameters: TrainedSpec,
    /// Which statistics the batch normalization of trained layers uses.
    pub batch_norm: BatchNormSpec,
    /// Loss of a training image.
    pub loss: LossSpec,
    /// Part of each training label that is spread evenly over all classes (Szegedy et al. 2016,
    /// arXiv 1512.00567).
    pub label_smoothing: f64,
    /// Weight of each class in the training loss.
    pub class_weights: ClassWeightsSpec,
    /// Limit on the gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_clipping: Option<ClippingSpec>,
    /// Average of the weights that is evaluated and saved instead of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_average: Option<AverageSpec>,
    /// Average of the weights of the best epochs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soup: Option<SoupSpec>,
    /// Random mixtures of the images of a batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mixing: Option<MixingSpec>,
    /// A model that the stage learns from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TeacherSpec>,
    /// Metric that selects the best epoch.
    pub best_by: BestBy,
    /// When the stage ends early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStoppingSpec>,
    /// Number of parts of each batch, whose gradients are summed in a fixed order.
    pub micro_batches: usize,
}

/// Which layers are frozen. The head is always trained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FreezeSpec {
    /// The whole base model.
    All,
    /// No layer.
    None,
    /// The layers before this one.
    Before {
        /// Name of the first layer that is trained.
        layer: String,
    },
}

impl Serialize for FreezeSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::All => map.serialize_entry("freeze", "all")?,
            Self::None => map.serialize_entry("freeze", "none")?,
            Self::Before { layer } => map.serialize_entry("unfreeze_from", layer)?,
        }
        map.end()
    }
}

/// Which weights of the base model are trained, in layers that are not frozen. The head is always
/// trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrainedSpec {
    /// All of them.
    #[default]
    All,
    /// The scales and shifts of normalizations (Frankle, Schwab and Morcos 2021, arXiv 2003.00152).
    Normalization,
    /// The biases of layers and the shifts of normalizations (Ben Zaken, Goldberg and Ravfogel 2022,
    /// arXiv 2106.10199).
    Biases,
}

impl TrainedSpec {
    /// Whether it is all of them.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }
}

/// Which weights of a stage to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWeights {
    /// The weights of its best epoch.
    Best,
    /// The weights of its last epoch.
    Last,
}

impl FromWeights {
    /// Its name in pipelines and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Last => "last",
        }
    }
}

/// How the weights are updated from their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerSpec {
    /// Adam (Kingma and Ba 2015, arXiv 1412.6980), with Keras's place for epsilon.
    Adam(AdamSpec),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).
    Adamw {
        /// Weight decay per step, multiplied by the learning rate.
        weight_decay: f64,
        /// The other settings, as in Adam.
        #[serde(flatten)]
        adam: AdamSpec,
    },
    /// Stochastic gradient descent.
    Sgd(SgdSpec),
}

impl OptimizerSpec {
    /// Its name in pipelines.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Adam(_) => "adam",
            Self::Adamw { .. } => "adamw",
            Self::Sgd(_) => "sgd",
        }
    }

    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Adam(adam) | Self::Adamw { adam, .. } => adam.learning_rate,
            Self::Sgd(sgd) => sgd.learning_rate,
        }
    }
}

/// The settings of Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AdamSpec {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay rate of the mean of gradients.
    pub beta_1: f64,
    /// Decay rate of the mean of squared gradients.
    pub beta_2: f64,
    /// Added to the square root of the mean of squared gradients.
    pub epsilon: f64,
}

/// The settings of stochastic gradient descent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SgdSpec {
    /// Learning rate.
    pub learning_rate: f64,
    /// Weight of the previous update in each step.
    pub momentum: f64,
    /// Whether to use Nesterov momentum (Nesterov 1983).
    pub nesterov: bool,
}

/// The metric that selects the best epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum BestBy {
    /// Lowest validation loss. The first epoch wins a tie.
    #[serde(rename = "val/loss")]
    ValidationLoss,
    /// Highest validation accuracy. Ties go to the lower loss, then to the first epoch.
    #[serde(rename = "val/accuracy")]
    ValidationAccuracy,
    /// Highest mean recall over classes. Ties go to the lower loss, then to the first epoch.
    #[serde(rename = "val/balanced_accuracy")]
    BalancedAccuracy,
    /// Highest mean F1 score over classes. Ties go to the lower loss, then to the first epoch.
    #[serde(rename = "val/macro_f1")]
    MacroF1,
    /// Highest fraction of images with exactly the right classes.
    #[serde(rename = "val/subset_accuracy")]
    SubsetAccuracy,
    /// Highest mean average precision over classes.
    #[serde(rename = "val/average_precision")]
    AveragePrecision,
    /// Lowest mean absolute error of a number.
    #[serde(rename = "val/mae")]
    MeanAbsoluteError,
    /// Highest rank correlation of numbers.
    #[serde(rename = "val/spearman")]
    Spearman,
}

impl BestBy {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ValidationLoss,
        Self::ValidationAccuracy,
        Self::BalancedAccuracy,
        Self::MacroF1,
        Self::SubsetAccuracy,
        Self::AveragePrecision,
        Self::MeanAbsoluteError,
        Self::Spearman,
    ];

    /// Those that there are for a target.
    pub fn of(target: TargetSpec) -> &'static [Self] {
        match target {
            TargetSpec::Class => &[
                Self::ValidationLoss,
                Self::ValidationAccuracy,
                Self::BalancedAccuracy,
                Self::MacroF1,
            ],
            TargetSpec::Classes => {
                &[Self::ValidationLoss, Self::SubsetAccuracy, Self::MacroF1, Self::AveragePrecision]
            }
            TargetSpec::Number => &[Self::ValidationLoss, Self::MeanAbsoluteError, Self::Spearman],
        }
    }

    /// Its name in pipelines and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::ValidationLoss => "val/loss",
            Self::ValidationAccuracy => "val/accuracy",
            Self::BalancedAccuracy => "val/balanced_accuracy",
            Self::MacroF1 => "val/macro_f1",
            Self::SubsetAccuracy => "val/subset_accuracy",
            Self::AveragePrecision => "val/average_precision",
            Self::MeanAbsoluteError => "val/mae",
            Self::Spearman => "val/spearman",
        }
    }

    /// Why an epoch is the best, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::ValidationLoss => "lowest validation loss",
            Self::ValidationAccuracy => "highest validation accuracy",
            Self::BalancedAccuracy => "highest balanced accuracy",
            Self::MacroF1 => "highest macro F1",
            Self::SubsetAccuracy => "highest subset accuracy",
            Self::AveragePrecision => "highest mean average precision",
            Self::MeanAbsoluteError => "lowest mean absolute error",
            Self::Spearman => "highest rank correlation",
        }
    }
}
