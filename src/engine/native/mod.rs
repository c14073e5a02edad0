//! The engine of the frozen part: forward only, some images a task, channels innermost (NHWC).
//!
//! With channels innermost, a 1x1 convolution is a plain matrix product, and a depthwise
//! convolution is a loop over adjacent values. With few images per task, activations stay in cache.
//! Blocks run strip by strip, so that expanded activations do too. [`plan`] folds and packs the
//! weights once and assigns memory to values; [`step`] runs a layer or a block; [`extractor`]
//! distributes images to threads.

mod extractor;
mod group;
mod int8;
mod plan;
mod step;

pub use extractor::NativeExtractor;
