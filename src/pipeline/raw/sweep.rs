//! The search over values of a pipeline, as written.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::defaults;

/// A search over values of this pipeline, for `alpaca-run sweep`. Other commands ignore it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawSweep {
    /// The keys that vary, as in `-S`, each with a list of values or with a range:
    /// `stages.finetune.train.epochs: [5, 10]`. One value for each key is an arm of the sweep.
    #[schemars(extend("minProperties" = 1))]
    pub(in crate::pipeline) over: IndexMap<String, RawOver>,
    /// How the arms are chosen.
    #[serde(default = "defaults::search")]
    pub(in crate::pipeline) search: RawSearch,
    /// Number of folds that each arm is run on, all with the same division. By default an arm is one
    /// run, with the split of the pipeline.
    #[schemars(range(min = 2, max = 1000))]
    pub(in crate::pipeline) folds: Option<usize>,
    /// How often the images are divided into folds anew. 1 by default.
    #[schemars(range(min = 1, max = 1000))]
    pub(in crate::pipeline) repeats: Option<usize>,
    /// Seeds that each arm is run with: of initial weights, of the order of images, of augmentation
    /// and of dropout. The split stays the same. The pipeline's `seed` alone by default.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) seeds: Option<Vec<u64>>,
    /// What arms are ranked and compared by. `accuracy` by default; for numbers always their error.
    pub(in crate::pipeline) rank_by: Option<RawRankBy>,
}

/// The values of a key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawOver {
    /// A list of values.
    Values(#[schemars(length(min = 1))] Vec<Value>),
    /// A range of numbers.
    Range(RawRange),
}

/// A range of numbers. With `step` or `points` it stands for a list of numbers; otherwise any number
/// in it can be drawn. Whole numbers stay whole.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawRange {
    /// The smallest number.
    pub(in crate::pipeline) from: Number,
    /// The largest number.
    pub(in crate::pipeline) to: Number,
    /// Distance between two numbers of a list.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) step: Option<Number>,
    /// Number of numbers in a list, the two ends included.
    #[schemars(range(min = 2, max = 1000))]
    pub(in crate::pipeline) points: Option<usize>,
    /// Whether differences or ratios between numbers count.
    #[serde(default = "defaults::scale")]
    pub(in crate::pipeline) scale: RawScale,
}

/// Whether differences or ratios between numbers count.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawScale {
    /// Differences: for numbers of epochs or layers, for example.
    Linear,
    /// Ratios: for learning rates and penalties, for example.
    Log,
}

/// How the arms of a sweep are chosen.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSearch {
    /// All combinations of the values.
    Grid,
    /// Random combinations.
    Random(RawRandom),
    /// Successive halving: all arms with few epochs, and the best of them again with more.
    Halving(RawHalving),
    /// Tree-structured Parzen estimators: each arm is chosen by the results of those before it.
    Tpe(RawTpe),
}

/// Successive halving (Jamieson and Talwalkar 2016). The last round has the epochs of the pipeline,
/// and only its arms are compared.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawHalving {
    /// Number of random arms. All combinations by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3, max = 1000))]
    pub(in crate::pipeline) arms: Option<usize>,
    /// One of so many arms of a round is in the next, with so many times the epochs.
    #[serde(default = "defaults::keep")]
    #[schemars(range(min = 2, max = 10))]
    pub(in crate::pipeline) keep: usize,
    /// The stage with the epochs. The last stage that trains by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) stage: Option<String>,
    /// Number of epochs of the first round. By default the pipeline's number, divided twice by
    /// `keep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub(in crate::pipeline) from: Option<usize>,
    /// Seed of the draws. The pipeline's `seed` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) seed: Option<u64>,
}

/// Tree-structured Parzen estimators (Bergstra et al. 2011). The first arms are random: half of all,
/// and at most ten.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawTpe {
    /// Number of arms.
    #[schemars(range(min = 2, max = 1000))]
    pub(in crate::pipeline) arms: usize,
    /// Seed of the draws. The pipeline's `seed` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) seed: Option<u64>,
}

/// Random combinations (Bergstra and Bengio 2012).
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawRandom {
    /// Number of combinations.
    #[schemars(range(min = 2, max = 1000))]
    pub(in crate::pipeline) arms: usize,
    /// Seed of the draws. The pipeline's `seed` by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::pipeline) seed: Option<u64>,
}

/// What arms are ranked and compared by.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawRankBy {
    /// The fraction of images that are classified correctly; of several labels, exactly.
    Accuracy,
    /// The log loss, which is more sensitive; of numbers, the absolute error.
    Loss,
}
