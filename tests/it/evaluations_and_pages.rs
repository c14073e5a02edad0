//! Figures, plots and the page of a run: that they say what predictions.csv says.

use serde_json::Value;

use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, files_below};
use crate::support::runs::{TWO_STAGES, assert_same_files, run};

/// A prediction of a table: class, class given, probabilities.
struct Row {
    label: usize,
    given: usize,
    probabilities: Vec<f64>,
}

fn rows(table: &str, classes: &[&str]) -> Vec<Row> {
    let class = |name: &str| classes.iter().position(|class| *class == name).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let probabilities = cells[3..3 + classes.len()].iter();
        Row {
            label: class(cells[1]),
            given: class(cells[2]),
            probabilities: probabilities.map(|cell| cell.parse().unwrap()).collect(),
        }
    };
    table.lines().skip(1).map(row).collect()
}

fn json(path: &std::path::Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[track_caller]
fn assert_close(found: &Value, expected: f64) {
    let found = found.as_f64().unwrap();
    assert!((found - expected).abs() < 1e-12, "{found} instead of {expected}");
}

/// Every figure made again from the table, each by its definition and none by the code of the program.
fn assert_figures(metrics: &Value, rows: &[Row], n_classes: usize) {
    let n = rows.len() as f64;
    let count = |is: &dyn Fn(&Row) -> bool| rows.iter().filter(|row| is(row)).count() as f64;
    assert_close(&metrics["accuracy"], count(&|row| row.label == row.given) / n);
    let surprise = |row: &Row| -row.probabilities[row.label].ln();
    assert_close(&metrics["log_loss"], rows.iter().map(surprise).sum::<f64>() / n);
    let off = |row: &Row| -> f64 {
        let of = |(class, p): (usize, &f64)| (p - f64::from(u8::from(class == row.label))).powi(2);
        row.probabilities.iter().enumerate().map(of).sum()
    };
    let half = if n_classes == 2 { 2.0 } else { 1.0 };
    assert_close(&metrics["brier_score"], rows.iter().map(off).sum::<f64>() / half / n);
    let mut aucs = vec![];
    for class in 0..n_classes {
        let of_class = &metrics["classes"][class];
        let (hit, own) = (
            count(&|row| row.label == class && row.given == class),
            count(&|row| row.label == class),
        );
        let given = count(&|row| row.given == class);
        assert_close(&of_class["recall"], hit / own);
        assert_close(&of_class["precision"], if given == 0.0 { 0.0 } else { hit / given });
        for other in 0..n_classes {
            let expected = count(&|row| row.label == class && row.given == other);
            assert_close(&metrics["confusion_matrix"][class][other], expected);
        }
        let score = |row: &Row| row.probabilities[class];
        let (mine, others): (Vec<&Row>, Vec<&Row>) =
            rows.iter().partition(|row| row.label == class);
        let mut above = 0.0;
        for a in &mine {
            for b in &others {
                above += if score(a) > score(b) {
                    1.0
                } else if score(a) == score(b) {
                    0.5
                } else {
                    0.0
                };
            }
        }
        let auc = above / (mine.len() * others.len()) as f64;
        assert_close(&of_class["roc_auc"], auc);
        aucs.push(auc);
    }
    assert_close(&metrics["roc_auc"], aucs.iter().sum::<f64>() / n_classes as f64);
}

#[test]
fn figures_follow_from_the_table_of_predictions() {
    for (n_classes, classes) in [(2, &["disc", "ring"][..]), (3, &["disc", "ring", "square"])] {
        let workshop = Workshop::new(TWO_STAGES, n_classes);
        let more = ["-S", "dataset.split.validation=0.4", "-S", "stages.transfer.epochs=1"];
        let said = run(&workshop, &more);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let directory = workshop.path("runs/small");
        let metrics = json(&directory.join("metrics.json"));
        let table = std::fs::read_to_string(directory.join("predictions.csv")).unwrap();
        assert_figures(&metrics, &rows(&table, classes), n_classes);
        // The loss of the best epoch is the same figure, made by training.
        let history = std::fs::read_to_string(directory.join("metrics.csv")).unwrap();
        let losses = history.lines().filter(|line| line.starts_with("finetune"));
        let least = losses.map(|line| line.split(',').nth(4).unwrap().parse::<f64>().unwrap());
        let least = least.fold(f64::INFINITY, f64::min);
        assert!((metrics["log_loss"].as_f64().unwrap() - least).abs() < 1e-6);
    }
}

/// The tasks of a pipeline: on pictures set aside, and on a folder that has one of the classes.
const TASKS: &str = "  test:\n    evaluate: {}\n  rings:\n    evaluate: { from: transfer, from_weights: last, directory: rings }\n";

#[test]
fn evaluations_of_a_pipeline_leave_folders_of_their_own() {
    let workshop = Workshop::new(&format!("{TWO_STAGES}{TASKS}"), 2);
    let rings = workshop.path("rings/ring");
    std::fs::create_dir_all(&rings).unwrap();
    for i in 0..5 {
        let name = format!("pictures/ring/{i:03}.png");
        std::fs::copy(workshop.path(&name), rings.join(format!("{i}.png"))).unwrap();
    }
    let more = ["-S", "dataset.split.test=0.25"];
    let pipeline = workshop.text("small.yaml");
    let planned = alpaca_run(&[&["plan", &pipeline, "--no-cache"], &more[..]].concat());
    insta::assert_snapshot!("planned", planned.out.lines().take(4).collect::<Vec<_>>().join("\n"));
    let said = run(&workshop, &more);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("test: accuracy") && said.err.contains("rings: accuracy"));
    let directory = workshop.path("runs/small");
    let names: Vec<String> = files_below(&directory.join("evaluations"))
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("rings"))
        .collect();
    insta::assert_snapshot!(names.join("\n"));
    let test = json(&directory.join("evaluations/test/metrics.json"));
    assert_eq!(
        (&test["on"], &test["stage"], &test["n_images"]),
        (&"test".into(), &"finetune".into(), &6.into())
    );
    let rings = json(&directory.join("evaluations/rings/metrics.json"));
    assert_eq!((&rings["weights"], &rings["n_images"]), (&"last".into(), &5.into()));
    assert_eq!(rings["classes"][0]["n_images"], 0);
    assert_eq!(rings["roc_auc"], Value::Null);
    // The same once more, and by the command.
    assert_eq!(run(&workshop, &more).code, Some(0));
    assert_same_files(&directory, &workshop.path("runs/small-2"));
    let run = directory.display().to_string();
    let said = alpaca_run(&["evaluate", &run, "--split", "test", "--json", "--no-cache"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let again: Value = serde_json::from_str(&said.out).unwrap();
    let off = again["log_loss"].as_f64().unwrap() - test["log_loss"].as_f64().unwrap();
    assert!(off.abs() < 1e-6 && again["confusion_matrix"] == test["confusion_matrix"]);
}

#[test]
fn what_cannot_be_measured_is_said() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let more = ["-S", "stages.transfer.epochs=1", "-S", "stages.finetune.epochs=1"];
    assert_eq!(run(&workshop, &more).code, Some(0));
    std::fs::create_dir_all(workshop.path("others/rnig")).unwrap();
    std::fs::copy(workshop.path("pictures/ring/000.png"), workshop.path("others/rnig/1.png"))
        .unwrap();
    let (run, others) = (workshop.text("runs/small"), workshop.text("others"));
    let evaluate = |more: &[&str]| {
        let said = alpaca_run(&[&["evaluate", &run, "--no-cache"], more].concat());
        format!("{:?}\n{}", said.code, said.err.replace(&workshop.text(""), ""))
    };
    let said = [evaluate(&["--data", &others]), evaluate(&["--split", "test"])].join("\n");
    std::fs::remove_file(workshop.path("pictures/ring/000.png")).unwrap();
    insta::assert_snapshot!(format!("{said}\n{}", evaluate(&[])));
}

