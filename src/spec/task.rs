//! Tasks: evaluations and exports of a stage's model, which run after all stages have been trained.
//! No stage starts from a task.

use std::fmt;

use serde::Serialize;

use super::{FromWeights, Location};

/// A task of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSpec {
    /// Name, unique among stages and tasks.
    pub name: String,
    /// Kind of the task, with its settings.
    pub kind: TaskKind,
}

/// The kind of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Evaluate the model on images.
    Evaluate(EvaluateSpec),
    /// Export the model as an ONNX file.
    Export(ExportSpec),
}

impl TaskSpec {
    /// The stage whose model it uses.
    pub fn from(&self) -> &str {
        match &self.kind {
            TaskKind::Evaluate(EvaluateSpec { from, .. })
            | TaskKind::Export(ExportSpec { from, .. }) => from,
        }
    }
}

impl fmt::Display for TaskSpec {
    /// Describes the task as a predicate: `evaluates the best weights of finetune on …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TaskKind::Evaluate(EvaluateSpec { from, from_weights, on }) => {
                write!(f, "evaluates the {} weights of {from} on ", from_weights.name())?;
                match on {
                    EvaluateOn::Split(part) => write!(f, "the {} set", part.name()),
                    EvaluateOn::Directory(folder) => write!(f, "{}", folder.written),
                }
            }
            TaskKind::Export(ExportSpec { from, from_weights, normalised }) => {
                write!(f, "exports the {} weights of {from}", from_weights.name())?;
                f.write_str(if *normalised { ", without resizing and scaling" } else { "" })
            }
        }
    }
}

/// The settings of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvaluateSpec {
    /// Stage whose model is evaluated.
    pub from: String,
    /// Which weights of that stage.
    pub from_weights: FromWeights,
    /// Images to evaluate on.
    #[serde(flatten)]
    pub on: EvaluateOn,
}

/// The images that a model is evaluated on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluateOn {
    /// The validation set or the test set.
    Split(SplitPart),
    /// Another directory, with one subdirectory per class.
    Directory(Location),
}

/// A part of the dataset outside the training set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitPart {
    /// The validation set, which selects the best epoch.
    Validation,
    /// The test set, which has not influenced any choice.
    Test,
}

impl SplitPart {
    /// Its name in pipelines and records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The settings of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportSpec {
    /// Stage whose model is exported.
    pub from: String,
    /// Which weights of that stage.
    pub from_weights: FromWeights,
    /// Whether the graph takes scaled values that are ready for the network, instead of images.
    pub normalised: bool,
}
