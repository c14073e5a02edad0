//! Large datasets in shards: one output for each, which together are those of one process.

use std::path::Path;
use std::process::Command;

use crate::support::pictures::{Workshop, picture};
use crate::support::program::{Said, alpaca_run, done, files_below};
use crate::support::runs::{ONE_STAGE, assert_same_bytes, run};

/// A workshop with a run, and `n` shards of four labeled images each.
fn workshop(n: u32) -> Workshop {
    let workshop = Workshop::new(ONE_STAGE, 2);
    done(&run(&workshop, &[]));
    for shard in 0..n {
        let mut tar = tar::Builder::new(Vec::new());
        for i in 0..4u32 {
            let class = (shard + i) as usize % 2;
            let mut png = std::io::Cursor::new(vec![]);
            picture(class, 100 + 4 * shard + i)
                .write_to(&mut png, image::ImageFormat::Png)
                .unwrap();
            for (ending, content) in
                [("png", png.into_inner()), ("cls", ["disc", "ring"][class].as_bytes().to_vec())]
            {
                let mut header = tar::Header::new_gnu();
                header.set_size(content.len() as u64);
                header.set_mode(0o644);
                tar.append_data(&mut header, format!("{i:04}.{ending}"), &content[..]).unwrap();
            }
        }
        let path = workshop.path(&format!("t-{shard:03}.tar"));
        std::fs::write(path, tar.into_inner().unwrap()).unwrap();
    }
    workshop
}

/// The command line of a job on all shards.
fn words(workshop: &Workshop, work: &str, out: &str, more: &[&str]) -> Vec<String> {
    let [run, shards, out] = ["runs/small", "t-*.tar", out].map(|name| workshop.text(name));
    let words = ["shard", work, &run, "--shards", &shards, "--out", &out, "--no-cache"];
    words.iter().chain(more).map(|word| (*word).to_owned()).collect()
}

fn shard(workshop: &Workshop, work: &str, out: &str, more: &[&str]) -> Said {
    alpaca_run(&words(workshop, work, out, more))
}

/// All results but those about tasks.
fn results(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = files_below(folder);
    files.retain(|(name, _)| !name.starts_with("jobs/"));
    files
}

#[test]
fn predictions_of_shards_are_those_of_one_process() {
    let workshop = workshop(6);
    done(&shard(&workshop, "predict", "alone", &[]));
    // `predict` on all archives, whose paths are not relative to their directory.
    let shards: Vec<String> = (0..6).map(|i| workshop.text(&format!("t-{i:03}.tar"))).collect();
    let run = workshop.text("runs/small");
    let mut words = vec!["predict", &run, "--csv"];
    words.extend(shards.iter().map(String::as_str));
    let predicted = alpaca_run(&words);
    done(&predicted);
    let folder = format!("{}/", workshop.path("").display().to_string().trim_end_matches('/'));
    let merged = std::fs::read_to_string(workshop.path("alone/predictions.csv")).unwrap();
    assert_eq!(predicted.out.replace(&folder, ""), merged);
    assert_eq!(merged.lines().count(), 25);
    done(&shard(&workshop, "predict", "there", &["--on", "local", "--group", "2"]));
    let [a, b] = ["alone", "there"].map(|place| results(&workshop.path(place)));
    assert!(a == b);
    // Each of the three tasks had a lock, by which `jobs show` knows that it runs.
    assert_eq!(files_below(&workshop.path("there/jobs/locks")).len(), 3);
    // Another model makes all outputs anew, and a changed shard only its own.
    let before = std::fs::read(workshop.path("alone/shards/t-002.tar.json")).unwrap();
    std::fs::copy(workshop.path("t-004.tar"), workshop.path("t-003.tar")).unwrap();
    let said = shard(&workshop, "predict", "alone", &[]);
    done(&said);
    assert!(said.err.contains("5 of 6 groups had finished before"), "{}", said.err);
    assert!(before == std::fs::read(workshop.path("alone/shards/t-002.tar.json")).unwrap());
}

