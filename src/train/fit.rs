//! The epochs of one stage.

use std::time::Instant;

use alpaca_random::SeedStream;

use super::evaluate::{self, RunningMean};
use super::goal::{Goal, Reached};
use super::schedule::{self, Schedule};
use super::soup;
use super::state::{Best, Done, FinishedEpoch, PartialEpoch, Ranked, StageState};
use super::teacher::Teaching;
use super::{FeatureBatch, FeatureSource, TrainError};
use crate::base::batch::Visit;
use crate::base::cancel::Cancel;
use crate::base::fs::FileError;
use crate::base::ingredient::Ingredient;
use crate::base::target::Target;
use crate::base::tensor::Tensor;
use crate::engine::{StepRandomness, StepTimes, Trainer};
use crate::event::{EpochMetrics, Evaluated, Event, EventSink};
use crate::model::weights::Weights;
use crate::spec::{BestBy, EarlyStoppingSpec, FromWeights};

/// Which weights of a stage are saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// The weights of the best epoch so far.
    Best,
    /// The weights of the latest epoch.
    Last,
}

/// Saves weights and checkpoints.
pub trait Checkpointer {
    /// Saves the weights of the trainable part at the end of an epoch.
    ///
    /// # Errors
    /// When they cannot be written.
    fn keep(&mut self, which: FromWeights, weights: &Weights) -> Result<(), FileError>;

    /// Saves a checkpoint of the stage, in place of the one before.
    ///
    /// # Errors
    /// When it cannot be written.
    fn checkpoint(&mut self, state: &StageState) -> Result<(), FileError>;
}

/// The settings of a stage.
pub struct Course<'a> {
    /// Name of the stage.
    pub stage: &'a str,
    /// Number of epochs that the weights have been trained for before.
    pub n_epochs_before: usize,
    /// Number of epochs to run.
    pub n_epochs: usize,
    /// Number of steps per epoch.
    pub n_steps: usize,
    /// Learning rate of each step.
    pub schedule: Schedule,
    /// What the training images are measured by. Validation images are measured by the plain loss,
    /// so that stages and runs can be compared.
    pub goal: Goal,
    /// Weights of the losses of all images, by their positions; `None` if all are 1.
    pub weights: Option<Vec<f32>>,
    /// The teacher of the stage, if it has one.
    pub teaching: Option<&'a Teaching>,
    /// Metric that selects the best epoch.
    pub best_by: BestBy,
    /// Which weights are averaged in the end, if any.
    pub soup: Option<Soup>,
    /// When the stage ends early.
    pub early_stopping: Option<EarlyStoppingSpec>,
    /// Random stream of the stage.
    pub stream: SeedStream,
    /// Number of steps between checkpoints, in addition to those at the end of each epoch.
    pub checkpoint_every: Option<usize>,
    /// Set to end the stage after the step in progress.
    pub cancel: &'a Cancel,
}

/// Which weights a stage averages in the end.
#[derive(Clone, Debug)]
pub struct Soup {
    /// Number of its best epochs.
    pub n_epochs: usize,
    /// The best weights of other stages.
    pub others: Vec<Ranked>,
}

impl Course<'_> {
    /// The loss of a batch of images, or of mixtures of each with the one before it.
    fn reached(
        &self,
        logits: &Tensor,
        targets: &[Target],
        visits: &[Visit],
        mixed: Option<f64>,
    ) -> Reached {
        let all = self.weights.as_deref();
        let reached = |targets: &[Target], visits: &[Visit]| match (self.teaching, all) {
            (Some(teaching), all) => {
                self.goal.evaluate_taught(teaching, logits, targets, visits, all)
            }
            (None, None) => self.goal.evaluate(logits, targets),
            (None, Some(weights)) => {
                let weights = visits.iter().map(|visit| weights[visit.sample]);
                self.goal.evaluate_weighted(logits, targets, weights)
            }
        };
        let own = reached(targets, visits);
        let Some(share) = mixed else { return own };
        let (mut targets, mut visits) = (targets.to_vec(), visits.to_vec());
        targets.rotate_right(1);
        visits.rotate_right(1);
        own.mixed_with(&reached(&targets, &visits), share)
    }
}

/// The result of a stage.
#[derive(Clone, Debug)]
pub struct Fitted {
    /// Metrics of each epoch.
    pub epochs: Vec<FinishedEpoch>,
    /// Best epoch.
    pub best: Best,
    /// Weights of the trainable part at the end of the last epoch.
    pub last_weights: Weights,
}

/// The components that a stage works with.
pub struct FitContext<'a> {
    /// Provides batches.
    pub source: &'a mut dyn FeatureSource,
    /// Trains on batches.
    pub trainer: &'a mut dyn Trainer,
    /// Receives events.
    pub sink: &'a mut dyn EventSink,
    /// Saves weights and checkpoints.
    pub checkpointer: &'a mut dyn Checkpointer,
}

/// Runs the epochs of a stage, or the remaining ones after `state`.
///
/// # Errors
/// When a batch cannot be prepared, an engine fails, the loss is not a finite number, a result
/// cannot be written, or the stage is canceled.
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
        check_cancel_unless_over(course, &done)?;
    }
    let Done { epochs, best, ranked } = done;
    let mut best = best.expect("a stage has at least one epoch");
    if let Some(soup) = {
        let FitContext { source, trainer, .. } = context;
        let others = course.soup.as_ref().map_or(&[][..], |soup| &soup.others);
        let all = (&ranked[..], others);
        soup::make(all, *trainer, *source, course.goal.readout, course.best_by)?
    } {
        context.checkpointer.keep(FromWeights::Best, &soup.weights)?;
        best = soup;
    } else if course.soup.is_some() {
        best.soup = Some(vec![Ingredient::Epoch(best.metrics.epoch)]);
    }
    let stage = course.stage.to_owned();
    let ended_early = epochs.len() < course.n_epochs;
    let patience = course.early_stopping.filter(|_| ended_early).map(|rule| rule.patience);
    let (metrics, soup) = (best.metrics, best.soup.clone());
    context.sink.receive(&Event::StageFinished { stage, best: metrics, soup, patience })?;
    Ok(Fitted { epochs, best, last_weights: context.trainer.weights() })
}

