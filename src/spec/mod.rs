//! The fully resolved description of a run, as plain data.
//!
//! All code after the pipeline loader uses these types. Defaults have been filled in, so no field
//! is optional just because it was not written. They serialize in the layout of the pipeline file,
//! so that a resolved pipeline is itself a pipeline and can be hashed.

/// The keys of a pipeline that do not affect results: locations, names, and how much is done ahead
/// or saved on the way. The contents of those locations do affect results.
pub const HARMLESS: [&[&str]; 20] = [
    &["model", "base", "onnx"],
    &["name"],
    &["checkpoint_every"],
    &["dataset", "directory"],
    &["dataset", "train"],
    &["dataset", "validation"],
    &["dataset", "test"],
    &["dataset", "table"],
    &["dataset", "columns"],
    &["dataset", "root"],
    &["dataset", "archive"],
    &["dataset", "shards"],
    &["dataset", "train_shards"],
    &["dataset", "validation_shards"],
    &["dataset", "test_shards"],
    &["dataset", "unlabeled"],
    &["dataset", "split", "repeats"],
    &["dataset", "duplicates"],
    &["dataset", "prefetch"],
    &["model", "weights"],
];

mod architecture;
mod augmentation;
mod cluster;
mod course;
mod dataset;
mod fit;
mod mixing;
mod model;
mod objective;
mod pipeline;
pub mod problem;
mod stage;
mod sweep;
mod target;
mod task;
mod teacher;
mod views;

pub use architecture::Architecture;
pub use augmentation::{
    AugMix, AugmentationSpec, ColorJitter, ErasedWith, FactorRange, Fill, Flip,
};
pub use cluster::{ClusterSpec, Scheduler};
pub use course::{
    AverageSpec, BatchNormSpec, ClippingSpec, EarlyStoppingSpec, ScheduleSpec, SoupSpec, WarmupSpec,
};
pub use dataset::{
    Alpha, ArchiveSpec, ClassSpec, ColumnsSpec, DatasetSource, DatasetSpec, DownloadSpec,
    Duplicates, Fit, FoldsSpec, GeneratorSpec, ImageSize, Interpolation, LimitSpec, OnBadImage,
    PartsSpec, PixelSpec, Prefetch, REST, ResizeSpec, ShardsSpec, SplitBy, SplitSpec, TableSpec,
};
pub use fit::{FitMethod, FitSpec, L2, PenaltySpec, PrototypesSpec, TemperatureSpec};
pub use mixing::{BetaSpec, MixingSpec};
pub use model::{
    BaseModel, Convention, HeadSpec, Initializer, ModelSpec, OnnxSpec, Pooling, Precision,
    Preprocessing, PublishedSpec, Source, TopSpec, TorchvisionVersion, WeightsSpec,
};
pub use objective::{ClassWeightsSpec, LossSpec, SamplingSpec};
pub use pipeline::{Device, Location, PipelineSpec};
pub use stage::{
    AdamSpec, BestBy, FreezeSpec, FromWeights, OptimizerSpec, SgdSpec, StageKind, StageSpec,
    TrainSpec, TrainedSpec,
};
pub use sweep::{AxisSpec, HalvingSpec, RankBy, Scale, SearchSpec, Setting, SweepSpec, ValuesSpec};
pub use target::TargetSpec;
pub use task::{EvaluateOn, EvaluateSpec, ExportSpec, SplitPart, TaskKind, TaskSpec};
pub use teacher::TeacherSpec;
pub use views::TestTimeAugmentation;
