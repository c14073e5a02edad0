//! A declarative pipeline runner for image-classification transfer learning.
//!
//! # Layout
//!
//! In reading order. A module uses only modules above it; ARCHITECTURE.md has the table and a test
//! keeps it.
//!
//! - [`base`]: digests, files, random streams, tensors, text.
//! - [`spec`]: the resolved description of a run, as plain data.
//! - [`event`]: what happens in a run, told to whoever listens.
//! - [`metrics`]: how well probabilities fit classes.
//! - [`model`]: the network as a graph of named layers, its weights and freeze points.
//! - [`pipeline`]: from the text of a pipeline file to a spec, or to everything wrong with it.
//! - [`onnx`]: classifiers as files for other software, and files run by tract.
//! - [`fetch`]: published weights, downloaded once.
//! - [`cache`]: what need not be computed twice.
//! - [`dataset`]: from a folder of pictures to batches.
//! - [`engine`]: runs the frozen and the trainable part of a network.
//! - [`train`]: epochs, metrics, and which epoch was best.
//! - [`run_dir`]: the result on disk.
//! - [`mod@diff`]: what differs between runs.
//! - [`report`]: a run as a page for people.
//! - [`exec`]: joins everything above into a run.
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
pub mod exec;
pub mod cli;
