//! Submits tasks, and waits for them: what is lost is submitted again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::error::ClusterError;
use super::graph::Task;
use super::jobs::{self, Jobs};
use super::outcome::{self, TaskFailure, TaskOutcome};
use super::scheduler::{Batch, Scheduler, TaskState};
use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
use crate::base::text;

/// The time between two looks for outcomes: at first, and at most.
const LOOK: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];
/// The time between two questions to a scheduler: at first, and at most.
const ASK: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(30)];
/// How long a task must have ended without an outcome, until it counts as lost. File systems of
/// networks show files of other machines late.
const LATE: Duration = Duration::from_secs(5);
/// How long a scheduler may run nothing until that is said.
const IDLE: Duration = Duration::from_mins(1);
/// How long a scheduler may be silent.
const SILENT: Duration = Duration::from_mins(10);

/// Tasks of one directory, and what runs them.
pub struct Waiting<'a> {
    /// The directory of the results.
    pub home: &'a Path,
    /// What was submitted; kept up to date in the directory.
    pub jobs: &'a mut Jobs,
    /// What runs them.
    pub scheduler: &'a dyn Scheduler,
    /// Ends the wait, and not the tasks.
    pub cancel: &'a Cancel,
    /// Counts the tasks that ended.
    pub tally: &'a Tally,
    /// Tells the user what is going on.
    pub note: &'a dyn Fn(&str),
}

/// What is known of the tasks that have no outcome yet.
struct Watch {
    /// When each was first found to have ended without an outcome.
    ended: BTreeMap<String, Instant>,
    /// How often each was submitted.
    n_submitted: BTreeMap<String, usize>,
    /// When the scheduler last answered.
    answered: Instant,
    is_silent: bool,
    /// Since when nothing runs, and whether that was said.
    idle: Instant,
    is_noted: bool,
    next: Instant,
    pause: Duration,
}

