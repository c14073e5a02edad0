//! The engine of the trainable part: forward and backward passes with burn.
//!
//! [`native`] runs this crate's own layers, which [`custom`] adds to burn's graph. [`ordinary`]
//! runs the same units as ordinary tensor operations, on every device. [`trainer`] holds the
//! weights, computes gradients and updates the weights. Between steps, weights are in host memory.

mod custom;
mod host;
mod native;
mod operations;
mod ordinary;
mod parameters;
mod statistics;
mod timed;
mod trainer;

pub use timed::LayerClocks;
pub use trainer::{AutodiffTrainer, Layers, TrainerOptions};
