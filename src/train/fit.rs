//! The epochs of one stage.

use std::time::Instant;

use alpaca_random::SeedStream;

use super::evaluate::{self, Prediction};
use super::schedule::{self, Schedule};
use super::state::{Best, Done, FinishedEpoch, PartialEpoch, StageState};
use super::{FeatureBatch, FeatureSource, TrainError, objective};
use crate::base::cancel::Cancel;
use crate::base::fs::FileError;
use crate::engine::{StepRandomness, Trainer};
use crate::event::{EpochMetrics, Evaluated, Event, EventSink};
use crate::metrics::Scored;
use crate::metrics::confusion::ConfusionMatrix;
use crate::model::weights::Weights;
use crate::spec::{BestBy, EarlyStoppingSpec, FromWeights};

/// Which of a stage's weights are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Those of the best epoch so far.
    Best,
    /// Those of the epoch just finished.
    Last,
}

/// Keeps what must outlive the process.
pub trait Checkpointer {
    /// Keeps the weights of the trainable part at the end of an epoch.
    ///
    /// # Errors
    /// When they cannot be written.
    fn keep(&mut self, which: FromWeights, weights: &Weights) -> Result<(), FileError>;

    /// Keeps how far the stage has come, in place of what was kept before.
    ///
    /// # Errors
    /// When it cannot be written.
    fn checkpoint(&mut self, state: &StageState) -> Result<(), FileError>;
}

/// What a stage runs.
pub struct Course<'a> {
    /// The stage's name.
    pub stage: &'a str,
    /// How many epochs the weights have seen before.
    pub n_epochs_before: usize,
    /// How many epochs to run.
    pub n_epochs: usize,
    /// Steps of an epoch.
    pub n_steps: usize,
    /// The size of each step.
    pub schedule: Schedule,
    /// The share of labels that goes to all classes alike.
    pub label_smoothing: f64,
    /// Which epoch counts as the best.
    pub best_by: BestBy,
    /// When the stage ends before its last epoch.
    pub early_stopping: Option<EarlyStoppingSpec>,
    /// Where the stage's randomness comes from.
    pub stream: SeedStream,
    /// After how many steps its state is kept, besides at the end of each epoch.
    pub checkpoint_every: Option<usize>,
    /// Ends the stage after the step in progress.
    pub cancel: &'a Cancel,
}

/// The result of a stage.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// What was measured in each epoch.
    pub epochs: Vec<FinishedEpoch>,
    /// The best epoch.
    pub best: Best,
    /// The trainable part's weights at the end of the last epoch.
    pub last_weights: Weights,
}

/// Who takes part in a stage.
pub struct FitContext<'a> {
    /// Gives batches.
    pub source: &'a mut dyn FeatureSource,
    /// Learns from them.
    pub trainer: &'a mut dyn Trainer,
    /// Hears what happens.
    pub sink: &'a mut dyn EventSink,
    /// Keeps what must outlive the process.
    pub checkpointer: &'a mut dyn Checkpointer,
}

/// Runs the epochs of a stage, or the rest of them from `state` on.
///
/// # Errors
/// When a batch cannot be made, an engine fails, the loss is no number, a result cannot be
/// written, or the stage is canceled.
pub fn fit(
    course: &Course<'_>,
    context: &mut FitContext<'_>,
    state: Option<StageState>,
) -> Result<Fitted, TrainError> {
    let (mut done, mut partial) = match state {
        Some(StageState { done, partial, trainer }) => {
            context.trainer.restore(trainer);
            (done, partial)
        }
        None => (Done::default(), PartialEpoch::default()),
    };
    while !is_over(course, &done) {
        let epoch = course.n_epochs_before + done.epochs.len() + 1;
        train_epoch(course, epoch, context, &done, &mut partial)?;
        finish_epoch(course, epoch, context, &mut done, &partial)?;
        partial = PartialEpoch::default();
        checkpoint(context.trainer, context.checkpointer, &done, &partial)?;
        check_cancel(course, &done)?;
    }
    let Done { epochs, best } = done;
    let best = best.expect("a stage has at least one epoch");
    let stage = course.stage.to_owned();
    let ended_early = epochs.len() < course.n_epochs;
    let patience = course.early_stopping.filter(|_| ended_early).map(|rule| rule.patience);
    context.sink.receive(&Event::StageFinished { stage, best: best.metrics, patience })?;
    Ok(Fitted { epochs, best, last_weights: context.trainer.weights() })
}

/// Whether there is no epoch left.
fn is_over(course: &Course<'_>, done: &Done) -> bool {
    done.epochs.len() >= course.n_epochs
        || schedule::ends(&done.metrics(), course.best_by, course.early_stopping)
}

