//! Several labels an image: what a run trains and measures, from tables and from directories.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::archives::{pack, pack_samples};
use crate::predict_and_export::assert_same_in_onnx_runtime;
use crate::support::pictures::{Workshop, several};
use crate::support::program::{Said, alpaca_run, done};
use crate::support::runs::{assert_same_files, run};
use crate::support::schemas;

const CLASSES: [&str; 3] = ["disc", "ring", "square"];

/// Two stages with all that several labels can have.
const PIPELINE: &str = "\
version: 1
seed: 3
dataset:
  table: labels.csv
  labels: many
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
      epochs: 2
      batch_norm: { train: {} }
      loss: { focal: { gamma: 1.0 } }
      class_weights: balanced
      label_smoothing: 0.05
      best_by: val/average_precision
  head:
    train: { epochs: 2, class_weights: { disc: 1.0, ring: 2.0, square: 0.5 }, best_by: val/macro_f1 }
  test:
    evaluate: { split: test }
  onnx:
    export: {}
";

/// The classes of image `i`: every combination occurs, one of them without any.
fn classes_of(i: u32) -> Vec<usize> {
    (0..CLASSES.len()).filter(|class| i >> class & 1 == 1).collect()
}

/// A workshop with `n` images in `images` and their labels in `labels.csv`, with this between labels.
fn workshop(pipeline: &str, n: u32, separator: &str) -> Workshop {
    let workshop = Workshop::new(pipeline, 0);
    std::fs::create_dir_all(workshop.path("images")).unwrap();
    let mut table = "file_name,labels\n".to_owned();
    for i in 0..n {
        let name = format!("images/{i:03}.png");
        several(&classes_of(i), i).save(workshop.path(&name)).unwrap();
        let labels: Vec<&str> = classes_of(i).into_iter().map(|class| CLASSES[class]).collect();
        writeln!(table, "{name},\"{}\"", labels.join(separator)).unwrap();
    }
    std::fs::write(workshop.path("labels.csv"), table).unwrap();
    workshop
}

fn json(workshop: &Workshop, file: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(workshop.path(file)).unwrap()).unwrap()
}

/// The rows of a table of a run: the cells by their columns.
fn rows(workshop: &Workshop, file: &str) -> Vec<BTreeMap<String, String>> {
    let text = std::fs::read_to_string(workshop.path(file)).unwrap();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
    let columns: Vec<String> = lines.next().unwrap().collect();
    lines.map(|cells| columns.iter().cloned().zip(cells).collect()).collect()
}

#[test]
fn a_run_trains_measures_and_exports_several_labels() {
    let workshop = workshop(PIPELINE, 48, "|");
    let said = run(&workshop, &["--threads", "1"]);
    done(&said);
    assert!(said.err.contains("(disc 24, ring 24, square 24, without a label 6)"), "{}", said.err);
    assert!(said.err.contains("test: subset accuracy"), "{}", said.err);
    assert!(said.out.contains("always predicting no label"), "{}", said.out);
    // Every set has its share of every class.
    let splits = rows(&workshop, "runs/small/splits.csv");
    for class in CLASSES {
        let n = |part: &str| {
            let of_part = splits.iter().filter(|row| row["split"] == part);
            of_part.filter(|row| row["labels"].split('|').any(|label| label == class)).count()
        };
        assert!((5..=7).contains(&n("validation")), "{class}: {}", n("validation"));
        assert!((1..=4).contains(&n("test")), "{class}: {}", n("test"));
    }
    schemas::assert_run_is_valid(&workshop.path("runs/small"));
    // metrics.json is what the table says.
    let measured = json(&workshop, "runs/small/metrics.json");
    let predictions = rows(&workshop, "runs/small/predictions.csv");
    let n = predictions.len() as f64;
    let n_exact = predictions.iter().filter(|row| row["labels"] == row["predicted"]).count();
    let n_correct = predictions.iter().filter(|row| row["correct"] == "true").count();
    assert_eq!(n_exact, n_correct);
    assert_eq!(measured["subset_accuracy"], n_exact as f64 / n);
    let wrong = |row: &BTreeMap<String, String>| {
        let has = |cell: &str, class: &str| row[cell].split('|').any(|label| label == class);
        CLASSES.iter().filter(|class| has("labels", class) != has("predicted", class)).count()
    };
    let n_wrong: usize = predictions.iter().map(wrong).sum();
    assert_eq!(measured["hamming_loss"], n_wrong as f64 / (3.0 * n));
    let metrics = rows(&workshop, "runs/small/metrics.csv");
    let best = metrics.iter().map(|row| row["val/macro_f1"].parse::<f64>().unwrap());
    let macro_f1 = measured["macro_f1"].as_f64().unwrap();
    assert!(best.into_iter().any(|f1| (f1 - macro_f1).abs() < 1e-6));
    for plot in ["roc.svg", "precision_recall.svg", "classes.svg", "subset_accuracy.svg"] {
        assert!(workshop.path("runs/small/plots").join(plot).is_file(), "{plot}");
    }
    // The same bytes on other threads, and again from the run directory.
    done(&run(&workshop, &["--threads", "3"]));
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-2"));
    done(&alpaca_run(&["reproduce", &workshop.text("runs/small")]));
    let page = workshop.text("page.html");
    done(&alpaca_run(&["report", &workshop.text("runs/small"), "-o", &page, "--no-cache"]));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("mAP 0.") && page.contains("best threshold"));
}

