//! Runs the program as a user does.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The root of the project.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the program said and how it ended.
#[derive(Debug)]
pub struct Said {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Waits for a process and collects what it said.
    pub fn of(process: Child) -> Self {
        let Output { status, stdout, stderr } = process.wait_with_output().unwrap();
        let said = Self {
            code: status.code(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        };
        assert!(!said.err.contains("this is a bug"), "{}", said.err);
        said
    }
}

/// The program with arguments, ready to run in the project's folder.
pub fn command<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alpaca-run"));
    command
        .args(arguments)
        .current_dir(project())
        .env_remove("RUST_BACKTRACE")
        .env("NO_COLOR", "1")
        .env("ALPACA_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts the program.
pub fn spawn<S: AsRef<OsStr>>(arguments: &[S]) -> Child {
    command(arguments).spawn().unwrap()
}

/// Runs the program to its end.
pub fn alpaca_run<S: AsRef<OsStr>>(arguments: &[S]) -> Said {
    Said::of(spawn(arguments))
}

/// All files below a folder with their bytes, by path, sorted.
pub fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![];
    let mut folders = vec![folder.to_path_buf()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().replace('\\', "/");
                files.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// The files below a folder whose names end in `.ending`, sorted.
pub fn files_with_ending(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let names = files_below(folder).into_iter().map(|(name, _)| folder.join(name));
    names.filter(|path| path.extension().is_some_and(|found| found == ending)).collect()
}

/// The YAML files of a folder of the project, sorted.
pub fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let mut files = files_with_ending(&project().join(folder), "yaml");
    if cfg!(feature = "libtorch") {
        // This build has the device that other builds lack.
        files.retain(|file| !file.ends_with("device_of_another_build.yaml"));
    }
    files
}

/// Asserts that a command has succeeded.
#[track_caller]
pub fn done(said: &Said) {
    assert_eq!(said.code, Some(0), "{}", said.err);
}
