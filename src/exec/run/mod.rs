//! Executes a run from its spec to its manifest.
//!
//! [`begin`] starts or resumes a run. [`stages`] executes its stages in order, and [`stage`] a
//! single one with its [`features`]. [`checkpoint`] stores the state from which a run is resumed,
//! and [`task`] performs the tasks after all stages. [`lr_find`] tries learning rates in a stage, and
//! [`budget`] finds how many epochs fit into a time.

pub(crate) mod audience;
pub mod begin;
pub mod budget;
pub mod checkpoint;
pub mod features;
pub(crate) mod head;
pub(crate) mod hint;
pub mod lr_find;
pub mod ranks;
mod rehearsal;
pub mod session;
pub(crate) mod sources;
pub(crate) mod stage;
pub(crate) mod stages;
pub(crate) mod task;
mod teaching;
mod temperature;
pub(crate) mod context;
