//! Caches: a directory of entries by key that outlives runs, and records that live as long as a
//! stage, or in a pool as long as the process.
//!
//! It deals with bytes and digests, not with images or stages.

pub mod directory;
pub mod feature_file;
pub mod leases;
#[cfg(feature = "object-store")]
mod object_store;
pub mod pool;
pub mod records;
pub mod shared;
mod shared_directory;
pub mod stores;