impl Waiting<'_> {
    /// Submits those of some tasks that are not under way. Returns how many.
    ///
    /// # Errors
    /// When the scheduler refuses, or a file cannot be written.
    pub fn submit(&mut self, names: &BTreeSet<String>) -> Result<usize, ClusterError> {
        jobs::forget_cancelled(self.home)?;
        let states = match &self.jobs.submissions[..] {
            [] => BTreeMap::new(),
            jobs => self.scheduler.states(jobs)?,
        };
        let is_active = |name: &String| {
            matches!(states.get(name), Some(TaskState::Waiting(_) | TaskState::Running))
        };
        let new = names.iter().filter(|name| !is_active(name)).cloned().collect();
        self.submit_all(&new)?;
        Ok(new.len())
    }

    fn submit_all(&mut self, names: &BTreeSet<String>) -> Result<(), ClusterError> {
        if names.is_empty() {
            return Ok(());
        }
        for name in names {
            outcome::forget(self.home, name)?;
        }
        let Jobs { cluster, current_dir, tasks, submissions, .. } = &mut *self.jobs;
        let name = self.home.file_name().unwrap_or_default().to_string_lossy();
        let batch = Batch {
            name: &name,
            home: self.home,
            current_dir,
            cluster,
            number: submissions.len(),
            tasks: tasks.iter().filter(|task| names.contains(&task.name)).collect(),
        };
        let new = self.scheduler.submit(&batch)?;
        submissions.extend(new);
        Ok(self.jobs.write(self.home)?)
    }

    /// Waits until all of some tasks have ended, and submits those that get lost again, unless they
    /// got lost too often. `None` if the wait was cancelled.
    ///
    /// # Errors
    /// When the scheduler refuses, or is silent for long.
    pub fn wait(
        &mut self,
        names: &BTreeSet<String>,
    ) -> Result<Option<BTreeMap<String, TaskOutcome>>, ClusterError> {
        let tally = self.tally.clone();
        let _counting = tally.begin("finished", "tasks", names.len());
        let mut watch = Watch::new();
        let mut outcomes: BTreeMap<String, TaskOutcome> = BTreeMap::new();
        let mut look = LOOK[0];
        loop {
            let mut new = outcome::read_new(self.home, &outcomes);
            new.retain(|name, _| names.contains(name));
            look = if new.is_empty() { (look * 5 / 4).min(LOOK[1]) } else { LOOK[0] };
            let n_before = outcomes.len();
            outcomes.extend(new);
            self.fail_dependents(names, &mut outcomes);
            tally.add_many(outcomes.len() - n_before);
            if outcomes.len() == names.len() {
                return Ok(Some(outcomes));
            }
            if self.cancel.is_set() {
                return Ok(None);
            }
            if jobs::is_cancelled(self.home) {
                return Err(ClusterError::Cancelled);
            }
            if Instant::now() >= watch.next {
                let open = names.iter().filter(|name| !outcomes.contains_key(*name));
                let lost = self.lost(&mut watch, &open.cloned().collect())?;
                self.again(lost, &mut watch, &mut outcomes)?;
            }
            thread::sleep(look);
        }
    }

    /// The tasks that have ended without an outcome for a while.
    fn lost(
        &self,
        watch: &mut Watch,
        open: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, ClusterError> {
        let states = match self.scheduler.states(&self.jobs.submissions) {
            Ok(states) => states,
            Err(error) => {
                watch.later();
                if watch.answered.elapsed() > SILENT {
                    return Err(error);
                }
                if !std::mem::replace(&mut watch.is_silent, true) {
                    let name = self.jobs.cluster.on.words();
                    (self.note)(&format!("{name} does not answer ({error}); asking again"));
                }
                return Ok(BTreeSet::new());
            }
        };
        watch.answered = Instant::now();
        watch.is_silent = false;
        watch.later();
        let mut lost = BTreeSet::new();
        self.note_idle(watch, &states);
        for name in open {
            match states.get(name) {
                Some(TaskState::Waiting(_) | TaskState::Running) => drop(watch.ended.remove(name)),
                Some(TaskState::Ended) | None => {
                    let since = watch.ended.entry(name.clone()).or_insert_with(Instant::now);
                    if since.elapsed() >= LATE {
                        lost.insert(name.clone());
                    } else {
                        watch.soon();
                    }
                }
            }
        }
        Ok(lost)
    }

    /// Tells once that nothing has started for a while.
    fn note_idle(&self, watch: &mut Watch, states: &BTreeMap<String, TaskState>) {
        let reason = states.values().find_map(|state| match state {
            TaskState::Waiting(reason) => Some(reason),
            TaskState::Running | TaskState::Ended => None,
        });
        let runs = states.values().any(|state| *state == TaskState::Running);
        let (Some(reason), false) = (reason, runs) else {
            watch.idle = Instant::now();
            return;
        };
        if watch.idle.elapsed() < IDLE || std::mem::replace(&mut watch.is_noted, true) {
            return;
        }
        let cluster = &self.jobs.cluster;
        let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
        (self.note)(&format!(
            "{} has not started any task for a minute{reason}; a task needs a machine with {} (`cpus` \
             of `cluster`)",
            cluster.on.words(),
            text::count(cluster.cpus, "processor")
        ));
    }

    /// Submits lost tasks again, or fails those that got lost too often. One that needs another task
    /// is submitted with it or after it.
    fn again(
        &mut self,
        mut lost: BTreeSet<String>,
        watch: &mut Watch,
        outcomes: &mut BTreeMap<String, TaskOutcome>,
    ) -> Result<(), ClusterError> {
        let retries = self.jobs.cluster.retries;
        let is_over = |name: &String| watch.n_submitted.get(name).copied().unwrap_or(0) >= retries;
        for name in lost.iter().filter(|name| is_over(name)).cloned().collect::<Vec<_>>() {
            lost.remove(&name);
            let error = format!(
                "it ended {} without a result, such as by the loss of its machine",
                text::count(retries + 1, "time")
            );
            outcomes.insert(name, failed(error));
        }
        let jobs = &self.jobs;
        let is_ready = |task: &Task, lost: &BTreeSet<String>| {
            task.needs.iter().all(|need| {
                let finished = outcome::read(self.home, need);
                lost.contains(need) || finished.is_some_and(|outcome| outcome.failure.is_none())
            })
        };
        let ready =
            lost.iter().filter(|name| jobs.task(name).is_some_and(|task| is_ready(task, &lost)));
        let ready: BTreeSet<String> = ready.cloned().collect();
        for name in &ready {
            watch.ended.remove(name);
            *watch.n_submitted.entry(name.clone()).or_default() += 1;
        }
        if !ready.is_empty() {
            let n = text::count(ready.len(), "task");
            (self.note)(&format!("{n} ended without a result, and will start again"));
        }
        self.submit_all(&ready)
    }

    /// A task whose need failed fails, too.
    fn fail_dependents(
        &self,
        names: &BTreeSet<String>,
        outcomes: &mut BTreeMap<String, TaskOutcome>,
    ) {
        for task in self.jobs.tasks.iter().filter(|task| names.contains(&task.name)) {
            let has_failed = |need: &&String| {
                outcomes.get(*need).is_some_and(|outcome| outcome.failure.is_some())
            };
            if let (false, Some(need)) =
                (outcomes.contains_key(&task.name), task.needs.iter().find(has_failed))
            {
                let outcome = failed(format!("the task {need}, which it needs, failed"));
                outcomes.insert(task.name.clone(), outcome);
            }
        }
    }
}

impl Watch {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            ended: BTreeMap::new(),
            n_submitted: BTreeMap::new(),
            answered: now,
            is_silent: false,
            idle: now,
            is_noted: false,
            next: now + ASK[0],
            pause: ASK[0],
        }
    }

    /// Asks again after a pause, longer each time.
    fn later(&mut self) {
        self.next = Instant::now() + self.pause;
        self.pause = (self.pause * 5 / 4).min(ASK[1]);
    }

    /// Asks again soon, since something has changed.
    fn soon(&mut self) {
        self.pause = ASK[0];
        self.next = Instant::now() + ASK[0];
    }
}

/// The outcome of a task that wrote none.
fn failed(error: String) -> TaskOutcome {
    let failure = TaskFailure { code: None, error, hints: vec![] };
    let [machine, began, ended] = [(); 3].map(|()| String::new());
    TaskOutcome { failure: Some(failure), machine, began, ended }
}
