//! A whole pipeline.

use std::path::PathBuf;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{
    AugmentationSpec, DatasetSpec, FitMethod, FitSpec, ModelSpec, StageKind, StageSpec, TaskSpec,
};

/// A pipeline in which every value is resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct PipelineSpec {
    /// Version of the file format.
    pub version: u32,
    /// Name of the run directories. It does not affect results.
    pub name: String,
    /// Seed of all random numbers.
    pub seed: u64,
    /// The images, and how they are split and resized.
    pub dataset: DatasetSpec,
    /// Random changes to training images, in order.
    pub augmentation: Vec<AugmentationSpec>,
    /// Number of augmented versions of each training image. `None` to augment anew in each epoch.
    pub augmentation_views: Option<usize>,
    /// The base model and the classifier on top.
    pub model: ModelSpec,
    /// Where the trainable part of the network runs.
    pub device: Device,
    /// Number of steps between checkpoints, in addition to those at the end of each epoch. It does
    /// not affect results.
    pub checkpoint_every: Option<usize>,
    /// The stages, each after the one it starts from.
    pub stages: Vec<StageSpec>,
    /// Evaluations and exports, which run after all stages have been trained.
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

/// Stages and tasks in one mapping, as in the pipeline file.
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
    /// The random changes to the training images of a stage, and the number of augmented versions of
    /// each image, if it is fixed.
    pub fn augmentation_of<'a>(
        &'a self,
        stage: &'a StageSpec,
    ) -> (&'a [AugmentationSpec], Option<usize>) {
        match &stage.kind {
            StageKind::Fit(fit) => (&fit.augmentation, fit.augmentation_views),
            StageKind::Train(train) => match &train.augmentation {
                Some(changes) => (changes, train.augmentation_views),
                None => (&self.augmentation, self.augmentation_views),
            },
        }
    }

    /// The random changes of the last stage that has some.
    pub fn last_augmentation(&self) -> &[AugmentationSpec] {
        let mut changes = self.stages.iter().rev().map(|stage| self.augmentation_of(stage).0);
        changes.find(|changes| !changes.is_empty()).unwrap_or_default()
    }

    /// A sentence on the probabilities of the model of a stage, if they are not calibrated to the
    /// frequencies of the classes.
    pub fn about_probabilities(&self, stage: &str) -> Option<String> {
        let stage = self.stage(stage)?;
        match &stage.kind {
            StageKind::Train(train) => train.about_probabilities(),
            // One temperature for all classes does not change how they compare.
            StageKind::Fit(FitSpec { from, method: FitMethod::Temperature(_), .. }) => {
                self.about_probabilities(from.as_deref()?)
            }
            StageKind::Fit(_) => None,
        }
    }

    /// The stage named `name`.
    pub fn stage(&self, name: &str) -> Option<&StageSpec> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

/// Where the trainable part of the network runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Device {
    /// The CPU, with the kernels of this program.
    Cpu,
    /// `LibTorch` on the CPU.
    Libtorch,
}

/// A file or directory named by a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Path relative to the directory of the pipeline file, with forward slashes. It is recorded.
    pub written: String,
    /// Path that can be opened. It does not affect results.
    pub path: PathBuf,
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}
