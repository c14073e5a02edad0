//! Heads that are fitted to features: against scikit-learn, and in runs.

use std::fmt::Write as _;

use alpaca_run::base::cancel::Cancel;
use alpaca_run::base::target::{Target, moments};
use alpaca_run::spec::L2;
use alpaca_run::train::head::{self, Examples, Method, Rows};
use alpaca_run::train::readout::{Readout, Standard};
use serde::Deserialize;

use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, done, project, spawn};
use crate::support::runs::{assert_same_files, manifest, run};

/// The cases of `tests/it/data/heads/heads.json`, which `make_reference.py` there writes.
#[derive(Debug, Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    target: String,
    d: usize,
    outputs_per_image: usize,
    l2: f64,
    features: Vec<f32>,
    weights: Vec<f64>,
    targets: Vec<serde_json::Value>,
    outputs: Vec<f64>,
}

impl Case {
    fn rows(&self) -> Rows {
        let mut rows = Rows::with_capacity(self.weights.len(), self.d);
        self.features.chunks(self.d).for_each(|row| rows.push(row));
        rows
    }

    fn targets(&self) -> Vec<Target> {
        let target = |value: &serde_json::Value| match self.target.as_str() {
            "class" => Target::Class(value.as_u64().unwrap() as usize),
            "number" => Target::Number(value.as_f64().unwrap()),
            _ => {
                let classes = value.as_array().unwrap().iter();
                Target::Classes(classes.map(|class| class.as_u64().unwrap() as u32).collect())
            }
        };
        self.targets.iter().map(target).collect()
    }

    fn readout(&self) -> Readout {
        match self.target.as_str() {
            "class" => Readout::Softmax,
            "number" => {
                let numbers: Vec<f64> =
                    self.targets.iter().map(|value| value.as_f64().unwrap()).collect();
                let (mean, deviation) = moments(&numbers);
                Readout::Number(Standard { mean, deviation })
            }
            _ => Readout::Sigmoids,
        }
    }

    fn fit(&self, l2: L2) -> head::Head {
        self.fit_by(Method::Penalized(l2))
    }

    fn fit_by(&self, method: Method) -> head::Head {
        let n = self.weights.len();
        let folds: Vec<usize> = (0..n).map(|i| i % 5).collect();
        let (targets, weights) = (&self.targets()[..], &self.weights[..]);
        let (rows, cancel) = (self.rows(), &Cancel::new());
        let examples = Examples { rows, targets, weights, folds: &folds, n_folds: 5, cancel };
        head::fit(examples, self.outputs_per_image, self.readout(), method).unwrap()
    }
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(project().join("tests/it/data/heads/heads.json")).unwrap();
    serde_json::from_str::<Cases>(&text).unwrap().cases
}

#[test]
fn heads_are_those_of_scikit_learn() {
    for case in cases() {
        let head = case.fit(L2::Fixed(case.l2));
        let k = case.outputs_per_image;
        let mut most = 0.0_f64;
        for (row, expected) in case.features.chunks(case.d).zip(case.outputs.chunks(k)) {
            for (output, expected) in expected.iter().enumerate() {
                let products = row
                    .iter()
                    .enumerate()
                    .map(|(feature, x)| f64::from(*x) * head.kernel[feature * k + output]);
                let found = products.sum::<f64>() + head.bias[output];
                most = most.max((found - expected).abs());
            }
        }
        assert!(most < 1e-6, "{} of {} features: {most:e}", case.target, case.d);
    }
}

/// Neither the number of threads nor the order of work changes a bit.
#[test]
fn heads_are_the_same_on_any_number_of_threads() {
    for case in cases() {
        let on = |n: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| case.fit(L2::Auto))
        };
        let one = on(1);
        assert!(one.compared.len() > 3);
        let least = one.compared.iter().map(|(_, loss)| *loss).fold(f64::INFINITY, f64::min);
        assert!(one.compared.contains(&(one.l2.unwrap(), least)));
        // With few images, no penalty is weaker than that of `C = 1` in scikit-learn.
        let n = case.weights.iter().filter(|weight| **weight > 0.0).count() as f64;
        assert!(one.compared.iter().all(|(l2, _)| l2 * n >= 1.0), "{n}: {:?}", one.compared);
        assert_eq!(one, on(3));
    }
}

