//! Stages that learn from another model: what they learn, and what is found before they run.

use std::fmt::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::pictures::{Workshop, dataset};
use crate::support::program::{Said, alpaca_run, done, spawn};
use crate::support::runs::{assert_same_files, assert_same_on_any_threads, manifest, run};

/// A fitted head, which takes no time, at another size than that of the students.
const TEACHER: &str = "\
version: 1
name: teacher
dataset: { directory: pictures, image_size: 96, batch_size: 5 }
model: { base: mobilenet_v2, width: 0.35, weights: builtin }
stages:
  probe:
    fit: { logistic: { l2: 0.1 } }
";

/// A head that only learns from its teacher.
const STUDENT: &str = "\
version: 1
dataset: { directory: pictures, image_size: 64, batch_size: 5 }
model: { base: mobilenet_v2, width: 0.35, weights: builtin }
stages:
  small:
    train:
      epochs: 20
      optimizer: { adam: { learning_rate: 0.03 } }
      teacher: { model: runs/teacher, share: 1 }
";

/// Two stages with what there is besides a teacher.
pub const DISTILLED: &str = "\
version: 1
seed: 4
dataset: { directory: pictures, image_size: 32, batch_size: 5 }
augmentation:
  - random_flip: both
  - random_contrast: { factor: 0.2 }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  head:
    train:
      epochs: 2
      augmentation: []
      teacher: runs/teacher
  last:
    train:
      unfreeze_from: block_14
      epochs: 3
      label_smoothing: 0.1
      class_weights: balanced
      loss: { focal: { gamma: 1.0 } }
      mixing: { mix_up: { alpha: 0.4 }, cut_mix: {}, probability: 0.8 }
      teacher: { model: runs/teacher, share: 0.7, temperature: 2 }
";

/// A workshop with a pipeline and its teacher, which was trained in `runs/teacher`.
pub fn taught(pipeline: &str, n_classes: usize) -> Workshop {
    let workshop = Workshop::new(pipeline, n_classes);
    train_teacher(&workshop, "teacher", &[]);
    workshop
}

/// Trains the teacher with some settings, in a directory of its own.
fn train_teacher(workshop: &Workshop, name: &str, settings: &[&str]) {
    std::fs::write(workshop.path("teacher.yaml"), TEACHER).unwrap();
    let (pipeline, runs) = (workshop.text("teacher.yaml"), workshop.text("runs"));
    let name = format!("name={name}");
    let mut arguments = vec![&pipeline[..], "--runs-dir", &runs, "--no-cache", "-S", &name];
    arguments.extend(settings.iter().flat_map(|setting| ["-S", setting]));
    done(&alpaca_run(&arguments));
}

fn check(workshop: &Workshop, settings: &[&str]) -> Said {
    let pipeline = workshop.text("small.yaml");
    let settings = settings.iter().flat_map(|setting| ["-S", setting]);
    alpaca_run(&[&["check", &pipeline[..]], &settings.collect::<Vec<_>>()[..]].concat())
}

/// A metric of the last epoch of a run on images. The best epoch is that of wrong labels.
fn measured(workshop: &Workshop, name: &str, data: &str, metric: &str) -> f64 {
    let (directory, data) = (workshop.text(name), workshop.text(data));
    let which = ["--json", "--no-cache", "--from-weights", "last"];
    let said = alpaca_run(&[&["evaluate", &directory, "--data", &data], &which[..]].concat());
    done(&said);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    found[metric].as_f64().unwrap_or_else(|| panic!("{found}"))
}

/// Accuracy of a run on the right classes.
fn accuracy(workshop: &Workshop, name: &str) -> f64 {
    measured(workshop, name, "pictures", "accuracy")
}

