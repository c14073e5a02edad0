//! What differs between runs, read as a person reads it and as a program does.

use std::path::Path;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run};
use crate::support::runs::{TWO_STAGES, run};

/// A workshop with runs of the given options, in `runs/small`, `runs/small-2` and so on.
fn workshop(runs: &[&[&str]]) -> Workshop {
    let workshop = Workshop::new(TWO_STAGES, 2);
    for more in runs {
        let said = run(&workshop, more);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    workshop
}

fn diff(workshop: &Workshop, more: &[&str]) -> Said {
    let [first, second] = ["runs/small", "runs/small-2"].map(|name| workshop.text(name));
    alpaca_run(&[&["diff", &first, &second], more].concat())
}

fn json(said: &Said) -> serde_json::Value {
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn runs_of_one_pipeline_are_the_same() {
    let workshop = workshop(&[&["--threads", "1"], &["--threads", "2"]]);
    let said = diff(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.out.contains("are the same"), "{}", said.out);
    assert!(!said.out.contains("threads"), "what changes no result is not shown: {}", said.out);
    let said = diff(&workshop, &["--all"]);
    assert_eq!(said.code, Some(0), "{}", said.out);
    for shown in ["threads", "finetune/best/val/accuracy", "dataset.batch_size"] {
        assert!(said.out.contains(shown), "{shown}: {}", said.out);
    }
    assert_eq!(json(&diff(&workshop, &["--json"]))["is_same"], true);
}

#[test]
fn names_and_places_are_no_difference() {
    let workshop = workshop(&[&[], &["-S", "name=other", "-S", "dataset.prefetch=3"]]);
    let [first, second] = ["runs/small", "runs/other"].map(|name| workshop.text(name));
    let said = alpaca_run(&["diff", &first, &second]);
    assert_eq!(said.code, Some(0), "{}", said.out);
    assert!(said.out.contains("affects the results"), "{}", said.out);
    assert!(
        said.out.contains("dataset.prefetch"),
        "what differs is shown all the same: {}",
        said.out
    );
}

#[test]
fn a_changed_value_is_named_with_where_it_was_written_and_what_came_of_it() {
    let rate = "stages.finetune.optimizer.adam.learning_rate=0.02";
    let workshop = workshop(&[&[], &["-S", rate]]);
    let said = diff(&workshop, &["--precision", "3"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let lines: Vec<String> = said
        .out
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let has = |expected: &str| lines.iter().any(|line| line == expected);
    assert!(has("Path Param small small-2"), "{}", said.out);
    let value = "pipeline.resolved.yaml stages.finetune.train.optimizer.adam.learning_rate \
                 0.0001 (line 13) 0.02 (override -S)";
    assert!(has(value), "{}", said.out);
    assert!(has("Path Metric small small-2 Change"), "{}", said.out);
    assert!(!said.out.contains("transfer/"), "what does not differ is not shown: {}", said.out);
    assert!(
        said.out.contains("exact McNemar test") || said.out.contains("by only one run"),
        "{}",
        said.out
    );
    // The numbers are those of the tables.
    let found = json(&diff(&workshop, &["--json"]));
    let row = found["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["metric"] == "finetune/last/val/loss")
        .unwrap();
    let losses: Vec<f64> = ["runs/small", "runs/small-2"]
        .iter()
        .map(|run| {
            let metrics = std::fs::read_to_string(workshop.path(run).join("metrics.csv")).unwrap();
            metrics.lines().last().unwrap().split(',').nth(4).unwrap().parse().unwrap()
        })
        .collect();
    assert_eq!(row["values"], serde_json::json!(losses));
    assert_eq!(row["change"], serde_json::json!(losses[1] - losses[0]));
    // Every flip is one of predictions.csv.
    let predicted = |run: &str, path: &str| -> String {
        let text = std::fs::read_to_string(workshop.path(run).join("predictions.csv")).unwrap();
        let row = text.lines().find(|line| line.starts_with(path)).unwrap().to_owned();
        row.split(',').nth(2).unwrap().to_owned()
    };
    let pair = &found["pairs"][0];
    let flips = pair["flips"].as_array().unwrap();
    for flip in flips {
        let path = flip["path"].as_str().unwrap();
        let both = ["runs/small", "runs/small-2"].map(|run| predicted(run, path));
        assert_eq!([&flip["predicted"][0][0], &flip["predicted"][1][0]], [&both[0], &both[1]]);
    }
    let chance = &pair["chance"];
    let count = |name: &str| chance[name].as_u64().unwrap();
    assert_eq!(count("n"), 4);
    assert_eq!(count("n_better") + count("n_worse"), flips.len() as u64, "two classes");
}

#[test]
fn changed_pictures_are_listed_and_unlike_validation_sets_are_warned_of() {
    let workshop = workshop(&[&[]]);
    picture(1, 20).save(workshop.path("pictures/ring/new.png")).unwrap();
    std::fs::remove_file(workshop.path("pictures/disc/003.png")).unwrap();
    std::fs::copy(workshop.path("pictures/ring/001.png"), workshop.path("pictures/ring/002.png"))
        .unwrap();
    assert_eq!(run(&workshop, &["-S", "dataset.split.seed=3"]).code, Some(0));
    let said = diff(&workshop, &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    for expected in [
        "1 image added:\n  ring/new.png",
        "1 image removed:\n  disc/003.png",
        "1 image with different content:\n  ring/002.png",
        "moved to another split:",
        ": train → validation",
        "warning: the two runs share no validation images",
    ] {
        assert!(said.out.contains(expected), "{expected}: {}", said.out);
    }
}

#[test]
fn three_runs_stand_side_by_side_and_the_last_ones_are_found() {
    let workshop = workshop(&[&[], &["-S", "seed=8"], &["-S", "stages.finetune.epochs=1"]]);
    let runs = workshop.text("runs");
    let said = alpaca_run(&["diff", "--last", "3", "--runs-dir", &runs, "--json"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let found = json(&said);
    let names: Vec<String> =
        ["runs/small", "runs/small-2", "runs/small-3"].map(|name| workshop.text(name)).into();
    assert_eq!(found["runs"], serde_json::json!(names));
    assert_eq!(found["pairs"].as_array().unwrap().len(), 2);
    assert!(found["metrics"].as_array().unwrap().iter().all(|row| row["change"].is_null()));
    let said = alpaca_run(&["diff", "--last", "4", "--runs-dir", &runs]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("has only 3 finished runs"), "{}", said.err);
}

#[test]
fn pages_drawings_and_markdown_are_whole() {
    let workshop = workshop(&[&[], &["-S", "seed=8"]]);
    let [svg, html] = ["d.svg", "d.html"].map(|name| workshop.text(name));
    let said = diff(&workshop, &["--md", "--svg", &svg, "--html", &html]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(
        said.out.contains("| Path | Metric | small | small-2 | Change |\n| --- |"),
        "{}",
        said.out
    );
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap();
    let drawing = read(&svg);
    assert!(drawing.ends_with("</svg>\n") && drawing.matches("<polyline").count() == 4);
    let page = read(&html);
    // The page has the same curves, in a plot for each metric.
    assert!(page.matches("<polyline").count() == 4 && page.ends_with("</html>\n"));
    assert!(page.contains("<th scope=\"row\">log_loss</th>"), "{page}");
    assert!(
        page.matches("http://www.w3.org").count() == page.matches("://").count(),
        "it needs no network"
    );
    let n_flips =
        json(&diff(&workshop, &["--json"]))["pairs"][0]["flips"].as_array().unwrap().len();
    assert_eq!(page.matches("<figure>").count(), n_flips);
    assert_eq!(page.matches("data:image/jpeg").count(), n_flips);
}

#[test]
fn trouble_is_told_apart_from_a_difference() {
    let workshop = workshop(&[&[]]);
    let run = workshop.text("runs/small");
    for (other, why) in
        [("pictures", "so it is not a finished run"), ("nothing", "there is no directory")]
    {
        let said = alpaca_run(&["diff", &run, &workshop.text(other)]);
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains(why), "{}", said.err);
    }
    assert_eq!(alpaca_run(&["diff", &run]).code, Some(2));
    let predictions = workshop.path("runs/small/predictions.csv");
    let text = std::fs::read_to_string(&predictions).unwrap();
    std::fs::write(&predictions, &text[..text.len() / 2]).unwrap();
    let said = alpaca_run(&["diff", &run, &run]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("alpaca-run verify"), "{}", said.err);
}
