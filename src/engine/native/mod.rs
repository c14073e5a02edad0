//! The engine of the frozen part: forward only, one picture a task, channels innermost (NHWC).
//!
//! With channels innermost a 1x1 convolution is a plain matrix product and a depthwise one a loop
//! over neighbouring numbers; with one picture a task its activations stay in cache and no result
//! depends on how many threads there are.

mod convolution;
mod extractor;
mod fold;
mod product;

pub use extractor::NativeExtractor;
