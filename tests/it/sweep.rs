//! Sweeps: the arms that there are, their runs, what they show, and what is wrong before anything runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run, done, files_below, spawn};
use crate::support::runs::{ONE_STAGE, assert_same_bytes, run};

/// Two epochs or three, and two learning rates, on three folds.
const GRID: &str = "\
sweep:
  over:
    stages.transfer.train.epochs: [1, 3]
    stages.transfer.optimizer.adam.learning_rate: [0.0001, 0.01]
  folds: 3
";

/// A workshop with a pipeline that has this section.
fn workshop(section: &str) -> Workshop {
    Workshop::new(&format!("{ONE_STAGE}{section}"), 2)
}

/// The command line of a sweep with its runs in `runs`.
fn words(workshop: &Workshop, runs: &str, more: &[&str]) -> Vec<String> {
    let [pipeline, runs] = ["small.yaml", runs].map(|name| workshop.text(name));
    let words = ["sweep", &pipeline, "--runs-dir", &runs].map(str::to_owned);
    words.into_iter().chain(more.iter().map(|word| (*word).to_owned())).collect()
}

fn sweep(workshop: &Workshop, runs: &str, more: &[&str]) -> Said {
    alpaca_run(&words(workshop, runs, more))
}

/// The rows of a table as mappings from its columns.
fn table(path: &Path) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
    let columns: Vec<String> = lines.next().unwrap().collect();
    lines.map(|cells| columns.iter().cloned().zip(cells).collect()).collect()
}

/// All files of a sweep that do not tell the time.
fn lasting(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let tells_time = |name: &str| {
        ["timings.csv", "events.jsonl", "manifest.json", "checkpoint/lock"]
            .iter()
            .any(|file| name.ends_with(file))
    };
    files_below(directory).into_iter().filter(|(name, _)| !tells_time(name)).collect()
}

fn assert_same(a: &Path, b: &Path) {
    assert_same_bytes(&lasting(a), &lasting(b));
}

#[test]
fn a_sweep_ranks_its_arms_and_leaves_the_pipeline_of_the_best() {
    let workshop = workshop(GRID);
    let said = sweep(&workshop, "runs", &["--no-cache"]);
    done(&said);
    let directory = workshop.path("runs/small-sweep");
    let rows = table(&directory.join("sweep.csv"));
    let mut arms: Vec<&str> = rows.iter().map(|row| row["arm"].as_str()).collect();
    arms.sort_unstable();
    assert_eq!(arms, ["1", "2", "3", "4"]);
    // The accuracy of an arm is that of its out-of-fold predictions, each image once.
    for row in &rows {
        let (mut n, mut n_correct) = (0, 0);
        for fold in 0..3 {
            let run = format!("arm-0{}-fold-{fold}", row["arm"]);
            for prediction in table(&directory.join(run).join("predictions.csv")) {
                n += 1;
                n_correct += usize::from(prediction["correct"] == "true");
            }
        }
        assert_eq!(n, 24);
        let accuracy: f64 = row["accuracy"].parse().unwrap();
        assert!((accuracy - f64::from(n_correct as u32) / 24.0).abs() < 1e-12, "{row:?}");
    }
    let accuracies: Vec<f64> = rows.iter().map(|row| row["accuracy"].parse().unwrap()).collect();
    assert!(accuracies.is_sorted_by(|a, b| a >= b), "{accuracies:?}");
    for sentence in ["Best: arm ", " of 4 arms", "Holm's correction for 6 pairs", "can be expected"]
    {
        assert!(said.out.contains(sentence), "{sentence}: {}", said.out);
    }
    let page = std::fs::read_to_string(directory.join("report.html")).unwrap();
    assert!(page.contains("<svg") && page.contains("Ranking"));
    // The pipeline of the best arm, from a directory of its own, is that of a run of the arm.
    let winner = directory.join("winner.yaml");
    let text = std::fs::read_to_string(&winner).unwrap();
    assert!(!text.contains("sweep:") && text.contains("../../pictures"), "{text}");
    done(&alpaca_run(&["check".as_ref(), winner.as_os_str()]));
    let fold = ["-S", "dataset.split={ folds: 3, fold: 2 }", "--no-cache"];
    let (winner, runs) = (winner.display().to_string(), workshop.text("runs"));
    done(&alpaca_run(&[&[winner.as_str(), "--runs-dir", &runs], &fold[..]].concat()));
    let of = |name: &str| std::fs::read(workshop.path("runs").join(name)).unwrap();
    let arm = &rows[0]["arm"];
    let arm = format!("small-sweep/arm-0{arm}-fold-2/predictions.csv");
    assert!(of("winner/predictions.csv") == of(&arm));
}

