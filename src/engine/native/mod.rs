//! The engine of the frozen part: forward only, some images a task, channels innermost (NHWC).
//!
//! With channels innermost a 1x1 convolution is a plain matrix product and a depthwise one a loop
//! over neighbouring numbers; with few images a task their activations stay in cache, and blocks
//! run strip by strip so that the expanded ones do too. [`plan`] folds and packs weights once and
//! decides where values lie; [`step`] runs a layer or a block; [`extractor`] hands images to
//! threads.

mod extractor;
mod plan;
mod step;

pub use extractor::NativeExtractor;
