//! Inspects a pipeline without running it: its speed, its layers, its dataset and its augmentation;
//! lists the networks.

pub mod augmented;
pub mod bench;
pub mod layer_times;
pub mod layers;
pub mod models;
pub mod survey;
