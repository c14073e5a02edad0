//! Training: objective, metrics, epochs and the choice of the best one, based on the engines'
//! traits. It uses no files, terminal or images. Decisions and results are reported as events.

pub mod class_weights;
pub mod evaluate;
pub mod fit;
pub mod goal;
pub mod head;
pub mod number;
pub mod objective;
pub mod range_test;
pub mod readout;
pub mod schedule;
pub mod several;
mod soup;
pub mod state;
pub mod teacher;
pub mod timing;

use std::error::Error;
use std::time::Duration;

use crate::base::batch::Visit;
use crate::base::fs::FileError;
use crate::base::target::Target;
use crate::engine::{EngineError, Features};

/// The features that the frozen part computes for a batch, with the targets of its images.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureBatch {
    /// Features.
    pub features: Features,
    /// Target of each image.
    pub targets: Vec<Target>,
    /// The image of each row: its position in the dataset, and how often it was visited before.
    pub visits: Vec<Visit>,
    /// If images are mixtures, the share of its own image in each row; the image of the row before it
    /// has the rest, and for the first row that of the last.
    pub mixed: Option<f64>,
    /// Time that the trainer waited for images.
    pub waiting: Duration,
    /// Time that the frozen part took.
    pub frozen: Duration,
}

/// Batches of one pass, or the error that ended it.
pub type FeatureBatches<'a> = Box<dyn Iterator<Item = Result<FeatureBatch, TrainError>> + 'a>;

/// The features that a stage trains on.
pub trait FeatureSource {
    /// A pass over the training images, in the order and with the augmentation of an epoch. It
    /// starts after the first `n_steps` batches.
    fn training(&mut self, epoch: usize, n_steps: usize) -> FeatureBatches<'_>;
    /// A pass over the validation images.
    fn validation(&mut self) -> FeatureBatches<'_>;
}

/// An error that ended training.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A batch could not be prepared.
    #[error("a batch could not be prepared")]
    Batch(#[source] Box<dyn Error + Send + Sync>),
    /// An engine failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The loss became infinite or not a number.
    #[error("the {what} loss of stage `{stage}` became {loss} in epoch {epoch}{}", at_step(*step))]
    LossNotFinite {
        /// "training" or "validation".
        what: &'static str,
        /// Name of the stage.
        stage: String,
        /// Epoch, from one.
        epoch: usize,
        /// Step in the epoch, from one; `None` in validation.
        step: Option<usize>,
        /// Value of the loss.
        loss: f64,
    },
    /// The user asked to stop. A checkpoint of the stage has been saved.
    #[error("interrupted in stage `{stage}`, epoch {epoch}")]
    Cancelled {
        /// Name of the stage.
        stage: String,
        /// Epoch in progress.
        epoch: usize,
    },
    /// Another rank of the run failed.
    #[error("rank {rank} failed: {message}")]
    OtherRank {
        /// The rank.
        rank: usize,
        /// Its error.
        message: String,
    },
    /// A result could not be written.
    #[error(transparent)]
    Record(#[from] FileError),
}

fn at_step(step: Option<usize>) -> String {
    step.map(|step| format!(", step {step}")).unwrap_or_default()
}

impl TrainError {
    /// Hints on how to fix it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::LossNotFinite { .. } => vec![
                "try a smaller `learning_rate`; the epochs before this one are saved in the run directory"
                    .to_owned(),
            ],
            Self::Batch(_)
            | Self::Engine(_)
            | Self::Cancelled { .. }
            | Self::OtherRank { .. }
            | Self::Record(_) => vec![],
        }
    }
}
