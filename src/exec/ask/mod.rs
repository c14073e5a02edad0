//! Uses the model of a finished run.
//!
//! [`trained`] opens the model, [`evaluate`] evaluates it, and [`predict`] classifies image files.
//! [`ensemble`] averages several models.
//! [`teacher`] lets them teach another model.
//! [`frozen_part`] computes features for a stage before it runs.
//! [`export`] writes it as an ONNX file, and verifies that the file predicts the same.
//! [`page_content`] gathers the content of the HTML report.

pub mod ensemble;
pub mod evaluate;
pub mod export;
mod exported_model;
pub mod frozen_part;
pub mod image_files;
pub mod page_content;
pub mod predict;
pub mod teacher;
pub mod trained;
mod views;
