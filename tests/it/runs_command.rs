//! `runs`: what there is, and what goes.

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run};
use crate::support::runs::{TWO_STAGES, run};

fn workshop() -> Workshop {
    let workshop = Workshop::new(TWO_STAGES, 2);
    for _ in 0..2 {
        let said = run(&workshop, &["--until", "transfer"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let said = run(&workshop, &["-S", "stages.finetune.optimizer={sgd: {learning_rate: 1e30}}"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    std::fs::create_dir(workshop.path("runs/mine")).unwrap();
    workshop
}

fn runs(workshop: &Workshop, words: &[&str]) -> Said {
    let folder = workshop.text("runs");
    alpaca_run(&[&["runs"], words, &["--runs-dir", &folder]].concat())
}

#[test]
fn runs_are_listed_and_shown() {
    let workshop = workshop();
    let said = runs(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.out.lines().count(), 1 + 3, "{}", said.out);
    assert!(said.out.contains("transfer") && said.out.contains("cut short"), "{}", said.out);
    let list: serde_json::Value = serde_json::from_str(&runs(&workshop, &["--json"]).out).unwrap();
    let words: Vec<&str> =
        list.as_array().unwrap().iter().map(|run| run["status"].as_str().unwrap()).collect();
    assert_eq!(words, ["finished", "finished", "cut short"]);
    // What tells them apart, and where one stopped.
    assert!(said.out.contains("changes") && said.out.contains("(transfer, epoch "), "{}", said.out);
    let stopped_at: Vec<&serde_json::Value> =
        list.as_array().unwrap().iter().map(|run| &run["stopped_at"]["stage"]).collect();
    assert_eq!(stopped_at[..2], [&serde_json::Value::Null; 2]);
    assert_eq!(stopped_at[2], "transfer");
    let said = alpaca_run(&["runs", "show", &workshop.text("runs/small")]);
    assert!(said.out.contains("finished") && said.out.contains("1,281"), "{}", said.out);
    let said = alpaca_run(&["runs", "show", &workshop.text("runs/small-3")]);
    assert!(said.out.contains("`alpaca-run resume "), "{}", said.out);
    let said = alpaca_run(&["runs", "show", &workshop.text("runs/mine")]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("is not a run directory"), "{}", said.err);
}

#[test]
fn the_folder_one_is_in_can_go() {
    let workshop = workshop();
    let mut command = crate::support::program::command(&["runs", "rm", "."]);
    let said = Said::of(command.current_dir(workshop.path("runs/small")).spawn().unwrap());
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!workshop.path("runs/small").exists());
}

#[test]
fn what_goes_is_named_and_nothing_else_goes() {
    let workshop = workshop();
    let there = |name: &str| workshop.path("runs").join(name).exists();
    let dry = |more: &[&str]| {
        let said = runs(&workshop, &[&["prune", "--keep", "1", "--dry-run"], more].concat());
        said.out.matches("would be removed").count()
    };
    assert_eq!((dry(&[]), dry(&["--unfinished"])), (1, 2));
    assert!(there("small"));
    let said =
        alpaca_run(&["runs", "rm", &workshop.text("runs/small-2"), &workshop.text("runs/mine")]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(there("small-2") && there("mine"), "one of them is no run, so none goes");
    let said = alpaca_run(&["runs", "rm", &workshop.text("runs/small-2")]);
    assert!(said.out.starts_with("removed ") && !there("small-2"), "{}", said.out);
    assert_eq!(runs(&workshop, &["prune", "--keep", "1"]).out, "nothing to remove\n");
    let said = runs(&workshop, &["prune", "--keep", "0"]);
    assert!(said.out.contains("small (") && !there("small"), "{}", said.out);
    assert!(there("small-3") && there("mine"));
    let said = runs(&workshop, &["prune", "--keep", "0", "--unfinished"]);
    assert!(said.out.contains("small-3 (") && !there("small-3") && there("mine"), "{}", said.out);
    assert_eq!(alpaca_run(&["runs", "prune"]).code, Some(2));
    assert_eq!(alpaca_run(&["runs", "rm"]).code, Some(2));
}

/// A folder of somebody else's that looks like a run.
fn foreign(workshop: &Workshop, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = workshop.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

#[test]
fn folders_of_others_are_neither_runs_nor_removed() {
    let workshop = workshop();
    let manifest = std::fs::read_to_string(workshop.path("runs/small/manifest.json")).unwrap();
    let resolved =
        std::fs::read_to_string(workshop.path("runs/small/pipeline.resolved.yaml")).unwrap();
    foreign(
        &workshop,
        &[
            ("runs/extension/manifest.json", r#"{"manifest_version": 3}"#),
            ("runs/extension/main.js", "source"),
            ("runs/empty/manifest.json", "{}"),
            ("runs/model/checkpoint/model.bin", "weights"),
            ("runs/trainer/checkpoint/run.json", r#"{"format": 1, "program": "other 2"}"#),
            ("runs/trainer/pipeline.resolved.yaml", "steps: []"),
            ("runs/project/pipeline.resolved.yaml", &resolved),
            ("runs/project/src/main.rs", "source"),
            // TensorFlow's checkpoint is a file of this name.
            ("runs/tensorflow/checkpoint", "model_checkpoint_path: \"model.ckpt-1\""),
            ("runs/tensorflow/pipeline.resolved.yaml", "steps: []"),
            ("runs/release/manifest.json", &manifest),
            ("runs/release/checkpoint/model.bin", "weights"),
        ],
    );
    let others = ["extension", "empty", "model", "trainer", "project", "tensorflow", "release"];
    let said = runs(&workshop, &["--json"]);
    let list: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    // The manifest in `release` is that of a finished run, which `rm` does not take for one.
    assert_eq!(list.as_array().unwrap().len(), 3 + 1, "{}", said.out);
    for name in others {
        let said = alpaca_run(&["runs", "rm", &workshop.text(&format!("runs/{name}"))]);
        assert_eq!(said.code, Some(2), "{name}: {}", said.err);
    }
    let said = alpaca_run(&["resume", &workshop.text("runs/release")]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let said = alpaca_run(&["resume", &workshop.text("runs/model")]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    let before = crate::support::program::files_below(&workshop.path("runs"));
    let said = runs(&workshop, &["prune", "--keep", "0", "--unfinished"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.out.matches("removed ").count(), 3, "{}", said.out);
    assert_eq!(said.out.matches("not removed: ").count(), others.len(), "{}", said.out);
    let is_of_others = |(name, _): &(String, Vec<u8>)| {
        others.iter().any(|other| name.starts_with(&format!("{other}/")))
    };
    let kept: Vec<_> = before.into_iter().filter(is_of_others).collect();
    assert_eq!(kept.len(), 12);
    assert!(crate::support::program::files_below(&workshop.path("runs")) == kept);
}

#[cfg(unix)]
#[test]
fn a_link_is_removed_as_a_link() {
    use std::os::unix::fs::symlink;
    let workshop = workshop();
    std::fs::rename(workshop.path("runs/small-2"), workshop.path("elsewhere")).unwrap();
    symlink(workshop.path("elsewhere"), workshop.path("runs/link")).unwrap();
    symlink(workshop.path("runs/small"), workshop.path("runs/latest")).unwrap();
    let said = alpaca_run(&["runs", "rm", &format!("{}/", workshop.text("runs/link"))]);
    assert!(said.out.contains("a link; its target stays"), "{}{}", said.out, said.err);
    assert!(!workshop.path("runs/link").is_symlink());
    assert!(workshop.path("elsewhere/manifest.json").exists());
    symlink(workshop.path("elsewhere"), workshop.path("runs/link")).unwrap();
    // A link to a run is not counted as another one.
    assert!(runs(&workshop, &["prune", "--keep", "1"]).out.starts_with("nothing to remove\n"));
    let said = runs(&workshop, &["prune", "--keep", "0"]);
    assert!(!workshop.path("runs/small").exists(), "{}", said.out);
    assert_eq!(said.out.matches("is a link").count(), 2, "{}", said.out);
    assert!(workshop.path("elsewhere/manifest.json").exists());
}

#[test]
fn a_removal_that_was_cut_short_leaves_no_finished_run_and_can_be_repeated() {
    let workshop = workshop();
    // What is there after the manifest and some of the rest have gone.
    for name in ["manifest.json", "splits.csv", "metrics.csv"] {
        std::fs::remove_file(workshop.path("runs/small").join(name)).unwrap();
    }
    let said = alpaca_run(&["runs", "show", &workshop.text("runs/small")]);
    assert!(said.out.contains("broken"), "{}{}", said.out, said.err);
    let said = alpaca_run(&["runs", "rm", &workshop.text("runs/small")]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(!workshop.path("runs/small").exists());
}
