//! Averages of several runs, and of views of an image.

use std::path::Path;

use crate::predict_and_export::assert_same_in_onnx_runtime;
use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run, done};
use crate::support::runs::{manifest, run};

/// A head on random features, which takes no time.
const HEAD: &str = "\
version: 1
dataset: { directory: pictures, image_size: 32, batch_size: 5 }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  probe:
    fit: { logistic: { l2: 0.1 } }
";

/// A run for each name with its settings.
fn trained(n_classes: usize, runs: &[(&str, &[&str])]) -> Workshop {
    let workshop = Workshop::new(HEAD, n_classes);
    for (name, settings) in runs {
        let name = format!("name={name}");
        let settings = settings.iter().flat_map(|setting| ["-S", *setting]);
        done(&run(&workshop, &settings.chain(["-S", &name]).collect::<Vec<_>>()));
    }
    workshop
}

/// Runs a command on runs of a workshop: names that begin with `runs/` are paths in it.
fn command(workshop: &Workshop, arguments: &[&str]) -> Said {
    let is_path = |text: &str| ["runs/", "pictures", "file"].iter().any(|of| text.starts_with(of));
    let arguments: Vec<String> = arguments
        .iter()
        .map(|text| if is_path(text) { workshop.text(text) } else { (*text).to_owned() })
        .collect();
    alpaca_run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The names of the classes, and their probabilities for each image, of a table.
fn probabilities(table: &str) -> (Vec<String>, Vec<Vec<f64>>) {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let columns: Vec<usize> =
        (0..heads.len()).filter(|&at| heads[at].starts_with("probability/")).collect();
    let names = columns.iter().map(|&at| heads[at].to_owned()).collect();
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        columns.iter().map(|&at| row[at].parse().unwrap()).collect()
    });
    (names, rows.collect())
}

/// The probabilities that `predict` prints for the pictures.
fn predict(workshop: &Workshop, arguments: &[&str]) -> (Vec<String>, Vec<Vec<f64>>) {
    let said = command(workshop, &[&["predict", "--csv"], arguments, &["pictures"]].concat());
    done(&said);
    probabilities(&said.out)
}

#[track_caller]
fn assert_close(found: &[Vec<f64>], expected: &[Vec<f64>], limit: f64) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() <= limit, "{found} {expected}");
        }
    }
}

fn mean(all: &[Vec<Vec<f64>>]) -> Vec<Vec<f64>> {
    let n = all.len() as f64;
    let image = |at: usize| {
        let classes = 0..all[0][at].len();
        classes.map(|class| all.iter().map(|run| run[at][class]).sum::<f64>() / n).collect()
    };
    (0..all[0].len()).map(image).collect()
}

/// Runs with another seed, another size of images, and the classes in another order.
const THREE: [(&str, &[&str]); 3] = [
    ("a", &["seed=1"]),
    ("b", &["seed=2", "dataset.image_size=48", "dataset.resize.fit=crop"]),
    ("c", &["seed=3", "dataset.classes=[square, disc, ring]"]),
];

#[test]
fn an_ensemble_predicts_the_mean_of_its_runs() {
    let workshop = trained(3, &THREE);
    let classes = |run: &str| manifest(&workshop.path(run))["dataset"]["classes"].clone();
    assert_ne!(classes("runs/a"), classes("runs/c"));
    let (names, a) = predict(&workshop, &["runs/a"]);
    let (_, b) = predict(&workshop, &["runs/b"]);
    let (order, c) = predict(&workshop, &["runs/c"]);
    let place = |name: &String| order.iter().position(|other| other == name).unwrap();
    let c = c.iter().map(|row| names.iter().map(|name| row[place(name)]).collect()).collect();
    let all = ["runs/a", "--with", "runs/b", "--with", "runs/c"];
    let (found_names, found) = predict(&workshop, &all);
    assert_eq!(found_names, names);
    assert_close(&found, &mean(&[a, b, c]), 1e-12);
    let threads = |n: &str| {
        let all = ["--threads", n, "--json", "pictures"];
        command(&workshop, &[&["predict", "runs/a", "--with", "runs/b"], &all[..]].concat()).out
    };
    assert_eq!(threads("1"), threads("3"));
    // One file for all, of any size or of one.
    for more in [&[][..], &["--size", "40x48"]] {
        let export = [&["export"], &all[..], &["-o", "file.onnx", "--no-cache"], more].concat();
        done(&command(&workshop, &export));
        let (found_names, of_file) = predict(&workshop, &["file.onnx"]);
        assert_eq!(found_names, names);
        assert_close(&of_file, &found, 1e-4);
    }
    assert_onnx_runtime_agrees(&workshop, &all);
}

