//! The model of a run asked about pictures: by `predict`, and by other software as an ONNX file.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use alpaca_run::base::fs;
use alpaca_run::onnx::run::Model;
use serde_json::Value;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run, command, files_below, project};
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
    for (n_classes, more) in [
        (2, &[][..]),
        (3, &["-S", "dataset.resize.antialias=false"]),
        (2, &["-S", "dataset.resize.fit=crop"]),
    ] {
        let (workshop, _) = trained(n_classes, more);
        let (run, file) = (workshop.text("runs/small"), workshop.text("model.onnx"));
        let said = alpaca_run(&["export", &run, "-o", &file, "--no-cache"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        assert!(
            said.out.contains("probabilities differ from the model by at most"),
            "{}",
            said.out
        );
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

/// Sides that shrink by so much that sums of weighted pixels need more bits than a float has.
#[test]
fn an_exported_model_is_exact_where_images_shrink_a_lot() {
    for (size, more) in [(48, "true"), (96, "true"), (100, "true"), (32, "false")] {
        let size_key = format!("dataset.image_size={size}");
        let antialias = format!("dataset.resize.antialias={more}");
        let (workshop, _) = trained(2, &["-S", &size_key, "-S", &antialias]);
        let file = workshop.text("model.onnx");
        let said = alpaca_run(&["export", &workshop.text("runs/small"), "-o", &file, "--no-cache"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let model = Model::read(&fs::read(&workshop.path("model.onnx")).unwrap()).unwrap();
        for (number, (width, height)) in
            [(1025, 769), (640, 480), (2016, 33), (7, 1111), (960, 1200), (768, 768)]
                .into_iter()
                .enumerate()
        {
            let noise = |x: u32, y: u32| {
                let value = (x * 31 + y * 17 + number as u32).wrapping_mul(2_654_435_761) >> 16;
                image::Rgb([value as u8, (value >> 3) as u8, (value >> 5) as u8])
            };
            let image = image::RgbImage::from_fn(width, height, noise);
            let name = workshop.text("noise.png");
            image.save(&name).unwrap();
            let said = predict(&workshop, &["--csv", &name]);
            assert_eq!(said.code, Some(i32::from(width < 8)), "{}", said.err);
            if width < 8 {
                continue;
            }
            let line: Vec<&str> = said.out.lines().nth(1).unwrap().split(',').collect();
            let shape = [1, height as usize, width as usize, 3];
            let found = model.for_pixels(shape).unwrap().pixels(shape, image.as_raw()).unwrap();
            for (found, expected) in found.values().iter().zip(&line[2..]) {
                let off = f64::from(*found) - expected.parse::<f64>().unwrap();
                assert!(off.abs() < 2e-6, "{width}x{height} to {size}: {off}");
            }
        }
    }
}

#[test]
fn a_file_for_images_of_one_size_has_no_other_shapes() {
    let (workshop, _) = trained(2, &[]);
    let (run, file) = (workshop.text("runs/small"), workshop.text("fixed.onnx"));
    let said = alpaca_run(&["export", &run, "-o", &file, "--size", "300x200", "--no-cache"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let image =
        image::imageops::resize(&picture(0, 5), 200, 300, image::imageops::FilterType::CatmullRom);
    let (name, other) = (workshop.text("sized.png"), workshop.text("pictures/disc/000.png"));
    image.save(&name).unwrap();
    let probability = |of: &str| {
        let said = alpaca_run(&["predict", of, "--csv", &name]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let line = said.out.lines().nth(1).unwrap().split(',').nth(2).unwrap().to_owned();
        line.parse::<f64>().unwrap()
    };
    assert!((probability(&file) - probability(&run)).abs() < 2e-6);
    let said = alpaca_run(&["predict", &file, &other]);
    assert_eq!(said.code, Some(1));
    assert!(said.out.contains("exported for 300x200"), "{}{}", said.out, said.err);
    let said = alpaca_run(&["export", &run, "-o", &file, "--size", "big"]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("such as 480x640"), "{}", said.err);
}

#[test]
fn a_task_that_fails_does_not_cost_the_training() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    std::fs::create_dir_all(workshop.path("other/disc")).unwrap();
    std::fs::write(workshop.path("other/disc/a.png"), b"not an image").unwrap();
    let field = format!("stages.field={{evaluate: {{directory: {}}}}}", workshop.text("other"));
    let more = ["-S", &field, "-S", "stages.whole={export: {}}"];
    let said = run(&workshop, &more);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("`field` failed"), "{}", said.err);
    let directory = workshop.path("runs/small");
    for name in ["manifest.json", "report.html", "exports/whole.onnx", "weights/best.safetensors"] {
        assert!(directory.join(name).exists(), "{name}");
    }
    let failed = &crate::support::runs::manifest(&directory)["failed"];
    assert!(failed["field"].as_str().unwrap().contains("readable images"), "{failed}");
    assert_eq!(alpaca_run(&["verify", &workshop.text("runs/small")]).code, Some(0));
}

#[test]
fn files_of_a_run_that_changed_are_not_used() {
    let (workshop, _) = trained(2, &[]);
    let run = workshop.text("runs/small");
    let image = workshop.text("pictures/disc/000.png");
    let page = workshop.text("page.html");
    let file = workshop.text("model.onnx");
    let commands: [&[&str]; 5] = [
        &["predict", &run, &image],
        &["evaluate", &run],
        &["export", &run, "-o", &file],
        &["report", &run, "-o", &page],
        &["diff", &run, &run],
    ];
    for (name, users) in [
        ("weights/best.safetensors", &[0, 1, 2, 3][..]),
        ("pipeline.resolved.yaml", &[0, 1, 2, 3, 4]),
        ("metrics.csv", &[3, 4]),
        ("metrics.json", &[3]),
        ("plots/loss.svg", &[3]),
        ("predictions.csv", &[4]),
        ("splits.csv", &[3, 4]),
    ] {
        let path = workshop.path("runs/small").join(name);
        let before = std::fs::read(&path).unwrap();
        let mut bytes = before.clone();
        let at = bytes.len() - 9;
        bytes[at] ^= 1;
        // Files of a run may be links to each other.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
        for user in users {
            let said = alpaca_run(commands[*user]);
            let code = if *user == 4 { 2 } else { 1 };
            assert_eq!(said.code, Some(code), "{name}, {:?}: {}", commands[*user], said.err);
            assert!(said.err.contains("has changed since the run wrote it"), "{}", said.err);
            assert!(
                said.err.contains(name) && said.err.contains("alpaca-run verify"),
                "{}",
                said.err
            );
        }
        std::fs::write(&path, before).unwrap();
    }
    for command in commands {
        let said = alpaca_run(command);
        assert_eq!(said.code, Some(0), "{command:?}: {}", said.err);
    }
}

#[test]
fn a_page_takes_over_no_script_of_a_run_directory() {
    let (workshop, _) = trained(2, &[]);
    let (run, page) = (workshop.text("runs/small"), workshop.text("page.html"));
    let plot = workshop.path("runs/small/plots/loss.svg");
    let svg = std::fs::read_to_string(&plot).unwrap();
    let svg = svg.replace("</svg>", "<script>alert(1)</script></svg>");
    std::fs::write(&plot, &svg).unwrap();
    // Whoever can write the plot can write the manifest.
    let manifest = workshop.path("runs/small/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    value["files"]["plots/loss.svg"] = blake3::hash(svg.as_bytes()).to_hex().as_str().into();
    std::fs::write(&manifest, value.to_string()).unwrap();
    let said = alpaca_run(&["report", &run, "-o", &page]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("loss.svg` is not a plot"), "{}", said.err);
    assert!(!workshop.path("page.html").exists());
    // A file that the run does not know is not taken either.
    value["files"].as_object_mut().unwrap().remove("plots/loss.svg");
    std::fs::write(&manifest, value.to_string()).unwrap();
    assert_eq!(alpaca_run(&["report", &run, "-o", &page]).code, Some(0));
    let html = std::fs::read_to_string(workshop.path("page.html")).unwrap();
    assert!(!html.contains("alert(1)"));
    assert!(html.contains("Content-Security-Policy") && html.contains("default-src 'none'"));
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
    assert!(said.err.contains("on 4 images"), "{}", said.err);
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
        assert_same_in_onnx_runtime(&python, &file, &table);
    }
}

/// ONNX Runtime answers like a table that `predict --csv` printed.
#[track_caller]
pub fn assert_same_in_onnx_runtime(python: &OsStr, file: &str, table: &Path) {
    let script = project().join("tests/it/data/onnx_runtime.py");
    let output = Command::new(python).arg(script).arg(file).arg(table).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
    println!("{out}");
}

#[test]
fn other_runtimes_say_the_same() {
    let Some(python) = std::env::var_os("ALPACA_PYTHON") else {
        println!("skipped: ALPACA_PYTHON names no Python with onnx and onnxruntime");
        return;
    };
    for n_classes in [2, 3] {
        let (workshop, _) = trained(n_classes, &[]);
        let forms: [(_, &[&str]); 3] = [
            ("whole.onnx", &[]),
            ("sized.onnx", &["--size", "37x50"]),
            ("bare.onnx", &["--normalised"]),
        ];
        for (name, more) in forms {
            let (run, file) = (workshop.text("runs/small"), workshop.text(name));
            let said = alpaca_run(&[&["export", &run, "-o", &file], more].concat());
            assert_eq!(said.code, Some(0), "{}", said.err);
        }
        let mut script = Command::new(&python);
        script.arg(project().join("tests/it/data/runtimes.py"));
        script.args(forms.map(|(name, _)| workshop.path(name)));
        script.arg(workshop.path("bare.json"));
        let pictures = files_below(&workshop.path("pictures"));
        script.args(pictures.iter().map(|(name, _)| workshop.path("pictures").join(name)));
        let output = script.output().unwrap();
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{out}{}", String::from_utf8_lossy(&output.stderr));
        for runtime in ["OpenCV", "OpenVINO", "int8", "ONNX Runtime Web"] {
            assert!(out.contains(runtime), "{out}");
        }
        println!("{out}");
    }
}

#[test]
fn a_run_after_its_images_is_told_from_the_images() {
    let (workshop, _) = trained(2, &[]);
    let (run, images) = (workshop.text("runs/small"), workshop.text("pictures"));
    for arguments in [["predict", &images, &run].as_slice(), &["evaluate", &images, "--data", &run]]
    {
        let said = alpaca_run(arguments);
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains("put the run first, then the images"), "{}", said.err);
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
    assert!(said.err.contains("has no metadata about its classes"), "{}", said.err);
}