/// Folds without images are left out; without any fold, the penalty is a moderate one.
#[test]
fn a_cross_validation_needs_two_folds_with_images() {
    let case = &cases()[1];
    let (targets, weights) = (case.targets(), &case.weights[..]);
    let n = weights.len();
    let fit = |folds: &[usize]| {
        let (rows, cancel) = (case.rows(), &Cancel::new());
        let examples = Examples { rows, targets: &targets, weights, folds, n_folds: 5, cancel };
        head::fit(examples, 1, case.readout(), Method::Penalized(L2::Auto)).unwrap()
    };
    let two: Vec<usize> = (0..n).map(|i| 3 * (i % 2)).collect();
    assert!(fit(&two).compared.iter().all(|(_, loss)| loss.is_finite()));
    let none = fit(&vec![0; n]);
    assert_eq!((none.l2, none.compared), (Some(1.0), vec![]));
}

/// A head that hardly learns, on images that are drawn.
const SLOW: &str = "\
version: 1
dataset:
  generator: { kinds: [textures], classes: 2, images: 80 }
  image_size: 32
  split: { validation: 0.5 }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  slow: { train: { epochs: 1, optimizer: { adam: { learning_rate: 1.0e-9 } } } }
";

#[test]
fn a_run_says_where_a_fitted_head_would_have_been_better() {
    let workshop = Workshop::new(SLOW, 2);
    let said = run(&workshop, &[]);
    done(&said);
    let hint = said.out.lines().find(|line| line.starts_with("hint: ")).unwrap_or_default();
    assert!(hint.contains("a fitted head would be better than stage slow"), "{}", said.out);
    // What it says is what fitting gives.
    let fitted = run(&workshop, &["-S", "stages.slow={ fit: {} }", "-S", "name=fitted"]);
    done(&fitted);
    assert!(!fitted.out.contains("hint: "), "{}", fitted.out);
    let best = manifest(&workshop.path("runs/fitted"))["stages"][0]["best"]["validation"].clone();
    let [accuracy, loss] = ["accuracy", "loss"].map(|name| best[name].as_f64().unwrap());
    let figures = format!("validation accuracy {accuracy:.4}, loss {loss:.4} instead of");
    assert!(hint.contains(&figures), "{hint}: {figures}");
    // Another loss or sampling is a choice of its own.
    for change in ["stages.slow.sampling=balanced", "stages.slow.class_weights=balanced"] {
        let said = run(&workshop, &["-S", change]);
        done(&said);
        assert!(!said.out.contains("hint: "), "{change}: {}", said.out);
    }
}

/// A head that is fitted, and a stage that trains on from it.
const PROBE: &str = "\
version: 1
dataset: { directory: pictures, image_size: 32, batch_size: 5 }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  probe:
    fit: {}
  finetune:
    train: { unfreeze_last: 1, epochs: 1 }
";

#[test]
fn a_run_fits_a_head_and_trains_on_from_it() {
    let workshop = Workshop::new(PROBE, 3);
    let cache = workshop.text("cache");
    let said = run(&workshop, &["--cache-dir", &cache]);
    done(&said);
    assert!(said.err.contains("probe  logistic regression with l2 "), "{}", said.err);
    assert!(said.err.contains("; out-of-fold accuracy "), "{}", said.err);
    let directory = workshop.path("runs/small");
    let [probe, finetune] = [0, 1].map(|stage| manifest(&directory)["stages"][stage].clone());
    assert_eq!(probe["fit"]["method"], "logistic");
    let compared = probe["fit"]["compared"].as_array().unwrap();
    let least = compared.iter().map(|one| one["loss"].as_f64().unwrap()).fold(9.9, f64::min);
    let chosen = compared.iter().find(|one| one["l2"] == probe["fit"]["l2"]).unwrap();
    assert_eq!(chosen["loss"], least);
    let out_of_fold = &probe["fit"]["out_of_fold"];
    assert!(
        (out_of_fold["metrics"]["loss"].as_f64().unwrap() - least).abs() < 1e-6,
        "{out_of_fold}"
    );
    assert!(finetune["fit"].is_null());
    // The second stage starts where the first one ended.
    let events = std::fs::read_to_string(directory.join("events.jsonl")).unwrap();
    let started: Vec<serde_json::Value> = events
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].clone())
        .filter_map(|event| event.get("stage_started").cloned())
        .collect();
    let [before, reached] = [&started[1]["before"], &probe["best"]["validation"]]
        .map(|of| of["loss"].as_f64().unwrap());
    assert!((before - reached).abs() < 1e-5, "{before} {reached}");
    // The same from the cache, in a process of its own, and from the resolved pipeline.
    done(&run(&workshop, &["--cache-dir", &cache]));
    assert_same_files(&directory, &workshop.path("runs/small-2"));
    done(&alpaca_run(&["reproduce", &workshop.text("runs/small"), "--no-cache"]));
    done(&alpaca_run(&["verify", &workshop.text("runs/small")]));
    // Only the stage with the other penalty and those that follow run again.
    let pipeline = workshop.text("small.yaml");
    let l2 = "stages.probe.fit.logistic.l2=0.5";
    let plan = alpaca_run(&["plan", &pipeline, "-S", l2, "--explain", "--cache-dir", &cache]);
    assert!(plan.out.contains("l2"), "{}", plan.out);
    let given = ["-S", l2, "-S", "name=given", "--cache-dir", &cache];
    done(&run(&workshop, &given));
    let fit = manifest(&workshop.path("runs/given"))["stages"][0]["fit"].clone();
    let about = [&fit["method"], &fit["l2"], &fit["compared"]];
    assert_eq!(serde_json::json!(about), serde_json::json!(["logistic", 0.5, []]));
    let onnx = workshop.text("model.onnx");
    done(&alpaca_run(&["export", &workshop.text("runs/given"), "-o", &onnx, "--no-cache"]));
}

