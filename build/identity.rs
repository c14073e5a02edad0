//! Digest of everything that affects results: sources of the modules that compute, and the
//! libraries that they use.
//!
//! Messages of errors, comments and tests do not affect results, so cached results stay valid after
//! an edit of those.

use std::fs;
use std::path::{Path, PathBuf};

use super::{lines, locked};

/// The directories and files that compute: the crates, and the modules marked in ARCHITECTURE.md.
pub(crate) const COMPUTING: [&str; 16] = [
    "crates/kernels/src",
    "crates/painter/src",
    "crates/random/src",
    "src/base",
    "src/spec",
    "src/event.rs",
    "src/metrics",
    "src/model",
    "src/onnx",
    "src/cache",
    "src/dataset",
    "src/engine",
    "src/train",
    "src/exec/plan",
    "src/exec/prepare",
    "src/exec/run",
];

/// The name of files with error messages, which do not affect results.
const WORDS: &str = "error.rs";

/// The files that declare the libraries of the computing code, and how they are built.
pub(crate) const MANIFESTS: [&str; 4] = [
    "Cargo.toml",
    "crates/kernels/Cargo.toml",
    "crates/painter/Cargo.toml",
    "crates/random/Cargo.toml",
];

/// The file with the versions of all libraries.
pub(crate) const LOCK: &str = "Cargo.lock";

/// Libraries that do not compute: they read pipelines, show results or download files.
pub(crate) const SHOWING: [&str; 28] = [
    "annotate-snippets",
    "anyhow",
    "axum",
    "base64",
    "clap",
    "clap_complete",
    "clap_mangen",
    "crc32c",
    "ctrlc",
    "getrandom",
    "hyper",
    "hyper-util",
    "indicatif",
    "md-5",
    "mimalloc",
    "mpi",
    "notify",
    "rand",
    "roxmltree",
    "saphyr-parser",
    "schemars",
    "serde_yaml",
    "sha2",
    "signal-hook",
    "tpe",
    "tracing",
    "tracing-subscriber",
    "ureq",
];

/// Libraries of tests, which a lock file lists with all others.
const TESTING: [&str; 4] = ["criterion", "insta", "jsonschema", "proptest"];

/// A digest of everything that computes in the directory of the main package.
pub(crate) fn digest(root: &Path) -> u64 {
    // A package may be published without a lock file.
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
    let others: Vec<&str> = SHOWING.into_iter().chain(TESTING).collect();
    let mut files = vec![];
    for place in COMPUTING {
        collect(&root.join(place), &mut files);
    }
    let mut parts: Vec<(String, Vec<u8>)> = files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy().replace('\\', "/");
            (name, content(path))
        })
        .collect();
    parts.sort();
    for manifest in MANIFESTS {
        let declared = locked::declared(&read(manifest), &others);
        parts.push((manifest.to_owned(), declared.join("\n").into_bytes()));
    }
    let used = locked::used(&read(LOCK), "alpaca-run", &others);
    parts.push((LOCK.to_owned(), used.join("\n").into_bytes()));
    parts.iter().fold(OFFSET, |digest, (name, content)| {
        add(add(add(digest, name.as_bytes()), &[0]), content)
    })
}

/// The part of a file that affects results; of data files, all of it.
fn content(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap_or_default();
    match String::from_utf8(bytes) {
        Ok(text) if path.extension().is_some_and(|ending| ending == "rs") => {
            lines::that_compute(&text).into_bytes()
        }
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the list is sorted afterwards")]
fn collect(place: &Path, files: &mut Vec<PathBuf>) {
    if place.is_file() && place.file_name().is_some_and(|name| name != WORDS) {
        files.push(place.to_owned());
    }
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        collect(&entry.path(), files);
    }
}

/// FNV-1a with 64 bits, since a build script should need no library.
const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn add(digest: u64, bytes: &[u8]) -> u64 {
    let step = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(digest, step)
}
