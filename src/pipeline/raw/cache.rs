//! The cache that machines share, as written.

use schemars::JsonSchema;
use serde::Deserialize;

/// A cache that several machines share, besides the one of each machine or user.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawCache {
    /// Where it is: `file:///shared/cache` for a directory that all machines see, or
    /// `s3://bucket/cache` in builds with the feature `object-store`.
    #[schemars(length(min = 1))]
    pub(in crate::pipeline) url: String,
}
