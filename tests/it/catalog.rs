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
    let said = alpaca_run(&["runs", "show", &workshop.text("runs/small")]);
    assert!(said.out.contains("finished") && said.out.contains("1,281"), "{}", said.out);
    let said = alpaca_run(&["runs", "show", &workshop.text("runs/small-3")]);
    assert!(said.out.contains("`alpaca-run resume "), "{}", said.out);
    let said = alpaca_run(&["runs", "show", &workshop.text("runs/mine")]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("is no run directory"), "{}", said.err);
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
