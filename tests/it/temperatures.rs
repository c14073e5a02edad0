//! Temperatures of heads: against scipy, and in runs.

use std::fmt::Write as _;

use alpaca_run::base::cancel::Cancel;
use alpaca_run::base::target::Target;
use alpaca_run::base::tensor::Tensor;
use alpaca_run::train::head::temperature::{self, Found, Temperature};
use alpaca_run::train::readout::Readout;
use serde::Deserialize;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{alpaca_run, done, project};
use crate::support::runs::{assert_same_files, manifest, run};
use crate::support::schemas::assert_valid;

/// The cases of `tests/it/data/heads/temperatures.json`, which `make_temperatures.py` there writes.
#[derive(Debug, Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    readout: String,
    outputs_per_image: usize,
    outputs: Vec<f32>,
    targets: Vec<serde_json::Value>,
    temperature: f64,
}

impl Case {
    fn fit(&self) -> Temperature {
        let n = self.targets.len();
        let outputs = Tensor::new(&[n, self.outputs_per_image], self.outputs.clone());
        let class = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
        let target = |value: &serde_json::Value| match value.as_array() {
            None => Target::Class(class(value)),
            Some(all) => Target::Classes(all.iter().map(|one| class(one) as u32).collect()),
        };
        let targets: Vec<Target> = self.targets.iter().map(target).collect();
        let readout = if self.readout == "softmax" { Readout::Softmax } else { Readout::Sigmoids };
        temperature::fit(&outputs, &targets, readout, &Cancel::new()).unwrap()
    }
}

fn cases() -> Vec<Case> {
    let file = project().join("tests/it/data/heads/temperatures.json");
    serde_json::from_str::<Cases>(&std::fs::read_to_string(file).unwrap()).unwrap().cases
}

#[test]
fn temperatures_are_those_of_scipy() {
    let cases = cases();
    assert!(cases.iter().any(|case| case.outputs_per_image == 1));
    for case in &cases {
        let Temperature { value, found } = case.fit();
        assert_eq!(found, Found::Minimum);
        let error = (value / case.temperature - 1.0).abs();
        assert!(error < 1e-6, "{} of {}: {error:e}", case.readout, case.outputs_per_image);
    }
}

#[test]
fn temperatures_are_the_same_on_any_number_of_threads() {
    for case in cases() {
        let on = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| case.fit())
        };
        assert_eq!(on(1).value.to_bits(), on(3).value.to_bits());
    }
}

/// Without a minimum there is nothing to fit, and beyond the range it is not followed.
#[test]
fn images_that_are_all_right_or_all_wrong_have_no_temperature() {
    let fit = |outputs: &[f32], n: usize, targets: &[usize]| {
        let outputs = Tensor::new(&[outputs.len() / n, n], outputs.to_vec());
        let targets: Vec<Target> = targets.iter().map(|class| Target::Class(*class)).collect();
        temperature::fit(&outputs, &targets, Readout::Softmax, &Cancel::new()).unwrap()
    };
    let separable = Temperature { value: 1.0, found: Found::Separable };
    assert_eq!(fit(&[2.0, -0.5], 1, &[1, 0]), separable);
    assert_eq!(fit(&[0.0, 0.0, 0.0], 3, &[2]), separable);
    assert_eq!(fit(&[3.0, 1.0, 1.0, 1.0, 2.0, 0.0], 3, &[0, 1]), separable);
    let hot = Temperature { value: 20.0, found: Found::OutOfRange };
    assert_eq!(fit(&[2.0, -0.5], 1, &[0, 1]), hot);
    let cold = Temperature { value: 0.05, found: Found::OutOfRange };
    assert_eq!(fit(&[1e-3, 1e-3, 1e-3, -1e-3], 1, &[1, 1, 1, 1]), cold);
    // Large outputs neither overflow nor end the search early.
    let Temperature { value, found } = fit(&[30.0, 30.0, 30.0, -30.0], 1, &[1, 1, 1, 1]);
    assert_eq!(found, Found::OutOfRange);
    assert_eq!(value, 20.0);
}

