//! The result of a run on disk: names of files, how they are written, and what they look like.
//!
//! Recorded types are this module's own. Facts that change from one execution to the next (times,
//! host) stand apart from those that reproduce. Every file is complete or absent, the manifest is
//! written last, and without it a run is unfinished.

pub mod catalog;
pub mod compare;
pub mod history;
pub mod html;
pub mod layout;
pub mod lock;
pub mod manifest;
pub mod measured;
pub mod plot;
pub mod recorder;
pub mod table;
pub mod verify;