#[test]
fn features_of_shards_are_tables_or_parquet_files() {
    let workshop = workshop(3);
    done(&shard(&workshop, "embed", "alone", &[]));
    done(&shard(&workshop, "embed", "there", &["--on", "local", "--group", "2"]));
    assert!(results(&workshop.path("alone")) == results(&workshop.path("there")));
    let text = std::fs::read_to_string(workshop.path("alone/features.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((rows.len(), rows[1][0], rows[1].len()), (13, "t-000.tar/0000.png", 1282));
    // The outputs of the head, of these features, are the predictions.
    done(&shard(&workshop, "predict", "predicted", &[]));
    let weights = std::fs::read(workshop.path("runs/small/weights/best.safetensors")).unwrap();
    let weights = safetensors::SafeTensors::deserialize(&weights).unwrap();
    let numbers = |name: &str| -> Vec<f32> {
        let tensor = weights.tensor(name).unwrap();
        tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
    };
    let (kernel, bias) = (numbers("head/kernel"), numbers("head/bias"));
    let sum = |row: &[&str]| -> f64 {
        let products = row[1..1281].iter().zip(&kernel);
        let products = products.map(|(x, w)| x.parse::<f64>().unwrap() * f64::from(*w));
        products.sum::<f64>() + f64::from(bias[0])
    };
    let predicted = std::fs::read_to_string(workshop.path("predicted/predictions.csv")).unwrap();
    for (row, line) in rows[1..].iter().zip(predicted.lines().skip(1)) {
        let probability: f64 = line.split(',').nth(3).unwrap().parse().unwrap();
        let expected = 1.0 / (1.0 + (-sum(row)).exp());
        assert!((probability - expected).abs() < 1e-5, "{probability} {expected}");
    }
    done(&shard(&workshop, "embed", "parquet", &["--format", "parquet"]));
    let names: Vec<String> =
        results(&workshop.path("parquet")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.iter().filter(|name| name.ends_with(".parquet")).count(), 3, "{names:?}");
    let said = shard(&workshop, "evaluate", "no", &["--format", "parquet"]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    if let Some(python) = std::env::var_os("ALPACA_PYTHON") {
        let read = "import sys, polars; t = polars.read_parquet(sys.argv[1]); \
                    print(t.shape, t['embedding'].list.len().to_list())";
        let files = workshop.text("parquet/shards/*.parquet");
        let said = Command::new(python).args(["-c", read, &files]).output().unwrap();
        if said.status.success() {
            let expected =
                "(12, 3) [1280, 1280, 1280, 1280, 1280, 1280, 1280, 1280, 1280, 1280, 1280, 1280]";
            assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), expected);
        } else {
            println!("skipped: the Python of ALPACA_PYTHON has no polars");
        }
    }
}

#[test]
fn metrics_of_shards_are_those_of_one_evaluation() {
    let workshop = workshop(5);
    done(&shard(&workshop, "evaluate", "merged", &["--on", "local"]));
    let [run, shards, out] = ["runs/small", "t-*.tar", "whole"].map(|name| workshop.text(name));
    done(&alpaca_run(&["evaluate", &run, "--data", &shards, "--out", &out]));
    for file in ["metrics.json", "predictions.csv", "plots/confusion_matrix.svg"] {
        let of = |place: &str| std::fs::read_to_string(workshop.path(place).join(file)).unwrap();
        assert_eq!(of("merged"), of("whole"), "{file}");
    }
}

#[cfg(unix)]
#[test]
fn shards_whose_tasks_are_killed_leave_the_same_bytes() {
    use std::thread;
    use std::time::Duration;

    use crate::support::program::command;

    let workshop = workshop(40);
    done(&shard(&workshop, "predict", "alone", &[]));
    let there = workshop.path("there");
    let words =
        words(&workshop, "predict", "there", &["--on", "local", "--group", "4", "--threads", "8"]);
    let mut process = command(&words).spawn().unwrap();
    let mut n_killed = 0;
    while process.try_wait().unwrap().is_none() {
        let pattern = format!("jobs run {}", there.display());
        let killed = Command::new("pkill").args(["-KILL", "-n", "-f", &pattern]).status().unwrap();
        n_killed += usize::from(killed.success());
        if n_killed == 8 {
            break;
        }
        thread::sleep(Duration::from_millis(40));
    }
    done(&Said::of(process));
    assert!(n_killed > 0);
    assert!(results(&workshop.path("alone")) == results(&there));
}

#[test]
fn what_cannot_be_sharded_is_said() {
    let workshop = workshop(1);
    let why = |said: &Said| {
        assert_eq!(said.code, Some(2), "{}", said.err);
        said.err.clone()
    };
    let of = |shards: &str, run: &str| {
        let [run, shards, out] = [run, shards, "out"].map(|name| workshop.text(name));
        why(&alpaca_run(&["shard", "predict", &run, "--shards", &shards, "--out", &out]))
    };
    assert!(of("u-*.tar", "runs/small").contains("no file fits `u-*.tar`"));
    assert!(of("u-{3..1}.tar", "runs/small").contains("is not a range"));
    assert!(of("t-{000..001}.tar", "runs/small").contains("t-001.tar"));
    assert!(of("t-*.tar", "runs").contains("name one of the runs in it"));
    assert!(of("{t-000,t-000}.tar", "runs/small").contains("twice"));
    // Nothing is written into a directory of something else.
    for out in ["runs/small", "pictures"] {
        let said = shard(&workshop, "predict", out, &[]);
        assert!(why(&said).contains("has other files than the results of `shard`"), "{}", said.err);
    }
    done(&alpaca_run(&["verify", &workshop.text("runs/small")]));
    done(&shard(&workshop, "predict", "answers", &[]));
    let said = shard(&workshop, "evaluate", "answers", &[]);
    assert!(why(&said).contains("has the results of `shard predict`"), "{}", said.err);
    std::fs::write(workshop.path("t-000.tar"), b"no archive").unwrap();
    for work in ["predict", "evaluate"] {
        let said = shard(&workshop, work, "out", &[]);
        assert!(why(&said).contains("t-000.tar` is not a tar or zip archive"), "{}", said.err);
    }
}

#[test]
fn shards_of_an_earlier_start_are_not_forgotten() {
    let workshop = workshop(3);
    done(&shard(&workshop, "predict", "out", &["--on", "local"]));
    std::fs::remove_file(workshop.path("t-001.tar")).unwrap();
    let said = shard(&workshop, "predict", "out", &[]);
    done(&said);
    let gone = "1 shard of the earlier start cannot be found now, such as `t-001.tar`";
    let others = "also has results of 1 shard that the pattern does not name";
    assert!(said.err.contains(gone) && said.err.contains(others), "{}", said.err);
    std::fs::write(workshop.path("out/jobs/jobs.json"), "[").unwrap();
    let said = alpaca_run(&["jobs", "show", &workshop.text("out")]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("cannot read") && said.err.contains("jobs.json"), "{}", said.err);
}

/// A head, and a stage that needs the images.
const HEAD: &str = "\
version: 1
dataset: { shards: 't-{000..015}.tar', image_size: 32, split: { validation: 0.25 } }
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  head:
    fit: { logistic: { l2: 0.1 } }
  finetune:
    train:
      from: head
      unfreeze_from: 138
      epochs: 1
      augmentation: [{ random_flip: both }]
";

/// A workshop with 16 shards, and a pipeline of a head for their images.
struct Heads {
    workshop: Workshop,
    pipeline: String,
}

impl Heads {
    fn new() -> Self {
        let workshop = workshop(16);
        std::fs::write(workshop.path("head.yaml"), HEAD).unwrap();
        let pipeline = workshop.text("head.yaml");
        Self { workshop, pipeline }
    }

    /// Computes the features of all shards.
    fn features(&self, out: &str, more: &[&str]) {
        let [shards, out] = ["t-*.tar", out].map(|name| self.workshop.text(name));
        let words = ["shard", "features", &self.pipeline, "--shards", &shards, "--out", &out];
        done(&alpaca_run(&[&words[..], &["--no-cache"], more].concat()));
    }

    /// Runs the pipeline with the features in a directory, if there is one.
    fn run(&self, runs: &str, features: Option<&str>, more: &[&str]) -> Said {
        let [cache, runs] = [&format!("{runs}-cache"), runs].map(|at| self.workshop.text(at));
        let words = ["run", &self.pipeline, "--runs-dir", &runs, "--cache-dir", &cache];
        let value = features.map(|name| format!("cache.features={}", self.workshop.text(name)));
        let option: Vec<&str> = value.iter().flat_map(|value| ["-S", value]).collect();
        alpaca_run(&[&words[..], &option, more].concat())
    }

    /// The files of a run that do not tell the time.
    fn lasting(&self, runs: &str) -> Vec<(String, Vec<u8>)> {
        let mut files = files_below(&self.workshop.path(runs).join("head"));
        let varies = ["timings.csv", "events.jsonl", "manifest.json"];
        files.retain(|(name, _)| !varies.contains(&name.as_str()));
        files
    }
}

#[test]
fn features_of_shards_feed_a_head_with_the_same_result() {
    let heads = Heads::new();
    let workshop = &heads.workshop;
    heads.features("alone", &[]);
    heads.features("there", &["--on", "local", "--group", "5"]);
    let [a, b] = ["alone", "there"].map(|place| results(&workshop.path(place)));
    assert!(a == b);
    done(&heads.run("without", None, &[]));
    let said = heads.run("with", Some("there"), &[]);
    done(&said);
    assert!(!said.err.contains("does not use"), "{}", said.err);
    assert_same_bytes(&heads.lasting("without"), &heads.lasting("with"));
    // Features may include a shard that has none. To accept its file computes nothing again.
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(6);
    header.set_mode(0o644);
    tar.append_data(&mut header, "a.png", &b"broken"[..]).unwrap();
    std::fs::write(workshop.path("t-bad.tar"), tar.into_inner().unwrap()).unwrap();
    let [shards, out] = ["t-*.tar", "alone"].map(|name| workshop.text(name));
    let words = ["shard", "features", &heads.pipeline, "--shards", &shards, "--out", &out];
    let said = alpaca_run(&words);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("1 file could not be read as images; to accept"), "{}", said.err);
    let said = alpaca_run(&[&words[..], &["--skip-bad"]].concat());
    done(&said);
    assert!(said.err.contains("17 of 17 groups had finished before"), "{}", said.err);
    done(&heads.run("with-bad", Some("alone"), &[]));
    assert_same_bytes(&heads.lasting("without"), &heads.lasting("with-bad"));
    // A head alone needs no pixels, except those that its report shows.
    let n_decoded = |runs: &str, features| {
        done(&heads.run(runs, features, &["--until", "head"]));
        files_below(&workshop.path(&format!("{runs}-cache/pixels-v2"))).len()
    };
    let [without, with] = [n_decoded("a", None), n_decoded("b", Some("alone"))];
    assert!(with < without, "{with} of {without}");
    // A hidden layer has the same features.
    let hidden = ["-S", "stages.head={ train: { epochs: 1 } }", "-S", "model.head.hidden=[4]"];
    let said = heads.run("hidden", Some("alone"), &hidden);
    done(&said);
    assert!(!said.err.contains("does not use"), "{}", said.err);
}

