//! The name of a build: results of another build are run again, unless only words changed.

use std::fs;
use std::path::Path;

use crate::support::pictures::Workshop;
use crate::support::program::{files_below, project};
use crate::support::runs::{TWO_STAGES, manifest, run};
use crate::{identity, lines, locked};

/// A copy of the project's sources.
fn copied() -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for folder in ["src", "crates"] {
        for (name, bytes) in files_below(&project().join(folder)) {
            let path = copy.path().join(folder).join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
    for name in ["Cargo.toml", "Cargo.lock"] {
        fs::copy(project().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

/// The digest of a copy of the sources after an edit.
fn after(copy: &Path, file: &str, from: &str, to: &str) -> u64 {
    let path = copy.join(file);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} does not say `{from}`");
    fs::write(&path, text.replacen(from, to, 1)).unwrap();
    let digest = identity::digest(copy);
    fs::write(path, text).unwrap();
    digest
}

/// The same digest is the same key, which reuses what an earlier build kept; `plan_and_cache.rs` has what a
/// plan says then.
#[test]
fn words_keep_the_name_of_a_build_and_arithmetic_changes_it() {
    let copy = copied();
    let before = identity::digest(copy.path());
    assert_eq!(before, identity::digest(project()));
    let version = |name| {
        let lock = fs::read_to_string(project().join("Cargo.lock")).unwrap();
        let version = locked::version(&lock, name).unwrap();
        format!("name = \"{name}\"\nversion = \"{version}\"")
    };
    let [clap, burn, proptest] = ["clap", "burn-autodiff", "proptest"].map(version);
    for (file, from, to) in [
        ("src/cli/command/plan.rs", "reuse", "use again"),
        ("src/run_dir/plot/rate.rs", "Learning rate", "Rate"),
        ("src/dataset/split.rs", "//! ", "//! Another word. "),
        ("src/train/mod.rs", "#[error(\"", "#[error(\"another word: "),
        ("src/dataset/error.rs", "image", "photograph"),
        ("src/metrics/rates.rs", "Duration::from_secs", "Duration::from_millis"),
        ("Cargo.toml", "version = \"0.1.0\"", "version = \"0.1.1\""),
        ("Cargo.lock", &clap, "name = \"clap\"\nversion = \"99.0.0\""),
        ("Cargo.lock", &proptest, "name = \"proptest\"\nversion = \"99.0.0\""),
        ("crates/kernels/Cargo.toml", "proptest", "proptest # of tests"),
    ] {
        assert_eq!(after(copy.path(), file, from, to), before, "{file}: {from}");
    }
    for (file, from, to) in [
        ("crates/kernels/src/product.rs", "48 * 1024", "64 * 1024"),
        ("crates/random/src/lib.rs", "2026 seed", "2027 seed"),
        ("src/dataset/resize.rs", "0.5", "0.6"),
        ("src/exec/run/stage.rs", "SeedStream::new(", "SeedStream::new(1 + "),
        ("Cargo.toml", "\"simd\", ", ""),
        ("src/model/imagenet_classes.csv", "n01440764", "n01440765"),
        ("crates/painter/Cargo.toml", "\"no-std-float\"", ""),
        ("Cargo.lock", &burn, "name = \"burn-autodiff\"\nversion = \"99.0.0\""),
    ] {
        assert_ne!(after(copy.path(), file, from, to), before, "{file}: {from}");
    }
}

#[test]
fn what_is_left_out_of_a_source_is_no_part_of_its_literals() {
    let same = [
        ("a(); // b", "a();"),
        ("a();\n\n    b();", "a();\nb();"),
        ("/* a /* b */ \" */ c", "c"),
        ("#[error(\"a ] {b}\")]\nc", "c"),
        ("fn a<'a>(b: &'a str) {} // '", "fn a<'a>(b: &'a str) {}"),
        ("a\nmod tests {\n b\n}", "a"),
    ];
    for (source, kept) in same {
        assert_eq!(lines::that_compute(source), kept, "{source}");
    }
    let others = [
        ("\"// a\"", "\"// b\""),
        ("\"a\\\" // b\"", "\"a\\\" // c\""),
        ("\"a\n  b\"", "\"a\n    b\""),
        ("\"a\n\nb\"", "\"a\nb\""),
        ("r#\"a \" // b\"#", "r#\"a \" // c\"#"),
        ("('\"', \"// a\")", "('\"', \"// b\")"),
        ("('\\'', \"// a\")", "('\\'', \"// b\")"),
    ];
    for (one, other) in others {
        assert_ne!(lines::that_compute(one), lines::that_compute(other), "{one}");
    }
}

#[test]
fn a_run_names_the_build_that_computed_it() {
    let workshop = Workshop::new(TWO_STAGES, 2);
    let said = run(&workshop, &[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let versions = &manifest(&workshop.path("runs/small"))["versions"];
    assert_eq!(versions["build"], format!("{:016x}", identity::digest(project())));
    let lock = fs::read_to_string(project().join("Cargo.lock")).unwrap();
    assert_eq!(versions["burn"], locked::version(&lock, "burn").unwrap());
}