#[test]
fn a_run_and_its_export_give_the_same_labels() {
    let workshop = workshop(PIPELINE, 48, "|");
    done(&run(&workshop, &[]));
    let (run, file) = (workshop.text("runs/small"), workshop.text("model.onnx"));
    done(&alpaca_run(&["export", &run, "-o", &file]));
    let image = workshop.text("images/007.png");
    let ask = |model: &str, more: &[&str]| {
        let said = alpaca_run(&[&["predict", model, &image], more].concat());
        done(&said);
        said.out
    };
    let labels = |model: &str, threshold: &str| -> Vec<(String, f64)> {
        let text = ask(model, &["--json", "--threshold", threshold]);
        let answer: Value = serde_json::from_str(&text).unwrap();
        let class = |class: &Value| {
            (class["name"].as_str().unwrap().to_owned(), class["probability"].as_f64().unwrap())
        };
        answer["classes"].as_array().unwrap().iter().map(class).collect()
    };
    let (of_run, of_file) = (labels(&run, "0"), labels(&file, "0"));
    assert_eq!(of_run.len(), 3, "{of_run:?}");
    for ((name, p), (other, q)) in of_run.iter().zip(&of_file) {
        assert!(name == other && (p - q).abs() < 1e-5, "{of_run:?} {of_file:?}");
    }
    // Probabilities of several labels do not sum to one.
    assert!((of_run.iter().map(|(_, p)| p).sum::<f64>() - 1.0).abs() > 1e-3, "{of_run:?}");
    let above = of_run[1].1;
    assert_eq!(labels(&run, &above.to_string()).len(), 2);
    assert_eq!(ask(&run, &["--threshold", "1"]), format!("{image}: no label\n"));
    assert_eq!(ask(&run, &["--top", "3"]).lines().count(), 4);
    let table = ask(&file, &["--csv", "--threshold", "0"]);
    assert!(table.contains(",disc|ring|square,"), "{table}");
    // The best thresholds are those of metrics.json.
    let measured = json(&workshop, "runs/small/metrics.json");
    let best = |name: &str| {
        let classes = measured["classes"].as_array().unwrap();
        let class = classes.iter().find(|class| class["name"] == name).unwrap();
        class["best_threshold"].as_f64().unwrap_or(0.5)
    };
    let expected: Vec<&String> =
        of_run.iter().filter(|(name, p)| *p >= best(name)).map(|(name, _)| name).collect();
    let found = labels(&run, "best");
    assert_eq!(found.iter().map(|(name, _)| name).collect::<Vec<_>>(), expected);
    let said = alpaca_run(&["predict", &file, &image, "--threshold", "best"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("does not have the best thresholds"), "{}", said.err);
}

#[test]
fn the_tables_of_a_run_are_tables_of_labels() {
    let workshop = workshop(PIPELINE, 40, "|");
    done(&run(&workshop, &[]));
    let table = format!("dataset.table={}", workshop.text("runs/small/splits.csv"));
    let root = format!("dataset.root={}", workshop.text("."));
    let head = "stages={ all: { train: { freeze: none, epochs: 2 } } }";
    done(&run(&workshop, &["-S", head]));
    let given = ["-S", &table, "-S", &root, "-S", "dataset.split={}", "-S", head];
    let said = run(&workshop, &given);
    done(&said);
    assert!(said.err.contains("split by column `split`"), "{}", said.err);
    let metrics =
        |run: &str| std::fs::read(workshop.path(&format!("runs/{run}/metrics.csv"))).unwrap();
    assert_eq!(metrics("small-2"), metrics("small-3"));
}

#[test]
fn separators_and_lists_give_the_same_dataset() {
    let bar = workshop(PIPELINE, 40, "|");
    done(&run(&bar, &[]));
    let comma = workshop(PIPELINE, 40, ", ");
    let said = run(&comma, &["-S", "stages={ head: { train: { epochs: 1 } } }"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("write what separates them"), "{}", said.err);
    done(&run(&comma, &["-S", "dataset.columns.separator=','"]));
    let lists = workshop(PIPELINE, 40, "|");
    let mut lines = String::new();
    for i in 0..40 {
        let labels: Vec<&str> = classes_of(i).into_iter().map(|class| CLASSES[class]).collect();
        let row =
            serde_json::json!({ "file_name": format!("images/{i:03}.png"), "labels": labels });
        writeln!(lines, "{row}").unwrap();
    }
    std::fs::write(lists.path("labels.csv"), lines).unwrap();
    done(&run(&lists, &[]));
    let splits = |workshop: &Workshop, run: &str| {
        std::fs::read_to_string(workshop.path(&format!("runs/{run}/splits.csv"))).unwrap()
    };
    assert_eq!(splits(&bar, "small"), splits(&comma, "small-2"));
    assert_eq!(splits(&bar, "small"), splits(&lists, "small"));
}

/// A pipeline that takes its labels from directories.
const FOLDERS: &str = "\
version: 1
dataset: { directory: pictures, labels: many, image_size: 32, split: { validation: 0.3 } }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  head:
    train: { epochs: 1 }
";

#[test]
fn files_with_the_same_content_are_one_image_with_several_labels() {
    let workshop = Workshop::new(FOLDERS, 3);
    for i in 0..4 {
        let name = format!("{i:03}.png");
        let from = workshop.path("pictures/disc").join(&name);
        std::fs::copy(&from, workshop.path("pictures/ring").join(format!("of disc {name}")))
            .unwrap();
        if i < 2 {
            std::fs::copy(&from, workshop.path("pictures/square").join(format!("x{name}")))
                .unwrap();
        }
    }
    let said = run(&workshop, &[]);
    done(&said);
    assert!(said.err.contains("36 images (disc 12, ring 16, square 14, without a label 0)"));
    let splits = rows(&workshop, "runs/small/splits.csv");
    let label =
        |path: &str| splits.iter().find(|row| row["path"] == path).map(|row| row["labels"].clone());
    assert_eq!(label("disc/000.png").unwrap(), "disc|ring|square");
    assert_eq!(label("disc/003.png").unwrap(), "disc|ring");
    assert_eq!(label("disc/004.png").unwrap(), "disc");
    assert_eq!(label("ring/of disc 003.png"), None);
    let data = alpaca_run(&["data", &workshop.text("small.yaml")]);
    assert!(data.out.contains("36 images of 3 classes"), "{}", data.out);
    assert!(
        data.out.contains("labels: 1.17 per image, 3 at most; 0 images without"),
        "{}",
        data.out
    );
    // The same images elsewhere.
    let (run, pictures) = (workshop.text("runs/small"), workshop.text("pictures"));
    let said = alpaca_run(&["evaluate", &run, "--data", &pictures, "--json"]);
    done(&said);
    let measured: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&measured["n_images"], &measured["classes"][1]["n_images"]),
        (&36.into(), &16.into())
    );
    // An archive of the directories is the same dataset.
    pack(&workshop, "pictures", "pictures.zip");
    let archive = format!("dataset.archive={}", workshop.text("pictures.zip"));
    done(&crate::support::runs::run(&workshop, &["-S", &archive, "-S", "name=packed"]));
    let text = |run: &str| {
        ["splits.csv", "predictions.csv"]
            .map(|file| std::fs::read(workshop.path(run).join(file)).unwrap())
    };
    assert!(text("runs/small") == text("runs/packed"));
    // With one label an image, these are errors.
    let said = crate::support::runs::run(&workshop, &["-S", "dataset.labels=one"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("D008") && said.err.contains("labels: many"), "{}", said.err);
}

#[test]
fn samples_of_shards_may_have_several_labels() {
    let workshop = workshop(PIPELINE, 40, "|");
    pack_samples(&workshop, "labels.csv", "all.tar");
    let head = "stages={ head: { train: { epochs: 1 } } }";
    let shards = format!("dataset.shards={}", workshop.text("all.tar"));
    done(&run(&workshop, &["-S", head, "-S", "name=table"]));
    for name in ["read", "known"] {
        let said = run(&workshop, &["-S", &shards, "-S", head, "-S", &format!("name={name}")]);
        done(&said);
        assert!(said.err.contains("without a label 5)"), "{}", said.err);
    }
    let splits = |run: &str| -> Vec<[String; 2]> {
        let rows = rows(&workshop, &format!("runs/{run}/splits.csv")).into_iter();
        let name = |path: &str| path.rsplit('/').next().unwrap().to_owned();
        rows.map(|row| [name(&row["path"]), row["labels"].clone()]).collect()
    };
    assert_eq!(splits("table"), splits("read"));
    let predictions =
        |run: &str| std::fs::read(workshop.path(run).join("predictions.csv")).unwrap();
    assert!(predictions("runs/read") == predictions("runs/known"));
    done(&alpaca_run(&["reproduce", &workshop.text("runs/read"), "--no-cache"]));
    // The same images in a table, to evaluate on.
    let (read, table) = (workshop.text("runs/read"), workshop.text("labels.csv"));
    let said = alpaca_run(&["evaluate", &read, "--data", &table, "--json"]);
    done(&said);
    let measured: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        (&measured["n_images"], &measured["classes"][1]["n_images"]),
        (&40.into(), &20.into())
    );
    // Samples without the key have lost their labels.
    let other = "dataset.columns={ label: tags }";
    let said = run(&workshop, &["-S", &shards, "-S", head, "-S", other]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("there is no column `tags`"), "{}", said.err);
}

