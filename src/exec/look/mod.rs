//! A pipeline looked at without running it: its speed, its layers, its dataset.

pub mod bench;
pub mod layers;
pub mod survey;
