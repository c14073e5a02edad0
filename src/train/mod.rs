//! Training: objective, metrics, epochs and which of them was best, over the engines' traits.
//!
//! No files, no terminal, no images: what training decides on and finds leaves as events.

pub mod evaluate;
pub mod fit;
pub mod objective;
pub mod schedule;
pub mod state;

use std::error::Error;
use std::time::Duration;

use crate::base::fs::FileError;
use crate::engine::{EngineError, Features};

/// What the frozen part makes of a batch, with what is known about its images.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureBatch {
    /// The features.
    pub features: Features,
    /// The class of each image.
    pub labels: Vec<usize>,
    /// The position of each image in its dataset.
    pub samples: Vec<usize>,
    /// How long the trainer waited for images.
    pub waiting: Duration,
    /// How long the frozen part took.
    pub frozen: Duration,
}

/// Batches of one pass, or why the next one could not be made.
pub type FeatureBatches<'a> = Box<dyn Iterator<Item = Result<FeatureBatch, TrainError>> + 'a>;

/// The features that a stage trains on.
pub trait FeatureSource {
    /// A pass over the training images, in the order and with the changes of an epoch, from the
    /// batch behind the first `n_steps` on.
    fn training(&mut self, epoch: usize, n_steps: usize) -> FeatureBatches<'_>;
    /// A pass over the validation images.
    fn validation(&mut self) -> FeatureBatches<'_>;
}

/// Training that could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A batch could not be made.
    #[error("a batch could not be prepared")]
    Batch(#[source] Box<dyn Error + Send + Sync>),
    /// An engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The loss is not a number any more.
    #[error("the {what} loss of stage `{stage}` became {loss} in epoch {epoch}{}", at_step(*step))]
    LossNotFinite {
        /// "training" or "validation".
        what: &'static str,
        /// The stage.
        stage: String,
        /// The epoch, from one.
        epoch: usize,
        /// The step in the epoch, from one; none in validation.
        step: Option<usize>,
        /// What it became.
        loss: f64,
    },
    /// Somebody asked to stop; how far the stage came is kept.
    #[error("interrupted in stage `{stage}`, epoch {epoch}")]
    Cancelled {
        /// The stage.
        stage: String,
        /// The epoch that would have gone on.
        epoch: usize,
    },
    /// A result could not be written down.
    #[error(transparent)]
    Record(#[from] FileError),
}

fn at_step(step: Option<usize>) -> String {
    step.map(|step| format!(", step {step}")).unwrap_or_default()
}

impl TrainError {
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::LossNotFinite { .. } => vec![
                "try a smaller `learning_rate`; the epochs before this one are saved in the run directory"
                    .to_owned(),
            ],
            Self::Batch(_) | Self::Engine(_) | Self::Cancelled { .. } | Self::Record(_) => vec![],
        }
    }
}