/// Gives the images of each class the directory of the next one, in `wrong`.
fn mislabel(workshop: &Workshop, classes: &[&str]) {
    for (at, class) in classes.iter().enumerate() {
        let wrong = workshop.path("wrong").join(classes[(at + 1) % classes.len()]);
        std::fs::create_dir_all(&wrong).unwrap();
        for file in std::fs::read_dir(workshop.path("pictures").join(class)).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), wrong.join(file.file_name())).unwrap();
        }
    }
}

/// With two classes the network has one output, and with three as many.
#[test]
fn a_student_follows_its_teacher_and_not_its_labels() {
    for classes in [&["disc", "ring"][..], &["disc", "ring", "square"]] {
        let workshop = taught(STUDENT, classes.len());
        assert!(accuracy(&workshop, "runs/teacher") > 0.9);
        mislabel(&workshop, classes);
        let wrong = format!("dataset.directory={}", workshop.text("wrong"));
        done(&run(&workshop, &["-S", &wrong]));
        assert!(accuracy(&workshop, "runs/small") > 0.9);
        // Nearly without the teacher, it learns the labels.
        done(&run(&workshop, &["-S", &wrong, "-S", "stages.small.train.teacher.share=0.01"]));
        assert!(accuracy(&workshop, "runs/small-2") < 0.3);
    }
}

/// A table with the label of each image, by its class.
fn write_table(workshop: &Workshop, name: &str, labels: [&str; 3]) {
    let mut table = "file,label\n".to_owned();
    for (class, label) in ["disc", "ring", "square"].iter().zip(labels) {
        (0..12).for_each(|i| writeln!(table, "pictures/{class}/{i:03}.png,{label}").unwrap());
    }
    std::fs::write(workshop.path(name), table).unwrap();
}

/// Images with several labels, and with numbers.
#[test]
fn several_labels_and_numbers_are_taught() {
    for (keys, right, wrong, metric) in [
        ("labels: many", ["a", "b", "a|b"], ["b", "a", ""], "subset_accuracy"),
        ("target: number", ["10", "20", "40"], ["40", "10", "20"], "r2"),
    ] {
        let dataset = format!("dataset: {{ table: right.csv, {keys}, image_size: 64");
        let directory = "dataset: { directory: pictures, image_size: 64";
        let student = STUDENT.replace(directory, &dataset).replace("right.csv", "wrong.csv");
        let workshop = Workshop::new(&student, 3);
        write_table(&workshop, "right.csv", right);
        write_table(&workshop, "wrong.csv", wrong);
        let fit = if metric == "r2" { "ridge" } else { "logistic" };
        let teacher = TEACHER
            .replace("dataset: { directory: pictures, image_size: 96", &dataset)
            .replace("logistic", fit);
        std::fs::write(workshop.path("teacher.yaml"), teacher).unwrap();
        let (pipeline, runs) = (workshop.text("teacher.yaml"), workshop.text("runs"));
        done(&alpaca_run(&[&pipeline, "--runs-dir", &runs, "--no-cache"]));
        let measured = |name: &str| measured(&workshop, name, "right.csv", metric);
        let of_teacher = measured("runs/teacher");
        done(&run(&workshop, &[]));
        let taught = measured("runs/small");
        done(&run(&workshop, &["-S", "stages.small.train.teacher.share=0.01"]));
        let untaught = measured("runs/small-2");
        assert!(of_teacher > 0.8 && taught > 0.6, "{metric}: {of_teacher} {taught}");
        assert!(untaught < 0.3, "{metric}: {untaught}");
    }
}

