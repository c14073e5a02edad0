//! The engine of the trainable part: forward and backward by burn.
//!
//! [`operations`] is what a layer is in terms of a tensor library, on any of its devices;
//! [`network`] runs units with them; [`trainer`] keeps weights, asks for gradients and moves the
//! weights. Weights live in host memory between steps.

mod network;
mod operations;
mod parameters;
mod trainer;

pub use trainer::AutodiffTrainer;
