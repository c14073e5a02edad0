//! Inspects a pipeline without running it: its speed, its layers and its dataset; lists the
//! networks.

pub mod bench;
pub mod layers;
pub mod models;
pub mod survey;
