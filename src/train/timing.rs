//! How long the steps of a stage take.

use std::time::{Duration, Instant};

use super::evaluate::RunningMean;
use super::fit::{self, Course};
use super::{FeatureBatch, FeatureBatches, FeatureSource, TrainError};
use crate::engine::Trainer;

/// Mean durations of batches in the first epoch, and in later ones, for which features may be cached.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchTimes {
    /// Of a step.
    pub step: [Duration; 2],
    /// Of a batch of validation images.
    pub validation: [Duration; 2],
}

/// Trains and validates on some batches, each of them twice, and measures how long it takes. The trainer
/// is left with other weights.
///
/// # Errors
/// When a batch cannot be prepared, an engine fails, or it is canceled.
pub fn measure(
    course: &Course<'_>,
    source: &mut dyn FeatureSource,
    trainer: &mut dyn Trainer,
    most: Duration,
) -> Result<BatchTimes, TrainError> {
    let stream = course.stream.child("dropout").at(1);
    let mut trained = |trainer: &mut dyn Trainer, until| {
        let mut mean = RunningMean::default();
        of_batches(course, source.training(1, 0), until, |batch| {
            fit::train_on(course, stream, trainer, batch, 0.0, &mut mean).map(drop)
        })
    };
    let quarter = most / 4;
    let (first, n) = trained(trainer, Until::Time(quarter))?;
    let (later, _) = trained(trainer, Until::Batches(n))?;
    let step = [first, later];
    let mut validated = |trainer: &mut dyn Trainer, until| {
        of_batches(course, source.validation(), until, |batch| {
            Ok(trainer.predict(batch.features).map(drop)?)
        })
    };
    let (first, n) = validated(trainer, Until::Time(quarter))?;
    let (later, _) = validated(trainer, Until::Batches(n))?;
    Ok(BatchTimes { step, validation: [first, later] })
}

/// When a measurement ends.
#[derive(Clone, Copy)]
enum Until {
    /// After this time.
    Time(Duration),
    /// After this number of batches.
    Batches(usize),
}

impl Until {
    fn is_over(self, start: Instant, n: usize) -> bool {
        match self {
            // The first batch prepares buffers and threads.
            Self::Time(most) => n > 1 && start.elapsed() >= most,
            Self::Batches(most) => n >= most,
        }
    }
}

/// The mean duration of `work` on the batches of a pass, and their number.
fn of_batches(
    course: &Course<'_>,
    batches: FeatureBatches<'_>,
    until: Until,
    mut work: impl FnMut(FeatureBatch) -> Result<(), TrainError>,
) -> Result<(Duration, usize), TrainError> {
    let mut clock = Clock::start();
    for batch in batches {
        work(batch?)?;
        clock.tick();
        fit::check_cancel(course, 1)?;
        if until.is_over(clock.start, clock.n) {
            break;
        }
    }
    Ok((clock.mean(), clock.n))
}

/// Measures batches. The first one does not count if there are others.
struct Clock {
    start: Instant,
    first: Option<Instant>,
    last: Instant,
    n: usize,
}

impl Clock {
    fn start() -> Self {
        let start = Instant::now();
        Self { start, first: None, last: start, n: 0 }
    }

    fn tick(&mut self) {
        self.last = Instant::now();
        self.first.get_or_insert(self.last);
        self.n += 1;
    }

    fn mean(&self) -> Duration {
        match (self.n, self.first) {
            (0 | 1, _) | (_, None) => self.last - self.start,
            (n, Some(first)) => (self.last - first) / (n - 1) as u32,
        }
    }
}
