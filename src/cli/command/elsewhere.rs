//! Tasks of a directory with a scheduler: submits them, waits, and reads how they ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::cache::leases;
use crate::cache::shared::SharedStore;
use crate::cache::stores;
use crate::cli::args::ClusterArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cluster::error::ClusterError;
use crate::cluster::graph::Task;
use crate::cluster::jobs::{self, Jobs};
use crate::cluster::outcome::TaskOutcome;
use crate::cluster::scheduler::{Batch, JobFile, Scheduler};
use crate::cluster::schedulers;
use crate::cluster::wait::Waiting;
use crate::exec::run::session::Session;
use crate::pipeline::cluster::ClusterValues;
use crate::spec::{self, ClusterSpec};

/// The subdirectory, below that of the jobs, of runs that only train a stage for others.
pub(super) const STAGES: &str = "stages";

/// Where runs go, if not into this process.
pub(super) struct Elsewhere {
    cluster: ClusterSpec,
    /// Whether the command ends once everything is submitted.
    detach: bool,
}

/// How tasks ended.
pub(super) enum Ended {
    /// All have ended, each like this.
    All(BTreeMap<String, TaskOutcome>),
    /// They are submitted, and nobody waits for them.
    Submitted,
}

/// What a command has at hand while its tasks run elsewhere.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) settings: &'a Settings,
    pub(super) terminal: &'a Terminal,
    pub(super) session: &'a Session,
}

impl Elsewhere {
    /// Where tasks go by the command line, the pipeline or the settings file, in this order. `None`
    /// if they stay here.
    pub(super) fn of(
        arguments: &ClusterArguments,
        of_pipeline: ClusterValues,
        settings: &Settings,
    ) -> Result<Option<Self>, Failure> {
        let values = of_pipeline.or(&settings.user()?.cluster);
        let detach = arguments.detach;
        let Some(cluster) = values.resolve(arguments.on.map(Into::into)) else {
            return if detach { Err(nothing_to_detach()) } else { Ok(None) };
        };
        Ok(Some(Self { cluster, detach }))
    }

    /// The files that would be submitted.
    pub(super) fn show(&self, settings: &Settings, home: &Path, tasks: &[Task]) -> String {
        let batch = Batch {
            name: &home.file_name().unwrap_or_default().to_string_lossy(),
            home,
            current_dir: &settings.current_dir,
            cluster: &self.cluster,
            number: 0,
            tasks: tasks.iter().collect(),
        };
        let mut shown = String::new();
        for JobFile { path, text } in scheduler(&self.cluster, settings).files(&batch) {
            let _ = writeln!(shown, "# {}\n{text}", names::text_of_path(&path));
        }
        shown
    }

    /// Submits tasks that have not finished, and waits until they have ended.
    pub(super) fn run(
        &self,
        Here { settings, terminal, session }: Here<'_>,
        home: &Path,
        tasks: Vec<Task>,
    ) -> Result<Ended, Failure> {
        if tasks.is_empty() {
            return Ok(Ended::All(BTreeMap::new()));
        }
        self.check_place(home)?;
        self.note_unusual(settings, terminal);
        let names: BTreeSet<String> = tasks.iter().map(|task| task.name.clone()).collect();
        let scheduler = scheduler(&self.cluster, settings);
        let mut jobs = self.jobs(settings, home, tasks);
        let note = |text: &str| terminal.note(text);
        let mut waiting = Waiting {
            home,
            jobs: &mut jobs,
            scheduler: &*scheduler,
            cancel: &session.cancel,
            tally: &session.tally,
            note: &note,
        };
        for place in hold(session, home, waiting.jobs) {
            terminal.warn(&format!(
                "the cache `{place}` cannot be written, so tasks cannot reuse the results of others"
            ));
        }
        let n = waiting.submit(&names).map_err(refused)?;
        let (place, on) = (text::shell_path(home), self.cluster.on.words());
        let under_way = names.len() - n;
        let before =
            if under_way == 0 { String::new() } else { format!("; {under_way} are under way") };
        terminal.note(&format!("{} submitted to {on}{before}", text::count(n, "task")));
        if self.detach && scheduler.outlives() {
            terminal.note(&format!(
                "`alpaca-run jobs show {place}` lists them; the same command without `--detach`, or \
                 `alpaca-run jobs resume {place}`, waits for the result"
            ));
            return Ok(Ended::Submitted);
        }
        if let Some(outcomes) = waiting.wait(&names).map_err(refused)? {
            release(session, home);
            return Ok(Ended::All(outcomes));
        }
        if !scheduler.outlives() {
            scheduler.cancel(&[]).map_err(refused)?;
        }
        Err(interrupted(&place, scheduler.outlives()))
    }

