//! Thresholds for a wanted precision: chosen by `evaluate`, used by `predict`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run, done};
use crate::support::runs::run;

/// A head on random features, which is often wrong.
const HEAD: &str = "\
version: 1
dataset: { directory: pictures, image_size: 32, batch_size: 5, split: { validation: 0.5 } }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  probe:
    fit: { logistic: { l2: 1.0 } }
";

/// A run of three classes, some of whose images have the shape of another.
fn trained() -> Workshop {
    let workshop = Workshop::new(HEAD, 3);
    for i in 12..36 {
        for (class, name) in ["disc", "ring", "square"].iter().enumerate() {
            let drawn = if i % 5 == 0 { (class + 1) % 3 } else { class };
            let path = workshop.path(&format!("pictures/{name}/{i:03}.png"));
            picture(drawn, 60 * u32::from(i % 5 == 0) + i).save(path).unwrap();
        }
    }
    done(&run(&workshop, &[]));
    workshop
}

/// Runs a command on a workshop: names that begin with `runs/` and others are paths in it.
fn command(workshop: &Workshop, arguments: &[&str]) -> Said {
    let is_path =
        |text: &str| ["runs/", "pictures", "found", "file"].iter().any(|of| text.starts_with(of));
    let arguments: Vec<String> = arguments
        .iter()
        .map(|text| if is_path(text) { workshop.text(text) } else { (*text).to_owned() })
        .collect();
    alpaca_run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The rows of a table, by column.
fn rows(table: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

/// The threshold of each class, `None` if there is none.
fn thresholds(found: &Value) -> BTreeMap<String, Option<f64>> {
    let classes = found["classes"].as_array().unwrap().iter();
    let name = |class: &Value| class["name"].as_str().unwrap().to_owned();
    classes.map(|class| (name(class), class["threshold"].as_f64())).collect()
}

fn json(said: &Said) -> Value {
    serde_json::from_str(&said.out).unwrap()
}

#[test]
fn each_class_has_the_lowest_threshold_with_the_precision() {
    let workshop = trained();
    let table = std::fs::read_to_string(workshop.path("runs/small/predictions.csv")).unwrap();
    let table = rows(&table);
    for wanted in ["0.5", "0.8", "0.95", "1"] {
        let given = ["evaluate", "runs/small", "--no-cache", "--json", "--min-precision", wanted];
        let said = command(&workshop, &given);
        done(&said);
        let found = json(&said)["thresholds"].clone();
        let min: f64 = wanted.parse().unwrap();
        for (class, threshold) in thresholds(&found) {
            let of_class: Vec<(f64, bool)> = table
                .iter()
                .filter(|row| row["predicted"] == class)
                .map(|row| {
                    (row[&format!("probability/{class}")].parse().unwrap(), row["label"] == class)
                })
                .collect();
            let reaches = |least: f64| {
                let given: Vec<bool> =
                    of_class.iter().filter(|(p, _)| *p >= least).map(|(_, right)| *right).collect();
                let n_right = given.iter().filter(|right| **right).count();
                n_right as f64 >= min * given.len() as f64
            };
            let lowest = of_class.iter().map(|(p, _)| *p).filter(|p| reaches(*p)).reduce(f64::min);
            assert_eq!(threshold, lowest, "{class} at {wanted}");
        }
        let n = found["n_answered"].as_u64().unwrap();
        let sure = table.iter().filter(|row| {
            let p: f64 = row[&format!("probability/{}", row["predicted"])].parse().unwrap();
            thresholds(&found)[&row["predicted"]].is_some_and(|least| p >= least)
        });
        assert_eq!(n, sure.count() as u64);
        assert!(n < table.len() as u64 || wanted == "0.5");
    }
}

#[test]
fn images_below_their_threshold_are_unsure() {
    let workshop = trained();
    let precision = ["--min-precision", "0.9"];
    let evaluate = ["evaluate", "runs/small", "--no-cache", "--out", "found"];
    let said = command(&workshop, &[&evaluate[..], &precision].concat());
    done(&said);
    assert!(said.out.contains("thresholds for a precision of 0.9"), "{}", said.out);
    assert!(said.out.contains("expect a lower precision"), "{}", said.out);
    let text = std::fs::read_to_string(workshop.path("found/thresholds.json")).unwrap();
    let chosen = thresholds(&serde_json::from_str(&text).unwrap());
    let predict = |more: &[&str]| {
        let said = command(&workshop, &[&["predict", "runs/small", "pictures"], more].concat());
        done(&said);
        said
    };
    let plain = rows(&predict(&["--csv"]).out);
    let table = predict(&["--csv", "--min-precision", "0.9"]);
    assert!(table.err.contains("chosen by the validation images of the run"), "{}", table.err);
    let mut n_unsure = 0;
    for (plain, row) in plain.iter().zip(rows(&table.out)) {
        let class = &plain["predicted"];
        let p: f64 = plain[&format!("probability/{class}")].parse().unwrap();
        let is_sure = chosen[class].is_some_and(|least| p >= least);
        assert_eq!(&row["predicted"], if is_sure { class } else { "unsure" });
        n_unsure += usize::from(!is_sure);
    }
    assert!((1..plain.len()).contains(&n_unsure), "{n_unsure} of {}", plain.len());
    // The same in other formats, and from the file.
    let lines = predict(&precision).out;
    assert_eq!(lines.lines().filter(|line| line.contains("  unsure ")).count(), n_unsure);
    let lines = predict(&[&precision[..], &["--top", "2"]].concat()).out;
    assert_eq!(lines.lines().filter(|line| line.ends_with(" (unsure)")).count(), n_unsure);
    let lines = predict(&[&precision[..], &["--json"]].concat()).out;
    let objects = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(objects.filter(|object| object["predicted"] == "unsure").count(), n_unsure);
    let file = ["--csv", "--thresholds", "found/thresholds.json"];
    let of_file = predict(&file);
    assert_eq!(of_file.out, table.out);
    assert!(of_file.err.contains("chosen by images of validation"), "{}", of_file.err);
    // An exported file and an average of runs take the file too.
    done(&command(&workshop, &["export", "runs/small", "-o", "file.onnx", "--no-cache"]));
    let said = command(&workshop, &[&["predict", "file.onnx", "pictures"], &file[..]].concat());
    done(&said);
    assert!(said.out.contains(",unsure,"), "{}", said.out);
    let tta = [&["predict", "runs/small", "--tta", "flip", "pictures"], &file[..]].concat();
    done(&command(&workshop, &tta));
    // Thresholds are measured on other images.
    let evaluate = ["evaluate", "runs/small", "--no-cache", "--data", "pictures"];
    let said = command(&workshop, &[&evaluate[..], &file[1..]].concat());
    done(&said);
    assert!(!said.out.contains("expect a lower precision"), "{}", said.out);
    let n = format!("{} of 108 images", 108 - n_unsure);
    assert!(said.out.contains(&n), "{n} {}", said.out);
}

#[test]
fn a_precision_that_no_threshold_reaches_is_said() {
    let workshop = trained();
    // Every image of one class is really of another.
    let text = std::fs::read_to_string(workshop.path("runs/small/predictions.csv")).unwrap();
    let wrong = rows(&text).iter().filter(|row| row["predicted"] == "disc").count();
    assert!(wrong > 0);
    for i in 0..36 {
        let name = format!("{i:03}.png");
        let from = workshop.path("pictures/disc").join(&name);
        let to = workshop.path("found/ring");
        std::fs::create_dir_all(&to).unwrap();
        std::fs::copy(from, to.join(name)).unwrap();
    }
    let given = ["evaluate", "runs/small", "--no-cache", "--data", "found"];
    let said = command(&workshop, &[&given[..], &["--min-precision", "0.95"]].concat());
    done(&said);
    let expected = "no threshold reaches a precision of 0.95 for `disc`";
    assert!(said.out.contains(expected), "{}", said.out);
    assert!(said.out.contains("none"), "{}", said.out);
}

#[test]
fn precisions_and_thresholds_that_make_no_sense_are_refused() {
    let workshop = trained();
    let refused = |arguments: &[&str], message: &str| {
        let said = command(&workshop, arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {}", said.err);
        assert!(said.err.contains(message), "{arguments:?}: {}", said.err);
    };
    for wrong in ["0", "2", "95%", "-1", "nan", "high", "0.0"] {
        let precision = format!("--min-precision={wrong}");
        let expected = "write a fraction above 0 and up to 1";
        refused(&["predict", "runs/small", "pictures", &precision], expected);
        refused(&["evaluate", "runs/small", &precision], expected);
    }
    let predict = ["predict", "runs/small", "pictures", "--min-precision", "0.9"];
    refused(&[&predict[..], &["--tta", "flip"]].concat(), "--thresholds DIR/thresholds.json");
    refused(&[&predict[..], &["--from-weights", "last"]].concat(), "those of its best weights");
    refused(&[&predict[..], &["--thresholds", "found"]].concat(), "cannot be used with");
    refused(&[&predict[..], &["--threshold", "0.5"]].concat(), "cannot be used with");
    refused(&["predict", "runs/small", "pictures", "--thresholds", "found"], "hint: ");
    let base = ["predict", "--base", "mobilenet_v2", "pictures", "--min-precision", "0.9"];
    refused(&base, "thresholds do not apply to `--base`");
    done(&command(&workshop, &["export", "runs/small", "-o", "file.onnx", "--no-cache"]));
    let of_file = ["predict", "file.onnx", "pictures", "--min-precision", "0.9"];
    refused(&of_file, "has no validation images");
    let evaluate = ["evaluate", "runs/small", "--no-cache", "--out", "found"];
    done(&command(&workshop, &[&evaluate[..], &["--min-precision", "0.9"]].concat()));
    std::fs::remove_dir_all(workshop.path("pictures/square")).unwrap();
    done(&run(&workshop, &["-S", "name=two"]));
    let other = ["predict", "runs/two", "pictures", "--thresholds", "found/thresholds.json"];
    refused(&other, "are not for the classes of the model");
    std::fs::rename(workshop.path("pictures/ring"), workshop.path("pictures/unsure")).unwrap();
    done(&run(&workshop, &["-S", "name=named"]));
    let named = ["predict", "runs/named", "pictures", "--min-precision", "0.9"];
    refused(&named, "a class of the model is named `unsure`");
    let numbers = (0..12).map(|i| format!("pictures/disc/{i:03}.png,{i}\n"));
    let table = format!("path,label\n{}", numbers.collect::<String>());
    std::fs::write(workshop.path("images.csv"), table).unwrap();
    let table = format!("dataset.table={}", workshop.text("images.csv"));
    let ridge = "stages.probe.fit.ridge={ l2: 0.1 }";
    let number = ["-S", &table, "-S", "dataset.target=number", "-S", ridge, "-S", "name=number"];
    done(&run(&workshop, &number));
    let estimate = "does not apply to this model, which estimates a number";
    refused(&["evaluate", "runs/number", "--min-precision", "0.9"], estimate);
    refused(&["predict", "runs/number", "pictures", "--min-precision", "0.9"], estimate);
}

#[test]
fn several_labels_are_given_above_their_thresholds() {
    let workshop = trained();
    let mut table = String::from("path,label\n");
    for (class, name) in ["disc", "ring", "square"].iter().enumerate() {
        for i in 0..36 {
            let odd = if (i * 7 + class) % 3 == 0 { "|odd" } else { "" };
            let line = format!("pictures/{name}/{i:03}.png,{name}{odd}\n");
            table.push_str(&line);
        }
    }
    std::fs::write(workshop.path("images.csv"), table).unwrap();
    let given = format!("dataset.table={}", workshop.text("images.csv"));
    done(&run(&workshop, &["-S", &given, "-S", "dataset.labels=many", "-S", "name=many"]));
    let precision = ["--min-precision", "0.9"];
    let evaluate = ["evaluate", "runs/many", "--no-cache", "--json"];
    let said = command(&workshop, &[&evaluate[..], &precision].concat());
    done(&said);
    let found = json(&said)["thresholds"].clone();
    let chosen = thresholds(&found);
    assert_eq!(chosen.len(), 4);
    let predict = ["predict", "runs/many", "pictures", "--csv"];
    let said = command(&workshop, &[&predict[..], &precision].concat());
    done(&said);
    assert!(said.out.lines().count() > 100);
    for row in rows(&said.out) {
        let labels: Vec<&str> =
            row["predicted"].split('|').filter(|name| !name.is_empty()).collect();
        for (class, threshold) in &chosen {
            let p: f64 = row[&format!("probability/{class}")].parse().unwrap();
            let is_given = threshold.is_some_and(|least| p >= least);
            assert_eq!(labels.contains(&class.as_str()), is_given, "{row:?}");
        }
    }
}
