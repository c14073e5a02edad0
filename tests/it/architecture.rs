//! The table of ARCHITECTURE.md, kept true: which module uses which, where each library may be
//! named, and how long a file may be.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::support::program::{files_with_ending, project};

/// Each module with those it may use, in the order of `lib.rs`. A module uses only modules above.
const MODULES: [(&str, &[&str]); 17] = [
    ("base", &[]),
    ("spec", &["base"]),
    ("event", &["base"]),
    ("metrics", &["base"]),
    ("model", &["base", "spec"]),
    ("pipeline", &["base", "spec", "model"]),
    ("onnx", &["base", "spec", "model"]),
    ("fetch", &["base", "spec", "model"]),
    ("cache", &["base"]),
    ("dataset", &["base", "spec", "cache"]),
    ("engine", &["base", "spec", "model", "onnx"]),
    ("train", &["base", "spec", "event", "metrics", "model", "engine"]),
    ("run_dir", &["base", "spec", "event", "metrics", "model"]),
    ("diff", &["base", "spec", "event", "metrics", "pipeline", "dataset", "run_dir"]),
    ("report", &["base", "spec", "metrics", "dataset", "run_dir"]),
    (
        "exec",
        &[
            "base", "spec", "event", "metrics", "model", "onnx", "fetch", "cache", "dataset",
            "engine", "train", "run_dir", "report",
        ],
    ),
    (
        "cli",
        &[
            "base", "spec", "event", "metrics", "model", "pipeline", "fetch", "cache", "run_dir",
            "diff", "report", "exec",
        ],
    ),
];

/// Libraries that one folder alone may name; of one that is listed again, those folders.
const HOMES: [(&str, &str); 29] = [
    ("annotate_snippets", "cli"),
    ("anyhow", "cli"),
    ("base64", "run_dir"),
    ("blake3", "base"),
    ("burn", "engine/autodiff"),
    ("clap", "cli"),
    ("csv", "run_dir"),
    ("ctrlc", "cli"),
    ("signal_hook", "cli"),
    ("fast_image_resize", "dataset"),
    ("hdf5_reader", "model/weights/import"),
    ("image", "dataset"),
    ("indicatif", "cli"),
    ("notify", "cli"),
    ("roxmltree", "run_dir"),
    ("safetensors", "model/weights"),
    ("saphyr_parser", "pipeline"),
    ("schemars", "pipeline"),
    ("sha2", "fetch"),
    ("strsim", "base"),
    ("tracing", "cli"),
    ("prost", "onnx"),
    ("tract_onnx", "model/weights/import"),
    ("tract_onnx", "onnx"),
    ("tiny_skia", "dataset/paint"),
    ("unicode_normalization", "base"),
    ("ureq", "fetch"),
    ("walkdir", "dataset"),
    ("zip", "model/weights/import"),
];

/// Lines a file may have, those of its own tests not counted.
const MOST_LINES: usize = 500;

/// Every source file with its path below `src` and its text.
fn sources() -> Vec<(String, String)> {
    let root = project().join("src");
    let files: Vec<PathBuf> = files_with_ending(&root, "rs");
    let below = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    files.iter().map(|path| (below(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The words that follow `crate::` in a text.
fn used_modules(text: &str) -> BTreeSet<&str> {
    let word = |rest: &'_ str| rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
    text.split("crate::")
        .skip(1)
        .map(|rest| &rest[..word(rest).unwrap_or(rest.len())])
        .filter(|name| MODULES.iter().any(|(module, _)| module == name))
        .collect()
}

#[test]
fn each_module_uses_only_those_it_may() {
    for (path, text) in sources() {
        let module = path.split(['/', '.']).next().unwrap();
        let Some((_, allowed)) = MODULES.iter().find(|(name, _)| *name == module) else {
            assert!(["lib", "main"].contains(&module), "{path} is in no module of the table");
            continue;
        };
        for used in used_modules(&text) {
            let is_allowed = used == module || allowed.contains(&used);
            assert!(is_allowed, "{path} uses `{used}`, which `{module}` may not");
        }
    }
}

#[test]
fn modules_use_only_modules_above_them_and_stand_in_that_order() {
    for (position, (module, allowed)) in MODULES.iter().enumerate() {
        let above = &MODULES[..position];
        for used in *allowed {
            assert!(above.iter().any(|(name, _)| name == used), "{module} stands above {used}");
        }
    }
    let text = std::fs::read_to_string(project().join("src/lib.rs")).unwrap();
    let listed: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(listed, MODULES.map(|(module, _)| module));
}

#[test]
fn libraries_are_named_in_their_home_alone() {
    for (path, text) in sources() {
        for (library, home) in HOMES {
            let is_named =
                text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
                    let uses = format!("use {library}::");
                    line.trim_start().starts_with(&uses) || line.contains(&format!(" {library}::"))
                });
            let is_home = |(name, home): &(&str, &str)| *name == library && path.starts_with(home);
            assert!(
                !is_named || HOMES.iter().any(is_home),
                "{path} names `{library}`, at home in {home}"
            );
        }
    }
}

#[test]
fn files_stay_short_and_say_what_they_are_for() {
    for (path, text) in sources() {
        let own = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let n_lines = own.lines().count();
        assert!(n_lines <= MOST_LINES, "{path} has {n_lines} lines");
        assert!(text.starts_with("//! "), "{path} does not begin with what it is for");
    }
}
