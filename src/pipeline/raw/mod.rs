//! The pipeline file as serde reads it: what may be written, documented where it is declared.
//!
//! The comments on fields and variants become the JSON schema and the reference, so they speak to
//! the author of a pipeline. Raw types never leave [`pipeline`](super).

mod augmentation;
mod course;
mod dataset;
pub(in crate::pipeline) mod defaults;
mod model;
mod stage;
mod task;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use augmentation::{RawAugmentation, RawFill, RawFlip};
pub(super) use course::{
    RawAverage, RawBatchNorm, RawClipping, RawCosine, RawEarlyStopping, RawExponential,
    RawOneCycle, RawPlateau, RawSchedule, RawStepSchedule, RawWarmup,
};
pub(super) use dataset::{
    Auto, RawDataset, RawDuplicates, RawFit, RawGenerator, RawImageSize, RawInterpolation, RawKind,
    RawOnBadImage, RawPrefetch, RawResize, RawSplit, RawSplitBy,
};
pub(super) use model::{
    RawArchitecture, RawBase, RawHead, RawInitializer, RawModel, RawOnnx, RawPooling,
    RawPreprocessing, RawPublished, RawSource, RawStatistics, RawTop, RawTorchvisionVersion,
    RawWeights,
};
pub(super) use stage::{
    RawAdam, RawAdamw, RawBestBy, RawFreeze, RawFromWeights, RawLayer, RawOptimizer, RawSgd,
    RawStage, RawTrain,
};
pub(super) use task::{RawEvaluate, RawExport, RawSplitPart};

/// A pipeline for alpaca-run: a dataset, a model, and the stages that train it.
///
/// Paths are relative to this file. Unknown keys are errors.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "alpaca-run pipeline")]
pub(super) struct RawPipeline {
    /// The version of the file format.
    #[schemars(range(min = 1, max = 1))]
    pub(super) version: u32,
    /// The name of the run directories; the name of the file where it is left out.
    pub(super) name: Option<String>,
    /// The root of all random numbers: split, initial weights, order of pictures, augmentation, dropout.
    #[serde(default = "defaults::seed")]
    pub(super) seed: u64,
    /// The pictures and their split.
    pub(super) dataset: RawDataset,
    /// Random changes to training pictures, in this order. Validation pictures are never changed.
    #[serde(default)]
    pub(super) augmentation: Vec<RawAugmentation>,
    /// How many changed versions each training picture has: with a number the features of all
    /// versions can be kept; where it is left out pictures are changed anew in each epoch.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) augmentation_views: Option<usize>,
    /// The network.
    pub(super) model: RawModel,
    /// What runs the trainable part of the network. The frozen part always runs on the processor.
    #[serde(default = "defaults::device")]
    pub(super) device: RawDevice,
    /// After how many steps a run that may be cut short keeps how far it is, besides at the end of
    /// each epoch. Not part of any result.
    #[schemars(range(min = 1))]
    pub(super) checkpoint_every: Option<usize>,
    /// The stages by name. Each runs after the stage it starts from; what measures or exports a model
    /// comes after all that train.
    #[schemars(extend("minProperties" = 1))]
    pub(super) stages: IndexMap<String, RawStage>,
}

/// What runs the trainable part of the network.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawDevice {
    /// The processor: fast, and the same bits at any number of threads.
    Cpu,
    /// LibTorch on the processor, in builds with the feature `libtorch`.
    Libtorch,
}

/// A number, or the lower and upper end of a range.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum NumberOrRange {
    /// One number: the range from its negative to itself.
    Number(f64),
    /// The lower and the upper end.
    Range([f64; 2]),
}
