//! Joins everything below it: from a spec to a finished run directory.
//!
//! No algorithm lives here. [`plan`] decides by a key whether a stage runs or its result is reused;
//! [`prepare`] finds dataset and weights, and what is wrong with them, before anything starts;
//! [`run`] runs; [`ask`] is about the models of finished runs, [`look`] about pipelines. A wing uses
//! only those above it in the list below, and a run asks its models.

pub mod error;
pub mod plan;
pub mod prepare;
pub mod ask;
pub mod run;
pub mod look;
