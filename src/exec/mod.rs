//! Joins everything below it: from a spec to a finished run directory.
//!
//! No algorithm lives here. [`preflight`] finds what is wrong with dataset and weights before
//! anything starts, [`session`] runs the stages in order, [`stage`] runs one;
//! [`bench`](mod@bench) measures the parts.

pub mod bench;
mod features;
pub mod layers;
pub mod preflight;
pub mod session;
mod stage;
