//! Predictions of a network, with loss and score.

use serde::{Deserialize, Serialize};

use super::goal::{Goal, Reached};
use super::readout::{Readout, Standard};
use super::{FeatureBatch, FeatureBatches, TrainError};
use crate::base::target::Target;
use crate::base::tensor::Tensor;
use crate::engine::Trainer;
use crate::event::{Evaluated, Further};
use crate::metrics::confusion::ConfusionMatrix;
use crate::metrics::scores::Scores;
use crate::metrics::{self, Scored, number, several};

/// The prediction for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Position of the image in its dataset.
    pub sample: usize,
    /// What is true of it.
    pub target: Target,
    /// Probability of each class, or the one number.
    pub outputs: Vec<f64>,
}

impl Prediction {
    /// The class with the highest probability, of which an image has one. The first class wins a tie.
    pub fn predicted(&self) -> usize {
        metrics::predicted(&self.outputs)
    }
}

/// Loss and score over batches, and the prediction for each image.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Loss and score.
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
    readout: Readout,
) -> Result<Evaluation, TrainError> {
    let goal = Goal::validation(readout);
    let mut mean = RunningMean::default();
    let mut predictions = vec![];
    for batch in batches {
        let FeatureBatch { features, targets, visits, .. } = batch?;
        let logits = trainer.predict(features)?;
        let reached = goal.evaluate(&logits, &targets);
        mean.add(&reached, targets.len());
        let images = logits.rows().zip(&visits).zip(targets);
        predictions.extend(images.map(|((row, visit), target)| Prediction {
            sample: visit.sample,
            target,
            outputs: readout.read(row),
        }));
    }
    Ok(Evaluation { evaluated: mean.value(&goal), predictions })
}

/// Loss and score of predictions, as those of validation images; `None` without any.
pub fn of_predictions(predictions: &[Prediction], readout: Readout) -> Option<Evaluated> {
    let scores = |one: &Prediction| Scores::of(&one.target, &one.outputs);
    let loss = |one: &Prediction| match readout {
        Readout::Number(Standard { deviation, .. }) => {
            let error = scores(one).loss / deviation;
            error * error
        }
        Readout::Softmax | Readout::Sigmoids => scores(one).loss,
    };
    let score = |one: &Prediction| {
        let Scores { accuracy, loss } = scores(one);
        accuracy.unwrap_or(loss)
    };
    let n = predictions.len() as f64;
    let (loss, score): (f64, f64) =
        (predictions.iter().map(loss).sum(), predictions.iter().map(score).sum());
    let score = Goal::validation(readout).score(score / n);
    (!predictions.is_empty()).then_some(Evaluated { loss: loss / n, score })
}

/// The outputs `[n, outputs]` of the trainable part of a network over batches, without dropout, and the
/// target of each image.
///
/// # Errors
/// When a batch cannot be prepared or an engine fails.
pub fn outputs(
    trainer: &mut dyn Trainer,
    batches: FeatureBatches<'_>,
) -> Result<(Tensor, Vec<Target>), TrainError> {
    let (mut values, mut all) = (vec![], vec![]);
    for batch in batches {
        let FeatureBatch { features, targets, .. } = batch?;
        values.extend_from_slice(trainer.predict(features)?.values());
        all.extend(targets);
    }
    let n_outputs = values.len() / all.len().max(1);
    Ok((Tensor::new(&[all.len(), n_outputs], values), all))
}

/// The metrics of predictions that each epoch has besides loss and score.
pub fn further(predictions: &[Prediction]) -> Further {
    let n_outputs = predictions.first().map_or(0, |one| one.outputs.len());
    match predictions.first().map(|one| &one.target) {
        None => Further::None {},
        Some(Target::Class(_)) => {
            let scored = predictions.iter().map(|one| Scored {
                label: one.target.class(),
                predicted: one.predicted(),
                probabilities: &one.outputs,
            });
            let matrix = ConfusionMatrix::count(n_outputs, &scored.collect::<Vec<_>>());
            Further::Class {
                balanced_accuracy: matrix.balanced_accuracy(),
                macro_f1: matrix.macro_f1(),
            }
        }
        Some(Target::Classes(_)) => {
            let scored = predictions.iter().map(|one| several::Scored {
                labels: one.target.classes(),
                probabilities: &one.outputs,
            });
            let scored: Vec<several::Scored<'_>> = scored.collect();
            let (macro_f1, average_precision) = several::of_epoch(n_outputs, &scored);
            Further::Several { macro_f1, average_precision }
        }
        Some(Target::Number(_)) => {
            let scored = predictions.iter().map(|one| number::Scored {
                number: one.target.number(),
                estimate: one.outputs[0],
            });
            let (rmse, r2, spearman) = number::of_epoch(&scored.collect::<Vec<_>>());
            Further::Number { rmse, r2, spearman }
        }
    }
}

/// Loss and score over the images seen so far. Batches are weighted by their size, as in Keras.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct RunningMean {
    loss_sum: f64,
    score_sum: f64,
    n_images: usize,
    n_unlabeled: f64,
}

impl RunningMean {
    /// Adds a batch of `n_images`.
    pub(super) fn add(&mut self, reached: &Reached, n_images: usize) {
        self.loss_sum += reached.loss * n_images as f64;
        self.score_sum += reached.score;
        self.n_images += n_images;
        self.n_unlabeled += reached.n_unlabeled;
    }

    /// The number of images seen so far.
    pub(super) fn n_images(&self) -> usize {
        self.n_images
    }

    /// The means so far, of what `goal` measures. The score is that of the images with labels, and 0
    /// if there are none yet.
    pub(super) fn value(&self, goal: &Goal) -> Evaluated {
        let n = self.n_images.max(1) as f64;
        let n_labeled = n - self.n_unlabeled;
        let score = if n_labeled > 0.0 { self.score_sum / n_labeled } else { 0.0 };
        Evaluated { loss: self.loss_sum / n, score: goal.score(score) }
    }
}