    /// Refuses a directory whose name means something to the scheduler.
    fn check_place(&self, home: &Path) -> Result<(), Failure> {
        let text = names::text_of_path(home);
        let bad = ["\\", "%{", "\n"].into_iter().find(|part| text.contains(part));
        let (Some(bad), true) = (bad, self.cluster.on != spec::Scheduler::Local) else {
            return Ok(());
        };
        let on = self.cluster.on.words();
        let error =
            anyhow::anyhow!("{on} cannot write into `{text}`: `{bad}` has a meaning for it");
        let hint = "choose a directory without it for the results".to_owned();
        Err(Failure::usage_with(error, vec![hint]))
    }

    /// Notes values that have no effect, or not the one that they say.
    fn note_unusual(&self, settings: &Settings, terminal: &Terminal) {
        let ClusterSpec { on, queue, cpus, .. } = &self.cluster;
        if queue.is_some() && *on != spec::Scheduler::Slurm {
            let on = on.words();
            terminal
                .note(&format!("`queue` of `cluster` has no effect: only Slurm has one, not {on}"));
        }
        if *on == spec::Scheduler::Local && *cpus > settings.threads {
            terminal.note(&format!(
                "each task has {cpus} threads (`cpus` of `cluster`) on {}, so tasks run one after the \
                 other",
                text::count(settings.threads, "processor")
            ));
        }
    }

    /// The command line of a task, with more options of `jobs run`.
    pub(super) fn command(
        &self,
        settings: &Settings,
        home: &Path,
        task: &str,
        more: &[String],
    ) -> Result<Vec<String>, Failure> {
        let program = std::env::current_exe().map_err(Failure::usage)?;
        let mut words = vec![word(&program)?, "jobs".to_owned(), "run".to_owned(), word(home)?];
        let threads = self.cluster.cpus.to_string();
        words.extend([task.to_owned(), "--threads".to_owned(), threads]);
        if let Some(cache) = &settings.cache_folder {
            words.extend(["--cache-dir".to_owned(), word(&settings.current_dir.join(cache))?]);
        }
        if settings.cache_dir.is_none() {
            words.push("--no-cache".to_owned());
        }
        words.extend(more.iter().cloned());
        // What has to be downloaded has been, by the command that submits.
        words.push("--offline".to_owned());
        Ok(words)
    }

    /// What was submitted before, and these tasks.
    fn jobs(&self, settings: &Settings, home: &Path, tasks: Vec<Task>) -> Jobs {
        let earlier = Jobs::read(home).ok().flatten();
        let earlier = earlier.filter(|jobs| jobs.cluster.on == self.cluster.on);
        let (earlier, submissions) = match earlier {
            Some(jobs) => (jobs.tasks, jobs.submissions),
            None => (vec![], vec![]),
        };
        let is_new = |name: &str| tasks.iter().all(|task| task.name != name);
        let mut all: Vec<Task> = earlier.into_iter().filter(|task| is_new(&task.name)).collect();
        all.extend(tasks);
        Jobs {
            cluster: self.cluster.clone(),
            command: settings.words.clone(),
            current_dir: settings.current_dir.clone(),
            tasks: all,
            submissions,
        }
    }
}

/// What runs the tasks of a section `cluster` for this command.
pub(super) fn scheduler(cluster: &ClusterSpec, settings: &Settings) -> Box<dyn Scheduler> {
    schedulers::of(cluster, settings.threads, settings.hq.clone())
}

