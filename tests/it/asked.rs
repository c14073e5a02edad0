//! The model of a run asked about pictures: by `predict`, and by other software as an ONNX file.

use std::process::{Command, Stdio};

use alpaca_run::base::fs;
use alpaca_run::onnx::run::Model;
use serde_json::Value;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run, command, project};
use crate::support::runs::{TWO_STAGES, run};

/// A run, and the lines of its predictions.csv.
fn trained(n_classes: usize, more: &[&str]) -> (Workshop, Vec<Vec<String>>) {
    let workshop = Workshop::new(TWO_STAGES, n_classes);
    let short = ["-S", "stages.transfer.epochs=1", "-S", "stages.finetune.epochs=1"];
    let said = run(&workshop, &[&short, more].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    let table = std::fs::read_to_string(workshop.path("runs/small/predictions.csv")).unwrap();
    let cells = |line: &str| line.split(',').map(str::to_owned).collect();
    (workshop, table.lines().skip(1).map(cells).collect())
}

/// A picture and the probabilities that the run gave it.
fn probabilities(row: &[String], n_classes: usize) -> Vec<f64> {
    row[3..3 + n_classes].iter().map(|cell| cell.parse().unwrap()).collect()
}

fn predict(workshop: &Workshop, more: &[&str]) -> Said {
    alpaca_run(&[&["predict", &workshop.text("runs/small")], more].concat())
}

#[test]
fn pictures_get_the_probabilities_that_the_run_gave_them() {
    let (workshop, rows) = trained(3, &[]);
    let said = predict(&workshop, &["--csv", &workshop.text("pictures")]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 1 + 36);
    let columns = "path,predicted,probability/disc,probability/ring,probability/square,error";
    assert_eq!(lines[0], columns);
    for row in &rows {
        let path = workshop.text(&format!("pictures/{}", row[0]));
        let line = lines.iter().find(|line| line.starts_with(&path)).unwrap();
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[1], row[2]);
        for (cell, expected) in cells[2..].iter().zip(probabilities(row, 3)) {
            let off = cell.parse::<f64>().unwrap() - expected;
            assert!(off.abs() < 1e-6, "{path}: {off}");
        }
    }
    let file = workshop.text("pictures/disc/000.png");
    let said = predict(&workshop, &["--json", "--top", "2", &file]);
    let answer: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(answer["classes"].as_array().unwrap().len(), 2);
    // In folders, what is called like a picture or is one.
    let folder = workshop.path("found");
    std::fs::create_dir(&folder).unwrap();
    for name in ["plain", "named.png", ".hidden.png"] {
        std::fs::copy(&file, folder.join(name)).unwrap();
    }
    std::fs::write(folder.join("notes.txt"), b"no picture").unwrap();
    let said = predict(&workshop, &["--csv", &workshop.text("found")]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let paths = said.out.lines().skip(1).map(|line| line.split(',').next().unwrap());
    let expected = ["named.png", "plain"].map(|name| workshop.text(&format!("found/{name}")));
    assert_eq!(paths.collect::<Vec<_>>(), expected);
}

#[test]
fn a_picture_may_come_from_standard_input() {
    let (workshop, _) = trained(2, &[]);
    let file = workshop.text("pictures/disc/000.png");
    let by_name = predict(&workshop, &["--csv", &file]);
    let run = workshop.text("runs/small");
    let mut command = command(&["predict", &run, "--csv", "-"]);
    let input = Stdio::from(std::fs::File::open(&file).unwrap());
    let said = Said::of(command.stdin(input).spawn().unwrap());
    assert_eq!(said.code, Some(0), "{}", said.err);
    let numbers =
        |said: &Said| said.out.lines().nth(1).unwrap().split_once(',').unwrap().1.to_owned();
    assert_eq!(numbers(&said), numbers(&by_name));
}

#[test]
fn bad_pictures_are_named_and_are_a_failure_unless_that_is_chosen() {
    let (workshop, _) = trained(2, &[]);
    std::fs::write(workshop.path("bad.png"), b"no picture").unwrap();
    let (good, bad) = (workshop.text("pictures/ring/001.png"), workshop.text("bad.png"));
    let said = predict(&workshop, &[&bad, &good]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.out.lines().count() == 2 && said.err.contains("bad.png"),
        "{}{}",
        said.out,
        said.err
    );
    assert_eq!(predict(&workshop, &["--skip-bad", &bad, &good]).code, Some(0));
    let said = predict(&workshop, &[]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("alpaca-run predict RUN IMAGE"), "{}", said.err);
}

#[test]
fn an_exported_model_says_the_same_of_pictures_of_any_size() {
    for (n_classes, more) in [(2, &[][..]), (3, &["-S", "dataset.resize.antialias=false"])] {
        let (workshop, _) = trained(n_classes, more);
        let (run, file) = (workshop.text("runs/small"), workshop.text("model.onnx"));
        let said = alpaca_run(&["export", &run, "-o", &file, "--no-cache"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(said.out.contains("as the model says to"), "{}", said.out);
        let model = Model::read(&fs::read(&workshop.path("model.onnx")).unwrap()).unwrap();
        // Sizes that the run never saw: larger, smaller, and thin.
        for (number, (width, height)) in
            [(301, 77), (20, 31), (32, 32), (64, 200)].iter().enumerate()
        {
            let own = picture(number % 2, number as u32);
            let resized = image::imageops::resize(
                &own,
                *width,
                *height,
                image::imageops::FilterType::Triangle,
            );
            let name = workshop.text("sized.png");
            resized.save(&name).unwrap();
            let said = predict(&workshop, &["--csv", &name]);
            let line: Vec<&str> = said.out.lines().nth(1).unwrap().split(',').collect();
            let shape = [1, *height as usize, *width as usize, 3];
            let found = model.for_pixels(shape).unwrap().pixels(shape, resized.as_raw()).unwrap();
            for (found, expected) in found.values().iter().zip(&line[2..]) {
                let off = f64::from(*found) - expected.parse::<f64>().unwrap();
                assert!(off.abs() < 1e-5, "{width}x{height}: {off}");
            }
        }
    }
}

#[test]
fn a_pipeline_exports_and_a_recipe_stands_beside_a_graph_without_preprocessing() {
    let export = "stages.ready={export: {from: transfer, normalised: true}}";
    let (workshop, _) = trained(2, &["-S", "stages.whole={export: {}}", "-S", export]);
    let exports = workshop.path("runs/small/exports");
    assert!(exports.join("whole.onnx").exists() && exports.join("ready.onnx").exists());
    let recipe: Value =
        serde_json::from_str(&std::fs::read_to_string(exports.join("ready.json")).unwrap())
            .unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&recipe).unwrap());
    let (workshop, _) = trained(2, &["-S", "dataset.resize.interpolation=lanczos3"]);
    let said =
        alpaca_run(&["export", &workshop.text("runs/small"), "-o", &workshop.text("m.onnx")]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("--normalised"), "{}", said.err);
    assert!(!workshop.path("m.onnx").exists());
}

#[test]
fn a_model_of_drawn_pictures_is_proved_on_them() {
    let text = "version: 1\n\
                dataset:\n  generator: { kinds: [solids], classes: 2, images: 10 }\n  image_size: 32\n\
                model: { base: mobilenet_v2, width: 0.35, weights: none }\n\
                stages:\n  only:\n    train: { epochs: 1 }\n  whole:\n    export: {}\n";
    let workshop = Workshop::new(text, 2);
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("on 4 pictures"), "{}", said.err);
}