#[test]
fn a_distilled_run_is_the_same_on_any_number_of_threads_and_with_any_cache() {
    let workshop = taught(DISTILLED, 3);
    assert_same_on_any_threads(&workshop, &[]);
    let cache = workshop.text("cache");
    let cached = ["--cache-dir", cache.as_str()];
    done(&run(&workshop, &cached));
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-3"));
    // Other stages find the outputs of the teacher, of which there are some more.
    let forced = [&cached[..], &["--force", "head", "--force", "last", "--verbose"]].concat();
    done(&run(&workshop, &forced));
    assert_same_files(&workshop.path("runs/small"), &workshop.path("runs/small-4"));
    let listed = alpaca_run(&["cache", "list", "--json", "--cache-dir", &cache]);
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let kinds = listed["kinds"].as_array().unwrap();
    let outputs = kinds.iter().find(|kind| kind["kind"] == "teacher outputs").unwrap();
    assert_eq!(outputs["entries"], 1, "{listed}");
    let stages = manifest(&workshop.path("runs/small"))["stages"].clone();
    assert!(stages[0]["teacher"].is_string(), "{stages}");
    assert_eq!(stages[0]["teacher"], stages[1]["teacher"]);
}

#[test]
fn killed_a_distilled_run_goes_on_to_the_same_bytes() {
    let workshop = taught(DISTILLED, 2);
    done(&run(&workshop, &["-S", "checkpoint_every=1"]));
    let (pipeline, runs) = (workshop.text("small.yaml"), workshop.text("killed"));
    let every_step = ["-S", "checkpoint_every=1", "--no-cache"];
    let directory = workshop.path("killed/small");
    let start = [&[&pipeline[..], "--runs-dir", &runs], &every_step[..]].concat();
    let mut process = spawn(&start);
    for file in ["stage-in-progress", "stage-1"] {
        let path = directory.join("checkpoint").join(file);
        while !path.exists() && process.try_wait().unwrap().is_none() {
            thread::sleep(Duration::from_micros(200));
        }
        let _ = process.kill();
        process.wait().unwrap();
        assert!(!directory.join("manifest.json").exists(), "it ended before the kill");
        process = spawn(&[Path::new("resume"), &directory, Path::new("--no-cache")]);
    }
    done(&Said::of(process));
    assert_same_files(&workshop.path("runs/small"), &directory);
}

/// A run, its file, all folds, and a run with its classes in another order teach the same.
#[test]
fn runs_files_and_folds_can_teach() {
    let workshop = taught(STUDENT, 3);
    let file = workshop.text("teacher.onnx");
    done(&alpaca_run(&["export", &workshop.text("runs/teacher"), "--output", &file]));
    train_teacher(&workshop, "ordered", &["dataset.classes=[square, disc, ring]"]);
    let (teacher, folds) = (workshop.text("teacher.yaml"), workshop.text("folds"));
    done(&alpaca_run(&["folds", &teacher, "--folds", "3", "--runs-dir", &folds, "--no-cache"]));
    let folds = format!("{folds}/teacher-folds");
    mislabel(&workshop, &["disc", "ring", "square"]);
    let wrong = format!("dataset.directory={}", workshop.text("wrong"));
    let ordered = workshop.text("runs/ordered");
    for (at, model) in [file, folds, ordered].iter().enumerate() {
        let model = format!("stages.small.train.teacher.model={model}");
        let said = run(&workshop, &["-S", &wrong, "-S", &model, "-S", "name=by"]);
        done(&said);
        let name = if at == 0 { "runs/by".to_owned() } else { format!("runs/by-{}", at + 1) };
        assert!(accuracy(&workshop, &name) > 0.9, "{model}");
    }
}

#[test]
fn a_teacher_that_saw_validation_images_is_reported() {
    let workshop = taught(STUDENT, 2);
    let short = ["-S", "stages.small.epochs=1"];
    let said = run(&workshop, &short);
    assert!(!said.err.contains("the teacher of stage small was trained on"), "{}", said.err);
    let said = run(&workshop, &[&short[..], &["-S", "dataset.split.seed=9"]].concat());
    done(&said);
    assert!(said.err.contains("the teacher of stage small was trained on"), "{}", said.err);
    assert!(said.err.contains("of the validation set"), "{}", said.err);
}

