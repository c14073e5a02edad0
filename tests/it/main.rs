//! Integration tests, all in one binary.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    unreachable_pub,
    reason = "a test that cannot go on should say where, a skipped one that it was; test files need \
              no care, and a test binary has no outside"
)]

// The modules of the build script, which name a build.
#[path = "../../build/identity.rs"]
mod identity;
#[path = "../../build/lines.rs"]
mod lines;
#[path = "../../build/locked.rs"]
mod locked;

mod architecture;
mod archives;
mod augmentation;
mod bad_datasets;
mod batch_norm;
mod browser;
mod budget;
mod build_digest;
#[cfg(unix)]
mod cluster;
mod data_command;
mod datasets;
mod diagnostics;
mod diff;
mod efficientnet_lite;
mod ensembles;
mod documents;
mod editor;
mod evaluations_and_pages;
mod events;
mod fetch_command;
mod fine_tuning;
mod generated_datasets;
mod imagenet_classifier;
mod heads;
mod init;
mod images;
mod keras_files;
mod layouts;
mod layer_definitions;
mod layers_command;
mod live_page;
mod losses;
mod lr_find;
mod metrics;
mod models_command;
#[cfg(feature = "mpi")]
mod mpi;
mod networks;
mod numbers;
mod odd_files;
mod onnx_base_models;
mod plan_and_cache;
mod precision;
mod python;
mod predict_and_export;
mod ranks;
mod reference;
mod reproduce;
mod resizing;
mod resume;
mod runs;
mod runs_command;
mod schema;
mod serve_model;
mod several_labels;
mod shards;
mod shared_cache;
mod support;
#[cfg(unix)]
mod slurm;
mod sweep;
mod teachers;
mod temperatures;
mod thresholds;
mod training_from_scratch;
#[cfg(unix)]
mod tutorial;
mod uneven_classes;
mod usual_slips;
mod watch;
mod weight_files;
mod words;
