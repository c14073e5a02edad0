//! Where a run is shown besides its directory, as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Where a run is logged besides its directory. It never changes results.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawLog {
    /// A directory of TensorBoard: `tensorboard --logdir DIR` shows the curves of runs while they train,
    /// their values, and the images with the largest errors.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) tensorboard: Option<String>,
}
