//! Words without a domain: digests, files, names, tensors, text.
//!
//! Nothing here knows what a pipeline, an image or a network is.

pub mod batch;
pub mod cancel;
pub mod clock;
pub mod digest;
pub mod fs;
pub mod guard;
pub mod key_path;
pub mod leaves;
pub mod names;
pub mod sealed;
pub mod tally;
pub mod tensor;
pub mod text;