/// Whether no epoch is left.
fn is_over(course: &Course<'_>, done: &Done) -> bool {
    done.epochs.len() >= course.n_epochs
        || schedule::ends(&done.metrics(), course.best_by, course.early_stopping)
}

/// Runs the remaining steps of an epoch.
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
        let batch = batch?;
        let (waiting, frozen) = (batch.waiting, batch.frozen);
        let rate = course.schedule.rate(&past, partial.n_steps, course.n_steps);
        let (loss, step_times) =
            train_on(course, stream, *trainer, batch, rate, &mut partial.mean)?;
        partial.n_steps += 1;
        check_loss(course, epoch, Some(partial.n_steps), loss)?;
        let times = &mut partial.times;
        times.waiting += waiting;
        times.frozen += frozen;
        times.forward += step_times.forward;
        times.backward += step_times.backward;
        times.optimizer += step_times.optimizer;
        times.total = before + start.elapsed();
        let Evaluated { loss, score } = partial.mean.value(&course.goal);
        let (step, n_images) = (partial.n_steps, partial.mean.n_images());
        sink.receive(&Event::StepFinished { step, n_images, loss, score })?;
        let is_due = course.checkpoint_every.is_some_and(|every| step.is_multiple_of(every));
        if is_due || course.cancel.is_set() {
            checkpoint(*trainer, *checkpointer, done, partial)?;
        }
        check_cancel_unless_over(course, done)?;
    }
    Ok(())
}

/// Trains on a batch with a learning rate, in an epoch with this stream for dropout. Adds its loss and
/// scores before the step to a mean. Returns the loss, and the durations of the step.
pub(super) fn train_on(
    course: &Course<'_>,
    stream: SeedStream,
    trainer: &mut dyn Trainer,
    batch: FeatureBatch,
    rate: f64,
    mean: &mut RunningMean,
) -> Result<(f64, StepTimes), TrainError> {
    let FeatureBatch { features, targets, visits, mixed, .. } = batch;
    let samples = visits.iter().map(|&visit| stream_of(stream, visit)).collect();
    let mut outcome = None;
    let mut objective = |logits: &_| {
        let found = course.reached(logits, &targets, &visits, mixed);
        let slope = found.slope.clone();
        outcome = Some(found);
        slope
    };
    let times = trainer.step(features, &StepRandomness { samples }, &mut objective, rate)?;
    let reached = outcome.expect("a step evaluates its objective");
    mean.add(&reached, targets.len());
    Ok((reached.loss, times))
}

/// The random stream of a visit to an image in an epoch.
fn stream_of(epoch: SeedStream, Visit { sample, repeat }: Visit) -> SeedStream {
    let stream = epoch.at(sample as u64);
    if repeat == 0 { stream } else { stream.at(repeat as u64) }
}

/// Validates, and records the results of an epoch.
fn finish_epoch(
    course: &Course<'_>,
    epoch: usize,
    context: &mut FitContext<'_>,
    done: &mut Done,
    partial: &PartialEpoch,
) -> Result<(), TrainError> {
    let FitContext { source, trainer, sink, checkpointer } = context;
    let start = Instant::now();
    let evaluation = evaluate::evaluate(*trainer, source.validation(), course.goal.readout)?;
    let mut times = partial.times;
    times.validation = start.elapsed();
    let validation = evaluation.evaluated;
    check_loss(course, epoch, None, validation.loss)?;
    let train = partial.mean.value(&course.goal);
    let last_step = partial.n_steps.saturating_sub(1);
    let learning_rate = course.schedule.rate(&done.metrics(), last_step, course.n_steps);
    let further = evaluate::further(&evaluation.predictions);
    let metrics = EpochMetrics { epoch, train, validation, further, learning_rate };
    let weights = trainer.weights();
    checkpointer.keep(FromWeights::Last, &weights)?;
    let best = done.best.as_ref();
    let is_best =
        best.is_none_or(|best| schedule::is_better(&metrics, &best.metrics, course.best_by));
    if let Some(Soup { n_epochs, .. }) = course.soup {
        let name = Ingredient::Epoch(epoch);
        let epoch = Ranked { name, metrics, weights: weights.clone() };
        soup::rank(&mut done.ranked, epoch, course.best_by, n_epochs);
    }
    if is_best {
        checkpointer.keep(FromWeights::Best, &weights)?;
        let predictions = evaluation.predictions;
        done.best = Some(Best { metrics, soup: None, weights, predictions });
    }
    times.total += start.elapsed();
    done.epochs.push(FinishedEpoch { metrics, is_best, times });
    let stage = course.stage.to_owned();
    sink.receive(&Event::EpochFinished { stage, metrics, is_best, times })?;
    Ok(())
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

/// Ends a stage that is canceled, unless no epoch is left.
fn check_cancel_unless_over(course: &Course<'_>, done: &Done) -> Result<(), TrainError> {
    if is_over(course, done) {
        return Ok(());
    }
    check_cancel(course, course.n_epochs_before + done.epochs.len() + 1)
}

/// Ends a stage that is canceled.
pub(super) fn check_cancel(course: &Course<'_>, epoch: usize) -> Result<(), TrainError> {
    if !course.cancel.is_set() {
        return Ok(());
    }
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
