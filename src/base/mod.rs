//! General building blocks: digests, files, names, tensors and text.
//!
//! Nothing here depends on pipelines, images or networks.

pub mod batch;
pub mod cancel;
pub mod clock;
pub mod digest;
pub mod fs;
pub mod guard;
pub mod ingredient;
pub mod key_path;
pub mod label_list;
pub mod leaves;
pub mod names;
pub mod peers;
pub mod quantities;
pub mod sealed;
pub mod stamp;
pub mod tally;
pub mod target;
pub mod tensor;
pub mod text;
