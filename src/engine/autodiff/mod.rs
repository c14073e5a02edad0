//! The engine of the trainable part: forward and backward by burn.
//!
//! [`native`] runs layers of our own, which [`custom`] puts into burn's graph; [`ordinary`] runs the
//! same units in ordinary tensor operations, for every device. [`trainer`] keeps weights, asks for
//! gradients and moves the weights. Weights live in host memory between steps.

mod custom;
mod host;
mod native;
mod operations;
mod ordinary;
mod parameters;
mod statistics;
mod trainer;

pub use trainer::{AutodiffTrainer, Layers, TrainerOptions};