#[test]
fn teachers_that_do_not_fit_are_found_before_anything_runs() {
    let workshop = taught(STUDENT, 2);
    assert_eq!(check(&workshop, &[]).code, Some(0));
    let model = |name: &str| format!("stages.small.train.teacher.model={}", workshop.text(name));
    let finds = |settings: &[&str], code: &str, words: &[&str]| {
        let said = check(&workshop, settings);
        assert_eq!(said.code, Some(1), "{settings:?}: {}", said.err);
        assert!(said.err.contains(&format!("error[{code}]")), "{}", said.err);
        for words in words {
            assert!(said.err.contains(words), "{words}: {}", said.err);
        }
    };
    finds(&[&model("runs/nothing")], "W006", &["does not exist", "train the teacher first"]);
    finds(&[&model("pictures")], "W006", &["is not a run directory"]);
    std::fs::write(workshop.path("file.onnx"), "no model").unwrap();
    finds(&[&model("file.onnx")], "W006", &["cannot be used"]);
    let fixed = workshop.text("fixed.onnx");
    let exported =
        ["export", &workshop.text("runs/teacher"), "--output", &fixed, "--size", "40x48"];
    done(&alpaca_run(&exported));
    finds(&[&model("fixed.onnx")], "W006", &["only images of 40x48 pixels", "without `--size`"]);
    // A run that was cut short.
    let copied = workshop.path("runs/unfinished");
    std::fs::create_dir_all(&copied).unwrap();
    for name in ["pipeline.yaml", "pipeline.resolved.yaml", "splits.csv", "classes.json"] {
        let from = workshop.path("runs/teacher").join(name);
        if from.exists() {
            std::fs::copy(from, copied.join(name)).unwrap();
        }
    }
    finds(&[&model("runs/unfinished")], "W006", &["has not finished", "alpaca-run resume"]);
    std::fs::write(copied.join("manifest.json"), "{}").unwrap();
    finds(&[&model("runs/unfinished")], "W006", &["cannot be used"]);
    // Other classes.
    let squares = workshop.path("pictures/square");
    std::fs::create_dir_all(&squares).unwrap();
    std::fs::rename(workshop.path("pictures/ring"), workshop.path("ring")).unwrap();
    for i in 0..6 {
        let name = format!("{i:03}.png");
        std::fs::copy(workshop.path("ring").join(&name), squares.join(&name)).unwrap();
    }
    finds(&[], "W007", &["it lacks `square`", "it also has `ring`", "in any order"]);
    finds(&["dataset.labels=many"], "W007", &["predicts one class an image", "several labels"]);
}

#[test]
fn a_plan_sees_the_content_of_a_teacher_and_not_its_place() {
    let workshop = taught(STUDENT, 2);
    let (pipeline, cache) = (workshop.text("small.yaml"), workshop.text("cache"));
    done(&run(&workshop, &["-S", "stages.small.epochs=1", "--cache-dir", &cache]));
    let plan = |more: &[&str]| {
        let fixed = ["plan", &pipeline, "--cache-dir", &cache, "-S", "stages.small.epochs=1"];
        let said = alpaca_run(&[&fixed[..], more].concat());
        done(&said);
        said.out
    };
    assert!(plan(&[]).starts_with("small  reuse"), "{}", plan(&[]));
    std::fs::rename(workshop.path("runs/teacher"), workshop.path("moved")).unwrap();
    let moved = format!("stages.small.train.teacher.model={}", workshop.text("moved"));
    assert!(plan(&["-S", &moved]).starts_with("small  reuse"), "{}", plan(&["-S", &moved]));
    train_teacher(&workshop, "teacher", &["stages.probe.fit.logistic.l2=0.2"]);
    let said = plan(&[]);
    assert!(said.contains("the content of the teacher changed"), "{said}");
    assert!(!said.contains("share"), "{said}");
    // So does a comparison of runs.
    done(&run(&workshop, &["-S", "stages.small.epochs=1", "--cache-dir", &cache]));
    let [first, second] = ["runs/small", "runs/small-2"].map(|name| workshop.text(name));
    let said = alpaca_run(&["diff", &first, &second]).out;
    assert!(said.contains("content of the teacher of small"), "{said}");
    let report = std::fs::read_to_string(workshop.path("runs/small-2/report.html")).unwrap();
    assert!(report.contains("teacher digest"));
    let said = plan(&["-S", &moved, "-S", "stages.small.train.teacher.share=0.5"]);
    assert!(said.contains("stages.small.train.teacher.share: 1.0 → 0.5"), "{said}");
    assert!(!said.contains("content of the teacher"), "{said}");
}

