//! The classifier that came with weights: asked as it is, and as the beginning of a head.

use std::collections::BTreeMap;
use std::path::Path;

use alpaca_run::base::tensor::Tensor;
use alpaca_run::model::architecture;
use alpaca_run::model::weights::Weights;
use alpaca_run::model::weights::import::WeightsFile;
use alpaca_run::spec::{Architecture, Convention};
use serde_json::Value;

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, files_below};
use crate::support::runs::{TWO_STAGES, run};

/// A workshop whose pictures are in folders called as these classes, with a file `whole.safetensors`
/// of random weights and a classifier of 1,000 classes.
fn workshop(classes: [&str; 2]) -> Workshop {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = run(&workshop, &["--until", "transfer"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let best = workshop.path("runs/small/weights/best.safetensors");
    let mut whole: Weights = WeightsFile::open(&best)
        .unwrap()
        .weights(Architecture::MobilenetV2, &parameters())
        .unwrap()
        .iter()
        .map(|(name, tensor)| (name.to_owned(), tensor.clone()))
        .collect();
    let wave = |n: usize| (0..n).map(|i| (i as f32 * 0.7).sin() * 0.3).collect();
    whole.insert("predictions/kernel", Tensor::new(&[1280, 1000], wave(1_280_000)));
    whole.insert("predictions/bias", Tensor::new(&[1000], wave(1000)));
    let file = workshop.path("whole.safetensors");
    alpaca_run::model::weights::file::save(&file, &whole, Convention::Keras).unwrap();
    let pictures = workshop.path("pictures");
    let mut folders: Vec<_> =
        std::fs::read_dir(&pictures).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for (folder, class) in folders.iter().zip(classes) {
        std::fs::rename(folder, pictures.join(class)).unwrap();
    }
    workshop
}

/// The parameters of the base model of the workshop.
fn parameters() -> Vec<alpaca_run::model::graph::Parameter> {
    architecture::outline(Architecture::MobilenetV2, Convention::Keras, 0.35).parameters()
}

/// The pipeline with the classifier that came with the weights, which hardly moves in training.
fn run_pretrained(workshop: &Workshop) -> Said {
    let weights = format!("model.weights={}", workshop.text("whole.safetensors"));
    run(
        workshop,
        &[
            "-S",
            &weights,
            "-S",
            "model.top=pretrained",
            // As `predict --base` does it.
            "-S",
            "dataset.resize.fit=crop",
            "-S",
            "stages.transfer.train.optimizer.adam.learning_rate=1e-12",
            "--until",
            "transfer",
        ],
    )
}

/// Asks the network about the pictures of a workshop, with the weights in one of its files.
fn predict(workshop: &Workshop, weights: &str, more: &[&str]) -> Said {
    let (weights, pictures) = (workshop.text(weights), workshop.text("pictures"));
    let network = ["predict", "--base", "mobilenet_v2", "--width", "0.35", "--weights", &weights];
    alpaca_run(&[&network[..], more, &[&pictures]].concat())
}

/// The probabilities of two classes for each picture, by path, as the untouched network has them.
fn asked(workshop: &Workshop, classes: [&str; 2]) -> BTreeMap<String, f64> {
    let more = ["--image-size", "32", "--top", "1000", "--json"];
    let said = predict(workshop, "whole.safetensors", &more);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let second = |line: &str| -> (String, f64) {
        let said: Value = serde_json::from_str(line).unwrap();
        let of = |class: &str| {
            let all = said["classes"].as_array().unwrap();
            assert_eq!(all.len(), 1000);
            let found = all.iter().find(|entry| entry["name"] == class || entry["id"] == class);
            found.unwrap()["probability"].as_f64().unwrap()
        };
        let [first, second] = classes.map(of);
        (said["path"].as_str().unwrap().to_owned(), second / (first + second))
    };
    said.out.lines().map(second).collect()
}

#[test]
fn a_head_begins_as_the_classifier_that_came_with_the_weights() {
    // Folders in the order of their names, one called by its identifier.
    let classes = ["llama", "n01440764"];
    let workshop = workshop(classes);
    let said = run_pretrained(&workshop);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let expected = asked(&workshop, classes);
    let table = std::fs::read_to_string(workshop.path("runs/small-2/predictions.csv")).unwrap();
    let mut rows = table.lines();
    let heads: Vec<&str> = rows.next().unwrap().split(',').collect();
    let column = heads.iter().position(|head| head.contains("n01440764")).unwrap();
    let mut n = 0;
    for row in rows {
        let cells: Vec<&str> = row.split(',').collect();
        let (path, found): (&str, f64) = (cells[0], cells[column].parse().unwrap());
        let (_, wanted) = expected.iter().find(|(name, _)| name.ends_with(path)).unwrap();
        assert!((found - wanted).abs() < 1e-5, "{path}: {found} instead of {wanted}");
        n += 1;
    }
    assert!(n >= 4, "{table}");
}

#[test]
fn classes_that_the_classifier_does_not_know_are_named() {
    let workshop = workshop(["alpaca", "crane"]);
    let said = run_pretrained(&workshop);
    assert_eq!(said.code, Some(2), "{}", said.err);
    for part in
        ["error[W004]", "has no class for `alpaca`", "for `alpaca`, did you mean", "`n02437616`"]
    {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    assert!(!Path::new(&workshop.path("runs/small-2")).exists());
}

#[test]
fn a_file_without_a_classifier_is_said_to_have_none() {
    let workshop = workshop(["llama", "tench"]);
    let best = files_below(&workshop.path("runs"));
    assert!(best.iter().any(|(name, _)| name == "small/weights/best.safetensors"));
    let said = predict(&workshop, "runs/small/weights/best.safetensors", &[]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("contains no classifier"), "{}", said.err);
}
