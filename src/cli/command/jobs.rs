//! `alpaca-run jobs`: what was submitted to a scheduler, and one of its tasks.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::elsewhere::{Here, STAGES, absolute, hold, refused, scheduler};
use super::run::failure;
use super::sessions::{named, session};
use super::several::{OneOf, Several, is_finished};
use super::written;
use super::{json_text, on_threads, shard};
use crate::base::cancel::Cancel;
use crate::base::clock;
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::cli::args::{Arguments, JobsAction, JobsArguments, OneTaskArguments};
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::cluster::graph::Task;
use crate::cluster::jobs::{self, Jobs};
use crate::cluster::outcome::{self, TaskFailure, TaskOutcome};
use crate::cluster::scheduler::TaskState;
use crate::cluster::work::{RunWork, TaskWork, Work, WrittenPipeline};
use crate::exec::plan::program;
use crate::exec::run::session::Session;
use crate::spec::Scheduler;

/// How often somebody looks whether a task of another process has ended.
const LOOK: Duration = Duration::from_millis(500);

/// What to do with the command line that submitted tasks, once more.
pub(in crate::cli) type Again<'a> = &'a dyn Fn(Arguments, &Settings) -> Result<Exit, Failure>;

/// Shows, waits for, cancels or resumes what was submitted, or runs one of the tasks.
pub(in crate::cli) fn run(
    arguments: &JobsArguments,
    settings: &Settings,
    terminal: &Terminal,
    again: Again<'_>,
) -> Result<Exit, Failure> {
    match &arguments.action {
        JobsAction::Show { of, json } => show(&of.directory, *json, settings, terminal),
        JobsAction::Wait(of) => wait(&of.directory, settings, terminal),
        JobsAction::Cancel(of) => {
            let (home, jobs) = read(&of.directory, settings)?;
            let scheduler = scheduler(&jobs.cluster, settings);
            // Whoever waits must not submit again what ends now.
            jobs::mark_cancelled(&home).map_err(Failure::usage)?;
            scheduler.cancel(&jobs.submissions).map_err(refused)?;
            if jobs.cluster.on == Scheduler::Local {
                end_processes(&home, &jobs);
            }
            let place = text::shell_path(&home);
            terminal.note(&format!("cancelled; `alpaca-run jobs resume {place}` continues"));
            Ok(Exit::Done)
        }
        JobsAction::Resume(of) => {
            let (_, jobs) = read(&of.directory, settings)?;
            let words = jobs.command.iter().filter(|word| *word != "--detach");
            let words = words.map(|word| names::path_of(word).into_os_string());
            let words = std::iter::once("alpaca-run".into()).chain(words);
            let arguments = Arguments::read(words).map_err(|error| {
                Failure::usage(anyhow::anyhow!("the command that submitted is not valid: {error}"))
            })?;
            std::env::set_current_dir(&jobs.current_dir).map_err(|error| {
                let shown = names::text_of_path(&jobs.current_dir);
                Failure::usage(anyhow::anyhow!("cannot enter `{shown}`: {error}"))
            })?;
            let settings = Settings::resolve(&arguments).map_err(Failure::usage)?;
            again(arguments, &settings)
        }
        JobsAction::Run(task) => one(task, settings, terminal),
    }
}

/// What was submitted in a directory.
fn read(directory: &Path, settings: &Settings) -> Result<(PathBuf, Jobs), Failure> {
    let home = absolute(settings, directory);
    match Jobs::read(&home) {
        Ok(Some(jobs)) => Ok((home, jobs)),
        Ok(None) => {
            let shown = names::text_of_path(directory);
            let error = anyhow::anyhow!("nothing was submitted in `{shown}`");
            let hint = "name the directory of a sweep, of folds or of shards that ran with `--on`";
            Err(Failure::usage_with(error, vec![hint.to_owned()]))
        }
        Err(error) => {
            let hint = "start the command that submitted again: finished tasks do not run again";
            Err(Failure::usage_with(error, vec![hint.to_owned()]))
        }
    }
}