#[test]
fn a_finished_sweep_is_found_and_leaves_the_same_bytes() {
    let workshop = workshop(GRID);
    let cache = workshop.text("cache");
    let cache = ["--cache-dir", &cache];
    done(&sweep(&workshop, "runs", &cache));
    let before = files_below(&workshop.path("runs"));
    let said = sweep(&workshop, "runs", &cache);
    done(&said);
    assert!(said.err.contains("12 of 12 runs had finished before"), "{}", said.err);
    assert!(files_below(&workshop.path("runs")) == before);
    // With one thread, and without what the first has stored.
    done(&sweep(&workshop, "alone", &["--no-cache", "--threads", "1"]));
    assert_same(&workshop.path("runs/small-sweep"), &workshop.path("alone/small-sweep"));
    // Another seed is another sweep.
    done(&sweep(&workshop, "runs", &["--no-cache", "-S", "seed=9"]));
    assert!(workshop.path("runs/small-sweep-2/sweep.json").exists());
}

/// Waits for a file, unless the process ends before; kills the process.
fn kill_at(path: &Path, mut process: std::process::Child) {
    while !path.exists() && process.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_micros(200));
    }
    // A process that has ended already cannot be killed, which is as good.
    let _ = process.kill();
    process.wait().unwrap();
}

#[test]
fn a_sweep_that_is_killed_again_and_again_leaves_the_same_bytes() {
    let workshop = workshop(GRID);
    let more = ["--no-cache", "-S", "checkpoint_every=1"];
    done(&sweep(&workshop, "whole", &more));
    let directory = workshop.path("killed/small-sweep");
    let places = [
        "tasks.json",
        "arm-01-fold-0/checkpoint/stage-in-progress",
        "arm-02-fold-1/pipeline.yaml",
        "arm-03-fold-1/checkpoint/stage-in-progress",
        "arm-04-fold-2/manifest.json",
        "report.html",
    ];
    for place in places {
        kill_at(&directory.join(place), spawn(&words(&workshop, "killed", &more)));
    }
    let said = sweep(&workshop, "killed", &more);
    done(&said);
    assert!(said.err.contains("12 of 12 runs had finished before"), "{}", said.err);
    assert_same(&workshop.path("whole/small-sweep"), &directory);
}

#[test]
fn seeds_change_the_runs_and_keep_the_images() {
    let section = "sweep:\n  over: { stages.transfer.train.epochs: [1, 2] }\n  seeds: [3, 4]\n";
    let workshop = workshop(section);
    let said = sweep(&workshop, "runs", &["--no-cache"]);
    done(&said);
    let file = |seed: u64, name: &str| -> Vec<u8> {
        let run = format!("runs/small-sweep/arm-01-seed-{seed}/{name}");
        std::fs::read(workshop.path(&run)).unwrap()
    };
    assert!(file(3, "splits.csv") == file(4, "splits.csv"));
    assert!(file(3, "predictions.csv") != file(4, "predictions.csv"));
    let rows = table(&workshop.path("runs/small-sweep/sweep.csv"));
    assert!(rows.iter().all(|row| !row["accuracy_deviation"].is_empty()), "{rows:?}");
    assert!(said.out.contains("deviation") && said.out.contains("paired t-test"), "{}", said.out);
}

#[test]
fn a_dry_run_lists_the_arms_and_runs_nothing() {
    let workshop = workshop(GRID);
    let said = sweep(&workshop, "runs", &["--no-cache", "--dry-run"]);
    done(&said);
    assert!(said.out.contains("4 arms, 3 runs each: 12 runs"), "{}", said.out);
    assert!(!workshop.path("runs").exists());
    // Random arms are the same each time.
    let random = "sweep.search={ random: { arms: 3, seed: 5 } }";
    let random = ["--no-cache", "--dry-run", "-S", random];
    let [first, second] = [(); 2].map(|()| sweep(&workshop, "runs", &random).out);
    assert!(first == second && first.contains("3 arms, 3 runs each"), "{first}");
}