/// A run with a fitted head predicts every image by a head that was not fitted to it, so that labels of
/// all images can be checked.
#[test]
fn every_image_of_a_run_with_a_fitted_head_is_predicted() {
    let workshop = Workshop::new(PROBE, 3);
    let folder = workshop.path("runs/small");
    for fit in ["{}", "{ logistic: { l2: 0.1 } }", "{ prototypes: {} }"] {
        let stage = format!("stages.probe.fit={fit}");
        done(&run(&workshop, &["-S", &stage]));
        let paths = |file: &str, column: usize| -> Vec<String> {
            let text = std::fs::read_to_string(folder.join(file)).unwrap();
            let rows = text.lines().skip(1).map(|row| row.split(',').nth(column).unwrap());
            rows.map(str::to_owned).collect()
        };
        let sets = paths("splits.csv", 0);
        let mut predicted = [paths("out_of_fold.csv", 0), paths("predictions.csv", 0)].concat();
        predicted.sort();
        let mut all = sets.clone();
        all.sort();
        assert_eq!(predicted, all, "{fit}");
        let pipeline = workshop.text("small.yaml");
        let run = folder.display().to_string();
        let said = alpaca_run(&["data", &pipeline, "--labels", &run, "--no-cache"]);
        let checked = format!("of {} predicted images", all.len());
        assert!(said.out.contains(&checked), "{}", said.out);
        assert!(!said.out.contains("predicts all"), "{}", said.out);
        done(&alpaca_run(&["reproduce", &run, "--no-cache"]));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// With one image a class there is nothing to fit probabilities to, and they stay moderate.
#[test]
fn prototypes_of_one_image_each_are_not_certain() {
    let workshop = Workshop::new(PROBE, 2);
    let split = "dataset.split={ validation: 0.92 }";
    let fit = "stages.probe.fit={ prototypes: {} }";
    let said = run(&workshop, &["-S", split, "-S", fit, "--until", "probe"]);
    done(&said);
    assert!(said.err.contains("2 for training"), "{}", said.err);
    let folder = workshop.path("runs/small");
    assert!(!folder.join("out_of_fold.csv").exists());
    let rows = std::fs::read_to_string(folder.join("predictions.csv")).unwrap();
    for row in rows.lines().skip(1) {
        let probability: f64 = row.split(',').nth(3).unwrap().parse().unwrap();
        assert!(probability > 0.01 && probability < 0.99, "{row}");
    }
}

/// The label of an image has no part in its own out-of-fold prediction.
#[test]
fn out_of_fold_outputs_do_not_depend_on_the_own_label() {
    for case in cases().iter().filter(|case| case.target == "class") {
        let n = case.weights.len();
        let folds: Vec<usize> = (0..n).map(|i| i % 5).collect();
        for method in [Method::Penalized(L2::Fixed(0.1)), Method::Prototypes] {
            let outputs = |targets: &[Target]| {
                let (weights, cancel, folds) = (&case.weights[..], &Cancel::new(), &folds[..]);
                let rows = case.rows();
                let examples = Examples { rows, targets, weights, folds, n_folds: 5, cancel };
                let head =
                    head::fit(examples, case.outputs_per_image, case.readout(), method).unwrap();
                let rows = head.held_out.into_iter().map(|outputs| outputs.expect("5 folds"));
                rows.collect::<Vec<_>>()
            };
            let mut targets = case.targets();
            let before = outputs(&targets);
            targets[7] = Target::Class((targets[7].class() + 1) % 2);
            let after = outputs(&targets);
            // The scale of prototypes is that of all images, so it changes.
            let ratio = after[7][0] / before[7][0];
            assert!(method == Method::Prototypes || ratio == 1.0, "{ratio}");
            let differs = |row: usize| {
                let pairs = before[row].iter().zip(&after[row]);
                pairs.into_iter().any(|(a, b)| (a * ratio - b).abs() > 1e-9 * a.abs())
            };
            // Heads for the other images of its fold were not fitted to it either.
            let (own, others): (Vec<usize>, Vec<usize>) = (0..n).partition(|row| row % 5 == 2);
            assert!(!own.iter().any(|&row| differs(row)), "{method:?}");
            assert!(others.iter().all(|&row| differs(row)), "{method:?}");
        }
    }
}

/// Logits are half the negative squared distances to the class means, but for a scale and a constant.
#[test]
fn prototypes_are_the_means_of_the_classes() {
    for case in cases().iter().filter(|case| case.target == "class") {
        let head = case.fit_by(Method::Prototypes);
        let (d, k) = (case.d, case.outputs_per_image.max(2));
        let (targets, weights) = (case.targets(), &case.weights);
        let total: f64 = weights.iter().sum();
        let rows: Vec<&[f32]> = case.features.chunks(d).collect();
        let weighted = |of: &dyn Fn(usize) -> f64| -> f64 {
            (0..rows.len()).map(|row| weights[row] * of(row)).sum()
        };
        // Standardized features, with variances shrunk towards their mean by 40 images.
        let moments: Vec<(f64, f64)> = (0..d)
            .map(|column| {
                let x = |row: usize| f64::from(rows[row][column]);
                let mean = weighted(&x) / total;
                let square = |row: usize| (x(row) - mean) * (x(row) - mean);
                (mean, (weighted(&square) / total).sqrt())
            })
            .collect();
        let variance = moments.iter().map(|(_, s)| s * s).sum::<f64>() / d as f64;
        let n = weights.iter().filter(|weight| **weight > 0.0).count() as f64;
        let z = |row: usize, column: usize| match moments[column] {
            (mean, deviation) if deviation > 1e-9 => {
                let shrunk = (n * deviation * deviation + 40.0 * variance) / (n + 40.0);
                (f64::from(rows[row][column]) - mean) / shrunk.sqrt()
            }
            _ => 0.0,
        };
        let mean = |class: usize, column: usize| {
            let is = |row: usize| f64::from(u8::from(targets[row].class() == class));
            weighted(&|row| is(row) * z(row, column)) / weighted(&is)
        };
        let means: Vec<Vec<f64>> =
            (0..k).map(|class| (0..d).map(|column| mean(class, column)).collect()).collect();
        let mut ratio = None;
        for (row, features) in rows.iter().enumerate() {
            let distance = |class: usize| -> f64 {
                (0..d).map(|column| (z(row, column) - means[class][column]).powi(2)).sum()
            };
            let output = |output: usize| -> f64 {
                let products = features
                    .iter()
                    .enumerate()
                    .map(|(at, x)| f64::from(*x) * head.kernel[at * head.bias.len() + output]);
                products.sum::<f64>() + head.bias[output]
            };
            let logit = if head.bias.len() == 1 { output(0) } else { output(1) - output(0) };
            let expected = 0.5 * (distance(0) - distance(1));
            let ratio = *ratio.get_or_insert(expected / logit);
            assert!(ratio > 0.0);
            assert!((logit * ratio - expected).abs() < 1e-6 * (1.0 + expected.abs()), "{row}");
        }
    }
}

/// With a fixed number of versions, all of them are fitted to; a resumed run has the same bytes.
#[test]
fn heads_are_fitted_to_versions_and_after_an_interruption() {
    let workshop = Workshop::new(PROBE, 2);
    let flip = "stages.probe.fit.augmentation=[{ random_flip: horizontal }]";
    let views = ["-S", flip, "-S", "stages.probe.fit.augmentation_views=3"];
    done(&run(&workshop, &[&views[..], &["-S", "name=views"]].concat()));
    done(&run(&workshop, &["-S", "name=plain"]));
    let weights = |run: &str| {
        let path = format!("runs/{run}/weights/probe/best.safetensors");
        std::fs::read(workshop.path(&path)).unwrap_or_default()
    };
    assert_ne!(weights("views"), weights("plain"));
    done(&alpaca_run(&["reproduce", &workshop.text("runs/views"), "--no-cache"]));
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("cut"));
    let directory = workshop.path("cut/small");
    let long = ["-S", "stages.finetune.epochs=30"];
    let mut process =
        spawn(&[&[pipeline.as_str(), "--runs-dir", &runs, "--no-cache"], &long[..]].concat());
    let is_past = || directory.join("checkpoint/stage-1").exists();
    while !is_past() && process.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let _ = process.kill();
    process.wait().unwrap();
    if !directory.join("manifest.json").exists() {
        done(&alpaca_run(&["resume", &directory.display().to_string(), "--no-cache"]));
    }
    done(&run(&workshop, &long));
    assert_same_files(&directory, &workshop.path("runs/small"));
}

/// Numbers and several labels are fitted as their networks are read.
#[test]
fn heads_are_fitted_to_numbers_and_several_labels() {
    let workshop = Workshop::new(PROBE, 3);
    let mut tables = [String::from("path,label\n"), String::from("path,label\n")];
    for (class, name) in ["disc", "ring", "cross"].iter().enumerate() {
        for i in 0..12 {
            let path = format!("pictures/{name}/{i:03}.png");
            if !workshop.path(&path).exists() {
                continue;
            }
            writeln!(tables[0], "{path},{}", 10 * class + i).unwrap();
            let even = if i % 2 == 0 { "|even" } else { "" };
            writeln!(tables[1], "{path},{name}{even}").unwrap();
        }
    }
    let kinds = [
        ("numbers", "dataset.target=number", "ridge"),
        ("labels", "dataset.labels=many", "logistic"),
    ];
    for (table, (name, kind, method)) in tables.iter().zip(kinds) {
        let file = format!("{name}.csv");
        std::fs::write(workshop.path(&file), table).unwrap();
        let given = format!("dataset.table={}", workshop.text(&file));
        let name = format!("name={name}");
        let said = run(&workshop, &["-S", &given, "-S", kind, "-S", &name]);
        done(&said);
        assert!(said.err.contains(&format!("{method} regression")), "{}", said.err);
        let run = workshop.text(&format!("runs/{}", &name[5..]));
        done(&alpaca_run(&["reproduce", &run, "--no-cache"]));
    }
}

/// Features that never vary leave only the bias; weights of 0 are as if the image was not there.
#[test]
fn images_without_weight_do_not_count() {
    let workshop = Workshop::new(PROBE, 2);
    let table = |weight: &dyn Fn(usize) -> u8| {
        let rows = (0..24).map(|i| {
            let (class, set) = (["disc", "ring"][i % 2], if i < 16 { "train" } else { "val" });
            format!("pictures/{class}/{:03}.png,{i},{set},{}\n", i / 2, weight(i))
        });
        format!("path,label,split,sample_weight\n{}", rows.collect::<String>())
    };
    let given = format!("dataset.table={}", workshop.text("images.csv"));
    let number = ["-S", &given, "-S", "dataset.target=number", "--until", "probe"];
    std::fs::write(workshop.path("images.csv"), table(&|i| u8::from(i >= 16))).unwrap();
    let said = run(&workshop, &number);
    assert!(said.err.contains("D006") && said.err.contains("have weight 0"), "{}", said.err);
    std::fs::write(workshop.path("images.csv"), table(&|i| u8::from(i == 5))).unwrap();
    done(&run(&workshop, &number));
    let rows = std::fs::read_to_string(workshop.path("runs/small/predictions.csv")).unwrap();
    for row in rows.lines().skip(1) {
        let estimate: f64 = row.split(',').nth(2).unwrap().parse().unwrap();
        assert!((estimate - 5.0).abs() < 1e-4, "{row}");
    }
}
