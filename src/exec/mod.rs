//! Joins everything below it: from a spec to a finished run directory.
//!
//! No algorithm lives here. [`preflight`] finds what is wrong with dataset and weights before
//! anything starts; [`plan`] decides by its [`key`] whether a stage runs or its result is taken from
//! the [`store`]; [`session`] starts a run or goes on with one, [`run`] takes its stages in order,
//! [`stage`] runs one and leaves its [`outcome`]; [`checkpoint`] is what is left where that stops;
//! [`task`] does what comes after all stages: [`evaluate`] and [`export`]; [`report`] gathers the page,
//! with maps by [`explain`]. [`trained`] is the model of a finished run, for these and for
//! [`predict`]; [`survey`] looks at a dataset; [`overlap`] tells which images have trained what they measure; [`bench`](mod@bench) measures the parts.

mod audience;
mod base;
pub mod bench;
pub mod checkpoint;
mod error;
pub mod evaluate;
pub mod export;
mod exported;
mod explain;
mod features;
pub mod key;
mod known;
pub mod layers;
mod outcome;
pub mod overlap;
pub mod plan;
pub mod predict;
mod predictions;
pub mod preflight;
pub mod program;
pub mod report;
mod run;
pub mod session;
mod splits;
mod stage;
mod store;
pub mod survey;
mod task;
pub mod trained;