/// ONNX Runtime gives the probabilities of `predict`, if there is one.
fn assert_onnx_runtime_agrees(workshop: &Workshop, arguments: &[&str]) {
    let Some(python) = std::env::var_os("ALPACA_PYTHON") else {
        println!("skipped: ALPACA_PYTHON names no Python with onnx and onnxruntime");
        return;
    };
    let export = [&["export"], arguments, &["-o", "file.onnx", "--no-cache"]].concat();
    done(&command(workshop, &export));
    let table = command(workshop, &[&["predict", "--csv"], arguments, &["pictures"]].concat());
    std::fs::write(workshop.path("table.csv"), table.out).unwrap();
    let (file, table) = (workshop.text("file.onnx"), workshop.path("table.csv"));
    assert_same_in_onnx_runtime(&python, &file, &table);
}

#[test]
fn an_ensemble_is_evaluated_and_says_what_it_was_trained_on() {
    let workshop = trained(3, &THREE);
    let (directory, all) = (workshop.text("found"), ["--with", "runs/b", "--with", "runs/c"]);
    let evaluate = ["evaluate", "runs/a", "--json", "--no-cache", "--out", &directory];
    let said = command(&workshop, &[&evaluate[..], &all].concat());
    done(&said);
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(found["ensemble"].as_array().unwrap().len(), 3);
    assert_eq!(found["stage"], "an ensemble of 3 runs");
    let n_trained_on = found["n_trained_on"].as_u64().unwrap();
    assert!(n_trained_on > 0 && said.err.contains("runs of the ensemble were trained on"));
    // The rows are those of predictions.
    let table = std::fs::read_to_string(workshop.path("found/predictions.csv")).unwrap();
    let (_, rows) = probabilities(&table);
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let paths = reader.records().map(|row| format!("pictures/{}", &row.unwrap()[0]));
    for (path, row) in paths.zip(rows) {
        let arguments = [&["predict", "--csv", "runs/a"], &all[..], &[&path]].concat();
        let (_, predicted) = probabilities(&command(&workshop, &arguments).out);
        assert_close(&[row], &predicted, 1e-12);
    }
    // On other images, the same holds.
    let said = command(&workshop, &[&evaluate[..4], &all, &["--data", "pictures"]].concat());
    done(&said);
    let found: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(found["n_trained_on"], 36);
}

#[test]
fn the_directory_of_folds_is_an_ensemble() {
    let workshop = trained(2, &[("other", &[])]);
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("runs"));
    done(&alpaca_run(&["folds", &pipeline, "--folds", "3", "--runs-dir", &runs, "--no-cache"]));
    let of_fold = |at: usize| predict(&workshop, &[&format!("runs/small-folds/fold-{at}")]).1;
    let (_, found) = predict(&workshop, &["runs/small-folds"]);
    assert_close(&found, &mean(&[of_fold(0), of_fold(1), of_fold(2)]), 1e-12);
    let (_, with) = predict(&workshop, &["runs/other", "--with", "runs/small-folds"]);
    let other = predict(&workshop, &["runs/other"]).1;
    assert_close(&with, &mean(&[other, of_fold(0), of_fold(1), of_fold(2)]), 1e-12);
    let said = command(&workshop, &["evaluate", "runs/small-folds", "--no-cache"]);
    done(&said);
    assert!(said.err.contains("were trained on 8 of 8 images"), "{}", said.err);
    assert!(said.err.contains("of models that were not trained on the image"), "{}", said.err);
    std::fs::write(workshop.path("runs/small-folds/folds.json"), "{}").unwrap();
    let said = command(&workshop, &["predict", "runs/small-folds", "pictures"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("does not list the runs"), "{}", said.err);
}

