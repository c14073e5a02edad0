//! A task under `stages:` as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RawFromWeights;

/// Measures the model of a stage. The validation pictures of the last stage are measured anyway.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawEvaluate {
    /// The stage whose model is measured; the last one that trains above it where it is left out.
    pub(in crate::pipeline) from: Option<String>,
    /// Which of that stage's weights; `best` where it is left out.
    pub(in crate::pipeline) from_weights: Option<RawFromWeights>,
    /// The part of the dataset; `test` where this and `directory` are left out.
    pub(in crate::pipeline) split: Option<RawSplitPart>,
    /// A folder of other pictures, with a folder for each class.
    pub(in crate::pipeline) directory: Option<String>,
}

/// A part of the dataset that does not train.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSplitPart {
    /// What the best epoch is chosen by.
    Validation,
    /// What nothing has been chosen by.
    Test,
}

/// Writes the model of a stage as an ONNX file, and proves that it says the same.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawExport {
    /// The stage whose model is written; the last one that trains above it where it is left out.
    pub(in crate::pipeline) from: Option<String>,
    /// Which of that stage's weights; `best` where it is left out.
    pub(in crate::pipeline) from_weights: Option<RawFromWeights>,
    /// Leave resizing and scaling out of the graph, and write a recipe for them beside it.
    #[serde(default)]
    pub(in crate::pipeline) normalised: bool,
}
