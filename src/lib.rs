//! A declarative pipeline runner for image-classification transfer learning.
//!
//! # Layout
//!
//! Modules in reading order. A module uses only modules above it. ARCHITECTURE.md has the table of
//! dependencies, and a test enforces it.
//!
//! - [`base`]: digests, files, names, tensors, text.
//! - [`spec`]: the resolved description of a run, as plain data.
//! - [`event`]: progress of a run, sent to listeners.
//! - [`metrics`]: metrics of predicted probabilities.
//! - [`model`]: the network as a graph of named layers, its weights and freeze points.
//! - [`pipeline`]: from the text of a pipeline file to a spec, or to a list of all its problems.
//! - [`onnx`]: exports classifiers to ONNX, and runs ONNX files with tract.
//! - [`fetch`]: downloads published weights, once.
//! - [`cache`]: stores results so that they are computed only once.
//! - [`dataset`]: from a directory of images to batches.
//! - [`engine`]: runs the frozen and the trainable part of a network.
//! - [`train`]: epochs, metrics, and which epoch was best.
//! - [`run_dir`]: the run directory, which holds the results.
//! - [`mod@diff`]: compares runs.
//! - [`report`]: writes the HTML report of a run.
//! - [`mod@folds`]: summarizes a cross-validation.
//! - [`mod@sweep`]: searches over values of a pipeline.
//! - [`cluster`]: tasks elsewhere, such as on a cluster.
//! - [`tracking`]: runs for TensorBoard, MLflow and other programs.
//! - [`exec`]: combines everything above into a run.
//! - [`serve`]: the live page about runs, and models over HTTP.
//! - [`cli`]: the command line.
#![forbid(unsafe_code)]

pub mod base;
pub mod spec;
pub mod event;
pub mod metrics;
pub mod model;
pub mod pipeline;
pub mod onnx;
pub mod fetch;
pub mod cache;
pub mod dataset;
pub mod engine;
pub mod train;
pub mod run_dir;
pub mod diff;
pub mod report;
pub mod folds;
pub mod sweep;
pub mod cluster;
pub mod tracking;
pub mod exec;
pub mod serve;
pub mod cli;
