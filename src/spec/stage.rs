//! Stages: what is trained, from where, and how.

use serde::{Serialize, Serializer};

use super::course::{
    AverageSpec, BatchNormSpec, ClippingSpec, EarlyStoppingSpec, ScheduleSpec, WarmupSpec,
};

/// A stage of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StageSpec {
    /// Its name, unique in the pipeline, where it is the key.
    #[serde(skip)]
    pub name: String,
    /// How it trains.
    pub train: TrainSpec,
}

impl StageSpec {
    /// The stage it goes on from.
    pub fn from(&self) -> Option<&str> {
        self.train.from.as_deref()
    }
}

/// A stage that trains.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrainSpec {
    /// The stage it goes on from; the first stage of a chain goes on from none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which of that stage's weights it goes on from; nothing to choose in the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_weights: Option<FromWeights>,
    /// Which layers stand still.
    #[serde(flatten)]
    pub freeze: FreezeSpec,
    /// Passes over the training pictures.
    pub epochs: usize,
    /// How weights follow their gradients.
    pub optimizer: OptimizerSpec,
    /// How the learning rate changes.
    pub schedule: ScheduleSpec,
    /// How it rises at the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup: Option<WarmupSpec>,
    /// What normalisations that train go by.
    pub batch_norm: BatchNormSpec,
    /// The share of each picture's label that goes to all classes alike (Szegedy et al. 2016, arXiv
    /// 1512.00567).
    pub label_smoothing: f64,
    /// A bound on gradients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_clipping: Option<ClippingSpec>,
    /// An average of weights that takes their place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_average: Option<AverageSpec>,
    /// Which epoch's weights count as the best.
    pub best_by: BestBy,
    /// When the stage ends before its last epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStoppingSpec>,
    /// Parts of a batch whose gradients are added in a fixed tree.
    pub micro_batches: usize,
}

/// Which layers stand still; the head always trains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FreezeSpec {
    /// The whole base model.
    All,
    /// Nothing.
    None,
    /// The layers before this one.
    Before {
        /// The first layer that trains, by name.
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

/// Which weights of a stage the next one goes on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FromWeights {
    /// Those of its best epoch.
    Best,
    /// Those of its last epoch.
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

/// How weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OptimizerSpec {
    /// Adam (Kingma and Ba 2015, arXiv 1412.6980), with Keras's place for epsilon.
    Adam(AdamSpec),
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).
    Adamw {
        /// The share of each weight taken away in a step of rate one.
        weight_decay: f64,
        /// As in Adam.
        #[serde(flatten)]
        adam: AdamSpec,
    },
    /// Stochastic gradient descent.
    Sgd(SgdSpec),
}

impl OptimizerSpec {
    /// The learning rate.
    pub fn learning_rate(&self) -> f64 {
        match self {
            Self::Adam(adam) | Self::Adamw { adam, .. } => adam.learning_rate,
            Self::Sgd(sgd) => sgd.learning_rate,
        }
    }
}

/// The numbers of Adam.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AdamSpec {
    /// Size of a step.
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    pub beta_1: f64,
    /// Decay of the mean of squared gradients.
    pub beta_2: f64,
    /// Added to the root of the mean of squared gradients.
    pub epsilon: f64,
}

/// The numbers of stochastic gradient descent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SgdSpec {
    /// Size of a step.
    pub learning_rate: f64,
    /// Share of the last step that is kept.
    pub momentum: f64,
    /// Whether the gradient is taken ahead of the momentum (Nesterov 1983).
    pub nesterov: bool,
}

/// Which epoch's weights count as the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum BestBy {
    /// The lowest validation loss; of equal ones the first.
    #[serde(rename = "val/loss")]
    ValidationLoss,
    /// The highest validation accuracy; of equal ones that with the lower loss, then the first.
    #[serde(rename = "val/accuracy")]
    ValidationAccuracy,
    /// The highest mean recall over classes; of equal ones that with the lower loss, then the first.
    #[serde(rename = "val/balanced_accuracy")]
    BalancedAccuracy,
    /// The highest mean F1 score over classes; of equal ones that with the lower loss, then the
    /// first.
    #[serde(rename = "val/macro_f1")]
    MacroF1,
}

impl BestBy {
    /// Its name in pipelines and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::ValidationLoss => "val/loss",
            Self::ValidationAccuracy => "val/accuracy",
            Self::BalancedAccuracy => "val/balanced_accuracy",
            Self::MacroF1 => "val/macro_f1",
        }
    }

    /// What the best epoch has, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::ValidationLoss => "lowest validation loss",
            Self::ValidationAccuracy => "highest validation accuracy",
            Self::BalancedAccuracy => "highest balanced accuracy",
            Self::MacroF1 => "highest macro F1",
        }
    }
}