#[test]
fn features_that_are_of_no_use_are_said() {
    let heads = Heads::new();
    let workshop = &heads.workshop;
    heads.features("there", &[]);
    let said = heads.run("other", Some("there"), &["-S", "seed=5"]);
    done(&said);
    assert!(said.err.contains("stage head does not use the features"), "{}", said.err);
    let pictures = workshop.text("pictures");
    let dataset = format!("dataset={{ directory: {pictures}, image_size: 32 }}");
    let said = heads.run("none", Some("there"), &["-S", &dataset]);
    done(&said);
    assert!(said.err.contains("no image of stage head has features in"), "{}", said.err);
    let file = workshop.path("there/shards/t-002.tar.features");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let said = heads.run("damaged", Some("there"), &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("`alpaca-run shard features` writes it again"), "{}", said.err);
    heads.features("there", &[]);
    done(&heads.run("mended", Some("there"), &[]));
    // A start that was interrupted before its first shard continues, and has no features yet.
    std::fs::create_dir_all(workshop.path("begun/shards")).unwrap();
    std::fs::write(workshop.path("begun/pipeline.yaml"), HEAD).unwrap();
    for (place, words) in [
        (".", "has no features"),
        ("nowhere", "there is no directory"),
        ("begun", "are not complete"),
    ] {
        let said = heads.run("none", Some(place), &[]);
        assert_eq!(said.code, Some(2), "{}", said.err);
        assert!(said.err.contains(words), "{}", said.err);
    }
    heads.features("begun", &[]);
    assert!(results(&workshop.path("begun")) == results(&workshop.path("there")));
}

