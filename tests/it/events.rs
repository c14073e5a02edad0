//! events.jsonl: its first and last lines, and its schema.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, files_below, spawn};
use crate::support::runs::{TWO_STAGES, run};
use crate::support::schemas::{self, assert_strict};

/// The events of a run directory: the kind of each, and its content.
fn events(directory: &Path) -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(directory.join("events.jsonl")).unwrap();
    // The last line may be half written.
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let lines = complete.lines().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let (kind, event) = line["event"].as_object().unwrap().iter().next().unwrap();
        (kind.clone(), event.clone())
    });
    lines.collect()
}

/// Stops a run after its first epoch.
#[cfg(unix)]
fn interrupt(workshop: &Workshop) {
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let mut process =
        spawn(&[&pipeline, "--runs-dir", &runs, "--no-cache", "-S", "stages.finetune.epochs=500"]);
    let checkpoint = workshop.path("runs/small/checkpoint/stage-in-progress");
    while !checkpoint.exists() && process.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let status = std::process::Command::new("kill").arg(process.id().to_string()).status();
    assert!(status.unwrap().success());
    let said = Said::of(process);
    assert_eq!(said.code, Some(130), "{}", said.err);
}

#[test]
fn the_log_of_a_run_ends_with_its_result() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    assert_eq!(run(&workshop, &[]).code, Some(0));
    let events = events(&workshop.path("runs/small"));
    let (first, started) = &events[0];
    assert_eq!((first.as_str(), &started["format"]), ("run_started", &1.into()));
    let (last, finished) = events.last().unwrap();
    assert_eq!(last, "run_finished");
    let best: Value = serde_json::from_str(
        &std::fs::read_to_string(workshop.path("runs/small/manifest.json")).unwrap(),
    )
    .unwrap();
    let best = &best["best"];
    assert_eq!(finished["stage"], best["stage"]);
    assert_eq!(finished["best"]["epoch"], best["epoch"]);
    assert_eq!(finished["best_by"], best["by"]);
}

#[cfg(unix)]
#[test]
fn the_log_of_an_unfinished_run_ends_with_the_reason_and_goes_on_after_it() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    interrupt(&workshop);
    let directory = workshop.path("runs/small");
    let before = events(&directory);
    let (last, stopped) = before.last().unwrap();
    assert_eq!((last.as_str(), &stopped["is_interrupted"]), ("run_stopped", &true.into()));
    let (image, _) = files_below(&workshop.path("pictures")).swap_remove(0);
    std::fs::remove_file(workshop.path("pictures").join(image)).unwrap();
    let said = alpaca_run(&["resume", &directory.display().to_string(), "--no-cache"]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    // A run that cannot be resumed has not begun again.
    assert_eq!(events(&directory), before);
}

/// The schema has neither more nor less than what runs log.
#[test]
fn events_have_what_their_schema_says_and_nothing_else() {
    let schema: Value = serde_json::from_str(&alpaca_run(&["schema", "events"]).out).unwrap();
    assert_strict(&schema, 20);
    let kinds = schema["properties"]["event"]["oneOf"].as_array().unwrap().iter();
    let mut missing: BTreeSet<String> =
        kinds.flat_map(|kind| kind["properties"].as_object().unwrap().keys().cloned()).collect();
    let mut check = |directory: &Path| {
        let text = std::fs::read_to_string(directory.join("events.jsonl")).unwrap();
        for line in text.lines() {
            schemas::assert_valid(&schema, &serde_json::from_str(line).unwrap());
        }
        for (kind, _) in events(directory) {
            missing.remove(&kind);
        }
    };
    // Once with every step, a damaged image and an export; then from the cache.
    let workshop = Workshop::new(
        &format!("{TWO_STAGES}  probe:\n    fit: {{}}\n  whole:\n    export: {{}}\n"),
        2,
    );
    std::fs::write(workshop.path("pictures/disc/damaged.png"), "no image").unwrap();
    let cache = workshop.text("cache");
    let options = ["-S", "dataset.on_bad_image=skip", "--cache-dir", &cache];
    assert_eq!(run(&workshop, &[&options[..], &["-vv"]].concat()).code, Some(0));
    assert_eq!(run(&workshop, &options).code, Some(0));
    check(&workshop.path("runs/small"));
    check(&workshop.path("runs/small-2"));
    // One that is interrupted and resumed, and one that fails.
    #[cfg(unix)]
    {
        let workshop = Workshop::new(TWO_STAGES, 2);
        interrupt(&workshop);
        let directory = workshop.path("runs/small");
        check(&directory);
        let mut resumed = spawn(&[Path::new("resume"), &directory, Path::new("--no-cache")]);
        let is_resumed = || events(&directory).iter().any(|(kind, _)| kind == "stage_resumed");
        while !is_resumed() && resumed.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let status = std::process::Command::new("kill").arg(resumed.id().to_string()).status();
        assert!(status.unwrap().success());
        resumed.wait_with_output().unwrap();
        check(&directory);
        assert!(missing.is_empty(), "never logged: {missing:?}");
    }
}
