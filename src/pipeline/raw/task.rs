//! A task under `stages:`, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RawFromWeights;

/// Evaluate the model of a stage. The last stage is always evaluated on the validation set.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawEvaluate {
    /// Stage whose model is evaluated. The training stage above it by default.
    pub(in crate::pipeline) from: Option<String>,
    /// Which weights of that stage to use. `best` by default.
    pub(in crate::pipeline) from_weights: Option<RawFromWeights>,
    /// Part of the dataset to evaluate on. `test` by default, unless `directory` is given.
    pub(in crate::pipeline) split: Option<RawSplitPart>,
    /// Directory of other images to evaluate on, with one subdirectory per class.
    pub(in crate::pipeline) directory: Option<String>,
}

/// A part of the dataset outside the training set.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSplitPart {
    /// The validation set, which selects the best epoch.
    Validation,
    /// The test set, which has not influenced any choice.
    Test,
}

/// Export the model of a stage as an ONNX file, and verify that it predicts the same.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawExport {
    /// Stage whose model is exported. The training stage above it by default.
    pub(in crate::pipeline) from: Option<String>,
    /// Which weights of that stage to use. `best` by default.
    pub(in crate::pipeline) from_weights: Option<RawFromWeights>,
    /// Leave resizing and scaling out of the graph, and write a recipe for them next to the file.
    #[serde(default)]
    pub(in crate::pipeline) normalised: bool,
}
