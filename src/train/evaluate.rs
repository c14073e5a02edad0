//! Predictions of a network, with loss and accuracy.

use serde::{Deserialize, Serialize};

use super::objective;
use super::{FeatureBatch, FeatureBatches, TrainError};
use crate::engine::Trainer;
use crate::event::Evaluated;
use crate::metrics;

/// The prediction for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Position of the image in its dataset.
    pub sample: usize,
    /// True class.
    pub label: usize,
    /// Probability of each class.
    pub probabilities: Vec<f64>,
}

impl Prediction {
    /// The class with the highest probability. The first class wins a tie.
    pub fn predicted(&self) -> usize {
        metrics::predicted(&self.probabilities)
    }
}

/// Loss and accuracy over batches, and the prediction for each image.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Loss and accuracy.
    pub evaluated: Evaluated,
    /// One entry per image, in the order of the batches.
    pub predictions: Vec<Prediction>,
}

/// Runs the trainable part of a network over batches, without dropout.
///
/// # Errors
/// When a batch cannot be prepared or an engine fails.
pub fn evaluate(
    trainer: &mut dyn Trainer,
    batches: FeatureBatches<'_>,
) -> Result<Evaluation, TrainError> {
    let mut mean = RunningMean::default();
    let mut predictions = vec![];
    for batch in batches {
        let FeatureBatch { features, labels, visits, .. } = batch?;
        let logits = trainer.predict(features)?;
        let outcome = objective::evaluate(&logits, &labels, 0.0);
        mean.add(outcome.loss, outcome.n_correct, labels.len());
        let pictures = logits.rows().zip(&visits).zip(&labels);
        predictions.extend(pictures.map(|((row, visit), &label)| Prediction {
            sample: visit.sample,
            label,
            probabilities: objective::probabilities(row),
        }));
    }
    Ok(Evaluation { evaluated: mean.value(), predictions })
}

/// Loss and accuracy over the images seen so far. Batches are weighted by their size, as in Keras.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct RunningMean {
    loss_sum: f64,
    n_correct: usize,
    n_images: usize,
}

impl RunningMean {
    /// Adds a batch with its mean loss.
    pub(super) fn add(&mut self, loss: f64, n_correct: usize, n_images: usize) {
        self.loss_sum += loss * n_images as f64;
        self.n_correct += n_correct;
        self.n_images += n_images;
    }

    /// The number of images seen so far.
    pub(super) fn n_images(&self) -> usize {
        self.n_images
    }

    /// The means so far.
    pub(super) fn value(&self) -> Evaluated {
        let n = self.n_images.max(1) as f64;
        Evaluated { loss: self.loss_sum / n, accuracy: self.n_correct as f64 / n }
    }
}
