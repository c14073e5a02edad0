//! How a task ended, as a file that it writes last.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::jobs;
use crate::base::fs::{self, FileError};

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct TaskOutcome {
    /// Why it failed; `None` if it finished.
    pub failure: Option<TaskFailure>,
    /// The machine that it ran on.
    pub machine: String,
    /// When it began, in UTC.
    pub began: String,
    /// When it ended, in UTC.
    pub ended: String,
}

/// Why a task failed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct TaskFailure {
    /// The stable code of the problem, if it has one.
    pub code: Option<String>,
    /// The error with its causes.
    pub error: String,
    /// Hints how to fix it.
    pub hints: Vec<String>,
}

/// Writes how a task ended.
///
/// # Errors
/// When the file cannot be written.
pub fn write(home: &Path, task: &str, outcome: &TaskOutcome) -> Result<(), FileError> {
    let path = path(home, task);
    fs::create_dir_all(path.parent().unwrap_or(home))?;
    let text = serde_json::to_string_pretty(outcome).expect("an outcome is plain data");
    fs::write_atomic(&path, format!("{text}\n").as_bytes())
}

/// How a task ended; `None` if it did not.
pub fn read(home: &Path, task: &str) -> Option<TaskOutcome> {
    serde_json::from_str(&fs::read_text(&path(home, task)).ok()?).ok()
}

/// How the tasks of a directory ended that are not in `known`.
pub fn read_new(
    home: &Path,
    known: &BTreeMap<String, TaskOutcome>,
) -> BTreeMap<String, TaskOutcome> {
    // Reading the directory also makes file systems of networks look again.
    let files = fs::read_dir_sorted(&folder(home)).unwrap_or_default();
    let names = files.iter().filter_map(|file| file.file_name()?.to_str()?.strip_suffix(".json"));
    let new = names.filter(|name| !known.contains_key(*name));
    new.filter_map(|name| Some((name.to_owned(), read(home, name)?))).collect()
}

/// Forgets how a task ended, before it runs again.
///
/// # Errors
/// When the file cannot be removed.
pub fn forget(home: &Path, task: &str) -> Result<(), FileError> {
    fs::remove_if_there(&path(home, task))
}

fn folder(home: &Path) -> PathBuf {
    home.join(jobs::FOLDER).join("outcomes")
}

fn path(home: &Path, task: &str) -> PathBuf {
    folder(home).join(format!("{task}.json"))
}
