//! From a directory of images to batches.
//!
//! [`scan`] lists files, [`examine`] reads each once (digest, readable or not), [`split`] draws,
//! [`loader`] decodes, resizes, augments and batches ahead of whoever consumes the batches. What
//! happens to an image depends on its identity and the seed, never on the order of files,
//! threads or time. [`survey`] says what is there before anything trains.

pub mod augment;
pub mod copies;
pub mod decode;
pub mod error;
pub mod examine;
pub mod generator;
pub mod heat_map;
mod layout;
pub mod likeness;
pub mod loader;
pub mod order;
pub mod part;
pub mod pixels;
pub mod resize;
pub mod scan;
pub mod split;
pub mod survey;
pub mod system;
pub mod thumbnail;
