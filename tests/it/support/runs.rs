//! A small pipeline of two stages, and how its runs compare.

use std::path::Path;

use super::pictures::Workshop;
use super::program::{Said, alpaca_run, files_below};

/// Two stages on the smallest network; augmentation, dropout and both engines take part.
pub const TWO_STAGES: &str = "\
version: 1
seed: 7
dataset: { directory: pictures, image_size: 32, batch_size: 5 }
augmentation:
  - random_flip: both
  - random_rotation: { factor: 0.1 }
  - random_contrast: { factor: 0.2 }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  transfer:
    train: { freeze: all, epochs: 2 }
  finetune:
    train: { unfreeze_from: 138, epochs: 2, optimizer: { adam: { learning_rate: 1e-4 } } }
";

/// One short stage, for what comes before or after training.
pub const ONE_STAGE: &str = "\
version: 1
dataset: { directory: pictures, image_size: 32 }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  transfer:
    train: { epochs: 1 }
";

/// A small network of each family, except that of the other pipelines here.
pub const FAMILIES: [&str; 5] = [
    "mobilenet_v1",
    "mobilenet_v3_small",
    "mobilenet_v4_conv_small_050",
    "efficientnet_b0",
    "resnet18",
];

/// For any network: a stage that trains everything with the statistics of each batch, and one with
/// fixed statistics.
pub const TWO_KINDS: &str = "\
version: 1
seed: 3
dataset: { directory: pictures, image_size: 32, batch_size: 5 }
augmentation:
  - random_flip: horizontal
model: { base: resnet18, weights: none }
stages:
  all:
    train: { freeze: none, epochs: 1, batch_norm: { train: {} } }
  last:
    train: { unfreeze_last: 2, epochs: 1 }
";

/// Two stages that train everything, with all that training from scratch can have.
pub const FROM_SCRATCH: &str = "\
version: 1
seed: 7
dataset: { directory: pictures, image_size: 32, batch_size: 5 }
augmentation:
  - random_flip: both
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  first:
    train:
      freeze: none
      epochs: 3
      batch_norm: { train: { momentum: 0.9 } }
      optimizer: { adamw: { learning_rate: 2e-3, weight_decay: 0.05 } }
      warmup: { steps: 3 }
      schedule: { cosine: { end: 0.1 } }
      label_smoothing: 0.1
      gradient_clipping: { norm: 1.0 }
      weight_average: { decay: 0.9 }
  second:
    train:
      unfreeze_from: block_13_depthwise
      epochs: 8
      batch_norm: { train: {} }
      schedule: { reduce_on_plateau: { patience: 1, factor: 0.5, min_delta: 0.3 } }
      early_stopping: { patience: 3, min_delta: 0.3 }
";

/// Three stages with what there is to fine-tune with.
pub const FINE_TUNING: &str = "\
version: 1
seed: 5
dataset: { directory: pictures, image_size: 32, batch_size: 5 }
augmentation:
  - random_flip: both
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  last:
    train:
      unfreeze_last: 3
      epochs: 4
      layer_decay: 0.5
      soup: { epochs: 3 }
      mixing: { mix_up: { alpha: 0.4 }, cut_mix: {}, probability: 0.8 }
      weight_average: { decay: 0.5 }
  scales:
    train:
      unfreeze_from: block_10
      epochs: 2
      parameters: normalization
      class_weights: balanced
      mixing: { mix_up: {} }
  shifts:
    train:
      freeze: none
      epochs: 2
      parameters: biases
      soup: { epochs: 2 }
      mixing: { cut_mix: {} }
";

/// Two stages with all that there is for uneven classes. The split leaves more of one class than of
/// the other to train on.
pub const UNEVEN: &str = "\
version: 1
seed: 4
dataset:
  directory: pictures
  image_size: 32
  batch_size: 5
  split: { validation: 0.4, by: random }
augmentation:
  - random_flip: both
  - random_contrast: { factor: 0.2 }
augmentation_views: 2
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  head:
    train:
      epochs: 4
      sampling: balanced
      best_by: val/balanced_accuracy
  last:
    train:
      unfreeze_from: block_15
      epochs: 3
      augmentation:
        - random_rotation: { factor: 0.1 }
      sampling: balanced
      loss: { focal: { gamma: 1.5 } }
      label_smoothing: 0.1
      class_weights: { disc: 1.0, ring: 2.0 }
  weighted:
    train:
      unfreeze_from: block_16
      epochs: 2
      class_weights: effective
      loss: { focal: {} }
";

/// The files that a second execution may write differently.
const VOLATILE: [&str; 3] = ["events.jsonl", "manifest.json", "timings.csv"];

/// Runs the pipeline of a workshop into its folder `runs`; nothing is taken from earlier runs unless
/// a cache directory is given.
pub fn run(workshop: &Workshop, more: &[&str]) -> Said {
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let mut arguments = vec![pipeline.as_str(), "--runs-dir", &runs];
    arguments.extend(more);
    if !more.contains(&"--cache-dir") {
        arguments.push("--no-cache");
    }
    alpaca_run(&arguments)
}

/// The files of a run directory that reproduce.
pub fn lasting(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = files_below(directory);
    files.retain(|(name, _)| !VOLATILE.contains(&name.as_str()));
    files
}

/// A manifest without its volatile section.
pub fn manifest(directory: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(directory.join("manifest.json")).unwrap();
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(manifest.as_object_mut().unwrap().remove("volatile").is_some());
    manifest
}

/// Two runs with the same bytes in every file that reproduces, and the same manifest but for its
/// volatile section.
#[track_caller]
pub fn assert_same_files(a: &Path, b: &Path) {
    assert_same_bytes(&lasting(a), &lasting(b));
    assert_eq!(manifest(a), manifest(b));
}

/// The same files with the same bytes.
#[track_caller]
pub fn assert_same_bytes(a: &[(String, Vec<u8>)], b: &[(String, Vec<u8>)]) {
    let names = |files: &[(String, Vec<u8>)]| -> Vec<String> {
        files.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(a), names(b));
    for ((name, a), (_, b)) in a.iter().zip(b) {
        assert!(a == b, "{name} differs");
    }
}

/// Runs the pipeline of a workshop on one thread and on three: `runs/small` and `runs/small-2` have the
/// same bytes.
#[track_caller]
pub fn assert_same_on_any_threads(workshop: &Workshop, more: &[&str]) {
    for n_threads in ["1", "3"] {
        let said = run(workshop, &[more, &["--threads", n_threads]].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-2"));
}
