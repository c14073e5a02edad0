//! What there is to fine-tune with: layer-wise learning rates, parts of the weights, soups and
//! mixtures of images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alpaca_run::base::tensor::Tensor;
use serde_json::Value;

use crate::reference::tensors;
use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run};
use crate::support::runs::{FINE_TUNING, assert_same_on_any_threads, manifest, run};

type Weights = BTreeMap<String, Tensor>;

/// The weights of a stage.
fn weights(run: &Path, stage: &str, name: &str) -> Weights {
    tensors(&run.join(format!("weights/{stage}/{name}.safetensors")))
}

/// The names of tensors that differ.
fn changed(before: &Weights, after: &Weights) -> BTreeSet<String> {
    let names = before.iter().filter(|(name, values)| after[*name] != **values);
    names.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_fine_tuned_run_is_the_same_on_any_number_of_threads() {
    let workshop = Workshop::new(FINE_TUNING, 3);
    assert_same_on_any_threads(&workshop, &[]);
    let verified = alpaca_run(&["verify", &workshop.text("runs/small")]);
    assert_eq!(verified.code, Some(0), "{}", verified.out);
}

#[test]
fn only_the_wanted_weights_and_the_head_are_trained() {
    let workshop = Workshop::new(FINE_TUNING, 3);
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let directory = workshop.path("runs/small");
    let of = |stage: &str, name: &str| weights(&directory, stage, name);
    for (stage, before, roles) in [
        ("scales", of("last", "best"), ["/gamma", "/beta"]),
        ("shifts", of("scales", "best"), ["/bias", "/beta"]),
    ] {
        let changed = changed(&before, &of(stage, "last"));
        assert!(changed.contains("head/kernel") && changed.contains("head/bias"), "{changed:?}");
        let of_base: Vec<&String> =
            changed.iter().filter(|name| !name.starts_with("head/")).collect();
        let is_wanted = |name: &&&String| roles.iter().any(|role| name.ends_with(role));
        assert!(of_base.iter().all(|name| is_wanted(&name)), "{stage}: {of_base:?}");
        assert!(of_base.len() > 10, "{stage}: {of_base:?}");
    }
    let stages = manifest(&directory)["stages"].clone();
    let n_trained = |at: usize| stages[at]["n_trainable"].as_u64().unwrap();
    assert!(n_trained(1) < n_trained(0) / 10, "{stages}");
}

/// The average of the epochs that are named is the best, and at least as good as each of them.
#[test]
fn a_soup_is_the_best_of_its_stage_and_said_everywhere() {
    let workshop = Workshop::new(FINE_TUNING, 3);
    let mut n_soups = 0;
    for (run_number, rate) in ["1e-3", "1e-2", "3e-2", "1e-1"].into_iter().enumerate() {
        let rate = format!("stages.last.optimizer.adam.learning_rate={rate}");
        let said = run(&workshop, &["-S", &rate, "-S", "stages.last.epochs=6"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let name =
            if run_number == 0 { "small".to_owned() } else { format!("small-{}", run_number + 1) };
        n_soups += usize::from(check_soup(&workshop.path("runs").join(name), &said));
    }
    assert!(n_soups > 0);
}

/// Checks the soup of the first stage of a run; `false` if there is none.
fn check_soup(directory: &Path, said: &Said) -> bool {
    let stage = &manifest(directory)["stages"][0];
    let Some(soup) = stage["soup"].as_array() else { return false };
    let soup: Vec<u64> = soup.iter().map(|epoch| epoch.as_u64().unwrap()).collect();
    if soup.len() == 1 {
        let alone = format!("last  epoch {} alone is better than averages", soup[0]);
        assert!(said.err.contains(&alone), "{}", said.err);
        return false;
    }
    assert!((2..=3).contains(&soup.len()), "{stage}");
    let metrics = std::fs::read_to_string(directory.join("metrics.csv")).unwrap();
    let rows = metrics.lines().filter(|line| line.starts_with("last,"));
    let losses: Vec<f64> =
        rows.map(|row| row.split(',').nth(4).unwrap().parse().unwrap()).collect();
    let reached = stage["best"]["validation"]["loss"].as_f64().unwrap();
    assert!(losses.iter().all(|loss| reached <= loss + 1e-6), "{reached}: {losses:?}");
    // The epochs are in the order of their losses.
    let of_soup: Vec<f64> = soup.iter().map(|&epoch| losses[epoch as usize - 1]).collect();
    assert!(of_soup.is_sorted(), "{of_soup:?}");
    let numbers: Vec<String> = soup.iter().map(u64::to_string).collect();
    let (last, others) = numbers.split_last().unwrap();
    let words = format!("average of epochs {} and {last}", others.join(", "));
    assert!(said.out.contains(&words), "{}", said.out);
    assert!(said.err.contains(&words), "{}", said.err);
    let report = std::fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(report.contains(&words));
    let events = std::fs::read_to_string(directory.join("events.jsonl")).unwrap();
    let finished = events.lines().find(|line| line.contains("stage_finished")).unwrap();
    let finished: Value = serde_json::from_str(finished).unwrap();
    assert_eq!(finished["event"]["stage_finished"]["soup"], stage["soup"], "{finished}");
    true
}

/// Stages from the same head with other learning rates, and their average.
const SEVERAL_STAGES: &str = "\
version: 1
seed: 3
dataset: { directory: pictures, image_size: 32, batch_size: 5 }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  head: { fit: {} }
  average:
    train: { from: head, unfreeze_last: 1, epochs: 1, soup: { with: [fast, slow] }, optimizer: { sgd: { learning_rate: 0.001 } } }
  fast:
    train: { from: head, unfreeze_last: 1, epochs: 2, optimizer: { sgd: { learning_rate: 1.0e-6 } } }
  slow:
    train: { from: head, unfreeze_last: 1, epochs: 2, optimizer: { sgd: { learning_rate: 1.0e-7 } } }
";

#[test]
fn the_best_weights_of_several_stages_are_averaged() {
    let workshop = Workshop::new(SEVERAL_STAGES, 3);
    let cache = workshop.text("cache");
    let said = run(&workshop, &["--cache-dir", &cache]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let directory = workshop.path("runs/small");
    // It comes after the stages that it averages.
    let stages = manifest(&directory)["stages"].clone();
    let names: Vec<&str> = (0..4).map(|stage| stages[stage]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["head", "fast", "slow", "average"]);
    let soup: Vec<Value> = stages[3]["soup"].as_array().unwrap().clone();
    let others: Vec<&str> = soup.iter().filter_map(Value::as_str).collect();
    assert!(soup[0].is_u64() && !others.is_empty(), "{soup:?}");
    assert!(said.out.contains(&format!("stage {}", others[0])) || said.out.contains("stages "));
    // Its only epoch is the first ingredient.
    assert_eq!(soup[0], stages[3]["best"]["epoch"]);
    let best = |stage: &str| weights(&directory, stage, "best");
    let (average, own) = (best("average"), weights(&directory, "average", "last"));
    for (name, tensor) in &average {
        let parts = others.iter().map(|other| best(other)[name].clone()).chain([own[name].clone()]);
        let parts: Vec<Tensor> = parts.collect();
        for (at, value) in tensor.values().iter().enumerate() {
            let mean = parts.iter().map(|part| f64::from(part.values()[at])).sum::<f64>();
            let mean = (mean / parts.len() as f64) as f32;
            assert!((value - mean).abs() <= 1e-6 * mean.abs(), "{name} {at}: {value} {mean}");
        }
    }
}

#[test]
fn a_stage_runs_again_if_what_it_averages_changes() {
    let workshop = Workshop::new(SEVERAL_STAGES, 2);
    let cache = workshop.text("cache");
    let pipeline = workshop.text("small.yaml");
    assert_eq!(run(&workshop, &["--cache-dir", &cache]).code, Some(0));
    let plan = |change: &str| {
        let said = alpaca_run(&["plan", &pipeline, "--cache-dir", &cache, "-S", change]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    };
    let said = plan("stages.fast.epochs=3");
    assert!(said.contains("the result of fast changes"), "{said}");
    assert!(!said.contains("the result of slow changes"), "{said}");
    let said = plan("seed=3");
    assert!(!said.contains("changes"), "{said}");
    let run = workshop.text("runs/small");
    let said = alpaca_run(&["reproduce", &run, "--no-cache"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

/// A step of gradient descent moves weights by their gradient times the learning rate.
#[test]
fn each_block_has_a_fraction_of_the_rate_of_the_block_after_it() {
    let stage = "\
stages:
  last:
    train:
      unfreeze_from: block_14
      epochs: 1
      optimizer: { sgd: { learning_rate: 0.5 } }
";
    let (head, _) = FINE_TUNING.split_once("stages:").unwrap();
    let one_step = head.replace("batch_size: 5", "batch_size: 100");
    let workshop = Workshop::new(&format!("{one_step}{stage}"), 3);
    for decay in ["1", "0.5"] {
        let said = run(&workshop, &["-S", &format!("stages.last.layer_decay={decay}")]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let said = run(&workshop, &["-S", "stages.last.optimizer.sgd.learning_rate=1e-30"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let [full, decayed, before] =
        ["small", "small-2", "small-3"].map(|run| workshop.path("runs").join(run));
    let [full, decayed, before] = [full, decayed, before].map(|run| weights(&run, "last", "last"));
    for (layer, expected) in [
        ("head/kernel", 1.0),
        ("Conv_1/kernel", 0.5),
        ("block_16_project/kernel", 0.25),
        ("block_16_expand/kernel", 0.25),
        ("block_15_depthwise/depthwise_kernel", 0.125),
        ("block_14_project_BN/gamma", 0.0625),
    ] {
        let move_of = |after: &Weights| -> f64 {
            let pairs = after[layer].values().iter().zip(before[layer].values());
            pairs.map(|(after, before)| f64::from((after - before).abs())).sum()
        };
        let (full, decayed) = (move_of(&full), move_of(&decayed));
        assert!(full > 0.0, "{layer}");
        assert!((decayed / full - expected).abs() < 0.02 * expected, "{layer}: {}", decayed / full);
    }
}

#[test]
fn what_cannot_be_is_said() {
    let workshop = Workshop::new(FINE_TUNING, 2);
    for (change, message) in [
        (
            "stages.last.freeze=all",
            "`layer_decay` has no effect when the whole base model is frozen",
        ),
        ("stages.shifts.freeze=all", "`parameters` has no effect when the whole base model is"),
        ("stages.last.mixing={}", "`mixing` does not say how images are mixed"),
        ("stages.last.soup.epochs=5", "`soup` averages 5 epochs, but the stage has only 4"),
        ("stages.last.soup.epochs=1", "an average needs at least two epochs, or other stages"),
        ("stages.last.soup.epochs=0", "must be between 1 and 100"),
        ("stages.last.mixing.probability=0", "must be above 0"),
        ("stages.last.mixing.mix_up.alpha=-1", "must be above 0"),
        ("stages.last.layer_decay=1.5", "must be"),
    ] {
        let said = run(&workshop, &["-S", change]);
        assert_eq!(said.code, Some(2), "{change}: {}", said.err);
        assert!(said.err.contains(message), "{change}: {}", said.err);
    }
}

/// A head with hidden layers is trained, resumed, exported and asked like any other.
#[test]
fn a_head_can_have_hidden_layers() {
    let workshop = Workshop::new(FINE_TUNING, 3);
    let hidden = ["-S", "model.head.hidden=[16, 8]", "-S", "model.head.dropout=0.1"];
    assert_same_on_any_threads(&workshop, &hidden);
    let directory = workshop.path("runs/small");
    let weights = weights(&directory, "shifts", "best");
    for (name, shape) in [
        ("hidden_1/kernel", &[1, 1, 1280, 16][..]),
        ("hidden_1/bias", &[16]),
        ("hidden_2/kernel", &[1, 1, 16, 8]),
        ("head/kernel", &[8, 3]),
    ] {
        assert_eq!(weights[name].shape(), shape, "{name}");
    }
    let (run_directory, onnx) = (workshop.text("runs/small"), workshop.text("model.onnx"));
    let exported = alpaca_run(&["export", &run_directory, "-o", &onnx, "--no-cache"]);
    assert_eq!(exported.code, Some(0), "{}", exported.err);
    let pictures = workshop.text("pictures/disc");
    let [of_run, of_file] = [&run_directory, &onnx].map(|model| {
        let said = alpaca_run(&["predict", model, &pictures, "--csv"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out.lines().map(|line| line.split(',').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    });
    assert_eq!(of_run, of_file);
    let fitted = [&hidden[..], &["-S", "stages.last={ fit: {} }"]].concat();
    let said = run(&workshop, &fitted);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("only a head of one layer can be fitted"), "{}", said.err);
}
