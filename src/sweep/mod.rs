//! A search over values of a pipeline: its arms, the runs that it consists of, and what they show.
//!
//! Nothing here runs anything: [`tasks`] lists runs as plain data, and [`outcome`] reads their
//! directories, wherever they ran.

pub mod arms;
mod files;
mod names;
pub mod outcome;
mod page;
mod parzen;
pub mod search;
mod statement;
pub mod tasks;
mod text;

pub use files::write;
pub use outcome::{ArmRow, FailedArm, Statement, SweepResult};
pub use page::render as render_page;
pub use text::{render, render_arms};

/// The table of the arms, the best first.
pub const TABLE: &str = "sweep.csv";
/// The result as JSON; written last.
pub const RESULT: &str = "sweep.json";
/// The pipeline of the best arm.
pub const WINNER: &str = "winner.yaml";
