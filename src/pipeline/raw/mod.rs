//! The pipeline file as serde reads it, documented where it is declared.
//!
//! The comments on fields and variants become the JSON schema and the reference, so they address
//! the author of a pipeline. Raw types never leave [`pipeline`](super).

mod augmentation;
mod cache;
mod cluster;
mod course;
mod dataset;
pub(in crate::pipeline) mod defaults;
mod log;
mod mixing;
mod model;
mod objective;
mod stage;
mod sweep;
mod task;
mod teacher;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) use augmentation::{
    RawAugMix, RawAugmentation, RawColorJitter, RawErasedWith, RawErasing, RawFactors, RawFill,
    RawFlip,
};
pub(super) use cache::RawCache;
pub(super) use cluster::{RawCluster, RawScheduler};
pub(super) use course::{
    RawAverage, RawBatchNorm, RawClipping, RawCosine, RawEarlyStopping, RawExponential,
    RawOneCycle, RawPlateau, RawSchedule, RawSoup, RawStepSchedule, RawWarmup,
};
pub(super) use dataset::{
    Auto, RawAlpha, RawArchive, RawClasses, RawColumns, RawDataset, RawDownload, RawDuplicates,
    RawFit, RawGenerator, RawImageSize, RawInterpolation, RawKind, RawLabels, RawLimit, RawNames,
    RawOnBadImage, RawPerClass, RawPrefetch, RawResize, RawSplit, RawSplitBy, RawTarget,
    RawUnlabeled,
};
pub(super) use log::RawLog;
pub(super) use mixing::{RawCutMix, RawMixUp, RawMixing};
pub(super) use model::{
    RawBase, RawHead, RawInitializer, RawModel, RawOnnx, RawPooling, RawPrecision,
    RawPreprocessing, RawPublished, RawSource, RawStatistics, RawTop, RawTorchvisionVersion,
    RawWeights,
};
pub(super) use objective::{
    RawClassWeight, RawClassWeights, RawClassWeightsRule, RawEffective, RawEffectiveWeights,
    RawFocal, RawHuber, RawLoss, RawSampling,
};
pub(super) use stage::{
    RawAdam, RawAdamw, RawBestBy, RawFreeze, RawFromWeights, RawHeadFit, RawL2, RawLayer,
    RawOptimizer, RawPenalty, RawSgd, RawStage, RawTrain, RawTrained,
};
pub(super) use sweep::{RawHalving, RawOver, RawRange, RawRankBy, RawScale, RawSearch, RawSweep};
pub(super) use task::{RawEvaluate, RawExport, RawSplitPart};
pub(super) use teacher::{RawTeacher, RawTeacherSettings};

/// A pipeline for alpaca-run: a dataset, a model and the stages that train it.
///
/// Paths are relative to this file. Unknown keys are errors.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "alpaca-run pipeline")]
pub(super) struct RawPipeline {
    /// Version of the file format.
    #[schemars(range(min = 1, max = 1))]
    pub(super) version: u32,
    /// Name of the run directories. The file name without its extension by default.
    pub(super) name: Option<String>,
    /// Seed of all random numbers. They decide the split, the initial weights, the order of images,
    /// augmentation and dropout.
    #[serde(default = "defaults::seed")]
    pub(super) seed: u64,
    /// The images, and how they are split and resized.
    pub(super) dataset: RawDataset,
    /// Random changes to the training images, applied in this order. Validation and test images are
    /// never changed.
    #[serde(default)]
    pub(super) augmentation: Vec<RawAugmentation>,
    /// Number of augmented versions of each training image. With a number, the features of all
    /// versions can be cached. By default every image is augmented anew in each epoch.
    #[schemars(range(min = 1, max = 1000))]
    pub(super) augmentation_views: Option<usize>,
    /// The network: a base model and the classifier on top of it.
    pub(super) model: RawModel,
    /// Where the trainable part of the network runs. The frozen part always runs on the CPU.
    #[serde(default = "defaults::device")]
    pub(super) device: RawDevice,
    /// Number of steps between checkpoints, in addition to the one at the end of each epoch. It
    /// limits how much an interrupted run repeats, and never changes the results.
    #[schemars(range(min = 1))]
    pub(super) checkpoint_every: Option<usize>,
    /// The stages by name. Each stage runs after the one it starts from. Evaluations and exports
    /// run after all training.
    #[schemars(extend("minProperties" = 1))]
    pub(super) stages: IndexMap<String, RawStage>,
    /// A search over values of this pipeline, for `alpaca-run sweep`. Other commands ignore it.
    pub(super) sweep: Option<RawSweep>,
    /// Where the tasks of sweeps, folds and shards run. It never changes results.
    pub(super) cluster: Option<RawCluster>,
    /// A cache that several machines share. It never changes results.
    pub(super) cache: Option<RawCache>,
    /// Where runs are logged besides their directories. It never changes results.
    pub(super) log: Option<RawLog>,
}

/// Where the trainable part of the network runs.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawDevice {
    /// The CPU, with results that are bit for bit the same for any number of threads.
    Cpu,
    /// LibTorch on the CPU, in builds with the feature `libtorch`.
    Libtorch,
}

/// One number, or the lower and the upper end of a range.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum NumberOrRange {
    /// One number `f`, which stands for the range `[-f, f]`.
    Number(f64),
    /// The lower and the upper end of the range.
    Range([f64; 2]),
}
