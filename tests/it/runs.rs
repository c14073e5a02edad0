//! Whole runs on small pictures: what a run directory holds, and that it comes out the same again.

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, done, files_below, spawn};
use crate::support::runs::{TWO_STAGES, assert_same_files, lasting, manifest, run};

#[test]
fn a_run_directory_holds_what_was_promised() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let directory = workshop.path("runs/small");
    let names: Vec<String> = files_below(&directory).into_iter().map(|(name, _)| name).collect();
    insta::assert_snapshot!(names.join("\n"));
    let table = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let metrics = table("metrics.csv");
    let columns = "stage,epoch,train/loss,train/accuracy,val/loss,val/accuracy,\
                   val/balanced_accuracy,val/macro_f1,learning_rate";
    assert_eq!(metrics.lines().next(), Some(columns));
    let starts: Vec<&str> = metrics.lines().skip(1).map(|line| &line[..10]).collect();
    assert_eq!(starts, ["transfer,1", "transfer,2", "finetune,3", "finetune,4"]);
    assert_eq!(table("splits.csv").lines().count(), 1 + 24);
    assert_eq!(table("predictions.csv").lines().count(), 1 + 4);
    assert_eq!(table("classes.json"), "[\n  \"disc\",\n  \"ring\"\n]\n");
    assert_eq!(table("pipeline.yaml"), TWO_STAGES);
    for line in table("events.jsonl").lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    assert!(said.out.contains("finetune") && said.out.contains("metrics.csv"), "{}", said.out);
}

#[test]
fn the_manifest_has_the_digest_of_every_lasting_file() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    assert_eq!(run(&workshop, &["-S", "stages.finetune.epochs=1"]).code, Some(0));
    let directory = workshop.path("runs/small");
    let manifest = manifest(&directory);
    let digests = manifest["files"].as_object().unwrap();
    let files = lasting(&directory);
    assert_eq!(files.len(), digests.len());
    for (name, bytes) in files {
        assert_eq!(digests[&name], blake3::hash(&bytes).to_hex().as_str(), "{name}");
    }
}

/// A second stage that can only make it worse: its rate is far too high.
const WORSE: &str = "stages.finetune.optimizer={sgd: {learning_rate: 3.0}}";