#[test]
fn labels_are_chosen_and_merged() {
    let workshop = workshop(PIPELINE, 40, "|");
    let head = "stages={ head: { train: { epochs: 1 } } }";
    let chosen = "dataset.classes={ round: [disc, ring], square: square }";
    let said = run(&workshop, &["-S", chosen, "-S", head]);
    done(&said);
    assert!(
        said.err.contains("40 images (round 30, square 20, without a label 5)"),
        "{}",
        said.err
    );
    let two = json(&workshop, "runs/small/classes.json");
    assert_eq!(two, serde_json::json!(["round", "square"]));
    // Of two classes an image may have both: each has an output.
    let predicted = rows(&workshop, "runs/small/predictions.csv");
    let sum = |row: &BTreeMap<String, String>| -> f64 {
        ["probability/round", "probability/square"]
            .iter()
            .map(|c| row[*c].parse::<f64>().unwrap())
            .sum()
    };
    assert!(predicted.iter().any(|row| (sum(row) - 1.0).abs() > 1e-3));
    let said = run(&workshop, &["-S", "dataset.classes=[disc, ring]", "-S", head]);
    done(&said);
    assert!(said.err.contains("40 images (disc 20, ring 20, without a label 10)"), "{}", said.err);
}

/// One class that images have or not is several labels of one class.
#[test]
fn one_label_that_images_have_or_not_has_one_output() {
    let workshop = workshop(PIPELINE, 40, "|");
    let head = "stages={ head: { train: { epochs: 1 } }, onnx: { export: {} } }";
    let said = run(&workshop, &["-S", "dataset.classes={ square: square }", "-S", head]);
    done(&said);
    assert!(said.err.contains("40 images (square 20, without a label 20)"), "{}", said.err);
    let splits = rows(&workshop, "runs/small/splits.csv");
    assert!(splits.iter().all(|row| ["", "square"].contains(&row["labels"].as_str())));
    let (file, image) =
        (workshop.text("runs/small/exports/onnx.onnx"), workshop.text("images/001.png"));
    let probability = |model: &str| -> f64 {
        let said = alpaca_run(&["predict", model, &image, "--json", "--threshold", "0"]);
        done(&said);
        let answer: Value = serde_json::from_str(&said.out).unwrap();
        answer["classes"][0]["probability"].as_f64().unwrap()
    };
    let of_run = probability(&workshop.text("runs/small"));
    assert!((probability(&file) - of_run).abs() < 1e-5);
}

