//! A finished run comes out the same again, and where it does not, the reason is named.

use crate::support::pictures::Workshop;
use crate::support::program::{Said, alpaca_run};
use crate::support::runs::{TWO_STAGES, assert_same_files, run};

fn reproduce(workshop: &Workshop, more: &[&str]) -> Said {
    let directory = workshop.text("runs/small");
    alpaca_run(&[&["reproduce", &directory], more].concat())
}

fn workshop() -> Workshop {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = run(&workshop, &["-S", "dataset.batch_size=6"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    workshop
}

#[test]
fn a_run_reproduces_from_what_it_recorded() {
    let workshop = workshop();
    std::fs::remove_file(workshop.path("small.yaml")).unwrap();
    let kept = workshop.text("kept");
    let said = reproduce(&workshop, &["--threads", "3", "--keep", &kept]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.starts_with("identical: 24 files and the manifest"), "{}", said.out);
    assert!(!said.err.contains("reused"), "{}", said.err);
    assert_same_files(&workshop.path("runs/small"), &workshop.path("kept/small"));
}

#[test]
fn pictures_may_have_moved_but_not_changed() {
    let workshop = workshop();
    std::fs::rename(workshop.path("pictures"), workshop.path("moved")).unwrap();
    let said = reproduce(&workshop, &[]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("D001"), "{}", said.err);
    let moved = format!("dataset.directory={}", workshop.text("moved"));
    let said = reproduce(&workshop, &["-S", &moved]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    std::fs::copy(workshop.path("moved/ring/004.png"), workshop.path("moved/disc/003.png"))
        .unwrap();
    let said = reproduce(&workshop, &["-S", &moved]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(
        said.err.contains("images changed") && said.err.contains("disc/003.png"),
        "{}",
        said.err
    );
}

/// The weights of a run are weights to start another from; where their file lies is no difference.
#[test]
fn weights_may_have_moved() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    assert_eq!(run(&workshop, &["--until", "transfer", "-S", "name=first"]).code, Some(0));
    let [here, there] = ["here", "there"].map(|name| workshop.path(name));
    std::fs::copy(workshop.path("runs/first/weights/best.safetensors"), &here).unwrap();
    let weights = |path: &std::path::Path| format!("model.weights={}", path.display());
    let said = run(&workshop, &["-S", &weights(&here)]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    std::fs::rename(&here, &there).unwrap();
    let said = reproduce(&workshop, &[]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("-S model.weights=FILE"), "{}", said.err);
    let said = reproduce(&workshop, &["-S", &weights(&there)]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.starts_with("identical"), "{}", said.out);
}

/// What was written by another build is told before the run, and a difference by its first place.
#[test]
fn the_first_difference_is_named() {
    let workshop = workshop();
    // A run that says of itself something else than what comes out, without a broken digest.
    let directory = workshop.path("runs/small");
    let metrics = std::fs::read_to_string(directory.join("metrics.csv")).unwrap();
    let row = metrics.lines().nth(2).unwrap();
    let cell = row.split(',').nth(4).unwrap();
    let forged = metrics.replace(row, &row.replace(cell, "0.123456"));
    std::fs::write(directory.join("metrics.csv"), &forged).unwrap();
    let said = reproduce(&workshop, &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("changed since it finished"), "{}", said.err);
    let manifest = std::fs::read_to_string(directory.join("manifest.json")).unwrap();
    let digest = |text: &str| blake3::hash(text.as_bytes()).to_string();
    let manifest = manifest
        .replace(&digest(&metrics), &digest(&forged))
        .replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"0.0.1\"");
    std::fs::write(directory.join("manifest.json"), manifest).unwrap();
    let said = reproduce(&workshop, &[]);
    assert_eq!(said.code, Some(1), "{}", said.err);
    assert!(said.err.contains("note: alpaca-run was 0.0.1 and is"), "{}", said.err);
    let expected = format!(
        "metrics.csv, row 2 (transfer, 2), val/loss: 0.123456 in the first run, {cell} in the second\n"
    );
    assert!(said.out.contains(&expected), "{}", said.out);
}
