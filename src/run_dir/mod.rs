//! The run directory: its file names, formats, plots and pages, and how they are written.
//!
//! The recorded types belong to this module. Facts that change from one execution to the next
//! (times, host) are kept apart from reproducible ones. Every file is complete or absent. The
//! manifest is written last; a run without one is unfinished.

pub mod catalog;
pub mod columns;
pub mod compare;
pub mod history;
pub mod html;
pub mod layout;
pub mod lock;
pub mod manifest;
pub mod measured;

pub mod plot;
pub mod read;
pub mod recorder;
pub mod suspects;
pub mod table;
pub mod thresholds;
pub mod verify;