/// Six arms with one epoch, three of them with two, and two of these with four.
const HALVING: &str = "\
sweep:
  over:
    stages.transfer.optimizer.adam.learning_rate: { from: 1e-5, to: 1e-1, points: 6, scale: log }
  search: { halving: { keep: 2, from: 1 } }
  folds: 2
  rank_by: loss
";

#[test]
fn halving_stops_arms_and_compares_those_of_the_last_round() {
    let workshop = workshop(HALVING);
    let more = ["--no-cache", "-S", "stages.transfer.epochs=4"];
    let said = sweep(&workshop, "runs", &[&more[..], &["--dry-run"]].concat());
    done(&said);
    let plan = "6 arms in rounds: 6 with 1 epoch, then 3 with 2 epochs, then 2 with 4 epochs";
    assert!(said.out.contains(plan) && said.out.contains("22 runs"), "{}", said.out);
    let said = sweep(&workshop, "runs", &more);
    done(&said);
    assert!(said.out.contains("2 arms came into the last round"), "{}", said.out);
    let directory = workshop.path("runs/small-sweep");
    let rows = table(&directory.join("sweep.csv"));
    let epochs: Vec<&str> = rows.iter().map(|row| row["epochs"].as_str()).collect();
    assert_eq!(epochs, ["4", "4", "2", "1", "1", "1"]);
    // The three best arms of the first round are in the second.
    let loss = |arm: &str| -> f64 {
        let folds = (0..2).flat_map(|fold| {
            table(&directory.join(format!("arm-0{arm}-epochs-1-fold-{fold}/predictions.csv")))
        });
        let of = |row: BTreeMap<String, String>| -> f64 {
            -row[&format!("probability/{}", row["label"])].parse::<f64>().unwrap().ln()
        };
        folds.map(of).sum::<f64>() / 24.0
    };
    let worst_kept = rows[..3].iter().map(|row| loss(&row["arm"])).fold(0.0, f64::max);
    let best_stopped = rows[3..].iter().map(|row| loss(&row["arm"])).fold(9.0, f64::min);
    assert!(worst_kept < best_stopped, "{worst_kept} {best_stopped}");
    // Killed in its second round, and continued.
    let place = "killed/small-sweep/arm-0{}-epochs-2-fold-0/pipeline.yaml";
    let first = rows[..3].iter().map(|row| row["arm"].parse::<usize>().unwrap()).min().unwrap();
    let place = workshop.path(&place.replace("{}", &first.to_string()));
    kill_at(&place, spawn(&words(&workshop, "killed", &more)));
    assert!(!workshop.path("killed/small-sweep/sweep.json").exists());
    done(&sweep(&workshop, "killed", &more));
    assert_same(&directory, &workshop.path("killed/small-sweep"));
}

/// The estimators see what came before, so a search that was killed must come to the same arms.
#[test]
fn a_search_by_results_is_the_same_after_it_was_killed() {
    let section = "\
sweep:
  over:
    stages.transfer.optimizer.adam.learning_rate: { from: 1e-5, to: 1e-1, scale: log }
    model.head: [{ dropout: 0.0 }, { dropout: 0.5 }]
  search: { tpe: { arms: 6 } }
";
    let workshop = workshop(section);
    let said = sweep(&workshop, "whole", &["--no-cache"]);
    done(&said);
    let directory = workshop.path("whole/small-sweep");
    let rows = table(&directory.join("sweep.csv"));
    assert_eq!(rows.len(), 6);
    for place in ["arm-02/pipeline.yaml", "arm-04/checkpoint", "arm-06/manifest.json"] {
        let place = workshop.path("killed/small-sweep").join(place);
        kill_at(&place, spawn(&words(&workshop, "killed", &["--no-cache"])));
    }
    done(&sweep(&workshop, "killed", &["--no-cache"]));
    assert_same(&directory, &workshop.path("killed/small-sweep"));
}

