//! HyperQueue: a job file in TOML, and answers in JSON
//! (<https://it4innovations.github.io/hyperqueue/stable/jobs/jobfile/>).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::commands::ask;
use super::error::ClusterError;
use super::jobs::{self, Submission};
use super::scheduler::{Batch, JobFile, Scheduler, TaskState, latest};
use crate::base::fs;

/// HyperQueue's program.
pub(super) struct HyperQueue {
    program: PathBuf,
}

impl HyperQueue {
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    fn ask(&self, arguments: &[&str]) -> Result<Value, ClusterError> {
        let arguments = [arguments, &["--output-mode", "json"]].concat();
        let text = ask(&self.program, &arguments)?;
        let text = if text.is_empty() { "null" } else { &text };
        serde_json::from_str(text)
            .map_err(|_| ClusterError::refused(format!("HyperQueue answers `{text}`")))
    }
}

impl Scheduler for HyperQueue {
    fn files(&self, batch: &Batch<'_>) -> Vec<JobFile> {
        let name = format!("batch-{}.toml", batch.number + 1);
        vec![JobFile { path: batch.home.join(jobs::FOLDER).join(name), text: job_file(batch) }]
    }

    fn submit(&self, batch: &Batch<'_>) -> Result<Vec<Submission>, ClusterError> {
        let JobFile { path, text } = self.files(batch).remove(0);
        fs::write_atomic(&path, text.as_bytes())?;
        fs::create_dir_all(&jobs::logs(batch.home))?;
        let answer = self.ask(&["job", "submit-file", &path.to_string_lossy()])?;
        let job = answer["id"].as_u64().ok_or_else(|| {
            ClusterError::refused(format!("HyperQueue gives the job no number: {answer}"))
        })?;
        let tasks = batch.tasks.iter().map(|task| task.name.clone()).collect();
        Ok(vec![Submission { job: job.to_string(), tasks }])
    }

    fn states(&self, jobs: &[Submission]) -> Result<BTreeMap<String, TaskState>, ClusterError> {
        let mut answers: BTreeMap<&str, Value> = BTreeMap::new();
        let mut states = BTreeMap::new();
        for (task, (job, number)) in latest(jobs) {
            if !answers.contains_key(job) {
                answers.insert(job, self.ask(&["task", "list", job])?[job].take());
            }
            let tasks = answers[job].as_array().map_or(&[][..], Vec::as_slice);
            let found = tasks.iter().find(|task| task["id"].as_u64() == Some(number as u64));
            if let Some(state) = found.and_then(|task| task["state"].as_str()) {
                let state = match state {
                    "waiting" => TaskState::Waiting(String::new()),
                    "running" => TaskState::Running,
                    _ => TaskState::Ended,
                };
                states.insert(task.to_owned(), state);
            }
        }
        Ok(states)
    }

    fn cancel(&self, jobs: &[Submission]) -> Result<(), ClusterError> {
        jobs.iter()
            .try_for_each(|submission| self.ask(&["job", "cancel", &submission.job]).map(drop))
    }

    fn outlives(&self) -> bool {
        true
    }
}

/// The job file of a batch.
fn job_file(batch: &Batch<'_>) -> String {
    let cluster = batch.cluster;
    let mut text = format!("name = {}\n", quoted(batch.name));
    let memory = cluster.memory.map(|bytes| format!(", mem = {}", bytes.div_ceil(1 << 20)));
    let request =
        format!("resources = {{ cpus = {}{} }}\n", cluster.cpus, memory.unwrap_or_default());
    let time = cluster.time.map(|time| format!("time_request = \"{}s\"\n", time.as_secs()));
    for (id, task) in batch.tasks.iter().enumerate() {
        let log = jobs::log(batch.home, &task.name);
        let _ = write!(
            text,
            "\n[[task]]\nid = {id}\ncommand = [{}]\ncwd = {}\nstdout = \"none\"\nstderr = {}\n\
             crash_limit = {}\n",
            batch.command(task).iter().map(|word| quoted(word)).collect::<Vec<_>>().join(", "),
            quoted_path(batch.current_dir),
            quoted_path(&log),
            cluster.retries + 1
        );
        let needs = batch.needs(task);
        if !needs.is_empty() {
            let needs: Vec<String> = needs.iter().map(usize::to_string).collect();
            let _ = writeln!(text, "deps = [{}]", needs.join(", "));
        }
        let _ = write!(text, "[[task.request]]\n{request}{}", time.as_deref().unwrap_or_default());
    }
    text
}

/// A text in TOML. The escapes of JSON are escapes of TOML, too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is plain data")
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
