//! `alpaca-run sweep PIPELINE`

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::arms::{Arms, Preparing};
use super::run::{failure, perform};
use super::sessions::session;
use super::{Fetching, load, on_threads, pipeline_directory};
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::cli::args::SweepArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::log::Log;
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::{Terminal, Verbosity};
use crate::cli::work::ShownWork;
use crate::exec::error::RunError;
use crate::exec::plan::{PlanOptions, program};
use crate::exec::prepare::Prepared;
use crate::exec::prepare::images_read::ImagesRead;
use crate::exec::run::checkpoint;
use crate::exec::run::session::{Session, Texts};
use crate::pipeline::load::Loaded;
use crate::pipeline::resolved;
use crate::run_dir::layout;
use crate::run_dir::lock::RunLock;
use crate::run_dir::verify;
use crate::spec::SweepSpec;
use crate::spec::problem::Code;
use crate::sweep::arms::Arm;
use crate::sweep::search::{self, Trial, Tried};
use crate::sweep::tasks::{self, Task};
use crate::sweep::{self, FailedArm, SweepResult, outcome};

/// Runs all arms of a sweep, and compares them.
pub(in crate::cli) fn run(
    arguments: &SweepArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let loaded = load(&arguments.pipeline, settings)?;
    let Some(arms) = Arms::of(&loaded) else { return Err(nothing_to_vary(arguments)) };
    check_overrides(&loaded)?;
    arms.check(&loaded, settings, Fetching::IfMissing(terminal))?;
    let session = session(settings, pipeline_directory(&arguments.pipeline, settings));
    signals::listen(&session.cancel);
    let _shown = ShownWork::watch(terminal, &session.tally);
    let mut sweep =
        Sweep { settings, terminal, session, loaded, known: None, preparing: Preparing::default() };
    let keys = arms.tasks.iter().map(|task| sweep.keys(task)).collect::<Result<Vec<_>, _>>()?;
    if arguments.dry_run {
        let text = sweep::render_arms(&arms.sweep, &arms.trials);
        terminal.result(&text).map_err(Failure::usage)?;
        return Ok(Exit::Done);
    }
    let (directory, key) = sweep.directory(&arguments.runs_dir, &arms, &keys)?;
    let lock =
        RunLock::acquire(&directory).map_err(|error| Failure::from(RunError::from(error)))?;
    let Done { rounds, failed, .. } = sweep.rounds(&directory, key, &arms, &keys)?;
    let name = &sweep.loaded.spec.name;
    let result = outcome::summarize(name, &directory, &arms.sweep, &rounds, failed);
    let result = result.map_err(Failure::usage)?.ok_or_else(all_failed)?;
    if result.arms.len() > 1 && result.n_images == 0 {
        return Err(nothing_in_common());
    }
    sweep.write(&directory, &arms.sweep, &result)?;
    drop(lock);
    fs::remove_partial_files(&directory).map_err(Failure::usage)?;
    fs::remove_dir_all(&directory.join(layout::CHECKPOINT)).map_err(Failure::usage)?;
    let shown = names::text_of_path(&directory);
    let text = match terminal.verbosity() {
        Verbosity::Quiet => format!("{shown}\n"),
        _ => format!(
            "\n{}\nThe result is in {shown}: see report.html, {}, {}\n",
            sweep::render(&result),
            sweep::TABLE,
            sweep::WINNER
        ),
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// A pipeline without a search.
fn nothing_to_vary(arguments: &SweepArguments) -> Failure {
    let shown = names::text_of_path(&arguments.pipeline.pipeline);
    Failure::usage_with(
        anyhow::anyhow!("`{shown}` has no `sweep`, so there is nothing to vary"),
        vec![
            "add the keys to vary, with their values: \
             `sweep: { over: { stages.finetune.train.epochs: [5, 10] }, folds: 5 }`"
                .to_owned(),
        ],
    )
}

/// Refuses an override without effect.
fn check_overrides(loaded: &Loaded) -> Result<(), Failure> {
    let Some((text, key)) = loaded.replaced_override() else { return Ok(()) };
    let error = anyhow::anyhow!("`-S {text}` has no effect: every arm sets `{key}` itself");
    let hint = format!("leave it out, or change the values of `{key}` under `over` of `sweep`");
    Err(Failure::usage_with(error, vec![hint]))
}

/// A sweep without a result.
fn all_failed() -> Failure {
    let hints =
        vec!["smaller learning rates, or `gradient_clipping`, keep the loss finite".to_owned()];
    Failure::usage_with(anyhow::anyhow!("all arms failed"), hints).with_exit(Exit::Failed)
}

/// Arms that cannot be compared.
fn nothing_in_common() -> Failure {
    let error = anyhow::anyhow!("the arms predicted different images, so they cannot be compared");
    let hint = "add `folds: 5` to `sweep`, so that every arm predicts all images; to vary the seed of \
                the arms alone, write `seeds` instead of a key of `over`";
    Failure::usage_with(error, vec![hint.to_owned()]).with_exit(Exit::Failed)
}

/// The trials of a round, with their runs.
type Round = (Vec<Trial>, Vec<Task>);

/// What has run.
#[derive(Default)]
struct Done {
    rounds: Vec<Round>,
    failed: Vec<FailedArm>,
    /// The number of runs, and of those that had finished before.
    n: usize,
    n_found: usize,
}

impl Done {
    fn has_failed(&self, arm: usize) -> bool {
        self.failed.iter().any(|failed| failed.arm == arm)
    }
}

/// The list of runs in the directory of a sweep.
#[derive(Deserialize, Serialize)]
struct TaskList<T> {
    /// A digest of everything that decides the results of the runs.
    key: Digest,
    /// The runs.
    tasks: T,
}

/// A sweep on this machine.
struct Sweep<'a> {
    settings: &'a Settings,
    terminal: &'a Terminal,
    session: Session,
    /// The pipeline without the values of an arm.
    loaded: Loaded,
    /// The images, once they have been read.
    known: Option<ImagesRead>,
    preparing: Preparing,
}

impl Sweep<'_> {
    /// The pipeline of a run.
    fn prepare(&mut self, task: &Task) -> Result<(Loaded, Prepared), Failure> {
        let loaded = self.loaded.with(&task.settings).map_err(Failure::Rejected)?;
        let prepared = self.preparing.prepare(&loaded, self.settings).map_err(Failure::Rejected)?;
        Ok((loaded, prepared))
    }

    /// The keys of the stages of a run. Finds whether its dataset can be split before anything runs.
    fn keys(&mut self, task: &Task) -> Result<Vec<Digest>, Failure> {
        let (loaded, prepared) = self.prepare(task)?;
        let Self { settings, session, .. } = self;
        let surveyed =
            on_threads(settings, || session.survey(&loaded.spec, prepared, self.known.as_ref()))?;
        let (known, keys) = surveyed.map_err(|error| {
            let mut failed = failure(error, None);
            if let Failure::Other { notes, .. } = &mut failed {
                notes.push(format!("this is about the run {}; nothing ran yet", task.name));
            }
            failed
        })?;
        self.known = Some(known);
        Ok(keys)
    }

    /// Runs all rounds of the search, except for what has finished.
    fn rounds(
        &mut self,
        home: &Path,
        key: Digest,
        arms: &Arms,
        first: &[Vec<Digest>],
    ) -> Result<Done, Failure> {
        let mut done = Done::default();
        let mut tried: Vec<Vec<Tried>> = vec![];
        let mut trials = arms.trials.clone();
        while !trials.is_empty() {
            let tasks = tasks::tasks(&self.loaded.spec, &arms.sweep, &trials);
            let before = done.rounds.iter().flat_map(|(_, tasks)| tasks);
            write_list(home, &TaskList { key, tasks: before.chain(&tasks).collect::<Vec<_>>() })?;
            for (number, task) in tasks.iter().enumerate() {
                if done.has_failed(task.arm) {
                    continue;
                }
                let is_known = done.rounds.is_empty();
                let keys = if is_known { first[number].clone() } else { self.keys(task)? };
                let place = format!("run {} of {}", number + 1, tasks.len());
                self.task(task, &place, &keys, home, &mut done)?;
            }
            let gains = trials.iter().map(|trial| {
                if done.has_failed(trial.arm.number) {
                    return Ok(Tried { trial: trial.clone(), gain: f64::NEG_INFINITY });
                }
                let gain = outcome::gain(home, &arms.sweep, trial, &tasks)?;
                Ok(Tried { trial: trial.clone(), gain })
            });
            tried.push(gains.collect::<Result<_, FileError>>().map_err(Failure::usage)?);
            done.rounds.push((trials, tasks));
            trials = search::next(&arms.sweep, &tried);
        }
        if done.n_found > 0 {
            let Done { n, n_found, .. } = done;
            self.terminal.note(&format!("{n_found} of {n} runs had finished before"));
        }
        Ok(done)
    }

    /// Runs a task unless it has finished. An arm whose loss becomes infinite fails alone.
    fn task(
        &mut self,
        task: &Task,
        place: &str,
        keys: &[Digest],
        home: &Path,
        done: &mut Done,
    ) -> Result<(), Failure> {
        done.n += 1;
        if is_finished(&home.join(&task.name), keys)? {
            done.n_found += 1;
            return Ok(());
        }
        let round = match done.rounds.len() {
            0 => String::new(),
            before => format!(" in round {}", before + 1),
        };
        self.terminal.note(&format!("{} ({place}{round})", task.name));
        match self.perform(task, home)? {
            Ok(()) => Ok(()),
            Err(error) if error.code() == Some(Code::LossNotFinite) => {
                self.terminal.warn(&format!("arm {} failed: {error}", task.arm));
                let (arm, run, reason) = (task.arm, task.name.clone(), error.to_string());
                done.failed.push(FailedArm { arm, values: vec![], run, reason });
                Ok(())
            }
            Err(error) => {
                let mut failed = failure(error, None);
                if let Failure::Other { hints, .. } = &mut failed {
                    let again = "run the same command again: it continues where it stopped";
                    hints.push(again.to_owned());
                }
                Err(failed)
            }
        }
    }

    /// The directory of the sweep and its key: that of an earlier start with the same runs, or a new
    /// one.
    fn directory(
        &self,
        runs_dir: &Path,
        arms: &Arms,
        keys: &[Vec<Digest>],
    ) -> Result<(PathBuf, Digest), Failure> {
        let decisive = json!([program::identity(), arms.sweep, arms.tasks, keys]);
        let key = Digest::of(decisive.to_string().as_bytes());
        let name = format!("{}-sweep", self.loaded.spec.name);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let all = std::iter::once(name.clone()).chain(numbered).map(|name| runs_dir.join(name));
        for directory in all.take_while(|directory| directory.exists()) {
            let text = fs::read_text(&directory.join(sweep::TASKS)).unwrap_or_default();
            let earlier = serde_json::from_str::<TaskList<serde_json::Value>>(&text);
            if earlier.is_ok_and(|earlier| earlier.key == key) {
                return Ok((directory, key));
            }
        }
        let directory = layout::create(runs_dir, &name).map_err(Failure::usage)?;
        let text = &self.loaded.document.sources()[0].text;
        let pipeline = directory.join(layout::PIPELINE);
        fs::write_atomic(&pipeline, text.as_bytes()).map_err(Failure::usage)?;
        write_list(&directory, &TaskList { key, tasks: &arms.tasks })?;
        Ok((directory, key))
    }

    /// Runs a task, or continues it if it was interrupted.
    fn perform(&mut self, task: &Task, home: &Path) -> Result<Result<(), RunError>, Failure> {
        let directory = home.join(&task.name);
        let (mut loaded, prepared) = self.prepare(task)?;
        let resolved = resolved::render(&loaded.spec, &loaded.document);
        loaded.spec.name.clone_from(&task.name);
        let texts =
            Texts { pipeline: &self.loaded.document.sources()[0].text, resolved: &resolved };
        let mut log = Log::start(self.terminal);
        let is_begun = directory.exists() && checkpoint::facts(&directory).is_ok();
        if directory.exists() && !is_begun {
            // It was stopped before its first stage.
            fs::remove_dir_all(&directory).map_err(Failure::usage)?;
        }
        let (session, settings) = (&self.session, self.settings);
        let report = if is_begun {
            perform(settings, self.terminal, &mut log, |sinks| {
                session.resume(&loaded.spec, prepared, &directory, sinks)
            })?
        } else {
            let options = PlanOptions::default();
            let planned = on_threads(settings, || {
                session.plan(&loaded.spec, prepared, &options, self.known.as_ref())
            })??;
            self.known = Some(planned.known());
            perform(settings, self.terminal, &mut log, |sinks| {
                session.run(&loaded.spec, planned, home, &texts, sinks)
            })?
        };
        Ok(report.map(drop))
    }

    /// Writes the result. The file that says that the sweep has finished is the last.
    fn write(
        &self,
        directory: &Path,
        spec: &SweepSpec,
        result: &SweepResult,
    ) -> Result<(), Failure> {
        let best = &result.arms[0];
        let best = Arm { number: best.arm, values: best.values.clone() };
        let settings = best.settings(spec);
        let arm = self.loaded.with(&settings).map_err(Failure::Rejected)?;
        let home = self.settings.current_dir.join(directory);
        let winner = self.loaded.text_with(&settings, &arm, &home);
        let page = sweep::render_page(result);
        for (name, text) in [(sweep::WINNER, winner), (layout::REPORT, page)] {
            let path = directory.join(name);
            fs::write_atomic(&path, text.as_bytes()).map_err(Failure::usage)?;
        }
        sweep::write(directory, result).map_err(Failure::usage)
    }
}

/// Writes the list of runs.
fn write_list(home: &Path, list: &impl Serialize) -> Result<(), Failure> {
    let text = super::json_text(list);
    fs::write_atomic(&home.join(sweep::TASKS), text.as_bytes()).map_err(Failure::usage)
}

/// Whether a run has finished, with the same stages.
fn is_finished(directory: &Path, keys: &[Digest]) -> Result<bool, Failure> {
    if !directory.join(layout::MANIFEST).exists() {
        return Ok(false);
    }
    let manifest = verify::read_manifest(directory)?;
    verify::check(directory, &manifest, |name| name == layout::PREDICTIONS)?;
    let found = manifest.stages.iter().map(|stage| &stage.key);
    if found.eq(keys) {
        // It may have been killed at its very end.
        checkpoint::discard(directory).map_err(Failure::usage)?;
        return Ok(true);
    }
    let shown = names::text_of_path(directory);
    Err(Failure::usage_with(
        anyhow::anyhow!("`{shown}` is not a run of this sweep"),
        vec![format!("remove it (`alpaca-run runs rm {shown}`), and start the sweep again")],
    ))
}