/// A learning rate at which the loss becomes infinite, and one that is usual.
#[test]
fn an_arm_that_diverges_fails_alone() {
    let section = "\
sweep:
  over:
    stages.transfer.train.optimizer: [{ sgd: { learning_rate: 1e+38 } }, { adam: {} }]
";
    let workshop = workshop(section);
    let more = ["--no-cache", "-S", "stages.transfer.epochs=3"];
    let said = sweep(&workshop, "runs", &more);
    done(&said);
    assert!(said.out.contains("Arm 1 failed, and is not compared"), "{}", said.out);
    let rows = table_of_json(&workshop.path("runs/small-sweep/sweep.json"));
    assert_eq!(rows["failed"][0]["run"], "arm-01");
    assert_eq!(rows["arms"][0]["arm"], 2);
    // The second start tries it again, and comes to the same.
    let before = lasting(&workshop.path("runs/small-sweep"));
    done(&sweep(&workshop, "runs", &more));
    assert!(lasting(&workshop.path("runs/small-sweep")) == before);
}

fn table_of_json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// An override inside of a value that every arm replaces; one of a value around it is a base for the arms.
#[test]
fn an_override_of_what_the_arms_set_is_refused() {
    let section = "\
sweep:
  over:
    stages.transfer.train.optimizer: [{ sgd: {} }, { adam: {} }]
";
    let workshop = workshop(section);
    for key in
        ["stages.transfer.optimizer.adam.beta_1=0.8", "stages.transfer.optimizer={ sgd: {} }"]
    {
        let said = sweep(&workshop, "runs", &["--dry-run", "-S", key]);
        assert_eq!(said.code, Some(2), "{}", said.out);
        let expected = format!("`-S {key}` has no effect: every arm sets");
        assert!(said.err.contains(&expected), "{}", said.err);
    }
    for key in ["stages.transfer={ train: { epochs: 2 } }", "stages.transfer.epochs=2"] {
        done(&sweep(&workshop, "runs", &["--dry-run", "-S", key]));
    }
}

/// Every other command takes the pipeline for what it is without the section.
#[test]
fn a_run_of_the_pipeline_ignores_the_sweep() {
    let [with, without] = [workshop(GRID), Workshop::new(ONE_STAGE, 2)];
    let said = run(&with, &[]);
    done(&said);
    assert!(said.err.contains("runs the `sweep` of the file"), "{}", said.err);
    done(&run(&without, &[]));
    let [with, without] = [with, without].map(|workshop| {
        std::fs::read(workshop.path("runs/small/weights/best.safetensors")).unwrap()
    });
    assert!(with == without);
}

/// What is wrong with an arm, and what is said about it.
const WRONG: [(&str, &[&str]); 8] = [
    ("stages.transfer.train.epoch: [1, 2]", &["P003", "did you mean `epochs`?", ":9:5"]),
    ("stages.trasnfer.train.epochs: [1, 2]", &["P003", "did you mean `transfer`?"]),
    ("stages..epochs: [1, 2]", &["P003", "not a path of keys"]),
    ("stages.transfer.train.epochs: [1, two, 3]", &["P005", "must be a whole number", "two"]),
    ("stages.transfer.train.epochs: [1, 0]", &["P007", "must be between 1 and"]),
    ("model.base: [mobilenet_v2, mobilenet_v9]", &["P006", "mobilenet_v9"]),
    (
        "{ stages.transfer.freeze: [all], stages.transfer.unfreeze_last: [1] }",
        &["P008", "unfreeze_last"],
    ),
    ("model.weights: [none, nowhere.safetensors]", &["W001", "nowhere.safetensors"]),
];

#[test]
fn all_problems_of_all_arms_are_found_before_anything_runs() {
    for (over, expected) in WRONG {
        let over = if over.starts_with('{') { over.to_owned() } else { format!("\n    {over}") };
        let workshop = workshop(&format!("sweep:\n  over: {over}\n"));
        let pipeline = workshop.text("small.yaml");
        let check = alpaca_run(&["check", &pipeline]);
        assert_eq!(check.code, Some(1), "{over}: {}", check.err);
        let said = sweep(&workshop, "runs", &["--no-cache"]);
        assert_eq!(said.code, Some(2), "{over}: {}", said.err);
        assert!(said.err.contains("1 problem in"), "{over}: {}", said.err);
        for text in expected {
            assert!(said.err.contains(text), "{over}: {text}: {}", said.err);
        }
        assert!(!workshop.path("runs").exists());
    }
}

