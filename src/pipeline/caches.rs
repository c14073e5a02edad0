//! The caches that a pipeline names. They never decide a result.

use crate::spec::Location;

/// The values of a section `cache`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheValues {
    /// The URL of the cache that is shared with other machines.
    pub url: Option<String>,
    /// The directory of features that were computed before.
    pub features: Option<Location>,
}
