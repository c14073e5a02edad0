//! The epochs of one stage.

use std::time::Instant;

use super::evaluate::{self, Prediction, RunningMean};
use super::{FeatureBatch, FeatureSource, TrainError, objective};
use crate::base::fs::FileError;
use crate::base::random::SeedStream;
use crate::engine::{StepRandomness, Trainer};
use crate::event::{EpochMetrics, EpochTimes, Evaluated, Event, EventSink};
use crate::model::weights::Weights;
use crate::spec::BestBy;

/// Which of a stage's weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Those of the best epoch so far.
    Best,
    /// Those of the epoch just finished.
    Last,
}

/// Keeps weights at the end of an epoch.
pub trait WeightsKeeper {
    /// Keeps the weights of the trainable part.
    ///
    /// # Errors
    /// When they cannot be written.
    fn keep(&mut self, kept: Kept, weights: &Weights) -> Result<(), FileError>;
}

/// What a stage runs.
pub struct Course<'a> {
    /// The stage's name.
    pub stage: &'a str,
    /// How many epochs the weights have seen before.
    pub n_epochs_before: usize,
    /// How many epochs to run.
    pub n_epochs: usize,
    /// The size of a step.
    pub learning_rate: f64,
    /// Which epoch counts as the best.
    pub best_by: BestBy,
    /// Where the stage's randomness comes from.
    pub stream: SeedStream,
}

/// The result of a stage.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// The best epoch.
    pub best: EpochMetrics,
    /// The trainable part's weights at its end.
    pub best_weights: Weights,
    /// What they say about the validation pictures.
    pub best_predictions: Vec<Prediction>,
    /// The trainable part's weights at the end of the last epoch.
    pub last_weights: Weights,
}

/// Runs the epochs of a stage.
///
/// # Errors
/// When a batch cannot be made, an engine fails, the loss is no number, or a result cannot be
/// written.
pub fn fit(
    course: &Course<'_>,
    source: &mut dyn FeatureSource,
    trainer: &mut dyn Trainer,
    sink: &mut dyn EventSink,
    keeper: &mut dyn WeightsKeeper,
) -> Result<Fitted, TrainError> {
    let mut best: Option<(EpochMetrics, Weights, Vec<Prediction>)> = None;
    for epoch in course.n_epochs_before + 1..=course.n_epochs_before + course.n_epochs {
        let start = Instant::now();
        let (train, mut times) = train_epoch(course, epoch, source, trainer, sink)?;
        let validation_start = Instant::now();
        let evaluation = evaluate::evaluate(trainer, source.validation())?;
        times.validation = validation_start.elapsed();
        let validation = evaluation.evaluated;
        check_loss(course, epoch, None, validation.loss)?;
        let metrics =
            EpochMetrics { epoch, train, validation, learning_rate: course.learning_rate };
        let weights = trainer.weights();
        keeper.keep(Kept::Last, &weights)?;
        let is_best =
            best.as_ref().is_none_or(|(best, ..)| is_better(&metrics, best, course.best_by));
        if is_best {
            keeper.keep(Kept::Best, &weights)?;
            best = Some((metrics, weights, evaluation.predictions));
        }
        let stage = course.stage.to_owned();
        times.total = start.elapsed();
        sink.receive(&Event::EpochFinished { stage, metrics, is_best, times })?;
    }
    let (best, best_weights, best_predictions) = best.expect("a stage has at least one epoch");
    sink.receive(&Event::StageFinished { stage: course.stage.to_owned(), best })?;
    Ok(Fitted { best, best_weights, best_predictions, last_weights: trainer.weights() })
}

fn train_epoch(
    course: &Course<'_>,
    epoch: usize,
    source: &mut dyn FeatureSource,
    trainer: &mut dyn Trainer,
    sink: &mut dyn EventSink,
) -> Result<(Evaluated, EpochTimes), TrainError> {
    let stream = course.stream.child("dropout").at(epoch as u64);
    let mut mean = RunningMean::default();
    let mut times = EpochTimes::default();
    for (step, batch) in (1..).zip(source.training(epoch)) {
        let FeatureBatch { features, labels, samples, waiting, frozen } = batch?;
        let samples = samples.iter().map(|&sample| stream.at(sample as u64)).collect();
        let mut outcome = None;
        let mut objective = |logits: &_| {
            let found = objective::evaluate(logits, &labels);
            outcome = Some((found.loss, found.n_correct));
            found.slope
        };
        let randomness = StepRandomness { samples };
        let step_times =
            trainer.step(features, &randomness, &mut objective, course.learning_rate)?;
        times.waiting += waiting;
        times.frozen += frozen;
        times.forward += step_times.forward;
        times.backward += step_times.backward;
        times.optimizer += step_times.optimizer;
        let (loss, n_correct) = outcome.expect("a step evaluates its objective");
        check_loss(course, epoch, Some(step), loss)?;
        mean.add(loss, n_correct, labels.len());
        let Evaluated { loss, accuracy } = mean.value();
        sink.receive(&Event::StepFinished { step, n_images: mean.n_images(), loss, accuracy })?;
    }
    Ok((mean.value(), times))
}

fn check_loss(
    course: &Course<'_>,
    epoch: usize,
    step: Option<usize>,
    loss: f64,
) -> Result<(), TrainError> {
    if loss.is_finite() {
        return Ok(());
    }
    let what = if step.is_some() { "training" } else { "validation" };
    Err(TrainError::LossNotFinite { what, stage: course.stage.to_owned(), epoch, step, loss })
}

/// Whether an epoch beats the best one before it; ties go to the earlier one.
fn is_better(epoch: &EpochMetrics, best: &EpochMetrics, by: BestBy) -> bool {
    let (epoch, best) = (epoch.validation, best.validation);
    match by {
        BestBy::ValidationLoss => epoch.loss < best.loss,
        BestBy::ValidationAccuracy => {
            epoch.accuracy > best.accuracy
                || (epoch.accuracy >= best.accuracy && epoch.loss < best.loss)
        }
    }
}