#[test]
fn a_fold_without_a_class_is_found_before_anything_runs() {
    let workshop = workshop(GRID);
    workshop.thin_out("disc", 1);
    let said = sweep(&workshop, "runs", &["--no-cache"]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    for text in ["D006", "disc", "arm-01-fold-", "nothing ran yet"] {
        assert!(said.err.contains(text), "{text}: {}", said.err);
    }
    assert!(!workshop.path("runs").exists());
}

#[test]
fn a_pipeline_without_a_search_has_nothing_to_vary() {
    let said = sweep(&Workshop::new(ONE_STAGE, 2), "runs", &["--no-cache"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("has no `sweep`") && said.err.contains("over:"), "{}", said.err);
}

/// Places of files in the file stay where they are; those on the command line are where it was typed.
#[test]
fn paths_are_relative_to_the_file_that_lists_them() {
    let section = "sweep:\n  over: { dataset.directory: [pictures, more/pictures] }\n";
    let workshop = workshop(section);
    let more = workshop.path("more/pictures");
    std::fs::create_dir_all(workshop.path("more")).unwrap();
    copy(&workshop.path("pictures"), &more);
    let said = sweep(&workshop, "deep/runs", &["--no-cache"]);
    done(&said);
    let winner = workshop.path("deep/runs/small-sweep/winner.yaml");
    done(&alpaca_run(&["check".as_ref(), winner.as_os_str()]));
    let text = std::fs::read_to_string(winner).unwrap();
    assert!(text.contains("directory: ../../../pictures"), "{text}");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for (name, bytes) in files_below(from) {
        let path: PathBuf = to.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// What arms are ranked by is that of the target.
#[test]
fn numbers_and_several_labels_are_ranked_by_their_own_metrics() {
    let sections = "\
stages:
  head: { fit: {} }
sweep:
  over: { stages.head.fit.METHOD.l2: [0.1, 10] }
  folds: 2
";
    let of = |dataset: &str, method: &str, rows: &dyn Fn(usize, usize) -> String| {
        let pipeline = format!(
            "version: 1\ndataset: {{ table: table.csv, image_size: 32, {dataset} }}\n\
             model: {{ base: mobilenet_v2, width: 0.35, weights: none }}\n{}",
            sections.replace("METHOD", method)
        );
        let workshop = Workshop::new(&pipeline, 2);
        let mut text = "path,label\n".to_owned();
        for (class, files) in ["disc", "ring"].iter().enumerate() {
            let names = files_below(&workshop.path("pictures").join(files));
            for (i, (name, _)) in names.iter().enumerate() {
                let _ = writeln!(text, "pictures/{files}/{name},{}", rows(class, i));
            }
        }
        std::fs::write(workshop.path("table.csv"), text).unwrap();
        let said = sweep(&workshop, "runs", &["--no-cache"]);
        done(&said);
        (table(&workshop.path("runs/small-sweep/sweep.csv")), said)
    };
    let (numbers, said) = of("target: number", "ridge", &|class, i| format!("{}", class * 10 + i));
    assert!(said.out.contains("mean absolute error"), "{}", said.out);
    let errors: Vec<f64> = numbers.iter().map(|row| row["mae"].parse().unwrap()).collect();
    assert!(errors.len() == 2 && errors[0] <= errors[1], "{numbers:?}");
    let labels = |class: usize, i: usize| ["a", "b", "a|b", ""][(2 * class + i) % 4].to_owned();
    let (several, said) = of("labels: many", "logistic", &labels);
    assert!(said.out.contains("subset accuracy"), "{}", said.out);
    let shares: Vec<f64> =
        several.iter().map(|row| row["subset_accuracy"].parse().unwrap()).collect();
    assert!(shares.len() == 2 && shares[0] >= shares[1], "{several:?}");
}
