//! What need not be computed twice: a directory of entries by key that outlives runs, and records
//! that live as long as a stage.
//!
//! Knows bytes and digests, not images or stages.

pub mod directory;
pub mod records;