/// The tasks in one table: how each ended, or what the scheduler says of it.
fn show(
    directory: &Path,
    as_json: bool,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let (home, jobs) = read(directory, settings)?;
    let scheduler = scheduler(&jobs.cluster, settings);
    let states = scheduler.states(&jobs.submissions);
    if let Err(error) = &states {
        terminal.warn(&format!("{} does not answer: {error}", jobs.cluster.on.words()));
    }
    let states = states.unwrap_or_default();
    let mut rows = vec![];
    for task in &jobs.tasks {
        let outcome = outcome::read(&home, &task.name);
        let is_held = || jobs::holder(&home, &task.name).is_some();
        let (state, more) = match (&outcome, states.get(&task.name)) {
            (Some(TaskOutcome { failure: None, machine, .. }), _) => ("finished", machine.clone()),
            (_, Some(TaskState::Running)) => ("running", String::new()),
            (_, Some(TaskState::Waiting(reason))) => ("waiting", text::lower_first(reason)),
            (Some(TaskOutcome { failure: Some(failure), .. }), _) => {
                ("failed", failure.error.clone())
            }
            _ if is_held() => ("running", String::new()),
            _ if jobs::is_cancelled(&home) => ("cancelled", String::new()),
            _ => ("lost", "it does not run, and has no outcome".to_owned()),
        };
        rows.push((task.name.clone(), state, more));
    }
    let text = if as_json {
        let rows = rows.iter().map(|(task, state, about)| {
            let log = names::text_of_path(&jobs::log(&home, task));
            json!({ "task": task, "state": state, "about": about, "log": log })
        });
        let numbers: Vec<&str> = jobs.submissions.iter().map(|job| job.job.as_str()).collect();
        let on = jobs.cluster.on.name();
        json_text(&json!({ "on": on, "jobs": numbers, "tasks": rows.collect::<Vec<_>>() }))
    } else {
        table(&rows)
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

fn table(rows: &[(String, &str, String)]) -> String {
    let mut table = vec![["task", "state", ""].map(str::to_owned).to_vec()];
    // What has finished is only counted.
    let open = rows.iter().filter(|(_, state, _)| *state != "finished");
    table.extend(
        open.map(|(task, state, more)| vec![task.clone(), (*state).to_owned(), more.clone()]),
    );
    let list = if table.len() > 1 { text::align(&table, &[]) } else { String::new() };
    let counts = ["finished", "running", "waiting", "failed", "cancelled", "lost"]
        .into_iter()
        .filter_map(|word| {
            let n = rows.iter().filter(|(_, state, _)| *state == word).count();
            (n > 0).then(|| format!("{} {word}", text::thousands(n)))
        });
    format!("{list}{}\n", counts.collect::<Vec<_>>().join(", "))
}

/// Waits until no task waits or runs.
fn wait(directory: &Path, settings: &Settings, terminal: &Terminal) -> Result<Exit, Failure> {
    let (home, jobs) = read(directory, settings)?;
    let scheduler = scheduler(&jobs.cluster, settings);
    let cancel = Cancel::new();
    signals::listen(&cancel);
    loop {
        let states = scheduler.states(&jobs.submissions).map_err(refused)?;
        let is_open = |state: &TaskState| *state != TaskState::Ended;
        let is_held = |task: &Task| jobs::holder(&home, &task.name).is_some();
        if !states.values().any(is_open) && !jobs.tasks.iter().any(is_held) {
            break;
        }
        if cancel.is_set() {
            return Ok(Exit::Interrupted);
        }
        thread::sleep(LOOK);
    }
    let is_done = |task: &str| outcome::read(&home, task).is_some_and(|o| o.failure.is_none());
    let n = jobs.tasks.iter().filter(|task| !is_done(&task.name)).count();
    let place = text::shell_path(directory);
    let resume = format!("`alpaca-run jobs resume {place}`");
    if n == 0 {
        terminal.note(&format!("all tasks have finished; {resume} writes the result"));
        return Ok(Exit::Done);
    }
    let n = text::count(n, "task");
    terminal.note(&format!("{n} did not finish; {resume} submits again"));
    Ok(Exit::Failed)
}

/// Runs one of the tasks, and writes how it ended.
fn one(
    arguments: &OneTaskArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let task = &arguments.task;
    let home = absolute(settings, &arguments.of.directory);
    let began = clock::now();
    let ended = perform(arguments, &home, settings, terminal);
    let (failure, exit) = match ended {
        Ok(()) => (None, Ok(Exit::Done)),
        // It runs again, and continues.
        Err(failed @ Failure::Other { exit: Exit::Interrupted, .. }) => return Err(failed),
        Err(failed) => (Some(failure_in_words(&failed)), Err(failed)),
    };
    let has_finished = || outcome::read(&home, task).is_some_and(|o| o.failure.is_none());
    if failure.is_some() && has_finished() {
        // Of two processes with the task, the other one finished it.
        return exit;
    }
    let machine = settings.machine.clone();
    let outcome = TaskOutcome { failure, machine, began, ended: clock::now() };
    outcome::write(&home, task, &outcome).map_err(Failure::usage)?;
    exit
}

fn failure_in_words(failed: &Failure) -> TaskFailure {
    match failed {
        Failure::OfAnotherRank(exit) => TaskFailure {
            code: None,
            error: format!("another process reports it (exit code {})", exit.code()),
            hints: vec![],
        },
        Failure::Other { code, error, hints, .. } => TaskFailure {
            code: code.map(|code| code.number().to_owned()),
            error: format!("{error:#}"),
            hints: hints.clone(),
        },
        Failure::Rejected(rejected) => {
            let first = rejected.diagnostics.first();
            TaskFailure {
                code: first.map(|first| first.code.number().to_owned()),
                error: first.map_or_else(String::new, |first| first.message.clone()),
                hints: first.map_or_else(Vec::new, |first| first.hints.clone()),
            }
        }
    }
}

fn perform(
    arguments: &OneTaskArguments,
    home: &Path,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let work = Work::read(home).map_err(Failure::usage)?;
    if work.program != program::identity() {
        return Err(other_program(&work.program));
    }
    let folder = work.pipeline.as_ref().map_or(&settings.current_dir, |of| &of.folder);
    let session = session(settings, folder.clone());
    signals::listen(&session.cancel);
    let _alone = alone(home, &arguments.task, &session.cancel)?;
    match (work.tasks.get(&arguments.task), &work.pipeline) {
        (Some(TaskWork::Run(run)), Some(pipeline)) => {
            one_run(run, pipeline, arguments, home, session, (settings, terminal))
        }
        (Some(TaskWork::Shards { model, shards }), pipeline) => {
            let _shown = ShownWork::watch(terminal, &session.tally);
            let here = Here { settings, terminal, session: &session };
            on_threads(settings, || shard::perform(model, pipeline.as_ref(), shards, home, here))?
        }
        _ => {
            let shown = names::text_of_path(home);
            Err(Failure::usage(anyhow::anyhow!("`{shown}` has no task `{}`", arguments.task)))
        }
    }
}

/// Ends the processes of this machine that work on tasks.
fn end_processes(home: &Path, jobs: &Jobs) {
    for task in &jobs.tasks {
        if let Some(process) = jobs::holder(home, &task.name) {
            // It may have ended by now.
            let _ = Command::new("kill").args(["-TERM", process.trim()]).status();
        }
    }
}

/// Waits until no other process works on a task, since the scheduler may have started it twice, and
/// keeps others from it as long as the returned value lives. Where a file system has no locks, `None`.
fn alone(home: &Path, task: &str, cancel: &Cancel) -> Result<Option<File>, Failure> {
    let path = jobs::lock(home, task);
    fs::create_dir_all(path.parent().unwrap_or(home)).map_err(Failure::usage)?;
    let mut file = fs::open_or_create(&path).map_err(Failure::usage)?;
    loop {
        match file.try_lock() {
            Ok(()) => {
                let process = std::process::id().to_string();
                // It is only needed to end the process of a command that was killed.
                let _ = file.set_len(0).and_then(|()| file.write_all(process.as_bytes()));
                return Ok(Some(file));
            }
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) if cancel.is_set() => {
                let error = Failure::usage(anyhow::anyhow!("interrupted"));
                return Err(error.with_exit(Exit::Interrupted));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
        }
    }
}

/// Runs a task that is a run, or a stage of one.
fn one_run(
    RunWork { settings: values, stages, is_whole, keys }: &RunWork,
    pipeline: &WrittenPipeline,
    arguments: &OneTaskArguments,
    home: &Path,
    mut session: Session,
    (settings, terminal): (&Settings, &Terminal),
) -> Result<(), Failure> {
    let loaded = written::read(pipeline, home)?;
    named(&loaded, settings, terminal)?.into_session(&mut session);
    if let Ok(Some(jobs)) = Jobs::read(home) {
        // The command that submitted has warned of a cache that cannot be written.
        let _ = hold(&session, home, &jobs);
    }
    let mut several = Several::new(settings, terminal, session, loaded);
    several.force.clone_from(&arguments.force);
    let place = if *is_whole { home.to_path_buf() } else { home.join(jobs::FOLDER).join(STAGES) };
    fs::create_dir_all(&place).map_err(Failure::usage)?;
    let one = OneOf {
        name: arguments.task.clone(),
        settings: values.clone(),
        stages: Some(stages.clone()),
        is_whole: *is_whole,
    };
    let directory = place.join(&one.name);
    if is_finished(&directory, keys)? {
        return Ok(());
    }
    if several.keyed(&one)?.keys() != *keys {
        return Err(written::other_inputs());
    }
    several.run(&one, &place)?.map_err(|error| failure(error, None))
}

/// A machine that computes differently than the one that submitted.
fn other_program(planned: &str) -> Failure {
    let here = program::identity();
    let error =
        anyhow::anyhow!("this machine has {here}, but the tasks were submitted for {planned}");
    let hint = "use one program, and machines of one kind; `extra` of `cluster` can choose them, such as \
                with `--constraint=avx2` for Slurm";
    Failure::usage_with(error, vec![hint.to_owned()])
}