#[test]
fn a_label_that_looks_like_several_is_told() {
    let workshop = workshop(PIPELINE, 40, "|");
    let table = std::fs::read_to_string(workshop.path("labels.csv")).unwrap();
    std::fs::write(workshop.path("labels.csv"), table.replace("\"\"", "none")).unwrap();
    let said = alpaca_run(&[
        "check",
        &workshop.text("small.yaml"),
        "-S",
        "dataset.labels=one",
        "-S",
        "stages={ head: { train: { epochs: 1 } } }",
    ]);
    done(&said);
    assert!(said.err.contains("`disc|ring` is one class; if it is several labels"), "{}", said.err);
}

#[test]
fn labels_that_cannot_be_read_are_named_with_their_line() {
    let workshop = workshop(PIPELINE, 40, "|");
    let said_of = |lines: &[&str]| {
        let text = std::fs::read_to_string(workshop.path("labels.csv")).unwrap();
        let with = format!("{text}{}\n", lines.join("\n"));
        std::fs::write(workshop.path("broken.csv"), with).unwrap();
        let said =
            run(&workshop, &["-S", &format!("dataset.table={}", workshop.text("broken.csv"))]);
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains("D012"), "{}", said.err);
        said.err
    };
    let said =
        said_of(&["images/000.png,disc", "images/x.png,\"['disc']\"", "images/001.png,a||b"]);
    assert!(said.contains("line 42: `images/000.png` contradicts line 2"), "{said}");
    assert!(said.contains("line 43: `['disc']` begins like a list in JSON"), "{said}");
    assert!(said.contains("line 44: `a||b` has an empty label"), "{said}");
    let none = "file_name,labels\nimages/000.png,\nimages/001.png,\n";
    std::fs::write(workshop.path("labels.csv"), none).unwrap();
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("no row has a label"), "{}", said.err);
}

