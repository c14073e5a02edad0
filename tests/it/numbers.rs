//! A number an image: what a run trains, measures and exports.

use std::fmt::Write as _;

use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::archives::{pack, pack_samples};
use crate::predict_and_export::assert_same_in_onnx_runtime;
use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, done};
use crate::support::runs::{assert_same_files, run};
use crate::support::schemas;

/// Two stages with both losses, and the tasks.
const PIPELINE: &str = "\
version: 1
seed: 5
dataset:
  table: ages.csv
  target: number
  columns: { label: age in years }
  image_size: 32
  batch_size: 8
  split: { validation: 0.25, test: 0.1 }
augmentation:
  - random_flip: both
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  all:
    train:
      freeze: none
      epochs: 4
      batch_norm: { train: { momentum: 0.8 } }
      optimizer: { adam: { learning_rate: 3e-3 } }
      loss: { huber: { delta: 0.8 } }
      best_by: val/mae
  head:
    train: { epochs: 2, best_by: val/spearman }
  test:
    evaluate: { split: test }
  onnx:
    export: {}
  bare:
    export: { normalised: true }
";

/// The number of image `i`: the brighter, the larger.
fn number(i: u32) -> f64 {
    1000.0 + f64::from(i * 37 % 200) * 0.5
}

/// A workshop with `n` images whose brightness gives their number.
fn workshop(pipeline: &str, n: u32) -> Workshop {
    let workshop = Workshop::new(pipeline, 0);
    std::fs::create_dir_all(workshop.path("images")).unwrap();
    let mut table = "file,age in years\n".to_owned();
    for i in 0..n {
        let shade = (i * 37 % 200) as u8 + 20;
        let picture = RgbImage::from_fn(40, 40, |x, y| {
            if (x + 3 * i) % 40 < 4 { Rgb([200, 30, (y + i) as u8]) } else { Rgb([shade; 3]) }
        });
        picture.save(workshop.path(&format!("images/{i:03}.png"))).unwrap();
        writeln!(table, "images/{i:03}.png,{}", number(i)).unwrap();
    }
    std::fs::write(workshop.path("ages.csv"), table).unwrap();
    workshop
}

fn json(workshop: &Workshop, file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(workshop.path(file)).unwrap()).unwrap()
}

/// The numeric columns of a predictions.csv: number and estimate.
fn predictions(workshop: &Workshop, run: &str) -> Vec<[f64; 2]> {
    let text = std::fs::read_to_string(workshop.path(run).join("predictions.csv")).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("path,target,estimate,error"));
    let row = |line: &str| {
        let cells: Vec<f64> = line.split(',').skip(1).map(|cell| cell.parse().unwrap()).collect();
        assert!((cells[1] - cells[0] - cells[2]).abs() < 1e-9, "{line}");
        [cells[0], cells[1]]
    };
    lines.map(row).collect()
}

