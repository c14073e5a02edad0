//! Processes of this machine, some at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::commands::ask;
use super::error::ClusterError;
use super::jobs::{self, Submission};
use super::scheduler::{Batch, JobFile, Scheduler, TaskState};
use crate::base::fs;

/// Processes of this machine.
pub(super) struct Local {
    /// The most at a time.
    n: usize,
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    lists: Mutex<Lists>,
    changed: Condvar,
}

/// The tasks by what became of them.
#[derive(Default)]
struct Lists {
    waiting: Vec<Item>,
    /// With the number of the process.
    running: BTreeMap<String, u32>,
    finished: BTreeSet<String>,
    failed: BTreeSet<String>,
    /// Nothing starts any more.
    is_over: bool,
}

/// A task that waits.
struct Item {
    name: String,
    needs: Vec<String>,
    command: Vec<String>,
    current_dir: PathBuf,
    log: PathBuf,
    /// How often it may still start again.
    retries: usize,
}

impl Local {
    /// At most `n` processes at a time.
    pub(super) fn new(n: usize) -> Self {
        Self { n, shared: Arc::default(), threads: Mutex::default() }
    }
}

impl Shared {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs tasks until there are none, one after the other.
    fn work(&self) {
        let mut lists = self.lists();
        loop {
            lists.drop_hopeless();
            if lists.is_over || lists.waiting.is_empty() && lists.running.is_empty() {
                self.changed.notify_all();
                return;
            }
            let ready = lists
                .waiting
                .iter()
                .position(|item| item.needs.iter().all(|need| lists.finished.contains(need)));
            let Some(ready) = ready else {
                lists = self.changed.wait(lists).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let mut item = lists.waiting.remove(ready);
            // Started while the list is locked, so that whoever ends all processes sees this one.
            let started = start(&item);
            if let Ok(child) = &started {
                lists.running.insert(item.name.clone(), child.id());
            }
            drop(lists);
            let status = started.and_then(|mut child| child.wait());
            lists = self.lists();
            lists.running.remove(&item.name);
            match status {
                Ok(status) if status.success() => drop(lists.finished.insert(item.name)),
                // A signal ended it, and not this program.
                Ok(status) if status.code().is_none() && item.retries > 0 && !lists.is_over => {
                    item.retries -= 1;
                    lists.waiting.push(item);
                }
                Ok(_) | Err(_) => drop(lists.failed.insert(item.name)),
            }
            self.changed.notify_all();
        }
    }
}

impl Lists {
    /// Fails what needs a task that failed.
    fn drop_hopeless(&mut self) {
        let Self { waiting, failed, .. } = self;
        waiting.retain(|item| {
            let is_hopeless = item.needs.iter().any(|need| failed.contains(need));
            if is_hopeless {
                failed.insert(item.name.clone());
            }
            !is_hopeless
        });
    }
}

/// Starts the process of a task.
fn start(item: &Item) -> std::io::Result<Child> {
    let (program, arguments) = item.command.split_first().expect("a command has a program");
    let log = fs::append(&item.log).map_err(|error| error.source)?;
    Command::new(program)
        .args(arguments)
        .current_dir(&item.current_dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
}

impl Scheduler for Local {
    fn files(&self, batch: &Batch<'_>) -> Vec<JobFile> {
        let lines = batch.tasks.iter().map(|task| format!("{}\n", task.command.join(" ")));
        let path = batch.home.join(jobs::FOLDER).join(format!("batch-{}.txt", batch.number + 1));
        vec![JobFile { path, text: lines.collect() }]
    }

    fn submit(&self, batch: &Batch<'_>) -> Result<Vec<Submission>, ClusterError> {
        fs::create_dir_all(&jobs::logs(batch.home))?;
        let mut lists = self.shared.lists();
        for task in &batch.tasks {
            lists.failed.remove(&task.name);
            let needs = batch.needs(task).into_iter();
            lists.waiting.push(Item {
                name: task.name.clone(),
                needs: needs.map(|need| batch.tasks[need].name.clone()).collect(),
                command: batch.command(task),
                current_dir: batch.current_dir.to_path_buf(),
                log: jobs::log(batch.home, &task.name),
                retries: batch.cluster.retries,
            });
        }
        drop(lists);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.retain(|thread| !thread.is_finished());
        while threads.len() < self.n {
            let shared = Arc::clone(&self.shared);
            let thread =
                thread::Builder::new().name("task".to_owned()).spawn(move || shared.work());
            let failed =
                |error| ClusterError::refused(format!("a thread cannot be started: {error}"));
            threads.push(thread.map_err(failed)?);
        }
        self.shared.changed.notify_all();
        let tasks = batch.tasks.iter().map(|task| task.name.clone()).collect();
        Ok(vec![Submission { job: std::process::id().to_string(), tasks }])
    }

    fn states(&self, jobs: &[Submission]) -> Result<BTreeMap<String, TaskState>, ClusterError> {
        let own = std::process::id().to_string();
        let lists = self.shared.lists();
        let states = jobs.iter().filter(|job| job.job == own).flat_map(|job| &job.tasks);
        let states = states.map(|task| {
            let state = if lists.running.contains_key(task) {
                TaskState::Running
            } else if lists.waiting.iter().any(|item| item.name == *task) {
                TaskState::Waiting(String::new())
            } else {
                TaskState::Ended
            };
            (task.clone(), state)
        });
        Ok(states.collect())
    }

    fn cancel(&self, jobs: &[Submission]) -> Result<(), ClusterError> {
        // Those of another process are ended by their locks.
        let own = std::process::id().to_string();
        if jobs.iter().any(|job| job.job != own) {
            return Ok(());
        }
        let mut lists = self.shared.lists();
        lists.is_over = true;
        lists.waiting.clear();
        for process in lists.running.values() {
            // It may have ended by now.
            let _ = ask(Path::new("kill"), &["-TERM", &process.to_string()]);
        }
        drop(lists);
        self.shared.changed.notify_all();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has no process any more.
            let _ = thread.join();
        }
        Ok(())
    }

    fn outlives(&self) -> bool {
        false
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Nothing continues without the command that started it.
        let _ = self.cancel(&[]);
    }
}
