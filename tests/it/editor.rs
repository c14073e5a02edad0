//! What an editor with yaml-language-server shows for pipeline files.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::program::{project, yaml_files};

const PIPELINE: &str = "\
version: 1
dataset: { directory: d, image_size: 96 }
model:
  base: mobilenet_v2
stages:
  head:
    train: { freeze: all, epochs: 1 }
";

/// The server's answers, or nothing if node does not find it. `|` is the cursor.
fn ask(questions: &[String]) -> Option<Vec<Value>> {
    let node = || Command::new("node");
    let found = node()
        .args(["-e", "require.resolve('yaml-language-server/package.json')"])
        .stderr(Stdio::null())
        .status();
    if !found.is_ok_and(|status| status.success()) {
        println!("skipped: NODE_PATH leads to no yaml-language-server");
        return None;
    }
    let mut process = node()
        .arg(project().join("tests/it/data/editor.js"))
        .arg(project().join("schemas/pipeline.schema.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(process.stdin.take().unwrap(), questions).unwrap();
    let output = process.wait_with_output().unwrap();
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

/// The pipeline with one change.
#[track_caller]
fn changed(from: &str, to: &str) -> String {
    assert!(PIPELINE.contains(from), "{from}");
    PIPELINE.replace(from, to)
}

#[test]
fn hovering_shows_the_description_of_the_key() {
    let cases = [
        ("image_size", "ima|ge_size", "Size in pixels that every image is resized to."),
        ("directory", "dire|ctory", "Directory with one subdirectory of images per class."),
        ("base", "ba|se", "Architecture of the base model, or an ONNX file."),
        ("freeze: all", "fre|eze: all", "Part of the base model to freeze."),
        ("freeze: all", "unfr|eeze_from: 120", "First layer of the base model to train"),
        ("freeze: all", "sched|ule: constant", "How the learning rate changes during the stage."),
        (
            "model:",
            "augmentation:\n  - random_rot|ation: { factor: 0.1 }\nmodel:",
            "Rotate by a random fraction of a full turn.",
        ),
    ];
    let questions = cases.map(|(from, to, _)| changed(from, to));
    let Some(answers) = ask(&questions) else { return };
    for ((_, to, text), answer) in cases.iter().zip(&answers) {
        assert!(answer["hover"].as_str().unwrap().starts_with(text), "{to}: {answer}");
    }
}

#[test]
fn completions_are_the_choices_and_insert_only_what_is_needed() {
    let stage = "train: { freeze: all, epochs: 1 }";
    let cases = [
        ("base: mobilenet_v2", "base: mobilenet_v2\n  weights: |", "builtin imagenet none"),
        ("base: mobilenet_v2", "base: |", "mobilenet_v2"),
        (stage, "|", "train evaluate export"),
        (stage, "train:\n      epochs: 1\n      optimizer:\n        |", "adam adamw sgd"),
        (
            "model:",
            "augmentation:\n  - |\nmodel:",
            "random_flip random_rotation random_zoom random_translation random_brightness \
             random_contrast random_resized_crop color_jitter random_grayscale random_blur \
             random_sharpness random_erasing rand_augment trivial_augment aug_mix",
        ),
    ];
    let questions = cases.map(|(from, to, _)| changed(from, to));
    let Some(answers) = ask(&questions) else { return };
    for ((_, to, labels), answer) in cases.iter().zip(&answers) {
        let found = answer["completions"].as_array().unwrap().iter();
        let found: Vec<&str> = found.map(|one| one["label"].as_str().unwrap()).collect();
        assert_eq!(found.join(" "), *labels, "{to}");
    }
    assert_eq!(answers[2]["completions"][0]["inserts"], "train:\n  epochs: ");
}

#[test]
fn problems_are_named_after_keys() {
    let cases = [
        ("epochs: 1", "epochs: 1, optimizer: { adam: 3 }", "Expected \"adam\""),
        ("base: mobilenet_v2", "base: resnet", "Valid values: \"mobilenet_v2\""),
        ("directory: d, ", "", "Missing property \"directory\""),
        ("freeze: all", "freeze: all, unfreeze_from: 3", "Property unfreeze_from is not allowed"),
        (
            "directory: d",
            "directory: d, generator: { kinds: [animals], classes: 2, images: 9 }",
            "Property directory is not allowed",
        ),
        ("image_size: 96", "image_size: 0", "below the minimum of 1"),
        ("version: 1", "version: 1\nname: a b", "Names consist of letters"),
        ("  head:", "  my head:", "Names consist of letters"),
        ("    train", "    evaluate: {}\n    train", "more properties than limit of 1"),
    ];
    let questions = cases.map(|(from, to, _)| changed(from, to));
    let Some(answers) = ask(&questions) else { return };
    for ((_, to, text), answer) in cases.iter().zip(&answers) {
        assert!(
            answer["diagnostics"].to_string().contains(&text.replace('"', "\\\"")),
            "{to}: {answer}"
        );
    }
}

#[test]
fn shipped_pipelines_have_no_problems() {
    let files = yaml_files("pipelines").into_iter();
    // The schema is given to the server.
    let text = |file| std::fs::read_to_string(file).unwrap().replace("$schema=", "");
    let texts: Vec<String> = files.map(text).collect();
    let Some(answers) = ask(&texts) else { return };
    for (text, answer) in texts.iter().zip(&answers) {
        assert_eq!(answer["diagnostics"], serde_json::json!([]), "{text}");
    }
}