const CALIBRATED: &str = "\
version: 1
dataset: { directory: pictures, image_size: 32, batch_size: 5, split: { validation: 0.5 } }
model: { base: mobilenet_v2, width: 0.35, weights: none, head: { dropout: 0.5 } }
stages:
  transfer:
    train: { epochs: 3, optimizer: { adam: { learning_rate: 0.05 } } }
  calibrated:
    fit: { from: transfer, temperature: {} }
";

/// Pictures of which some are in the directory of another class, so that no model gets all right.
fn with_mistakes(pipeline: &str, n_classes: usize) -> Workshop {
    let workshop = Workshop::new(pipeline, n_classes);
    for i in 20..26 {
        let path = workshop.path(&format!("pictures/ring/{i:03}.png"));
        picture(0, i).save(path).unwrap();
    }
    workshop
}

/// The column `predicted` of predictions.csv.
fn predicted(workshop: &Workshop, run: &str) -> Vec<String> {
    let path = workshop.path(&format!("runs/{run}/predictions.csv"));
    let mut reader = csv::Reader::from_path(path).unwrap();
    let at = reader.headers().unwrap().iter().position(|name| name == "predicted").unwrap();
    reader.records().map(|row| row.unwrap()[at].to_owned()).collect()
}

/// A tensor of the best weights of a stage.
fn tensor(workshop: &Workshop, stage: &str, name: &str) -> Vec<f32> {
    let path = workshop.path(&format!("runs/small/weights/{stage}/best.safetensors"));
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let numbers = file.tensor(name).unwrap().data().as_chunks::<4>().0.to_vec();
    numbers.into_iter().map(f32::from_le_bytes).collect()
}

#[test]
fn a_temperature_divides_the_outputs_and_changes_no_class() {
    for n_classes in [2, 3] {
        let workshop = with_mistakes(CALIBRATED, n_classes);
        let said = run(&workshop, &[]);
        done(&said);
        assert!(said.err.contains("calibrated  temperature "), "{}", said.err);
        done(&run(&workshop, &["--until", "transfer", "-S", "name=before"]));
        let manifest = manifest(&workshop.path("runs/small"));
        let fit = &manifest["stages"][1]["fit"];
        let temperature = fit["temperature"].as_f64().unwrap();
        assert!(temperature > 1.2, "a high learning rate makes it overconfident: {temperature}");
        let [before, after] = ["before", "after"].map(|of| fit["log_loss"][of].as_f64().unwrap());
        assert!(after < before, "{before} {after}");
        let loss = |stage: usize| {
            manifest["stages"][stage]["best"]["validation"]["loss"].as_f64().unwrap()
        };
        assert!((loss(0) - before).abs() < 1e-6 && (loss(1) - after).abs() < 1e-6);
        assert_eq!(predicted(&workshop, "small"), predicted(&workshop, "before"));
        let both = |name: &str| ["transfer", "calibrated"].map(|s| tensor(&workshop, s, name));
        for name in ["head/kernel", "head/bias"] {
            let [transfer, calibrated] = both(name);
            for (before, after) in transfer.iter().zip(calibrated) {
                assert_eq!((f64::from(*before) / temperature) as f32, after, "{name}");
            }
        }
        let [transfer, calibrated] = both("Conv1/kernel");
        assert_eq!(transfer, calibrated);
        let [of_manifest, of_events] = ["manifest", "events"]
            .map(|name| serde_json::from_str(&alpaca_run(&["schema", name]).out).unwrap());
        let read = |name: &str| std::fs::read_to_string(workshop.path("runs/small").join(name));
        assert_valid(&of_manifest, &serde_json::from_str(&read("manifest.json").unwrap()).unwrap());
        let events = read("events.jsonl").unwrap();
        for line in events.lines() {
            assert_valid(&of_events, &serde_json::from_str(line).unwrap());
        }
        // The file is compared with the model while it is exported.
        let (directory, onnx) = (workshop.text("runs/small"), workshop.text("model.onnx"));
        done(&alpaca_run(&["export", &directory, "-o", &onnx, "--no-cache"]));
        done(&alpaca_run(&["reproduce", &directory, "--no-cache", "--threads", "1"]));
        done(&alpaca_run(&["verify", &directory]));
    }
}