/// The caches of a session that other processes use, too.
fn stores_of(session: &Session) -> Vec<Arc<dyn SharedStore>> {
    let own = session.caches.stages.as_deref().map(stores::of_directory);
    own.into_iter().chain(session.caches.shared.clone()).collect()
}

/// Keeps others from removing results that the tasks of a directory use. Returns the caches that cannot
/// be written.
pub(super) fn hold(session: &Session, home: &Path, jobs: &Jobs) -> Vec<String> {
    let keys = jobs.tasks.iter().flat_map(|task| task.inputs.iter().chain(&task.outputs));
    let keys: BTreeSet<Digest> = keys.copied().collect();
    let stores = stores_of(session).into_iter();
    stores
        .filter(|store| leases::hold(&**store, holder(home), &keys).is_err())
        .map(|store| store.place())
        .collect()
}

fn release(session: &Session, home: &Path) {
    for store in stores_of(session) {
        // It ends by itself later.
        let _ = leases::release(&*store, holder(home));
    }
}

/// The name of the lease of a directory.
fn holder(home: &Path) -> Digest {
    Digest::of(names::text_of_path(home).as_bytes())
}

/// A path as a word of a command line.
fn word(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        let shown = names::text_of_path(path);
        Failure::usage(anyhow::anyhow!("`{shown}` is not UTF-8, so it cannot be in a job file"))
    })
}

/// The first failure of tasks, with the number of failures; `None` if all finished.
pub(super) fn failure_of(home: &Path, outcomes: &BTreeMap<String, TaskOutcome>) -> Option<Failure> {
    let failed = |(name, outcome): (_, &TaskOutcome)| Some((name, outcome.failure.clone()?));
    let failures: Vec<_> = outcomes.iter().filter_map(failed).collect();
    // One that wrote an outcome says more than those that needed it.
    let (name, failure) = failures
        .iter()
        .find(|(name, _)| !outcomes[*name].machine.is_empty())
        .or(failures.first())?;
    let (n, all) = (failures.len(), text::count(outcomes.len(), "task"));
    let error = anyhow::anyhow!("{n} of {all} failed; {name}: {}", failure.error);
    let mut hints = failure.hints.clone();
    hints.push("start the same command again: finished tasks do not run again".to_owned());
    let log = jobs::log(home, name);
    let place = if log.exists() { &log } else { log.parent().unwrap_or(home) };
    let notes = vec![format!("its output is in `{}`", names::text_of_path(place))];
    Some(Failure::Other { exit: Exit::Failed, code: None, error, notes, hints })
}

/// A scheduler that refuses.
pub(super) fn refused(error: ClusterError) -> Failure {
    let hints = error.hints();
    Failure::usage_with(error, hints).with_exit(Exit::Failed)
}

fn nothing_to_detach() -> Failure {
    let error = anyhow::anyhow!("`--detach` needs a scheduler that continues without this command");
    let hint = "add `--on slurm` or `--on hyperqueue`";
    Failure::usage_with(error, vec![hint.to_owned()])
}

fn interrupted(place: &str, continues: bool) -> Failure {
    let (error, hints) = if continues {
        let again = "start the same command again to wait for them";
        let cancel = format!("`alpaca-run jobs cancel {place}` ends them");
        ("this command stopped waiting; the tasks continue", vec![again.to_owned(), cancel])
    } else {
        ("interrupted", vec!["start the same command again: it continues from here".to_owned()])
    };
    Failure::usage_with(anyhow::anyhow!(error), hints).with_exit(Exit::Interrupted)
}

/// Removes the runs that only trained stages for others; their results are in the cache.
pub(super) fn discard_stages(home: &Path) -> Result<(), fs::FileError> {
    fs::remove_dir_all(&home.join(jobs::FOLDER).join(STAGES))
}

/// The directory of a command's results as an absolute path.
pub(super) fn absolute(settings: &Settings, directory: &Path) -> PathBuf {
    fs::normalise(&settings.current_dir.join(directory))
}
