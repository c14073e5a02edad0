//! What was submitted, in the directory of a command's results.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::graph::Task;
use crate::base::fs::{self, FileError};
use crate::spec::ClusterSpec;

/// The subdirectory with everything about the tasks: what was submitted, how each ended, their logs.
pub const FOLDER: &str = "jobs";
/// The file in it that says what was submitted.
const FILE: &str = "jobs.json";
/// The file in it that says that they were cancelled.
const CANCELLED: &str = "cancelled";

/// What was submitted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Jobs {
    /// Where the tasks run.
    pub cluster: ClusterSpec,
    /// The command line that submitted them, and its directory.
    pub command: Vec<String>,
    /// The directory of the command.
    pub current_dir: PathBuf,
    /// All tasks, each after those that it needs.
    pub tasks: Vec<Task>,
    /// The jobs of the scheduler, the oldest first.
    pub submissions: Vec<Submission>,
}

/// A job of a scheduler.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Submission {
    /// Its number, as the scheduler calls it.
    pub job: String,
    /// Its tasks, in the order of the numbers that the scheduler gives them from 0.
    pub tasks: Vec<String>,
}

impl Jobs {
    /// Reads what was submitted; `None` if nothing was.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn read(home: &Path) -> Result<Option<Self>, FileError> {
        let path = home.join(FOLDER).join(FILE);
        let Ok(text) = fs::read_text(&path) else { return Ok(None) };
        let failed = |error| FileError::new("read", &path, std::io::Error::from(error));
        serde_json::from_str(&text).map(Some).map_err(failed)
    }

    /// Writes what was submitted.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, home: &Path) -> Result<(), FileError> {
        fs::create_dir_all(&home.join(FOLDER))?;
        let text = serde_json::to_string_pretty(self).expect("jobs are plain data");
        fs::write_atomic(&home.join(FOLDER).join(FILE), format!("{text}\n").as_bytes())
    }

    /// A task by its name.
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }
}

/// Says that the tasks were cancelled, to commands that wait for them.
///
/// # Errors
/// When the mark cannot be written.
pub fn mark_cancelled(home: &Path) -> Result<(), FileError> {
    fs::write_atomic(&home.join(FOLDER).join(CANCELLED), b"")
}

/// Whether the tasks were cancelled after they were submitted.
pub fn is_cancelled(home: &Path) -> bool {
    home.join(FOLDER).join(CANCELLED).exists()
}

/// Tasks are submitted again.
pub(super) fn forget_cancelled(home: &Path) -> Result<(), FileError> {
    fs::remove_if_there(&home.join(FOLDER).join(CANCELLED))
}

/// The file that a task locks while it runs, with the number of its process.
pub fn lock(home: &Path, task: &str) -> PathBuf {
    home.join(FOLDER).join("locks").join(task)
}

/// The process that works on a task on this machine or another; `None` if there is none, or the file
/// system has no locks.
pub fn holder(home: &Path, task: &str) -> Option<String> {
    let path = lock(home, task);
    let file = fs::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => fs::read_text(&path).ok(),
        Ok(()) | Err(std::fs::TryLockError::Error(_)) => None,
    }
}

/// The file with what a task prints.
pub fn log(home: &Path, task: &str) -> PathBuf {
    logs(home).join(format!("{task}.log"))
}

/// The directory of logs.
pub(super) fn logs(home: &Path) -> PathBuf {
    home.join(FOLDER).join("logs")
}
