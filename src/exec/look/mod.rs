//! Inspects a pipeline without running it: its speed, its layers and its dataset.

pub mod bench;
pub mod layers;
pub mod survey;