#[test]
fn a_run_trains_measures_and_exports_numbers() {
    let workshop = workshop(PIPELINE, 60);
    let said = run(&workshop, &["--threads", "1"]);
    done(&said);
    assert!(said.err.contains("(age in years from 1000 to "), "{}", said.err);
    assert!(said.err.contains("estimates differ from the model by at most"), "{}", said.err);
    assert!(said.out.contains("validation mean absolute error"), "{}", said.out);
    let measured = json(&workshop, "runs/small/metrics.json");
    let rows = predictions(&workshop, "runs/small");
    let n = rows.len() as f64;
    assert!((measured["n_images"].as_f64().unwrap() - 15.0).abs() < 1e-9, "{measured}");
    let close = |name: &str, expected: f64| {
        let found = measured[name].as_f64().unwrap();
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{name}: {found}");
    };
    let errors = || rows.iter().map(|[number, estimate]| estimate - number);
    close("mae", errors().map(f64::abs).sum::<f64>() / n);
    close("rmse", (errors().map(|error| error * error).sum::<f64>() / n).sqrt());
    let mean = rows.iter().map(|row| row[0]).sum::<f64>() / n;
    let variance = rows.iter().map(|row| (row[0] - mean).powi(2)).sum::<f64>() / n;
    close("r2", 1.0 - errors().map(|error| error * error).sum::<f64>() / n / variance);
    assert_eq!(measured["name"], "age in years");
    // The units of the network are the training numbers'.
    let splits = std::fs::read_to_string(workshop.path("runs/small/splits.csv")).unwrap();
    assert!(splits.starts_with("path,target,split,digest\n"), "{splits}");
    let of_training = splits.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let of_training: Vec<f64> = of_training
        .filter(|cells| cells[2] == "train")
        .map(|cells| cells[1].parse().unwrap())
        .collect();
    let n = of_training.len() as f64;
    let mean = of_training.iter().sum::<f64>() / n;
    let deviation = (of_training.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    schemas::assert_run_is_valid(&workshop.path("runs/small"));
    let standard = &json(&workshop, "runs/small/manifest.json")["dataset"]["standard"];
    assert!((standard["mean"].as_f64().unwrap() - mean).abs() < 1e-9, "{standard}");
    assert!((standard["deviation"].as_f64().unwrap() - deviation).abs() < 1e-9, "{standard}");
    // The same bytes on other threads, and again from the run directory.
    done(&run(&workshop, &["--threads", "3"]));
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-2"));
    done(&alpaca_run(&["reproduce", &workshop.text("runs/small")]));
    for plot in ["estimates.svg", "errors.svg", "mae.svg"] {
        assert!(workshop.path("runs/small/plots").join(plot).is_file(), "{plot}");
    }
    let page = workshop.text("page.html");
    done(&alpaca_run(&["report", &workshop.text("runs/small"), "-o", &page, "--no-cache"]));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(
        page.contains("MAE ") && page.contains("The validation images with the largest errors")
    );
}

#[test]
fn files_and_run_give_the_same_numbers_in_their_unit() {
    let workshop = workshop(PIPELINE, 60);
    done(&run(&workshop, &[]));
    let image = workshop.text("images/011.png");
    let [whole, bare] = ["whole.onnx", "bare.onnx"].map(|name| workshop.text(name));
    let run_directory = workshop.text("runs/small");
    let said = alpaca_run(&["export", &run_directory, "-o", &whole]);
    done(&said);
    assert!(said.out.contains("estimates differ from the model"), "{}", said.out);
    done(&alpaca_run(&["export", &run_directory, "-o", &bare, "--normalised"]));
    let number = |model: &str| -> f64 {
        let said = alpaca_run(&["predict", &workshop.text(model), &image, "--json"]);
        done(&said);
        let answer: Value = serde_json::from_str(&said.out).unwrap();
        assert_eq!(answer["name"], "age in years");
        answer["number"].as_f64().unwrap()
    };
    let of_run = number("runs/small");
    assert!((900.0..1200.0).contains(&of_run), "{of_run}");
    for file in ["whole.onnx", "bare.onnx"] {
        assert!((number(file) - of_run).abs() < 0.01, "{file}: {} and {of_run}", number(file));
    }
    for recipe in ["bare.json", "runs/small/exports/bare.json"] {
        assert_eq!(json(&workshop, recipe)["output"], "number");
    }
    let table = alpaca_run(&["predict", &workshop.text("runs/small"), &image, "--csv"]);
    assert!(table.out.starts_with("path,estimate,error\n"), "{}", table.out);
    for option in [["--threshold", "0.5"], ["--top", "2"]] {
        let said =
            alpaca_run(&[&["predict", &workshop.text("runs/small"), &image], &option[..]].concat());
        assert_eq!(said.code, Some(2));
        assert!(said.err.contains("estimates a number"), "{}", said.err);
    }
    let images = workshop.text("images");
    let said = alpaca_run(&["evaluate", &workshop.text("runs/small"), "--data", &images]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("no numbers to evaluate on"), "{}", said.err);
    let table = workshop.text("ages.csv");
    let said = alpaca_run(&["evaluate", &workshop.text("runs/small"), "--data", &table, "--json"]);
    done(&said);
    let measured: Value = serde_json::from_str(&said.out).unwrap();
    let n = std::fs::read_to_string(&table).unwrap().lines().count() - 1;
    assert_eq!(measured["n_images"], n, "{}", said.out);
    assert!(measured["spearman"].as_f64().unwrap() > 0.0, "{}", said.out);
    let said = alpaca_run(&["evaluate", &workshop.text("runs/small"), "--split", "test"]);
    done(&said);
    assert!(
        said.out.contains("mean absolute error") && said.out.contains("6 images"),
        "{}",
        said.out
    );
}

#[test]
fn a_network_learns_numbers_and_each_set_has_small_and_large_ones() {
    let pipeline = PIPELINE.split("  head:\n").next().unwrap();
    let workshop = workshop(pipeline, 160);
    let settings = [
        "model.weights=builtin",
        "augmentation=[]",
        "stages.all.epochs=24",
        "stages.all.schedule={ cosine: {} }",
    ];
    let more: Vec<&str> = settings.iter().flat_map(|setting| ["-S", setting]).collect();
    let said = run(&workshop, &more);
    done(&said);
    let measured = json(&workshop, "runs/small/metrics.json");
    assert!(measured["r2"].as_f64().unwrap() > 0.7, "{measured}");
    assert!(measured["spearman"].as_f64().unwrap() > 0.85, "{measured}");
    let of_validation = predictions(&workshop, "runs/small").into_iter().map(|row| row[0]);
    let below = of_validation.filter(|number| *number < 1050.0).count();
    assert!((18..=22).contains(&below), "{below} of 40 validation images in the lower half");
}

#[test]
fn a_run_that_reuses_its_stages_is_the_run_that_computes_them() {
    let workshop = workshop(PIPELINE, 40);
    let cache = workshop.text("cache");
    for reused in [false, true] {
        let said = run(&workshop, &["--cache-dir", &cache]);
        done(&said);
        let line = "stage head: reused from the cache";
        assert_eq!(said.err.contains(line), reused, "{}", said.err);
        assert!(
            !reused || said.err.contains("with validation mean absolute error"),
            "{}",
            said.err
        );
    }
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-2"));
}

#[test]
fn onnx_runtime_gives_the_same() {
    let Some(python) = std::env::var_os("ALPACA_PYTHON") else {
        println!("skipped: ALPACA_PYTHON names no Python with onnx and onnxruntime");
        return;
    };
    let workshop = workshop(PIPELINE, 60);
    done(&run(&workshop, &[]));
    let (directory, file) = (workshop.text("runs/small"), workshop.text("model.onnx"));
    done(&alpaca_run(&["export", &directory, "-o", &file]));
    let said = alpaca_run(&["predict", &directory, "--csv", &workshop.text("images")]);
    done(&said);
    std::fs::write(workshop.path("table.csv"), said.out).unwrap();
    assert_same_in_onnx_runtime(&python, &file, &workshop.path("table.csv"));
}

#[test]
fn runs_are_compared_and_folds_summarized() {
    let pipeline = PIPELINE.split("  test:\n").next().unwrap();
    let workshop = workshop(pipeline, 60);
    done(&run(&workshop, &[]));
    done(&run(&workshop, &["-S", "stages.all.loss=mse"]));
    let runs = [workshop.text("runs/small"), workshop.text("runs/small-2")];
    let said = alpaca_run(&["diff", &runs[0], &runs[1]]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.out.contains("paired randomization test"), "{}", said.out);
    let said = alpaca_run(&["diff", &runs[0], &runs[1], "--json"]);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let mae = ["runs/small/metrics.json", "runs/small-2/metrics.json"]
        .map(|file| json(&workshop, file)["mae"].as_f64().unwrap());
    let change = found["pairs"][0]["chance"]["mae"].as_f64().unwrap();
    assert!((change - (mae[1] - mae[0])).abs() < 1e-9, "{found}");
    let (pipeline, folder) = (workshop.text("small.yaml"), workshop.text("runs"));
    let said = alpaca_run(&[
        "folds",
        &pipeline,
        "--folds",
        "3",
        "--runs-dir",
        &folder,
        "--no-cache",
        "-S",
        "dataset.split={}",
    ]);
    done(&said);
    assert!(said.out.contains("mean absolute error"), "{}", said.out);
    let summary = json(&workshop, "runs/small-folds/folds.json");
    assert_eq!(summary["out_of_fold"]["n_images"], 60);
    assert_eq!(summary["out_of_fold"]["name"], "age in years");
    let n: Vec<u64> =
        (0..3).map(|i| summary["folds"][i]["n_validation"].as_u64().unwrap()).collect();
    assert_eq!(n, [20, 20, 20]);
}

#[test]
fn what_is_no_number_is_named_with_its_line() {
    let workshop = workshop(PIPELINE, 20);
    let text = std::fs::read_to_string(workshop.path("ages.csv")).unwrap();
    let text = text.replace("003.png,1055.5", "003.png,old").replace("005.png,1092.5", "005.png,");
    let text = text.replace("007.png,1029.5", "007.png,\"29,5\"");
    std::fs::write(workshop.path("ages.csv"), text).unwrap();
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    for wanted in [
        "D012",
        "line 5: `old` is not a number",
        "line 7: the label is empty",
        "line 9: `29,5` is not a number; write decimals with a point",
    ] {
        assert!(said.err.contains(wanted), "{wanted}: {}", said.err);
    }
    let same = "file,age in years\nimages/000.png,3\nimages/001.png,3.0\n";
    std::fs::write(workshop.path("ages.csv"), same).unwrap();
    let said = run(&workshop, &[]);
    assert!(said.err.contains("all rows have the number 3"), "{}", said.err);
    let said = run(&workshop, &["-S", "stages.all.class_weights=balanced"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(
        said.err.contains("P008") && said.err.contains("no classes with a number"),
        "{}",
        said.err
    );
}

#[test]
fn the_distribution_of_numbers_is_shown() {
    let workshop = workshop(PIPELINE, 41);
    let said = alpaca_run(&["data", &workshop.text("small.yaml")]);
    done(&said);
    assert!(said.out.contains("41 images with a number each"), "{}", said.out);
    assert!(said.out.contains("numbers: 1000 to "), "{}", said.out);
    let page = workshop.text("data.html");
    done(&alpaca_run(&["data", &workshop.text("small.yaml"), "--html", &page]));
    assert!(std::fs::read_to_string(page).unwrap().contains("first quartile"));
    let said = alpaca_run(&["data", &workshop.text("small.yaml"), "--json"]);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let mut numbers: Vec<f64> = (0..41).map(number).collect();
    numbers.sort_by(f64::total_cmp);
    let quartiles = [0, 10, 20, 30, 40].map(|at| numbers[at]);
    assert_eq!(found["numbers"]["quartiles"], serde_json::json!(quartiles));
}

#[test]
fn samples_of_shards_may_have_a_number_and_directories_not() {
    let workshop = workshop(PIPELINE, 40);
    pack_samples(&workshop, "ages.csv", "all.tar");
    let head = "stages={ head: { train: { epochs: 1 } } }";
    let shards = format!("dataset.shards={}", workshop.text("all.tar"));
    done(&run(&workshop, &["-S", head, "-S", "name=table"]));
    done(&run(&workshop, &["-S", &shards, "-S", head, "-S", "name=shards"]));
    let [table, read] = ["table", "shards"].map(|run| {
        let splits = workshop.path(&format!("runs/{run}/splits.csv"));
        let text = std::fs::read_to_string(splits).unwrap();
        let row = |line: &str| {
            let (path, more) = line.split_once(',').unwrap();
            let number = more.split(',').next().unwrap().to_owned();
            (path.rsplit('/').next().unwrap().to_owned(), number)
        };
        text.lines().skip(1).map(row).collect::<Vec<_>>()
    });
    assert_eq!(table, read);
    assert_eq!(table.len(), 40);
    assert_eq!(json(&workshop, "runs/shards/classes.json")[0], "age in years");
    for data in ["all.tar", "al*.tar"] {
        let (shards, data) = (workshop.text("runs/shards"), workshop.text(data));
        let said = alpaca_run(&["evaluate", &shards, "--data", &data, "--no-cache"]);
        assert!(said.out.contains("on 40 images"), "{}{}", said.out, said.err);
    }
    pack(&workshop, "images", "images.zip");
    let archive = format!("dataset.archive={}", workshop.text("images.zip"));
    let said = run(&workshop, &["-S", &archive, "-S", head]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("directories are classes, not numbers"), "{}", said.err);
}