/// `ALPACA_PYTHON` is a Python with onnx, onnxruntime and Pillow.
#[test]
fn onnx_runtime_says_the_same() {
    let Some(python) = std::env::var_os("ALPACA_PYTHON") else {
        println!("skipped: ALPACA_PYTHON names no Python with onnx and onnxruntime");
        return;
    };
    for n_classes in [2, 3] {
        let (workshop, _) = trained(n_classes, &[]);
        let (run, file) = (workshop.text("runs/small"), workshop.text("model.onnx"));
        let said = alpaca_run(&["export", &run, "-o", &file, "--no-cache"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let table = workshop.path("table.csv");
        let said = predict(&workshop, &["--csv", &workshop.text("pictures")]);
        std::fs::write(&table, said.out).unwrap();
        let script = project().join("tests/it/data/onnx_runtime.py");
        let output = Command::new(&python).arg(script).arg(&file).arg(&table).output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
        println!("{out}");
    }
}

#[test]
fn an_exported_file_answers_like_its_run() {
    let (workshop, _) = trained(3, &[]);
    let pictures = workshop.text("pictures");
    let of_run = predict(&workshop, &["--csv", &pictures]).out;
    for (name, more) in [("whole.onnx", &[][..]), ("bare.onnx", &["--normalised"])] {
        let (run, file) = (workshop.text("runs/small"), workshop.text(name));
        let said = alpaca_run(&[&["export", &run, "-o", &file], more].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
        let said = alpaca_run(&["predict", &file, "--csv", &pictures]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert_eq!(said.out.lines().count(), 37);
        for (is, should) in said.out.lines().skip(1).zip(of_run.lines().skip(1)) {
            let (is, should) =
                (is.split(',').collect::<Vec<_>>(), should.split(',').collect::<Vec<_>>());
            assert_eq!(is[..2], should[..2]);
            for (is, should) in is[2..5].iter().zip(&should[2..5]) {
                let off = is.parse::<f64>().unwrap() - should.parse::<f64>().unwrap();
                assert!(off.abs() < 1e-4, "{off}");
            }
        }
    }
    let foreign = project().join("tests/it/data/onnx/script.onnx").display().to_string();
    let said = alpaca_run(&["predict", &foreign, &pictures]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("does not say what its outputs are called"), "{}", said.err);
}
