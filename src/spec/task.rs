//! Tasks: what is done with the model of a stage once all stages have trained. Nothing goes on from
//! them.

use std::fmt;

use serde::Serialize;

use super::{FromWeights, Location};

/// A task of a pipeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSpec {
    /// Its name, unique among stages and tasks.
    pub name: String,
    /// What it does.
    pub kind: TaskKind,
}

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Measures the model on pictures.
    Evaluate(EvaluateSpec),
    /// Writes the model for other software.
    Export(ExportSpec),
}

impl TaskSpec {
    /// The stage whose model it takes.
    pub fn from(&self) -> &str {
        match &self.kind {
            TaskKind::Evaluate(EvaluateSpec { from, .. })
            | TaskKind::Export(ExportSpec { from, .. }) => from,
        }
    }
}

impl fmt::Display for TaskSpec {
    /// What it does, as a predicate: `measures the best weights of finetune on …`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            TaskKind::Evaluate(EvaluateSpec { from, from_weights, on }) => {
                write!(f, "measures the {} weights of {from} on ", from_weights.name())?;
                match on {
                    EvaluateOn::Split(part) => write!(f, "the {} pictures", part.name()),
                    EvaluateOn::Directory(folder) => write!(f, "{}", folder.written),
                }
            }
            TaskKind::Export(ExportSpec { from, from_weights, normalised }) => {
                write!(f, "exports the {} weights of {from}", from_weights.name())?;
                f.write_str(if *normalised { ", normalised" } else { "" })
            }
        }
    }
}

/// A task that measures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EvaluateSpec {
    /// The stage whose model is measured.
    pub from: String,
    /// Which of its weights.
    pub from_weights: FromWeights,
    /// On which pictures.
    #[serde(flatten)]
    pub on: EvaluateOn,
}

/// The pictures that a model is measured on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluateOn {
    /// A part of the dataset.
    Split(SplitPart),
    /// A folder of its own, with a folder for each class.
    Directory(Location),
}

/// A part of the dataset that does not train.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitPart {
    /// What the best epoch is chosen by.
    Validation,
    /// What nothing has been chosen by.
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

/// A task that writes an ONNX file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportSpec {
    /// The stage whose model is written.
    pub from: String,
    /// Which of its weights.
    pub from_weights: FromWeights,
    /// Whether the graph takes numbers that are ready for the network instead of pictures.
    pub normalised: bool,
}