#[test]
fn a_distilled_run_reproduces_with_its_teacher_and_with_no_other() {
    let workshop = taught(STUDENT, 2);
    done(&run(&workshop, &["-S", "stages.small.epochs=2"]));
    let reproduce = |more: &[&str]| {
        let directory = workshop.text("runs/small");
        alpaca_run(&[&["reproduce", &directory[..]], more].concat())
    };
    let said = reproduce(&[]);
    done(&said);
    assert!(said.out.starts_with("identical"), "{}", said.out);
    std::fs::rename(workshop.path("runs/teacher"), workshop.path("moved")).unwrap();
    let said = reproduce(&[]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("W006"), "{}", said.err);
    let at = |name: &str| format!("stages.small.train.teacher.model={}", workshop.text(name));
    let said = reproduce(&["-S", &at("moved")]);
    done(&said);
    train_teacher(&workshop, "teacher", &["stages.probe.fit.logistic.l2=0.2"]);
    let said = reproduce(&[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("a teacher changed since the run was started"), "{}", said.err);
    assert!(said.err.contains("-S stages.small.train.teacher.model=PATH"), "{}", said.err);
}

/// Moves some images of each class into `unlabeled`, which has no classes.
fn take_labels(workshop: &Workshop, classes: &[&str], n: usize) {
    std::fs::create_dir_all(workshop.path("unlabeled/deep")).unwrap();
    for class in classes {
        for i in 12 - n..12 {
            let from = workshop.path(&format!("pictures/{class}/{i:03}.png"));
            std::fs::rename(from, workshop.path(&format!("unlabeled/deep/{class}-{i}.png")))
                .unwrap();
        }
    }
}

const UNLABELED: &str = "\
version: 1
seed: 2
dataset: { directory: pictures, unlabeled: unlabeled, image_size: 64, batch_size: 5 }
augmentation:
  - random_flip: both
model: { base: mobilenet_v2, width: 0.35, weights: builtin }
stages:
  head:
    train: { epochs: 2, augmentation: [] }
  small:
    train:
      unfreeze_from: block_15
      epochs: 2
      class_weights: balanced
      mixing: { mix_up: {} }
      teacher: { model: runs/teacher, share: 0.3 }
";

#[test]
fn only_stages_with_a_teacher_train_on_unlabeled_images() {
    let workshop = taught(UNLABELED, 3);
    take_labels(&workshop, &["disc", "ring", "square"], 6);
    let said = check(&workshop, &[]);
    assert!(said.out.contains("18 images, 18 images without labels"), "{}", said.out);
    assert_same_on_any_threads(&workshop, &[]);
    let (runs, pipeline) = (workshop.path("runs"), workshop.text("small.yaml"));
    let manifest = manifest(&runs.join("small"));
    assert_eq!(manifest["dataset"]["unlabeled"]["n_images"], 18, "{manifest}");
    let started = |stage: &str| {
        let events = std::fs::read_to_string(runs.join("small/events.jsonl")).unwrap();
        let line = events
            .lines()
            .find(|line| line.contains("stage_started") && line.contains(&format!("{stage:?}")))
            .unwrap();
        let event: Value = serde_json::from_str(line).unwrap();
        event["event"]["stage_started"]["n_images"].as_u64().unwrap()
    };
    assert_eq!((started("head"), started("small")), (15, 33));
    let splits = std::fs::read_to_string(runs.join("small/splits.csv")).unwrap();
    assert!(!splits.contains("unlabeled"), "{splits}");
    // The first stage is the same without them, and the second is not.
    let without = ["-S", "dataset.unlabeled=pictures/disc"];
    let without = [without[0], &without[1].replace("pictures", &workshop.text("pictures"))];
    done(&run(&workshop, &without));
    let weights = |run: &str, stage: &str| {
        std::fs::read(runs.join(run).join(format!("weights/{stage}/last.safetensors"))).unwrap()
    };
    assert_eq!(weights("small", "head"), weights("small-3", "head"));
    assert_ne!(weights("small", "small"), weights("small-3", "small"));
    // A plan sees that one is gone, and which stage that concerns.
    let cache = workshop.text("cache");
    done(&run(&workshop, &["--cache-dir", &cache]));
    let plan = || alpaca_run(&["plan", &pipeline, "--cache-dir", &cache]).out;
    assert!(plan().contains("; 18 without labels"), "{}", plan());
    std::fs::remove_file(workshop.path("unlabeled/deep/disc-11.png")).unwrap();
    assert!(plan().starts_with("head   reuse"), "{}", plan());
    assert!(plan().contains("the unlabeled images changed"), "{}", plan());
    let said = alpaca_run(&["reproduce", &runs.join("small").display().to_string()]);
    assert!(said.err.contains("the unlabeled images changed since"), "{}", said.err);
    let data = alpaca_run(&["data", &pipeline, "--cache-dir", &cache]);
    assert!(data.out.contains("; 17 images without labels"), "{}", data.out);
}

#[test]
fn copies_of_validation_images_without_labels_are_reported() {
    let workshop = taught(UNLABELED, 2);
    let all = format!("dataset.unlabeled={}", workshop.text("pictures"));
    let said = run(&workshop, &["-S", &all]);
    done(&said);
    let wanted = "4 images outside the training set are among the unlabeled images";
    assert!(said.err.contains(wanted), "{}", said.err);
}

/// Twice as many images without labels say the right classes as there are wrong labels.
#[test]
fn unlabeled_images_are_learned_from_the_teacher_alone() {
    let workshop = taught(STUDENT, 2);
    dataset(&workshop.path("all"), 2, 12);
    take_labels(&workshop, &["disc", "ring"], 8);
    mislabel(&workshop, &["disc", "ring"]);
    let wrong = format!("dataset.directory={}", workshop.text("wrong"));
    let unlabeled = format!("dataset.unlabeled={}", workshop.text("unlabeled"));
    let without = ["-S", &wrong, "-S", "stages.small.train.teacher.share=0.01"];
    done(&run(&workshop, &[&without[..], &["-S", &unlabeled]].concat()));
    let learned = measured(&workshop, "runs/small", "all", "accuracy");
    done(&run(&workshop, &without));
    let mislearned = measured(&workshop, "runs/small-2", "all", "accuracy");
    assert!(learned > 0.6 && mislearned < 0.4, "{learned} {mislearned}");
}

#[test]
fn unlabeled_images_that_cannot_be_used_are_found_before_anything_runs() {
    let workshop = taught(STUDENT, 2);
    let nothing = format!("dataset.unlabeled={}", workshop.text("nothing"));
    let said = check(&workshop, &[&nothing]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("error[D001]") && said.err.contains("nothing"), "{}", said.err);
    std::fs::create_dir(workshop.path("nothing")).unwrap();
    let said = check(&workshop, &[&nothing]);
    assert!(said.err.contains("error[D002]") && said.err.contains("is empty"), "{}", said.err);
    std::fs::write(workshop.path("nothing/damaged.png"), b"\x89PNG\r\n\x1a\n damaged").unwrap();
    let said = run(&workshop, &["-S", &nothing]);
    assert_ne!(said.code, Some(0));
    assert!(said.err.contains("unlabeled/damaged.png"), "{}", said.err);
}