#[test]
fn the_best_of_a_run_is_the_best_over_its_stages_and_a_stage_that_made_it_worse_is_named() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = run(&workshop, &["-S", WORSE, "-S", "stages.transfer.epochs=6"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let directory = workshop.path("runs/small");
    let read = |name: &str| std::fs::read(directory.join(name)).unwrap();
    assert!(read("weights/best.safetensors") == read("weights/transfer/best.safetensors"));
    assert!(read("weights/last.safetensors") == read("weights/finetune/last.safetensors"));
    let best = &manifest(&directory)["best"];
    assert_eq!((&best["stage"], &best["by"]), (&"transfer".into(), &"val/loss".into()), "{best}");
    let metrics: serde_json::Value = serde_json::from_slice(&read("metrics.json")).unwrap();
    assert_eq!(metrics["stage"], "transfer");
    assert!(said.out.contains("best of the run: transfer, epoch "), "{}", said.out);
    assert!(said.out.contains("(lowest validation loss)"), "{}", said.out);
    assert!(
        said.out.contains("always predicting `disc` would give accuracy 0.5000"),
        "{}",
        said.out
    );
    assert!(said.out.contains("stage finetune did not improve on it"), "{}", said.out);
    let page = String::from_utf8(read("report.html")).unwrap();
    assert!(page.contains("No later stage (finetune) improved on them."));
    let said = alpaca_run(&["evaluate", &workshop.text("runs/small")]);
    assert!(said.out.contains("best weights of transfer"), "{}{}", said.out, said.err);
}

#[test]
fn the_best_epoch_may_be_that_of_the_best_balanced_accuracy_or_macro_f1() {
    for (by, column) in [("val/balanced_accuracy", 6), ("val/macro_f1", 7), ("val/accuracy", 5)] {
        let workshop = Workshop::new(TWO_STAGES, 3);
        let by_key = format!("stages.finetune.best_by={by}");
        let said = run(&workshop, &["-S", &by_key, "-S", "stages.finetune.epochs=6"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let directory = workshop.path("runs/small");
        let table = std::fs::read_to_string(directory.join("metrics.csv")).unwrap();
        let rows = table.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        let value = |row: &Vec<&str>, column: usize| row[column].parse::<f64>().unwrap();
        let rows: Vec<Vec<&str>> = rows.filter(|row| row[0] == "finetune").collect();
        let best = rows.iter().max_by(|a, b| {
            let by_value = value(a, column).total_cmp(&value(b, column));
            by_value.then_with(|| value(b, 4).total_cmp(&value(a, 4)))
        });
        let stage = &manifest(&directory)["stages"][1]["best"];
        assert_eq!(stage["epoch"].to_string(), best.unwrap()[1], "{by}: {table}");
        // The figures of the best epoch are those of its predictions.
        let named = by.strip_prefix("val/").unwrap();
        if named != "accuracy" {
            assert_eq!(
                stage[named].as_f64().map(|v| format!("{v:.6}")),
                Some(best.unwrap()[column].to_owned())
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_at_any_number_of_threads() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    for threads in ["1", "2", "3", "7"] {
        let said = run(&workshop, &["--threads", threads]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let first = workshop.path("runs/small");
    for other in ["runs/small-2", "runs/small-3", "runs/small-4"] {
        assert_same_files(&first, &workshop.path(other));
    }
}

#[test]
fn prefetching_changes_no_result() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    for prefetch in ["1", "7"] {
        let said = run(&workshop, &["-S", &format!("dataset.prefetch={prefetch}")]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let metrics = |run: &str| std::fs::read(workshop.path(run).join("metrics.csv")).unwrap();
    assert_eq!(metrics("runs/small"), metrics("runs/small-2"));
}

#[test]
fn another_seed_gives_another_split_and_other_figures() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    assert_eq!(run(&workshop, &[]).code, Some(0));
    assert_eq!(run(&workshop, &["-S", "seed=8"]).code, Some(0));
    for file in ["splits.csv", "metrics.csv"] {
        let bytes = |run: &str| std::fs::read(workshop.path(run).join(file)).unwrap();
        assert!(bytes("runs/small") != bytes("runs/small-2"), "{file} is the same");
    }
}

/// The resolved pipeline is a pipeline, and all that a run needs.
#[test]
fn the_resolved_pipeline_runs_to_the_same_result() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    assert_eq!(run(&workshop, &["-S", "dataset.batch_size=6"]).code, Some(0));
    let resolved = std::fs::read_to_string(workshop.path("runs/small/pipeline.resolved.yaml"));
    let resolved = resolved.unwrap();
    assert!(
        resolved.contains("block_15_depthwise_BN"),
        "an index is recorded as a name: {resolved}"
    );
    std::fs::write(workshop.path("small.yaml"), &resolved).unwrap();
    assert_eq!(run(&workshop, &[]).code, Some(0));
    for file in ["splits.csv", "metrics.csv", "predictions.csv", "weights/best.safetensors"] {
        let bytes = |run: &str| std::fs::read(workshop.path(run).join(file)).unwrap();
        assert!(bytes("runs/small") == bytes("runs/small-2"), "{file} differs");
    }
}

#[test]
fn every_value_of_the_resolved_pipeline_says_where_it_came_from() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let more = ["-S", "stages.transfer.epochs=1", "-S", "stages.finetune.epochs=1"];
    assert_eq!(run(&workshop, &more).code, Some(0));
    let path = workshop.path("runs/small/pipeline.resolved.yaml");
    insta::assert_snapshot!(std::fs::read_to_string(path).unwrap());
}

#[test]
fn three_classes_get_three_outputs() {
    let workshop = Workshop::new(TWO_STAGES, 3);
    let said = run(&workshop, &["-S", "stages.finetune.epochs=1"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let predictions = std::fs::read_to_string(workshop.path("runs/small/predictions.csv")).unwrap();
    let mut lines = predictions.lines();
    let columns =
        "path,label,predicted,probability/disc,probability/ring,probability/square,correct";
    assert_eq!(lines.next(), Some(columns));
    for line in lines {
        let probabilities = line.split(',').skip(3).take(3);
        let sum: f64 = probabilities.map(|field| field.parse::<f64>().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{line}");
    }
}

#[test]
fn a_base_model_without_frozen_layers_trains_as_a_whole() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = run(&workshop, &["-S", "stages.transfer={train: {freeze: none, epochs: 1}}"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn a_loss_that_is_no_number_stops_the_stage_and_leaves_the_run_readable() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let diverge = "stages.finetune.optimizer={sgd: {learning_rate: 1e30}}";
    let said = run(&workshop, &["-S", diverge]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("T001") && said.err.contains("`finetune`"), "{}", said.err);
    let directory = workshop.path("runs/small");
    assert!(!directory.join("manifest.json").exists(), "a failed run has no manifest");
    let metrics = std::fs::read_to_string(directory.join("metrics.csv")).unwrap();
    assert!(metrics.lines().count() >= 3, "the epochs before are kept: {metrics}");
    assert!(directory.join("weights/transfer/best.safetensors").exists());
}

#[test]
fn two_runs_at_once_get_a_directory_each() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let start = || spawn(&[&pipeline, "--quiet", "--no-cache", "--runs-dir", &runs]);
    let ended: Vec<Said> = [start(), start(), start()].map(Said::of).into();
    let mut said: Vec<String> = ended.into_iter().map(|said| said.out.trim().to_owned()).collect();
    said.sort();
    let expected = ["runs/small", "runs/small-2", "runs/small-3"].map(|name| workshop.text(name));
    assert_eq!(said, expected);
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-3"));
}

#[test]
fn progress_is_plain_lines_where_there_is_no_terminal() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = run(&workshop, &["-S", "stages.finetune.epochs=1"]);
    assert!(!said.err.contains('\u{1b}') && !said.err.contains('\r'), "{:?}", said.err);
    let epochs = said.err.lines().filter(|line| line.contains("epoch")).count();
    assert_eq!(epochs, 3, "{}", said.err);
}

#[test]
fn paths_of_overrides_are_relative_to_the_current_folder() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let elsewhere = workshop.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::rename(workshop.path("pictures"), elsewhere.join("moved")).unwrap();
    let pipeline = workshop.text("small.yaml");
    let directory = "dataset.directory=moved";
    let said = Said::of(
        crate::support::program::command(&["check", &pipeline, "-S", directory])
            .current_dir(&elsewhere)
            .spawn()
            .unwrap(),
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn a_cache_directory_that_cannot_be_made_is_a_warning() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = run(&workshop, &["--cache-dir", &workshop.text("small.yaml")]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let warnings = said.err.matches("warning: decoded images are not cached on disk").count();
    assert_eq!(warnings, 1, "{}", said.err);
}

/// Pictures that are not changed have the same features in each epoch, which are then computed
/// once; a change by nothing has them computed in each epoch.
#[test]
fn features_that_are_kept_are_the_features_that_would_be_computed() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let nothing = "augmentation=[{random_brightness: {factor: [0, 0]}}]";
    for augmentation in ["augmentation=[]", nothing] {
        let said = run(&workshop, &["-S", augmentation]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    for file in ["metrics.csv", "predictions.csv", "weights/last.safetensors"] {
        let bytes = |run: &str| std::fs::read(workshop.path(run).join(file)).unwrap();
        assert!(bytes("runs/small") == bytes("runs/small-2"), "{file} differs");
    }
}

/// With one view all epochs see the same changed pictures; with several they take turns.
#[test]
fn a_fixed_number_of_views_is_its_own_result_at_any_number_of_threads() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    for (views, threads) in [("1", "1"), ("2", "2"), ("2", "3")] {
        let views = format!("augmentation_views={views}");
        let said = run(&workshop, &["-S", &views, "--threads", threads]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let metrics = |run: &str| std::fs::read(workshop.path(run).join("metrics.csv")).unwrap();
    assert!(metrics("runs/small") != metrics("runs/small-2"));
    assert_same_files(&workshop.path("runs/small-2"), &workshop.path("runs/small-3"));
}

#[test]
fn each_part_of_a_pipeline_can_be_measured() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let pipeline = workshop.text("small.yaml");
    let said = alpaca_run(&["bench", &pipeline, "--seconds", "0", "--threads", "2", "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let parts: Vec<(Option<&str>, &str)> = report["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["stage"].as_str(), part["part"].as_str().unwrap()))
        .collect();
    let in_stage = |stage| {
        let names = [
            "frozen part, forward",
            "trainable part, forward",
            "trainable part, backward",
            "optimizer",
            "whole step",
        ];
        names.map(|name| (Some(stage), name))
    };
    let shared = [
        (None, "decode and resize"),
        (None, "augment and scale"),
        (None, "random_flip"),
        (None, "random_rotation"),
        (None, "random_contrast"),
    ];
    assert_eq!(parts, [&shared[..], &in_stage("transfer"), &in_stage("finetune")].concat());
    assert!(report["peak_multiply_adds_per_second"].as_f64().unwrap() > 1e6);
    let said = alpaca_run(&["bench", &pipeline, "--seconds", "0"]);
    assert!(said.out.contains("of peak") && said.out.contains("finetune"), "{}", said.out);
}

/// The layers are those that `layers` lists, their costs add up to that of the network, and their times to
/// those of the parts.
#[test]
fn each_layer_of_a_pipeline_can_be_measured() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let pipeline = workshop.text("small.yaml");
    let said = alpaca_run(&["bench", &pipeline, "--layers", "--seconds", "0", "--json"]);
    done(&said);
    let report: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let layers = report["layers"].as_array().unwrap();
    let number = |layer: &serde_json::Value, key: &str| layer[key].as_f64().unwrap();
    for stage in ["transfer", "finetune"] {
        let of = |pass: &str| {
            let of_pass =
                move |layer: &&serde_json::Value| layer["stage"] == stage && layer["pass"] == *pass;
            layers.iter().filter(of_pass).collect::<Vec<_>>()
        };
        let cost = |pass: &str| -> f64 {
            of(pass).iter().map(|layer| number(layer, "multiply_adds_per_image")).sum()
        };
        assert_eq!(cost("backward"), 2.0 * cost("forward"));
        let names: Vec<&str> = of("frozen").iter().map(|l| l["layer"].as_str().unwrap()).collect();
        assert_eq!(names[0].split(' ').next(), Some("Conv1"), "{names:?}");
        let trained = of("forward");
        assert_eq!(trained.last().unwrap()["layer"], "(outside layers)");
        let head = &trained[trained.len() - 2];
        assert_eq!(head["layer"], "head");
        assert!(number(head, "seconds_per_image") > 0.0);
        assert_eq!(of("step").len(), 1, "the optimizer");
    }
    // The whole network is the same in both stages, wherever it is cut.
    let whole = |stage: &str| -> f64 {
        let forward = layers.iter().filter(|l| l["stage"] == *stage && l["pass"] != "backward");
        forward.map(|layer| number(layer, "multiply_adds_per_image")).sum()
    };
    assert_eq!(whole("transfer"), whole("finetune"));
    let said = alpaca_run(&["bench", &pipeline, "--layers", "--seconds", "0"]);
    assert!(said.out.contains("of roofline") && said.out.contains("head"), "{}", said.out);
}
