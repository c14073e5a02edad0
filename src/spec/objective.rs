//! The loss of a stage, and what it does about uneven classes.

use std::collections::BTreeMap;

use serde::Serialize;

use super::TrainSpec;
use crate::base::text;

/// The weight of each class in the training loss.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeightsSpec {
    /// All classes have the weight 1.
    None,
    /// In proportion to one over the number of training images of the class.
    Balanced,
    /// In proportion to one over the effective number of training images of the class (Cui et al.
    /// 2019, arXiv 1901.05555).
    Effective {
        /// How slowly further images stop counting, from 0 (at once) to 1 (never).
        beta: f64,
    },
    /// By the names of the classes.
    #[serde(untagged)]
    ByName(BTreeMap<String, f64>),
}

/// Which training images an epoch visits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SamplingSpec {
    /// Each image once.
    Shuffled,
    /// As many images as there are, each class equally often.
    Balanced,
}

/// The loss of an image, as a function of the probability of its class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LossSpec {
    /// The cross-entropy.
    CrossEntropy,
    /// The cross-entropy times a power of one minus the probability (Lin et al. 2017, arXiv
    /// 1708.02002).
    Focal {
        /// The exponent.
        gamma: f64,
    },
    /// For numbers, the squared error in training standard deviations.
    Mse,
    /// For numbers, half the squared error up to a limit and linear beyond (Huber 1964).
    Huber {
        /// The limit, in training standard deviations.
        delta: f64,
    },
}

impl LossSpec {
    /// The exponent of the focal loss; 0 for the others.
    pub fn gamma(self) -> f64 {
        match self {
            Self::CrossEntropy | Self::Mse | Self::Huber { .. } => 0.0,
            Self::Focal { gamma } => gamma,
        }
    }
}

impl TrainSpec {
    /// The settings that make probabilities differ from the frequencies of the classes in the data,
    /// as they are written in a pipeline.
    fn reweighted_by(&self) -> Vec<&'static str> {
        let weights = match self.class_weights {
            ClassWeightsSpec::None => None,
            ClassWeightsSpec::Balanced => Some("class_weights: balanced"),
            ClassWeightsSpec::Effective { .. } => Some("class_weights: effective"),
            ClassWeightsSpec::ByName(_) => Some("class_weights"),
        };
        let sampling = match self.sampling {
            SamplingSpec::Shuffled => None,
            SamplingSpec::Balanced => Some("sampling: balanced"),
        };
        let loss = (self.loss.gamma() > 0.0).then_some("loss: focal");
        weights.into_iter().chain(sampling).chain(loss).collect()
    }

    /// A sentence on the probabilities of the stage's model, if they are not calibrated to the
    /// frequencies of the classes.
    pub fn about_probabilities(&self) -> Option<String> {
        let settings = self.reweighted_by();
        (!settings.is_empty()).then(|| {
            format!(
                "the best weights were trained with {}, so probabilities are not calibrated to how \
                 often each class occurs: choose a threshold on the validation set instead of \
                 reading them as frequencies",
                text::all_of(settings)
            )
        })
    }
}
