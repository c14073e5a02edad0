//! What runs tasks, behind one interface.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ClusterError;
use super::graph::Task;
use super::jobs::Submission;
use crate::spec::ClusterSpec;

/// What a scheduler knows of a task that it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// It waits; for what, if the scheduler says it.
    Waiting(String),
    /// It runs.
    Running,
    /// It does not run any more.
    Ended,
}

/// Tasks to submit.
pub struct Batch<'a> {
    /// The name of the jobs.
    pub name: &'a str,
    /// The absolute directory of the results.
    pub home: &'a Path,
    /// The directory in which tasks run.
    pub current_dir: &'a Path,
    /// Where tasks run.
    pub cluster: &'a ClusterSpec,
    /// The number of batches before this one.
    pub number: usize,
    /// The tasks, each after those that it needs. What is needed and not here has finished.
    pub tasks: Vec<&'a Task>,
}

impl Batch<'_> {
    /// The positions of the tasks of the batch that a task needs.
    pub(super) fn needs(&self, task: &Task) -> Vec<usize> {
        let position = |name: &String| self.tasks.iter().position(|task| task.name == *name);
        task.needs.iter().filter_map(position).collect()
    }

    /// The command line of a task, after the commands of `extra`.
    pub(super) fn command(&self, task: &Task) -> Vec<String> {
        let mut before: Vec<&str> = self.commands().map(String::as_str).collect();
        if before.is_empty() {
            return task.command.clone();
        }
        // A command that fails ends the task.
        before.insert(0, "set -e");
        before.push("exec \"$@\"");
        let shell = ["/bin/sh".to_owned(), "-c".to_owned(), before.join("\n"), "sh".to_owned()];
        shell.into_iter().chain(task.command.iter().cloned()).collect()
    }

    /// The commands that a task runs before its own.
    pub(super) fn commands(&self) -> impl Iterator<Item = &String> {
        self.cluster.extra.iter().filter(|line| !line.starts_with("--"))
    }
}

/// A file that is submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFile {
    /// Its path.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Runs command lines, and knows nothing of what they do.
pub trait Scheduler {
    /// The files that would be submitted. A job that needs another one says so by its position,
    /// since its number is not known yet.
    fn files(&self, batch: &Batch<'_>) -> Vec<JobFile>;

    /// Submits tasks.
    ///
    /// # Errors
    /// When the scheduler refuses.
    fn submit(&self, batch: &Batch<'_>) -> Result<Vec<Submission>, ClusterError>;

    /// What is known of the tasks of jobs; nothing of those that the scheduler has forgotten.
    ///
    /// # Errors
    /// When the scheduler does not answer.
    fn states(&self, jobs: &[Submission]) -> Result<BTreeMap<String, TaskState>, ClusterError>;

    /// Ends the tasks of jobs.
    ///
    /// # Errors
    /// When the scheduler does not answer.
    fn cancel(&self, jobs: &[Submission]) -> Result<(), ClusterError>;

    /// Whether tasks continue when the process that submitted them ends.
    fn outlives(&self) -> bool;
}

/// The latest job of each task, with its number in the job.
pub(super) fn latest(jobs: &[Submission]) -> BTreeMap<&str, (&str, usize)> {
    let tasks = jobs.iter().flat_map(|Submission { job, tasks }| {
        tasks.iter().enumerate().map(move |(number, task)| (task.as_str(), (job.as_str(), number)))
    });
    tasks.collect()
}
