//! A run from its spec to its manifest.
//!
//! [`begin`] starts a run or resumes one; [`stages`] takes its stages in order, [`stage`] runs one
//! with its [`features`]; [`checkpoint`] is what is left where that stops; [`task`] does what comes
//! after all stages.

pub(crate) mod audience;
pub mod begin;
pub mod checkpoint;
pub mod features;
pub mod session;
pub(crate) mod stage;
pub(crate) mod stages;
pub(crate) mod task;
pub(crate) mod context;
