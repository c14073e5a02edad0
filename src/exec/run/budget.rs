//! The numbers of epochs for which a run takes a given time.

use std::time::Duration;

use super::begin::Planned;
use super::session::Session;
use crate::dataset::part::Part;
use crate::exec::error::RunError;
use crate::spec::PipelineSpec;
use crate::train::timing::{self, BatchTimes};

/// The fraction of a budget that measuring each stage may take.
const TO_MEASURE: u32 = 20;
/// The fraction of the time that is left free for what is not measured: reading weights, writing plots.
const RESERVE: f64 = 0.1;
/// The most epochs, as a multiple of those in the pipeline.
pub const MOST: usize = 10;

/// How long a stage that trains takes.
#[derive(Clone, Debug, PartialEq)]
pub struct StageTime {
    /// Name of the stage.
    pub name: String,
    /// Number of epochs in the pipeline.
    pub n_epochs: usize,
    /// The fewest epochs that its other settings allow.
    pub fewest: usize,
    /// Time of an epoch.
    pub epoch: Duration,
    /// What the first epoch takes in addition.
    pub first: Duration,
}

impl StageTime {
    /// The time that a number of epochs takes.
    pub fn of(&self, n_epochs: usize) -> Duration {
        self.first + self.epoch * n_epochs as u32
    }
}

impl Session {
    /// Measures the stages that train on a few batches of each, for at most a fraction of `budget`. For
    /// stages that start from others, it uses other weights, which take the same time.
    ///
    /// # Errors
    /// When an image cannot be prepared or the engine fails, or it is canceled.
    pub fn stage_times(
        &self,
        spec: &PipelineSpec,
        planned: &Planned,
        budget: Duration,
    ) -> Result<Vec<StageTime>, RunError> {
        let n_validation = planned.context.split.positions(Part::Validation).len();
        let n_validation = n_validation.div_ceil(spec.dataset.batch_size) as u32;
        let mut times = vec![];
        for (position, stage) in spec.stages.iter().enumerate() {
            let Some(train) = stage.train() else { continue };
            let most = budget / TO_MEASURE;
            let time = self.rehearse((spec, planned), position, None, |stage| {
                let n_steps = stage.n_steps as u32;
                let BatchTimes { step, validation } =
                    timing::measure(stage.course, stage.source, stage.trainer, most)?;
                let [first, later] =
                    [0, 1].map(|at| step[at] * n_steps + validation[at] * n_validation);
                Ok((later, first.saturating_sub(later)))
            })?;
            let (epoch, first) = time;
            let of_soup = train.soup.as_ref().map_or(1, |soup| soup.epochs);
            let (name, n_epochs) = (stage.name.clone(), train.epochs);
            times.push(StageTime { name, n_epochs, fewest: of_soup, epoch, first });
        }
        Ok(times)
    }
}

/// The number of epochs of each stage for which all of them take about `time`: the numbers of the pipeline
/// times one factor.
pub fn epochs_within(stages: &[StageTime], time: Duration) -> Vec<usize> {
    let free = time.as_secs_f64() * (1.0 - RESERVE);
    let once: f64 = stages.iter().map(|stage| stage.first.as_secs_f64()).sum();
    let all: f64 =
        stages.iter().map(|stage| stage.epoch.as_secs_f64() * stage.n_epochs as f64).sum();
    let factor = ((free - once) / all.max(1e-9)).clamp(0.0, MOST as f64);
    let epochs = stages.iter().map(|stage| {
        let epochs = (stage.n_epochs as f64 * factor).floor() as usize;
        epochs.max(stage.fewest)
    });
    epochs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(n_epochs: usize, epoch: u64, first: u64) -> StageTime {
        let [epoch, first] = [epoch, first].map(Duration::from_millis);
        StageTime { name: "s".to_owned(), n_epochs, fewest: 1, epoch, first }
    }

    #[test]
    fn epochs_have_one_factor_and_fill_the_time() {
        let stages = [stage(5, 100, 2000), stage(10, 400, 0)];
        let time = |epochs: &[usize]| -> Duration {
            stages.iter().zip(epochs).map(|(stage, n)| stage.of(*n)).sum()
        };
        let within = |seconds| epochs_within(&stages, Duration::from_secs(seconds));
        assert_eq!(within(30), [27, 55]);
        for seconds in [5, 8, 13, 30, 45] {
            let epochs = within(seconds);
            assert!(time(&epochs) <= Duration::from_secs(seconds), "{epochs:?}");
        }
        // Never below one epoch, or above ten times as many as the pipeline has.
        assert_eq!(within(1), [1, 1]);
        assert_eq!(within(100_000), [50, 100]);
        let soup = [StageTime { fewest: 3, ..stage(5, 100, 0) }];
        assert_eq!(epochs_within(&soup, Duration::ZERO), [3]);
        assert_eq!(epochs_within(&[], Duration::from_secs(9)), Vec::<usize>::new());
    }
}
