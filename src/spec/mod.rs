//! The fully resolved description of a run, as plain data.
//!
//! Everything behind the pipeline file speaks these types. No field is optional because nobody
//! wrote it: defaults have been filled in. They serialise in the layout of the pipeline file, so
//! that a resolved pipeline is a pipeline again, and so that they can be hashed.

/// The values of a pipeline that change no result: where things lie and what they are called, and
/// how much is done ahead or kept on the way. What the places hold does count.
pub const HARMLESS: [&[&str]; 7] = [
    &["model", "base", "onnx"],
    &["name"],
    &["checkpoint_every"],
    &["dataset", "directory"],
    &["dataset", "duplicates"],
    &["dataset", "prefetch"],
    &["model", "weights"],
];

mod augmentation;
mod course;
mod dataset;
mod model;
mod pipeline;
pub mod problem;
mod stage;
mod task;

pub use augmentation::{AugmentationSpec, FactorRange, Fill, Flip};
pub use course::{
    AverageSpec, BatchNormSpec, ClippingSpec, EarlyStoppingSpec, ScheduleSpec, WarmupSpec,
};
pub use dataset::{
    DatasetSource, DatasetSpec, Duplicates, Fit, GeneratorSpec, ImageSize, Interpolation,
    OnBadImage, Prefetch, ResizeSpec, SplitBy, SplitSpec,
};
pub use model::{
    BaseModel, Convention, HeadSpec, Initializer, ModelSpec, OnnxSpec, Pooling, Preprocessing,
    PublishedSpec, Source, TopSpec, TorchvisionVersion, WeightsSpec,
};
pub use pipeline::{Device, Location, PipelineSpec};
pub use stage::{
    AdamSpec, BestBy, FreezeSpec, FromWeights, OptimizerSpec, SgdSpec, StageSpec, TrainSpec,
};
pub use task::{EvaluateOn, EvaluateSpec, ExportSpec, SplitPart, TaskKind, TaskSpec};
