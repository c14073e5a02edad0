//! The caches that a pipeline names, as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// Caches besides the one of each machine or user.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawCache {
    /// A cache that several machines share: `file:///shared/cache` for a directory that all of them
    /// see, or `s3://bucket/cache` in builds with the feature `object-store`.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) url: Option<String>,
    /// A directory that `alpaca-run shard features` wrote: stages with the same frozen layers take the
    /// features of their images from it.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) features: Option<String>,
}