/// The winner of a sweep names the features where they are, and none of an option.
#[test]
fn a_winner_finds_the_features_of_its_pipeline() {
    let heads = Heads::new();
    let workshop = &heads.workshop;
    heads.features("alone", &[]);
    let sweep = format!("{HEAD}sweep: {{ over: {{ stages.head.fit.logistic.l2: [0.1, 1] }} }}\n");
    let option = format!("cache.features={}", workshop.text("alone"));
    for (text, option, place) in [
        (format!("{sweep}cache: {{ features: alone }}\n"), vec![], Some("../../alone")),
        (sweep, vec!["-S", &option], None),
    ] {
        std::fs::write(workshop.path("many.yaml"), text).unwrap();
        let runs = if place.is_some() { "a" } else { "b" };
        let [many, runs] = ["many.yaml", runs].map(|name| workshop.text(name));
        let words = ["sweep", &many, "--runs-dir", &runs, "--no-cache"];
        done(&alpaca_run(&[&words[..], &option].concat()));
        let winner = format!("{runs}/many-sweep/winner.yaml");
        let text = std::fs::read_to_string(&winner).unwrap();
        assert_eq!(text.contains("cache"), place.is_some(), "{text}");
        assert!(place.is_none_or(|place| text.contains(place)), "{text}");
        done(&alpaca_run(&["check", &winner]));
    }
}

#[test]
fn a_shard_may_have_no_readable_image_of_a_class() {
    let workshop = workshop(2);
    let mut tar = tar::Builder::new(Vec::new());
    let mut png = std::io::Cursor::new(vec![]);
    picture(0, 1).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let files: [(&str, &[u8]); 4] =
        [("a.png", png.get_ref()), ("a.cls", b"disc"), ("b.png", b"broken"), ("b.cls", b"ring")];
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content).unwrap();
    }
    std::fs::write(workshop.path("t-002.tar"), tar.into_inner().unwrap()).unwrap();
    let said = shard(&workshop, "evaluate", "out", &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    let said = shard(&workshop, "evaluate", "out", &["--skip-bad"]);
    done(&said);
    assert!(said.out.contains("9 images in 3 shards"), "{}", said.out);
}
