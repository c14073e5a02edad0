//! A whole run.

use std::path::PathBuf;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{AugmentationSpec, DatasetSpec, ModelSpec, StageSpec, TaskSpec};

/// A pipeline with every value decided.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineSpec {
    /// The version of the file format.
    pub version: u32,
    /// The name of its run directories. Not part of any result.
    pub name: String,
    /// The root of all random numbers.
    pub seed: u64,
    /// The pictures and their split.
    pub dataset: DatasetSpec,
    /// Random changes to training pictures, in order.
    pub augmentation: Vec<AugmentationSpec>,
    /// How many changed versions each training picture has, where that is fixed; else it is changed
    /// anew in each epoch.
    pub augmentation_views: Option<usize>,
    /// The network.
    pub model: ModelSpec,
    /// What runs the trainable part.
    pub device: Device,
    /// After how many steps the state of a stage is kept, besides at the end of each epoch. Not part
    /// of any result.
    pub checkpoint_every: Option<usize>,
    /// The stages, each after the one it starts from.
    pub stages: Vec<StageSpec>,
    /// What is done with their models once all of them have trained.
    pub tasks: Vec<TaskSpec>,
}

impl Serialize for PipelineSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("version", &self.version)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("seed", &self.seed)?;
        map.serialize_entry("dataset", &self.dataset)?;
        map.serialize_entry("augmentation", &self.augmentation)?;
        if let Some(views) = self.augmentation_views {
            map.serialize_entry("augmentation_views", &views)?;
        }
        map.serialize_entry("model", &self.model)?;
        map.serialize_entry("device", &self.device)?;
        if let Some(steps) = self.checkpoint_every {
            map.serialize_entry("checkpoint_every", &steps)?;
        }
        map.serialize_entry("stages", &ByName(self))?;
        map.end()
    }
}

/// Stages and tasks as the pipeline file has them: in one mapping.
struct ByName<'a>(&'a PipelineSpec);

impl Serialize for ByName<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(PipelineSpec { stages, tasks, .. }) = self;
        let mut map = serializer.serialize_map(Some(stages.len() + tasks.len()))?;
        for stage in stages {
            map.serialize_entry(&stage.name, stage)?;
        }
        for task in tasks {
            map.serialize_entry(&task.name, &task.kind)?;
        }
        map.end()
    }
}

impl PipelineSpec {
    /// The stage called `name`.
    pub fn stage(&self, name: &str) -> Option<&StageSpec> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

/// What runs the trainable part of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The processor, on layers of our own.
    Cpu,
    /// `LibTorch` on the processor.
    Libtorch,
}

/// A file or folder named by a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// As seen from the folder of the pipeline file, with forward slashes: this is recorded.
    pub written: String,
    /// A path that can be opened: this is used, and not part of any result.
    pub path: PathBuf,
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}