#[test]
fn a_task_that_cannot_be_done_is_said_before_anything_trains() {
    let workshop = Workshop::new(&format!("{TWO_STAGES}{TASKS}  model:\n    export: {{}}\n"), 2);
    std::fs::create_dir_all(workshop.path("rings/rnig")).unwrap();
    std::fs::copy(workshop.path("pictures/ring/000.png"), workshop.path("rings/rnig/1.png"))
        .unwrap();
    let more = ["dataset.split.test=0.25", "dataset.resize.fit=pad"];
    let said = run(&workshop, &["-S", more[0], "-S", more[1]]);
    assert_eq!(said.code, Some(2));
    insta::assert_snapshot!(said.err.replace(&workshop.text(""), ""));
    assert!(!workshop.path("runs").exists());
}

#[test]
fn the_page_holds_what_it_shows_and_reproduces() {
    let workshop = Workshop::new(TWO_STAGES, 3);
    assert_eq!(run(&workshop, &["--threads", "1"]).code, Some(0));
    assert_eq!(run(&workshop, &["--threads", "3"]).code, Some(0));
    let page = |run: &str| std::fs::read_to_string(workshop.path(run)).unwrap();
    let own = page("runs/small/report.html");
    assert_eq!(own, page("runs/small-2/report.html"));
    for part in ["<svg", "data:image/jpeg;base64,", "disc", "validation images", "Most confused"] {
        assert!(own.contains(part), "no {part}");
    }
    // Addresses in a page are those of namespaces, or hold what they address.
    for address in own.split("src=\"").skip(1).chain(own.split("href=\"").skip(1)) {
        let is_heading = address.split('"').next().is_some_and(|address| {
            address.starts_with('#') && own.contains(&format!(" id=\"{}\"", &address[1..]))
        });
        assert!(is_heading || address.starts_with("data:image/jpeg;base64,"), "{}", &address[..40]);
    }
    // Only errors are called errors.
    let errors = own.split(" id=\"").find(|part| part.starts_with("largest-errors")).unwrap();
    assert!(!errors.contains("correct</span>"), "{errors}");
    let (one, two) = (workshop.text("runs/small"), workshop.text("runs/small-2"));
    let output = workshop.text("both.html");
    let said = alpaca_run(&["report", &one, &two, "-o", &output, "--no-cache"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let both = page("both.html");
    // A comparison: common curves first, and the pages of both runs, folded.
    assert_eq!(both.matches("<details class=\"run\">").count(), 2);
    assert!(both.contains(">Validation accuracy</text>") && both.contains("finished 20"));
    let ids: Vec<&str> =
        both.split(" id=\"").skip(1).map(|id| id.split('"').next().unwrap()).collect();
    let mut distinct = ids.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), ids.len(), "{ids:?}");
    // Without its pictures a run has a page that says so.
    std::fs::remove_dir_all(workshop.path("pictures/ring")).unwrap();
    let said = alpaca_run(&["report", &one, "-o", &output, "--no-cache"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(page("both.html").contains("cannot be shown"), "{}", said.err);
}
