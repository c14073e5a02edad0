//! Identifies the program that computes: the same program gives the same bits.

use std::path::Path;
use std::process::Command;

use alpaca_kernels::Kernels;

/// Everything that determines the bits of a result besides its inputs: a digest of all code that
/// computes, and the arithmetic of the instruction set in use. The version of the program is not part
/// of it, since a release may change only texts.
pub fn identity() -> String {
    format!("alpaca-run build {}, {}", env!("ALPACA_RUN_BUILD"), Kernels::best().set().arithmetic())
}

/// Versions of the program and its parts, by name.
pub fn versions() -> Vec<(&'static str, String)> {
    vec![
        ("alpaca-run", env!("CARGO_PKG_VERSION").to_owned()),
        ("build", env!("ALPACA_RUN_BUILD").to_owned()),
        ("burn", env!("ALPACA_RUN_BURN").to_owned()),
        ("instructions", Kernels::best().set().name().to_owned()),
    ]
}

/// The commit of the git repository of a directory, with `-dirty` if files differ from it; `None`
/// without a repository or without git.
pub(crate) fn commit(folder: &Path) -> Option<String> {
    let arguments = ["describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"];
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_OPTIONAL_LOCKS", "0")
        .output()
        .ok()?;
    let text = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
