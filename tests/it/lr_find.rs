//! `lr-find`: deterministic, from the weights that the stage would start from, and without a trace.

use serde_json::Value;

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run};
use crate::support::runs::TWO_STAGES;

fn find(workshop: &Workshop, more: &[&str]) -> Said {
    let (pipeline, cache) = (workshop.text("small.yaml"), workshop.text("cache"));
    let mut arguments = vec!["lr-find", pipeline.as_str(), "--steps", "30"];
    arguments.extend(more);
    if !more.contains(&"--no-cache") {
        arguments.extend(["--cache-dir", &cache]);
    }
    alpaca_run(&arguments)
}

fn json(said: &Said) -> Value {
    assert_eq!(said.code, Some(0), "{}", said.err);
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn the_same_steps_whatever_is_cached_and_on_any_number_of_threads() {
    let workshop = Workshop::new(TWO_STAGES, 3);
    let first = find(&workshop, &["--json", "--threads", "1", "--no-cache"]);
    assert!(first.err.contains("first, the stages before it: `transfer`"), "{}", first.err);
    let again = find(&workshop, &["--json", "--threads", "3"]);
    assert!(again.err.contains("first, the stages before it"), "{}", again.err);
    let cached = find(&workshop, &["--json"]);
    assert!(!cached.err.contains("first, the stages before it"), "{}", cached.err);
    assert_eq!(json(&first), json(&again));
    assert_eq!(first.out, cached.out);
    let found = json(&first);
    assert_eq!(found["stage"], "finetune");
    let rates: Vec<f64> = found["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["learning_rate"].as_f64().unwrap())
        .collect();
    assert!((rates[0] - 1e-7).abs() < 1e-20 && rates.is_sorted(), "{rates:?}");
    assert!((rates[1] / rates[0] - 1e7_f64.powf(1.0 / 29.0)).abs() < 1e-9, "{rates:?}");
    // A cache that cannot be written is done without.
    std::fs::write(workshop.path("file"), "").unwrap();
    let blocked = workshop.text("file/cache");
    let pipeline = workshop.text("small.yaml");
    let words = ["lr-find", &pipeline, "--steps", "30", "--json", "--cache-dir", &blocked];
    assert_eq!(json(&alpaca_run(&words)), json(&first));
    // Nothing is left behind but the cache.
    assert!(!workshop.path("runs").exists());
}

/// The first loss of a stage that continues another is that of the trained weights.
#[test]
fn a_stage_starts_from_the_one_before_it() {
    let workshop = Workshop::new(TWO_STAGES, 3);
    let of = |more: &[&str]| json(&find(&workshop, &[&["--json"], more].concat()));
    let first_loss = |found: &Value| found["steps"][0]["loss"].as_f64().unwrap();
    let few = first_loss(&of(&[]));
    let many = first_loss(&of(&["-S", "stages.transfer.epochs=30"]));
    assert!(many < few, "{many} {few}");
    let transfer = of(&["--stage", "transfer"]);
    assert_eq!(transfer["stage"], "transfer");
}

#[test]
fn the_text_and_the_plot_have_the_suggestion() {
    let workshop = Workshop::new(TWO_STAGES, 3);
    let svg = workshop.text("rates.svg");
    let more = ["--stage", "transfer", "--to", "10", "--svg", svg.as_str()];
    let said = find(&workshop, &more);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("suggested learning rate: "), "{}", said.out);
    let line = said.out.lines().find(|line| line.starts_with("stage transfer has ")).unwrap();
    let setting = line.split("-S ").nth(1).unwrap();
    let check = alpaca_run(&["check", &workshop.text("small.yaml"), "-S", setting]);
    assert_eq!(check.code, Some(0), "{setting}: {}", check.err);
    let plot = std::fs::read_to_string(&svg).unwrap();
    assert!(plot.starts_with("<svg") && plot.contains("Learning rates of transfer"), "{plot}");
}

#[test]
fn what_cannot_be_is_said_before_anything_runs() {
    let workshop = Workshop::new(TWO_STAGES, 3);
    for (more, message) in [
        (&["--stage", "transfr"][..], "the pipeline has no stage `transfr`"),
        (&["--from", "1", "--to", "0.1"], "`--from 1` is not below `--to 0.1`"),
        (&["--from", "-1"], "unexpected argument '-1'"),
        (&["--to", "inf"], "expected a number above 0"),
        (&["--steps", "3"], "expected a number of at least 20"),
        (&["--svg", "nowhere/rates.svg"], "there is no directory `nowhere`"),
        (&["-S", "stages.finetune={fit: {}}", "--stage", "finetune"], "does not train"),
    ] {
        let pipeline = workshop.text("small.yaml");
        let said = alpaca_run(&[&["lr-find", pipeline.as_str()], more].concat());
        assert_eq!(said.code, Some(2), "{more:?}: {}", said.err);
        assert!(said.err.contains(message), "{more:?}: {}", said.err);
    }
}
