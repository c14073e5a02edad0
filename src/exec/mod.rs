//! Combines all modules below it: from a spec to a finished run directory.
//!
//! No algorithm is implemented here. [`plan`] decides by a key whether a stage runs or its result
//! is reused. [`prepare`] finds the dataset and the weights, and their problems, before anything
//! starts. [`run`] executes stages and tasks. [`ask`] uses the models of finished runs, and
//! [`look`] inspects pipelines. A module uses only those above it in the list below.

pub mod error;
pub mod plan;
pub mod prepare;
pub mod ask;
pub mod run;
pub mod look;
