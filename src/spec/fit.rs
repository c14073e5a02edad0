//! Stages that compute a head, or the temperature of one, instead of training it.

use serde::{Serialize, Serializer};

use super::{AugmentationSpec, BestBy, FromWeights};

/// The settings of a stage that fits the head.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FitSpec {
    /// Stage whose base model it uses. `None` for the base model itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which weights of that stage it uses. `None` for the base model itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_weights: Option<FromWeights>,
    /// What is minimized.
    #[serde(flatten)]
    pub method: FitMethod,
    /// Random changes to the training images.
    pub augmentation: Vec<AugmentationSpec>,
    /// Number of augmented versions of each training image. `None` without augmentation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augmentation_views: Option<usize>,
    /// Metric that selects the best stage of a run.
    pub best_by: BestBy,
}

/// What a stage that fits the head minimizes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FitMethod {
    /// The cross-entropy, with a penalty on the squares of the weights (logistic regression).
    Logistic(PenaltySpec),
    /// The squared error of a number, with a penalty on the squares of the weights (Hoerl and Kennard
    /// 1970).
    Ridge(PenaltySpec),
    /// The distances to the mean features of each class (Snell, Swersky and Zemel 2017, arXiv
    /// 1703.05175).
    Prototypes(PrototypesSpec),
    /// The cross-entropy of the validation images, by one number that divides all outputs (Guo et al.
    /// 2017, arXiv 1706.04599, section 4.2).
    Temperature(TemperatureSpec),
}

impl FitMethod {
    /// Its key in pipelines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Logistic(_) => "logistic",
            Self::Ridge(_) => "ridge",
            Self::Prototypes(_) => "prototypes",
            Self::Temperature(_) => "temperature",
        }
    }
}

/// The settings of class means. There are none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PrototypesSpec {}

/// The settings of a temperature. There are none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TemperatureSpec {}

/// The settings of a penalty.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PenaltySpec {
    /// Its strength.
    pub l2: L2,
}

/// The strength of a penalty on weights: half of it times the sum of their squares is added to the
/// mean loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum L2 {
    /// The one with the lowest loss in cross-validation.
    Auto,
    /// This one.
    Fixed(f64),
}

impl Serialize for L2 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Fixed(l2) => serializer.serialize_f64(*l2),
        }
    }
}
