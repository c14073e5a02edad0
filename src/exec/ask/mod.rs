//! The model of a finished run, asked.
//!
//! [`trained`] is the model; [`evaluate`] measures it, [`predict`] asks it about image files,
//! [`export`] writes it for other programs and proves that they will say the same;
//! [`page_content`] gathers what the page of a run shows.

pub mod evaluate;
pub mod export;
mod exported_model;
pub mod image_files;
pub mod page_content;
pub mod predict;
pub mod trained;
