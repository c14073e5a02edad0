//! What happens in a run, told to whoever listens.
//!
//! Whoever emits an event does not know who listens: the run directory writes metrics, the
//! terminal draws progress, the log keeps everything.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::fs::FileError;
use crate::base::names;

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A run directory was made.
    RunStarted {
        /// The run directory.
        #[serde(serialize_with = "names::serialize")]
        directory: PathBuf,
    },
    /// A run that was cut short goes on.
    RunResumed {
        /// The run directory.
        #[serde(serialize_with = "names::serialize")]
        directory: PathBuf,
        /// Stages that were finished.
        stages: Vec<String>,
    },
    /// The dataset was read and divided.
    DatasetReady(DatasetFacts),
    /// The pixels of the dataset were made or found.
    PixelsReady(PixelsFacts),
    /// A stage begins.
    StageStarted(StageFacts),
    /// A stage that was cut short goes on.
    StageResumed {
        /// The stage as it was before its first epoch.
        facts: StageFacts,
        /// The epoch in progress.
        epoch: usize,
        /// Steps of it that are done.
        n_steps: usize,
    },
    /// A stage whose result is taken from an earlier run.
    StageReused {
        /// The stage as it was before its first epoch.
        facts: StageFacts,
        /// Its best epoch.
        best: EpochMetrics,
    },
    /// A step of training is done.
    StepFinished {
        /// Position in the epoch, from one.
        step: usize,
        /// Pictures so far in this epoch.
        n_images: usize,
        /// Mean loss so far in this epoch.
        loss: f64,
        /// Accuracy so far in this epoch.
        accuracy: f64,
    },
    /// An epoch is done, validation included.
    EpochFinished {
        /// The stage.
        stage: String,
        /// What was measured.
        metrics: EpochMetrics,
        /// Whether this is the best epoch of the stage so far.
        is_best: bool,
        /// How long it took.
        #[serde(skip)]
        times: EpochTimes,
    },
    /// A stage is done.
    StageFinished {
        /// The stage.
        stage: String,
        /// Its best epoch.
        best: EpochMetrics,
        /// After how many epochs without a better one it ended, where it ended before its last.
        patience: Option<usize>,
    },
    /// What a model was measured by or written to.
    TaskFinished(TaskFacts),
    /// Something the user should know and may do something about.
    Warning {
        /// What, in one sentence.
        message: String,
    },
}

/// A dataset in numbers.
#[derive(Clone, Debug, Serialize)]
pub struct DatasetFacts {
    /// Each class with the number of its pictures.
    pub classes: Vec<(String, usize)>,
    /// Pictures that train.
    pub n_train: usize,
    /// Pictures that validate.
    pub n_validation: usize,
    /// Pictures set aside.
    pub n_test: usize,
}

/// What the pixels of a dataset take.
#[derive(Clone, Debug, Serialize)]
pub struct PixelsFacts {
    /// Bytes of one picture.
    pub bytes_each: u64,
    /// Pictures in memory.
    pub n_in_memory: usize,
    /// Pictures in the cache directory.
    pub n_on_disk: usize,
    /// The folder they are in.
    #[serde(serialize_with = "names::serialize_some")]
    pub folder: Option<PathBuf>,
}

/// A stage before its first epoch.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct StageFacts {
    /// Its name.
    pub stage: String,
    /// The stage it goes on from.
    pub from: Option<String>,
    /// How many epochs it will run.
    pub n_epochs: usize,
    /// How many epochs its weights have seen before.
    pub n_epochs_before: usize,
    /// Steps an epoch.
    pub n_steps: usize,
    /// Training pictures an epoch.
    pub n_images: usize,
    /// Weights that train.
    pub n_trainable: usize,
    /// All weights, statistics included.
    pub n_weights: usize,
    /// The first layer that trains.
    pub first_trainable: String,
    /// What validation says before the first epoch.
    pub before: Evaluated,
    /// What decides which epoch is the best, as pipelines name it.
    pub best_by: String,
}

/// What a task did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskFacts {
    /// Its name.
    pub task: String,
    /// What came out, in a fragment.
    pub result: String,
}

/// Loss and accuracy over some pictures.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Evaluated {
    /// Mean loss.
    pub loss: f64,
    /// Share of pictures that got their own class.
    pub accuracy: f64,
}

/// What an epoch measured.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct EpochMetrics {
    /// Its number, from one, counted on from the stage that this one started from.
    pub epoch: usize,
    /// Over the training pictures while they were trained on: augmented, with dropout.
    pub train: Evaluated,
    /// Over the validation pictures, with the weights at the end of the epoch.
    pub validation: Evaluated,
    /// The mean recall over the classes of the validation images; runs of earlier builds lack it.
    #[serde(default)]
    pub balanced_accuracy: f64,
    /// The mean F1 score over the classes of the validation images, and those they are given; runs
    /// of earlier builds lack it.
    #[serde(default)]
    pub macro_f1: f64,
    /// Size of a step.
    pub learning_rate: f64,
}

/// How long an epoch and its parts took. Volatile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct EpochTimes {
    /// All of it.
    pub total: Duration,
    /// Waiting for pictures to be decoded and augmented.
    pub waiting: Duration,
    /// The frozen part, on training pictures.
    pub frozen: Duration,
    /// The trainable part forward.
    pub forward: Duration,
    /// The trainable part backward.
    pub backward: Duration,
    /// Moving the weights.
    pub optimizer: Duration,
    /// Validation.
    pub validation: Duration,
}

/// Listens to events.
pub trait EventSink: Send {
    /// Takes note of an event.
    ///
    /// # Errors
    /// When it cannot be written down; the run ends then.
    fn receive(&mut self, event: &Event) -> Result<(), FileError>;
}

/// Several listeners as one, in order.
pub struct Sinks<'a>(pub Vec<&'a mut dyn EventSink>);

impl EventSink for Sinks<'_> {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        self.0.iter_mut().try_for_each(|sink| sink.receive(event))
    }
}