#[test]
fn a_temperature_is_reused_and_follows_its_stage() {
    let workshop = with_mistakes(CALIBRATED, 2);
    let cache = workshop.text("cache");
    done(&run(&workshop, &["--cache-dir", &cache]));
    done(&run(&workshop, &["--cache-dir", &cache]));
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-2"));
    let last = ["-S", "stages.calibrated.fit.from_weights=last", "-S", "name=last"];
    done(&run(&workshop, &[&last[..], &["--cache-dir", &cache]].concat()));
    // A head that is fitted anew replaces the temperature.
    let anew =
        ["-S", "stages.calibrated.fit.logistic={}", "-S", "name=anew", "--cache-dir", &cache];
    done(&run(&workshop, &anew));
    let fit = manifest(&workshop.path("runs/anew"))["stages"][1]["fit"].clone();
    assert_eq!(fit["method"], "logistic");
}

#[test]
fn several_labels_have_one_temperature() {
    let workshop = with_mistakes(CALIBRATED, 3);
    let mut table = String::from("path,label\n");
    for (class, name) in ["disc", "ring", "square"].iter().enumerate() {
        for i in 0..12 {
            // Some labels have nothing to do with the image.
            let more = if (i * 7 + class) % 3 == 0 { "|odd" } else { "" };
            writeln!(table, "pictures/{name}/{i:03}.png,{name}{more}").unwrap();
        }
    }
    std::fs::write(workshop.path("images.csv"), table).unwrap();
    let given = format!("dataset.table={}", workshop.text("images.csv"));
    let said = run(&workshop, &["-S", &given, "-S", "dataset.labels=many"]);
    done(&said);
    let manifest = manifest(&workshop.path("runs/small"));
    let fit = &manifest["stages"][1]["fit"];
    assert!(fit["temperature"].as_f64().unwrap() > 1.0, "{fit}");
    let after = fit["log_loss"]["after"].as_f64().unwrap();
    let text = std::fs::read_to_string(workshop.path("runs/small/metrics.json")).unwrap();
    let metrics: serde_json::Value = serde_json::from_str(&text).unwrap();
    let log_loss = metrics["log_loss"].as_f64().unwrap();
    assert!((log_loss - after).abs() < 1e-12, "{log_loss} {after}");
}

#[test]
fn separable_validation_images_keep_the_temperature_at_one() {
    let separable = CALIBRATED.replace("validation: 0.5", "validation: 0.2").replace(
        "train: { epochs: 3, optimizer: { adam: { learning_rate: 0.05 } } }",
        "fit: { logistic: { l2: 0.01 } }",
    );
    let workshop = Workshop::new(&separable, 2);
    for i in 0..12 {
        let shade = 10 * i as u8;
        for (name, color) in [("disc", [250, 0, shade]), ("ring", [0, shade, 250])] {
            let plain = image::RgbImage::from_pixel(48, 40, image::Rgb(color));
            plain.save(workshop.path(&format!("pictures/{name}/{i:03}.png"))).unwrap();
        }
    }
    let said = run(&workshop, &[]);
    done(&said);
    assert!(said.err.contains("the temperature stays 1"), "{}", said.err);
    let fit = manifest(&workshop.path("runs/small"))["stages"][1]["fit"].clone();
    assert_eq!(fit["temperature"], 1.0);
    assert_eq!(fit["log_loss"]["before"], fit["log_loss"]["after"]);
}
