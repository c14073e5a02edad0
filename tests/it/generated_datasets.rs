//! Datasets that are drawn: no folder, and the same bytes every time.

use crate::support::pictures::Workshop;
use crate::support::program::{alpaca_run, files_below};
use crate::support::runs::{assert_same_files, run};

const DRAWN: &str = "\
version: 1
seed: 3
dataset:
  generator: { kinds: [solids, textures], classes: 4, images: 8, afresh: true }
  image_size: 32
  batch_size: 7
model: { base: mobilenet_v2, width: 0.35, weights: none }
stages:
  first:
    train: { freeze: none, epochs: 2, batch_norm: { train: {} } }
  second:
    train: { freeze: all, epochs: 2 }
";

#[test]
fn a_drawn_dataset_trains_to_the_same_bytes_and_keeps_what_comes_again() {
    let workshop = Workshop::new(DRAWN, 2);
    let cache = workshop.text("cache");
    for more in [&["--threads", "1"][..], &["--threads", "3"], &["--cache-dir", &cache]] {
        let said = run(&workshop, more);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
    let [one, two, three] =
        ["runs/small", "runs/small-2", "runs/small-3"].map(|name| workshop.path(name));
    assert_same_files(&one, &two);
    assert_same_files(&one, &three);
    let splits = std::fs::read_to_string(one.join("splits.csv")).unwrap();
    // Those to validate with come again and are kept, and those on the sheet of pictures; the 24 to
    // train on in each of four epochs are not.
    let kept = files_below(&workshop.path("cache"));
    let n_kept = kept.iter().filter(|(name, _)| name.starts_with("pixels")).count();
    let n_validation = splits.lines().filter(|line| line.contains(",validation,")).count();
    assert!((n_validation..=32).contains(&n_kept), "{n_kept} pictures were kept");
    assert_eq!(splits.lines().count(), 1 + 32);
    assert!(splits.contains("1-textures/0,1-textures,"), "{splits}");
    // A stage of drawn pictures is reused like any other.
    let said = run(&workshop, &["--cache-dir", &cache]);
    assert!(said.err.contains("stage second: reused"), "{}", said.err);
    let said = alpaca_run(&["reproduce", &workshop.text("runs/small"), "--no-cache"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
}

#[test]
fn training_pictures_are_others_in_each_epoch_only_where_asked() {
    let workshop = Workshop::new(DRAWN, 2);
    // Nothing moves, so what differs between epochs is the pictures.
    let still = [
        "-S",
        "stages.second.optimizer={sgd: {learning_rate: 1e-30}}",
        "-S",
        "model.head.dropout=0",
    ];
    let losses = |afresh: &str| -> Vec<String> {
        let change = format!("dataset.generator.afresh={afresh}");
        let said = run(&workshop, &[&still[..], &["-S", &change]].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
        let directory =
            said.out.lines().find_map(|line| line.strip_prefix("The run is in ")).unwrap();
        let directory = directory.split(':').next().unwrap();
        let table = std::fs::read_to_string(format!("{directory}/metrics.csv")).unwrap();
        let heads: Vec<&str> = table.lines().next().unwrap().split(',').collect();
        let column = heads.iter().position(|head| *head == "train/loss").unwrap();
        let rows = table.lines().skip(3);
        rows.map(|row| row.split(',').nth(column).unwrap()[..8].to_owned()).collect()
    };
    let same = losses("false");
    assert_eq!(same[0], same[1]);
    let other = losses("true");
    assert_ne!(other[0], other[1]);
}

#[test]
fn drawn_pictures_are_planned_checked_and_listed() {
    let workshop = Workshop::new(DRAWN, 2);
    let pipeline = workshop.text("small.yaml");
    let said = alpaca_run(&["check", &pipeline]);
    assert!(said.out.contains("4 classes, 32 drawn images"), "{}{}", said.out, said.err);
    for command in ["plan", "layers"] {
        let said = alpaca_run(&[command, &pipeline]);
        assert_eq!(said.code, Some(0), "{}", said.err);
    }
}
