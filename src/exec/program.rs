//! What computes: the same program gives the same bits.

use std::path::Path;
use std::process::Command;

use crate::engine::kernels::Kernels;

/// The version of this program, its build, and the instructions it uses here.
pub fn identity() -> String {
    let (version, build) = (env!("CARGO_PKG_VERSION"), env!("ALPACA_RUN_BUILD"));
    format!("alpaca-run {version}, build {build}, {}", Kernels::best().set().name())
}

/// What computes, by name.
pub fn versions() -> Vec<(&'static str, String)> {
    vec![
        ("alpaca-run", env!("CARGO_PKG_VERSION").to_owned()),
        ("build", env!("ALPACA_RUN_BUILD").to_owned()),
        ("burn", "0.22.1".to_owned()),
        ("instructions", Kernels::best().set().name().to_owned()),
    ]
}

/// The commit of the git repository that a folder is in, with `-dirty` where files differ from it;
/// none without a repository or without git.
pub(super) fn commit(folder: &Path) -> Option<String> {
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
