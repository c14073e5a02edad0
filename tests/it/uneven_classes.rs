//! Uneven classes: weights in the loss, balanced sampling, focal loss, and what a run and its page say about them.

use crate::support::pictures::Workshop;
use crate::support::program::alpaca_run;
use crate::support::runs::{ONE_STAGE, UNEVEN, assert_same_on_any_threads, run};

/// Twelve discs and five rings: ten and four of them to train on.
fn uneven(pipeline: &str) -> Workshop {
    let workshop = Workshop::new(pipeline, 2);
    workshop.thin_out("ring", 5);
    workshop
}

fn metrics(workshop: &Workshop, run: &str) -> String {
    std::fs::read_to_string(workshop.path(run).join("metrics.csv")).unwrap()
}

/// Runs the pipeline once for each setting, and returns the metrics of each run.
fn metrics_with(workshop: &Workshop, settings: &[&str]) -> Vec<String> {
    let all = settings.iter().enumerate().map(|(i, setting)| {
        let said = run(workshop, &["-S", setting]);
        assert_eq!(said.code, Some(0), "{setting}: {}", said.err);
        let suffix = if i == 0 { String::new() } else { format!("-{}", i + 1) };
        metrics(workshop, &format!("runs/small{suffix}"))
    });
    all.collect()
}

#[test]
fn class_weights_by_rule_are_those_that_can_be_written_by_name() {
    let workshop = uneven(ONE_STAGE);
    let [none, balanced, by_name, effective, ones] = &metrics_with(
        &workshop,
        &[
            "stages.transfer.class_weights=none",
            "stages.transfer.class_weights=balanced",
            "stages.transfer.class_weights={disc: 0.7, ring: 1.75}",
            "stages.transfer.class_weights=effective",
            "stages.transfer.class_weights={disc: 1.0, ring: 1}",
        ],
    )[..] else {
        panic!("five runs")
    };
    assert_eq!(balanced, by_name, "14 / (2 * 10) and 14 / (2 * 4)");
    assert_eq!(none, ones);
    assert!(balanced != none && effective != none && effective != balanced);
}

#[test]
fn balanced_sampling_changes_training_and_not_the_number_of_steps() {
    let workshop = uneven(ONE_STAGE);
    let setting = |sampling: &str| format!("stages.transfer.sampling={sampling}");
    let [shuffled, balanced] =
        &metrics_with(&workshop, &[&setting("shuffled"), &setting("balanced")])[..]
    else {
        panic!("two runs")
    };
    assert_ne!(shuffled, balanced);
    let steps = |run: &str| {
        let events = std::fs::read_to_string(workshop.path(run).join("events.jsonl")).unwrap();
        let line = events.lines().find(|line| line.contains("stage_started")).unwrap().to_owned();
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        (event["n_images"].clone(), event["n_steps"].clone())
    };
    assert_eq!(steps("runs/small"), steps("runs/small-2"));
}

#[test]
fn focal_loss_changes_training_and_not_how_validation_is_measured() {
    let workshop = uneven(ONE_STAGE);
    let setting = |loss: &str| format!("stages.transfer.loss={loss}");
    let [entropy, focal, none] = &metrics_with(
        &workshop,
        &[
            &setting("cross_entropy"),
            &setting("{ focal: {} }"),
            &setting("{ focal: { gamma: 0 } }"),
        ],
    )[..] else {
        panic!("three runs")
    };
    assert_eq!(entropy, none);
    let value = |metrics: &str, column: &str| -> f64 {
        let mut lines = metrics.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let at = lines.next().unwrap().iter().position(|name| *name == column).unwrap();
        lines.next().unwrap()[at].parse().unwrap()
    };
    // The only step begins with the same weights, and the factor of each image is below one.
    assert!(value(focal, "train/loss") < value(entropy, "train/loss"));
    let text = std::fs::read_to_string(workshop.path("runs/small-2/metrics.json")).unwrap();
    let measured: serde_json::Value = serde_json::from_str(&text).unwrap();
    let log_loss = measured["log_loss"].as_f64().unwrap();
    // The table has six digits after the point.
    assert!((value(focal, "val/loss") - log_loss).abs() < 1e-6);
}

#[test]
fn a_run_on_uneven_classes_is_the_same_on_any_number_of_threads() {
    let workshop = Workshop::new(UNEVEN, 2);
    assert_same_on_any_threads(&workshop, &[]);
    let said = alpaca_run(&["reproduce", &workshop.text("runs/small")]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let splits = std::fs::read_to_string(workshop.path("runs/small/splits.csv")).unwrap();
    let n = |class: &str| {
        let is_of = |line: &&str| line.contains(class) && line.contains("train");
        splits.lines().filter(is_of).count()
    };
    assert_ne!(n("disc"), n("ring"), "{splits}");
}

/// A name consists of characters, whatever bytes stand for them.
#[test]
fn the_name_of_a_class_may_be_encoded_in_another_way() {
    let workshop = uneven(ONE_STAGE);
    let pictures = workshop.path("pictures");
    std::fs::rename(pictures.join("ring"), pictures.join("re\u{301}")).unwrap();
    let check = |weights: &str| {
        let weights = format!("stages.transfer.class_weights={{disc: 1.0, {weights}}}");
        alpaca_run(&["check", &workshop.text("small.yaml"), "-S", &weights])
    };
    let said = check("r\u{e9}: 2.0");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let said = check("r\u{e9}: 2.0, re\u{301}: 3.0");
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("P050") && said.err.contains("has two weights for"), "{}", said.err);
}

#[test]
fn a_run_and_its_page_say_that_weights_change_probabilities() {
    let workshop = uneven(ONE_STAGE);
    let sentence = "probabilities are not calibrated to how often each class occurs";
    let page = |run: &str| std::fs::read_to_string(workshop.path(run).join("report.html")).unwrap();
    let said = run(&workshop, &[]);
    assert!(!said.out.contains(sentence) && !page("runs/small").contains(sentence), "{}", said.out);
    let said = run(&workshop, &["-S", "stages.transfer.class_weights=balanced"]);
    assert!(said.out.contains(sentence) && said.out.contains("`class_weights: balanced`"));
    assert!(page("runs/small-2").contains(sentence));
}

#[test]
fn data_names_what_there_is_for_uneven_classes() {
    let workshop = uneven(ONE_STAGE);
    let hint = "class_weights: balanced";
    let said = || alpaca_run(&["data", &workshop.text("small.yaml")]).out;
    assert!(said().contains(hint), "{}", said());
    let even = Workshop::new(ONE_STAGE, 2);
    assert!(!alpaca_run(&["data", &even.text("small.yaml")]).out.contains(hint));
}