#[test]
fn a_run_that_reuses_its_stages_is_the_run_that_computes_them() {
    let workshop = workshop(PIPELINE, 40, "|");
    let cache = workshop.text("cache");
    for reused in [false, true] {
        let said = run(&workshop, &["--cache-dir", &cache]);
        done(&said);
        let line = "stage head: reused from the cache";
        assert_eq!(said.err.contains(line), reused, "{}", said.err);
    }
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-2"));
    // The same images with another label are another dataset.
    let labels = std::fs::read_to_string(workshop.path("labels.csv")).unwrap();
    let other = labels.replacen("000.png,\"\"", "000.png,\"ring\"", 1);
    assert_ne!(labels, other);
    std::fs::write(workshop.path("labels.csv"), other).unwrap();
    let said = run(&workshop, &["--cache-dir", &cache]);
    done(&said);
    assert!(!said.err.contains("reused"), "{}", said.err);
}

#[test]
fn onnx_runtime_gives_the_same() {
    let Some(python) = std::env::var_os("ALPACA_PYTHON") else {
        println!("skipped: ALPACA_PYTHON names no Python with onnx and onnxruntime");
        return;
    };
    let workshop = workshop(PIPELINE, 48, "|");
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
    let workshop = workshop(FOLDERS, 40, "|");
    let table = format!("dataset.table={}", workshop.text("labels.csv"));
    done(&run(&workshop, &["-S", &table]));
    done(&run(&workshop, &["-S", &table, "-S", "stages.head.epochs=3"]));
    let runs = [workshop.text("runs/small"), workshop.text("runs/small-2")];
    let said = alpaca_run(&["diff", &runs[0], &runs[1]]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.out.contains("subset accuracy ") && said.out.contains("shared validation images"));
    assert!(said.out.contains("average_precision"), "{}", said.out);
    let said = alpaca_run(&["diff", &runs[0], &runs[1], "--json"]);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let chance = &found["pairs"][0]["chance"];
    let measured =
        [0, 1].map(|i| json(&workshop, &format!("runs/small{}/metrics.json", ["", "-2"][i])));
    let change =
        |name: &str| measured[1][name].as_f64().unwrap() - measured[0][name].as_f64().unwrap();
    for (found, name) in
        [(&chance["accuracy"], "subset_accuracy"), (&chance["log_loss"], "log_loss")]
    {
        assert!((found.as_f64().unwrap() - change(name)).abs() < 1e-12, "{name}: {chance}");
    }
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
        &table,
        "-S",
        "dataset.split={}",
    ]);
    done(&said);
    assert!(said.out.contains("subset accuracy"), "{}", said.out);
    let summary = json(&workshop, "runs/small-folds/folds.json");
    assert_eq!(summary["out_of_fold"]["n_images"], 40);
    assert!(summary["folds"][0]["metrics"]["average_precision"].is_number(), "{summary}");
    let page = std::fs::read_to_string(workshop.path("runs/small-folds/report.html")).unwrap();
    assert!(page.contains("best threshold"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_to_the_same_bytes() {
    use crate::support::program::spawn;
    let workshop = workshop(PIPELINE, 40, "|");
    done(&run(&workshop, &["-S", "stages.head.epochs=20"]));
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    let more = ["-S", "stages.head.epochs=20", "--no-cache", "--runs-dir", &runs];
    let mut process = spawn(&[&[pipeline.as_str()], &more[..]].concat());
    let directory = workshop.path("runs/small-2");
    while !directory.join("checkpoint/stage-0").exists() && process.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    process.kill().unwrap();
    Said::of(process);
    if !directory.join("manifest.json").exists() {
        let said = alpaca_run(&["resume", &directory.display().to_string(), "--no-cache"]);
        done(&said);
    }
    assert_same_files(&workshop.path("runs/small"), &directory);
}
