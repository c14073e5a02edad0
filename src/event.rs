//! Events of a run, sent to listeners.
//!
//! The sender of an event does not know its listeners: the run directory writes metrics, the
//! terminal shows progress, and the log records everything.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::fs::FileError;
use crate::base::ingredient::Ingredient;
use crate::base::names;

/// The version of the events: raised when one loses a field, or a field changes its meaning.
pub const FORMAT: u32 = 1;

/// The JSON schema of the lines of events.jsonl.
pub const SCHEMA: &str = include_str!("../schemas/events.schema.json");

/// An event of a run. `schemas/events.schema.json` describes how it is logged.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A run directory was created.
    RunStarted {
        /// The version of the events, [`FORMAT`].
        format: u32,
        /// The run directory.
        #[serde(serialize_with = "names::serialize")]
        directory: PathBuf,
    },
    /// An interrupted run is resumed.
    RunResumed {
        /// The version of the events, [`FORMAT`].
        format: u32,
        /// The run directory.
        #[serde(serialize_with = "names::serialize")]
        directory: PathBuf,
        /// Stages that had finished before.
        stages: Vec<String>,
    },
    /// The dataset was read and split.
    DatasetReady(DatasetFacts),
    /// The images of the dataset were decoded or found in the cache.
    PixelsReady(PixelsFacts),
    /// A stage begins.
    StageStarted(StageFacts),
    /// An interrupted stage is resumed.
    StageResumed {
        /// The stage before its first epoch.
        facts: StageFacts,
        /// The epoch in progress.
        epoch: usize,
        /// Completed steps of that epoch.
        n_steps: usize,
    },
    /// The result of a stage is reused from an earlier run.
    StageReused {
        /// The stage before its first epoch.
        facts: StageFacts,
        /// Metrics of its best epoch.
        best: EpochMetrics,
    },
    /// A head or its temperature was fitted, in a stage without steps.
    HeadFitted {
        /// Name of the stage.
        stage: String,
        /// How.
        #[serde(flatten)]
        fit: FitFacts,
    },
    /// A training step has finished.
    StepFinished {
        /// Number of the step in its epoch, starting at one.
        step: usize,
        /// Images so far in this epoch.
        n_images: usize,
        /// Mean loss so far in this epoch.
        loss: f64,
        /// Score so far in this epoch.
        #[serde(flatten)]
        score: Score,
    },
    /// An epoch has finished, including validation.
    EpochFinished {
        /// Name of the stage.
        stage: String,
        /// Metrics of the epoch.
        metrics: EpochMetrics,
        /// Whether this is the best epoch of the stage so far.
        is_best: bool,
        /// Duration of the epoch and its parts.
        #[serde(skip)]
        times: EpochTimes,
    },
    /// A stage has finished.
    StageFinished {
        /// Name of the stage.
        stage: String,
        /// Metrics of its best epoch.
        best: EpochMetrics,
        /// The epochs and stages whose weights were averaged; only the best epoch if nothing else could be
        /// added. `None` without `soup`. The validation metrics of the best epoch are those of the average.
        soup: Option<Vec<Ingredient>>,
        /// The number of epochs without improvement that ended it early; `None` if it ran to its
        /// end.
        patience: Option<usize>,
    },
    /// An evaluation or an export has finished.
    TaskFinished(TaskFacts),
    /// All files of the run are written. This is the last event.
    RunFinished {
        /// The run directory.
        #[serde(serialize_with = "names::serialize")]
        directory: PathBuf,
        /// The stage with the best epoch of the run.
        stage: String,
        /// Metrics of that epoch.
        best: EpochMetrics,
        /// The metric that selected it, as named in pipelines.
        best_by: String,
        /// Names of the evaluations and exports that failed.
        failed: Vec<String>,
        /// Duration since the start or resumption, in seconds.
        seconds: f64,
    },
    /// The run ends unfinished. This is the last event, until the run is resumed.
    RunStopped {
        /// The run directory.
        #[serde(serialize_with = "names::serialize")]
        directory: PathBuf,
        /// Whether it was interrupted, by a signal or in watch mode by an edit. Otherwise it failed.
        is_interrupted: bool,
        /// The error as one sentence.
        message: String,
    },
    /// Something the user should know, and may be able to fix.
    Warning {
        /// The warning as one sentence.
        message: String,
    },
}