/// The steps of an epoch that are not done yet.
fn train_epoch(
    course: &Course<'_>,
    epoch: usize,
    context: &mut FitContext<'_>,
    done: &Done,
    partial: &mut PartialEpoch,
) -> Result<(), TrainError> {
    let stream = course.stream.child("dropout").at(epoch as u64);
    let start = Instant::now();
    let before = partial.times.total;
    let past = done.metrics();
    let FitContext { source, trainer, sink, checkpointer } = context;
    for batch in source.training(epoch, partial.n_steps) {
        let FeatureBatch { features, labels, samples, waiting, frozen } = batch?;
        let samples = samples.iter().map(|&sample| stream.at(sample as u64)).collect();
        let mut outcome = None;
        let mut objective = |logits: &_| {
            let found = objective::evaluate(logits, &labels, course.label_smoothing);
            outcome = Some((found.loss, found.n_correct));
            found.slope
        };
        let randomness = StepRandomness { samples };
        let rate = course.schedule.rate(&past, partial.n_steps, course.n_steps);
        let step_times = trainer.step(features, &randomness, &mut objective, rate)?;
        let (loss, n_correct) = outcome.expect("a step evaluates its objective");
        partial.n_steps += 1;
        check_loss(course, epoch, Some(partial.n_steps), loss)?;
        partial.mean.add(loss, n_correct, labels.len());
        let times = &mut partial.times;
        times.waiting += waiting;
        times.frozen += frozen;
        times.forward += step_times.forward;
        times.backward += step_times.backward;
        times.optimizer += step_times.optimizer;
        times.total = before + start.elapsed();
        let Evaluated { loss, accuracy } = partial.mean.value();
        let (step, n_images) = (partial.n_steps, partial.mean.n_images());
        sink.receive(&Event::StepFinished { step, n_images, loss, accuracy })?;
        let is_due = course.checkpoint_every.is_some_and(|every| step.is_multiple_of(every));
        if is_due || course.cancel.is_set() {
            checkpoint(*trainer, *checkpointer, done, partial)?;
        }
        check_cancel(course, done)?;
    }
    Ok(())
}

/// Validation, and what an epoch leaves.
fn finish_epoch(
    course: &Course<'_>,
    epoch: usize,
    context: &mut FitContext<'_>,
    done: &mut Done,
    partial: &PartialEpoch,
) -> Result<(), TrainError> {
    let FitContext { source, trainer, sink, checkpointer } = context;
    let start = Instant::now();
    let evaluation = evaluate::evaluate(*trainer, source.validation())?;
    let mut times = partial.times;
    times.validation = start.elapsed();
    let validation = evaluation.evaluated;
    check_loss(course, epoch, None, validation.loss)?;
    let train = partial.mean.value();
    let last_step = partial.n_steps.saturating_sub(1);
    let learning_rate = course.schedule.rate(&done.metrics(), last_step, course.n_steps);
    let (balanced_accuracy, macro_f1) = over_classes(&evaluation.predictions);
    let metrics =
        EpochMetrics { epoch, train, validation, balanced_accuracy, macro_f1, learning_rate };
    let weights = trainer.weights();
    checkpointer.keep(FromWeights::Last, &weights)?;
    let best = done.best.as_ref();
    let is_best = best.is_none_or(|best| is_better(&metrics, &best.metrics, course.best_by));
    if is_best {
        checkpointer.keep(FromWeights::Best, &weights)?;
        done.best = Some(Best { metrics, weights, predictions: evaluation.predictions });
    }
    times.total += start.elapsed();
    done.epochs.push(FinishedEpoch { metrics, is_best, times });
    let stage = course.stage.to_owned();
    sink.receive(&Event::EpochFinished { stage, metrics, is_best, times })?;
    Ok(())
}

/// Balanced accuracy and macro F1.
fn over_classes(predictions: &[Prediction]) -> (f64, f64) {
    let scored: Vec<Scored<'_>> = predictions
        .iter()
        .map(|prediction| Scored {
            label: prediction.label,
            predicted: prediction.predicted(),
            probabilities: &prediction.probabilities,
        })
        .collect();
    let n_classes = scored.first().map_or(0, |one| one.probabilities.len());
    let matrix = ConfusionMatrix::count(n_classes, &scored);
    (matrix.balanced_accuracy(), matrix.macro_f1())
}

fn checkpoint(
    trainer: &dyn Trainer,
    checkpointer: &mut dyn Checkpointer,
    done: &Done,
    partial: &PartialEpoch,
) -> Result<(), TrainError> {
    let (done, partial, trainer) = (done.clone(), *partial, trainer.state());
    Ok(checkpointer.checkpoint(&StageState { done, partial, trainer })?)
}

fn check_cancel(course: &Course<'_>, done: &Done) -> Result<(), TrainError> {
    if !course.cancel.is_set() || is_over(course, done) {
        return Ok(());
    }
    let epoch = course.n_epochs_before + done.epochs.len() + 1;
    Err(TrainError::Cancelled { stage: course.stage.to_owned(), epoch })
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

/// Whether an epoch beats another one; where they are equal the lower loss does, and of equal
/// losses neither.
pub fn is_better(epoch: &EpochMetrics, best: &EpochMetrics, by: BestBy) -> bool {
    let [ours, theirs] = [epoch, best].map(|epoch| schedule::badness(epoch, by));
    ours < theirs || (ours <= theirs && epoch.validation.loss < best.validation.loss)
}
