//! The teacher of a stage, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// A trained model that this stage learns from: its path, or its path with settings.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawTeacher {
    /// Path of a finished run directory, of a directory of `alpaca-run folds`, or of a file of
    /// `alpaca-run export`.
    Model(String),
    /// The path with settings.
    Settings(RawTeacherSettings),
}

/// A trained model and how much of it is learned (knowledge distillation; Hinton et al. 2015). The
/// teacher sees each training image once, without augmentation and mixing.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawTeacherSettings {
    /// Path of a finished run directory, of a directory of `alpaca-run folds`, or of a file of
    /// `alpaca-run export`. It must predict the classes of the dataset, in any order.
    pub(in crate::pipeline) model: String,
    /// Part of each target that the teacher's probabilities are. The label of the image is the rest.
    /// With 1, labels are not used.
    #[serde(default = "defaults::teacher_share")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) share: f64,
    /// Number that divides the logits of teacher and student in the loss. Above 1, unlikely classes
    /// count for more. It must be 1 for numbers.
    #[serde(default = "defaults::teacher_temperature")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) temperature: f64,
}