/// Sizes of a dataset.
#[derive(Clone, Debug, Serialize)]
pub struct DatasetFacts {
    /// Each class with its number of images; for numbers one, with the name of the number.
    pub classes: Vec<(String, usize)>,
    /// With several labels an image, the number of images without any; otherwise `None`.
    pub n_without_label: Option<usize>,
    /// With numbers, the smallest, the mean, and the largest; otherwise `None`.
    pub numbers: Option<[f64; 3]>,
    /// Images in the training set.
    pub n_train: usize,
    /// Images in the validation set.
    pub n_validation: usize,
    /// Images in the test set.
    pub n_test: usize,
    /// Images without labels, in no set.
    pub n_unlabeled: usize,
    /// What decides the parts of the split, if the dataset is split already.
    pub split_by: Option<String>,
}

/// Space taken by the decoded images of a dataset.
#[derive(Clone, Debug, Serialize)]
pub struct PixelsFacts {
    /// Bytes per image.
    pub bytes_each: u64,
    /// Images cached in memory.
    pub n_in_memory: usize,
    /// Images cached on disk.
    pub n_on_disk: usize,
    /// The directory of the images on disk.
    #[serde(serialize_with = "names::serialize_some")]
    pub directory: Option<PathBuf>,
}

/// A stage before its first epoch.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct StageFacts {
    /// Name of the stage.
    pub stage: String,
    /// The stage whose weights it starts from.
    pub from: Option<String>,
    /// Number of epochs it will run.
    pub n_epochs: usize,
    /// Number of epochs that its weights were trained for before.
    pub n_epochs_before: usize,
    /// Steps per epoch.
    pub n_steps: usize,
    /// Training images per epoch.
    pub n_images: usize,
    /// Number of weights that are trained.
    pub n_trainable: usize,
    /// Number of all weights, including batch statistics.
    pub n_weights: usize,
    /// The first layer that is trained.
    pub first_trainable: String,
    /// Validation metrics before the first epoch.
    pub before: Evaluated,
    /// The metric that selects the best epoch, as named in pipelines.
    pub best_by: String,
}

/// How a head, or its temperature, was fitted.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum FitFacts {
    /// A head.
    Head(HeadFacts),
    /// A temperature.
    Temperature(TemperatureFacts),
}

/// How a head was fitted.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct HeadFacts {
    /// The method, as named in pipelines.
    pub method: String,
    /// Strength of the penalty, if there is one.
    #[serde(default)]
    pub l2: Option<f64>,
    /// The strengths that were compared; none if the pipeline says it.
    pub compared: Vec<ComparedPenalty>,
    /// The result of the cross-validation on the training images, if there was one.
    #[serde(default)]
    pub out_of_fold: Option<OutOfFold>,
}

/// Predictions for training images by heads that were not fitted to them.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct OutOfFold {
    /// Number of images.
    pub n_images: usize,
    /// Loss and score.
    pub metrics: Evaluated,
}

/// The strength of a penalty in a cross-validation.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct ComparedPenalty {
    /// Strength.
    pub l2: f64,
    /// Mean loss of training images that the head was not fitted to.
    pub loss: f64,
}

/// A temperature, and what it changed on the validation images that it was fitted to.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct TemperatureFacts {
    /// The method, as named in pipelines.
    pub method: String,
    /// What all outputs were divided by.
    pub temperature: f64,
    /// Number of validation images.
    pub n_images: usize,
    /// Log loss, in nats.
    pub log_loss: BeforeAndAfter,
    /// Expected calibration error; of pairs of an image and a label, if an image may have several.
    pub calibration_error: BeforeAndAfter,
}

/// A metric without a temperature, and with it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct BeforeAndAfter {
    /// Without it.
    pub before: f64,
    /// With it.
    pub after: f64,
}

