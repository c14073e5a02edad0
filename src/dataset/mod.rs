//! From a directory of images to batches.
//!
//! [`scan`] lists files, [`examine`] reads each once (digest, readable or not), [`split`] draws the
//! parts, and [`loader`] decodes, resizes, augments and batches images ahead of their consumer. The
//! processing of an image depends on its identity and the seed, never on the order of files, on
//! threads or on time. [`survey`] describes a dataset before training.

pub mod archive;
pub mod augment;
pub mod copies;
pub mod decode;
pub mod error;
pub mod examine;
pub mod generator;
pub mod heat_map;
mod iterative;
pub mod known;
pub mod labels;
pub mod likeness;
pub mod loader;
pub mod order;
pub mod part;
pub mod pixels;
mod reading;
pub mod resize;
pub mod sample;
pub mod scan;
mod shares;
pub mod split;
pub mod survey;
pub mod system;
pub mod thumbnail;