#[test]
fn runs_that_cannot_be_averaged_are_refused() {
    let workshop = trained(3, &[("three", &[])]);
    let rows = (0..12).map(|i| format!("pictures/disc/{i:03}.png,{i}\n"));
    let table = format!("path,label\n{}", rows.collect::<String>());
    std::fs::write(workshop.path("images.csv"), table).unwrap();
    let table = format!("dataset.table={}", workshop.text("images.csv"));
    let number = ["-S", &table, "-S", "dataset.target=number", "-S", "name=number"];
    done(&run(&workshop, &[&number[..], &["-S", "stages.probe.fit.ridge={ l2: 0.1 }"]].concat()));
    std::fs::remove_dir_all(workshop.path("pictures/square")).unwrap();
    done(&run(&workshop, &["-S", "name=two"]));
    done(&run(&workshop, &["-S", "name=white", "-S", "dataset.alpha=white"]));
    let refused = |arguments: &[&str], message: &str| {
        for command_of in [&["predict"][..], &["evaluate"], &["export"]] {
            let images: &[&str] = if command_of == ["predict"] { &["pictures"] } else { &[] };
            let said = command(&workshop, &[command_of, arguments, images].concat());
            assert_ne!(said.code, Some(0), "{}", said.out);
            assert!(said.err.contains(message), "{}", said.err);
            assert!(said.err.contains("hint: "), "{}", said.err);
        }
    };
    refused(&["runs/three", "--with", "runs/two"], "it lacks `square`");
    refused(&["runs/two", "--with", "runs/three"], "it also has `square`");
    refused(&["runs/two", "--with", "runs/number"], "predicts the number `label`");
    refused(&["runs/two", "--with", "runs/two"], "is named twice");
    let said = command(&workshop, &["export", "runs/two", "--with", "runs/white"]);
    assert!(said.err.contains("transparency in different ways"), "{}", said.err);
    let said = command(&workshop, &["export", "runs/two", "--tta", "flip", "--normalised"]);
    assert!(said.err.contains("leave out `--normalised`"), "{}", said.err);
    let said = command(&workshop, &["predict", "runs/two", "--with", "runs/none", "pictures"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    let said =
        command(&workshop, &["predict", "--base", "mobilenet_v2", "--tta", "flip", "pictures"]);
    assert!(said.err.contains("does not apply to `--base`"), "{}", said.err);
}

/// The mirror images of all pictures, in another directory.
fn mirrored(workshop: &Workshop, folder: &Path) {
    for (class, name) in ["disc", "ring"].iter().enumerate() {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        for i in 0..12 {
            let mirrored = image::imageops::flip_horizontal(&picture(class, i));
            mirrored.save(folder.join(format!("{name}/{i:03}.png"))).unwrap();
        }
    }
    assert!(workshop.path("pictures").is_dir());
}

#[test]
fn views_are_the_image_and_its_mirror_image() {
    let workshop = trained(2, &[("a", &[]), ("b", &["seed=2", "dataset.image_size=40"])]);
    mirrored(&workshop, &workshop.path("file-mirrored"));
    let plain = predict(&workshop, &["runs/a"]).1;
    let said = command(&workshop, &["predict", "--csv", "runs/a", "file-mirrored"]);
    let (names, of_mirrored) = probabilities(&said.out);
    assert_eq!(names.len(), 2);
    let flip = ["runs/a", "--test-time-augmentation", "flip"];
    let found = predict(&workshop, &flip).1;
    assert_ne!(found, plain);
    assert_close(&found, &mean(&[plain, of_mirrored]), 1e-5);
    // Files have both views inside, alone and with other runs.
    for arguments in [&flip[..], &["runs/a", "--with", "runs/b", "--tta", "flip"]] {
        for size in [&[][..], &["--size", "40x48"]] {
            let export = [&["export"], arguments, &["-o", "file.onnx", "--no-cache"], size];
            done(&command(&workshop, &export.concat()));
            let expected = predict(&workshop, arguments).1;
            assert_close(&predict(&workshop, &["file.onnx"]).1, &expected, 1e-4);
        }
        assert_onnx_runtime_agrees(&workshop, arguments);
    }
    let said = command(&workshop, &["predict", "file.onnx", "--tta", "flip", "pictures"]);
    assert!(said.err.contains("does not apply to an exported file"), "{}", said.err);
    let said = command(&workshop, &["evaluate", "runs/a", "--tta", "flip", "--no-cache"]);
    done(&said);
    assert!(said.out.contains("with test-time augmentation (flip)"), "{}", said.out);
}

#[test]
fn numbers_and_labels_are_averaged() {
    let workshop = Workshop::new(HEAD, 2);
    let rows = |label: &dyn Fn(usize, usize) -> String| {
        let rows = (0..24).map(|i| {
            let (class, at) = (i % 2, i / 2);
            format!("pictures/{}/{at:03}.png,{}\n", ["disc", "ring"][class], label(class, at))
        });
        format!("path,label\n{}", rows.collect::<String>())
    };
    let numbers = rows(&|class, at| (10 * class + at).to_string());
    let labels = rows(&|class, at| format!("{}{}", ["a", "b"][class], ["", "|even"][at % 2]));
    for (file, text, setting) in
        [("numbers", numbers, "dataset.target=number"), ("labels", labels, "dataset.labels=many")]
    {
        let file = format!("{file}.csv");
        std::fs::write(workshop.path(&file), text).unwrap();
        let table = format!("dataset.table={}", workshop.text(&file));
        let method = if setting.ends_with("number") { "ridge" } else { "logistic" };
        let fit = format!("stages.probe.fit={{ {method}: {{ l2: 0.1 }} }}");
        for seed in ["1", "2"] {
            let more = [format!("name={}-{seed}", &file[..6]), format!("seed={seed}")];
            let given = ["-S", &table, "-S", setting, "-S", &fit, "-S", &more[0], "-S", &more[1]];
            done(&run(&workshop, &given));
        }
        let [first, second] = ["1", "2"].map(|seed| format!("runs/{}-{seed}", &file[..6]));
        let values = |arguments: &[&str]| {
            let all = [&["predict", "--csv"], arguments, &["pictures"]].concat();
            let said = command(&workshop, &all);
            done(&said);
            if method == "logistic" {
                return probabilities(&said.out).1;
            }
            let mut reader = csv::Reader::from_reader(said.out.as_bytes());
            reader.records().map(|row| vec![row.unwrap()[1].parse().unwrap()]).collect()
        };
        let all = [first.as_str(), "--with", &second];
        let expected = mean(&[values(&[&first]), values(&[&second])]);
        assert_close(&values(&all), &expected, 1e-12);
        let export = [&["export"], &all[..], &["-o", "file.onnx", "--no-cache"]].concat();
        done(&command(&workshop, &export));
        assert_close(&values(&["file.onnx"]), &expected, 1e-3);
        assert_onnx_runtime_agrees(&workshop, &all);
    }
    let said = command(
        &workshop,
        &["predict", "runs/labels-1", "--with", "runs/labels-2", "--threshold", "best", "pictures"],
    );
    assert!(said.err.contains("pass a number"), "{}", said.err);
}