/// The result of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskFacts {
    /// Name of the task.
    pub task: String,
    /// The result as a sentence fragment.
    pub result: String,
}

/// Loss and score over a set of images.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Evaluated {
    /// Mean loss.
    pub loss: f64,
    /// How good the predictions are.
    #[serde(flatten)]
    pub score: Score,
}

/// How good predictions are, in a unit that people know.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// Fraction of images that are classified correctly.
    Accuracy(f64),
    /// Fraction of images that are given exactly their classes, of which they may have several.
    SubsetAccuracy(f64),
    /// Mean absolute error of a number.
    #[serde(rename = "mae")]
    MeanAbsoluteError(f64),
}

impl Score {
    /// The value.
    pub fn value(self) -> f64 {
        match self {
            Self::Accuracy(value)
            | Self::SubsetAccuracy(value)
            | Self::MeanAbsoluteError(value) => value,
        }
    }

    /// Its name in tables.
    pub fn column(self) -> &'static str {
        match self {
            Self::Accuracy(_) => "accuracy",
            Self::SubsetAccuracy(_) => "subset_accuracy",
            Self::MeanAbsoluteError(_) => "mae",
        }
    }

    /// Its name in sentences.
    pub fn words(self) -> &'static str {
        match self {
            Self::Accuracy(_) => "accuracy",
            Self::SubsetAccuracy(_) => "subset accuracy",
            Self::MeanAbsoluteError(_) => "mean absolute error",
        }
    }

    /// Whether lower values are better.
    pub fn is_error(self) -> bool {
        matches!(self, Self::MeanAbsoluteError(_))
    }
}

/// Metrics of an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct EpochMetrics {
    /// Number of the epoch, starting at one; continues the count of the stage it started from.
    pub epoch: usize,
    /// Training metrics during the epoch, with augmentation and dropout.
    pub train: Evaluated,
    /// Validation metrics with the weights at the end of the epoch.
    pub validation: Evaluated,
    /// Further validation metrics.
    #[serde(flatten)]
    pub further: Further,
    /// The learning rate.
    pub learning_rate: f64,
}

/// Further validation metrics of an epoch. They are read in this order, so that each kind is known by
/// what it has.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Further {
    /// Of a number.
    Number {
        /// Root of the mean squared error.
        rmse: f64,
        /// Coefficient of determination. `None` if all images have the same number.
        r2: Option<f64>,
        /// Rank correlation. `None` if all images have the same number or estimate.
        spearman: Option<f64>,
    },
    /// Of images of one class.
    Class {
        /// Mean recall over the classes of the validation images.
        balanced_accuracy: f64,
        /// Mean F1 score over the classes that occur as label or prediction in the validation set.
        macro_f1: f64,
    },
    /// Of images that may have several classes.
    Several {
        /// Mean F1 score over all classes.
        macro_f1: f64,
        /// Mean average precision over the classes that have images. `None` if none has.
        average_precision: Option<f64>,
    },
    /// In runs of earlier builds.
    None {},
}

/// Durations of an epoch and its parts. They differ between runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct EpochTimes {
    /// The whole epoch.
    pub total: Duration,
    /// Waiting for images to be decoded and augmented.
    pub waiting: Duration,
    /// Running the frozen part on training images.
    pub frozen: Duration,
    /// Forward pass of the trainable part.
    pub forward: Duration,
    /// Backward pass of the trainable part.
    pub backward: Duration,
    /// Updating the weights.
    pub optimizer: Duration,
    /// Evaluation on the validation set.
    pub validation: Duration,
}

/// A listener for events.
pub trait EventSink: Send {
    /// Handles an event.
    ///
    /// # Errors
    /// When the event cannot be recorded; the run then ends.
    fn receive(&mut self, event: &Event) -> Result<(), FileError>;
}

/// Several listeners that act as one, called in order.
pub struct Sinks<'a>(pub Vec<&'a mut dyn EventSink>);

impl EventSink for Sinks<'_> {
    fn receive(&mut self, event: &Event) -> Result<(), FileError> {
        self.0.iter_mut().try_for_each(|sink| sink.receive(event))
    }
}
