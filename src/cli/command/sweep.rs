//! `alpaca-run sweep PIPELINE`

use std::path::Path;

use serde_json::json;

use super::arms::Arms;
use super::elsewhere::{self, Elsewhere, Ended, absolute};
use super::run::failure;
use super::run_tasks::{self, Keyed};
use super::sessions::{named, session};
use super::several::{OneOf, RunList, Several, is_finished};
use super::{Fetching, load, pipeline_directory};
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::cli::args::SweepArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::{Terminal, Verbosity};
use crate::cli::work::ShownWork;
use crate::cluster::outcome::TaskOutcome;
use crate::exec::error::RunError;
use crate::exec::plan::program;
use crate::pipeline::load::Loaded;
use crate::run_dir::layout;
use crate::run_dir::lock::RunLock;
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
    let elsewhere = Elsewhere::of(&arguments.cluster, loaded.cluster.clone(), settings)?;
    arms.check(&loaded, settings, Fetching::IfMissing(terminal))?;
    let mut session = session(settings, pipeline_directory(&arguments.pipeline, settings));
    named(&loaded, settings, terminal)?.into_session(&mut session);
    signals::listen(&session.cancel);
    let _shown = ShownWork::watch(terminal, &session.tally);
    let several = Several::new(settings, terminal, session, loaded);
    let mut sweep = Sweep { several, elsewhere };
    let first = sweep.keyed(&arms.tasks)?;
    if arguments.dry_run {
        let directory = arguments.runs_dir.join(sweep.name());
        let text = sweep.show(&arms, &absolute(settings, &directory), &first)?;
        terminal.result(&text).map_err(Failure::usage)?;
        return Ok(Exit::Done);
    }
    let keys: Vec<Vec<Digest>> = first.iter().map(|(_, keyed)| keyed.keys()).collect();
    let decisive = json!([program::identity(), arms.sweep, arms.tasks, keys]);
    let key = Digest::of(decisive.to_string().as_bytes());
    let directory = sweep.several.directory(&arguments.runs_dir, &sweep.name(), key)?;
    let lock =
        RunLock::acquire(&directory).map_err(|error| Failure::from(RunError::from(error)))?;
    let Some(Done { rounds, failed, .. }) = sweep.rounds(&directory, key, &arms, first)? else {
        return Ok(Exit::Done);
    };
    let name = &sweep.several.loaded.spec.name;
    let result = outcome::summarize(name, &directory, &arms.sweep, &rounds, failed);
    let result = result.map_err(Failure::usage)?.ok_or_else(all_failed)?;
    if result.arms.len() > 1 && result.n_images == 0 {
        return Err(nothing_in_common());
    }
    sweep.write(&directory, &arms.sweep, &result)?;
    drop(lock);
    fs::remove_partial_files(&directory).map_err(Failure::usage)?;
    fs::remove_dir_all(&directory.join(layout::CHECKPOINT)).map_err(Failure::usage)?;
    elsewhere::discard_stages(&directory).map_err(Failure::usage)?;
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

    /// An arm fails alone.
    fn fail(&mut self, task: &Task, reason: String) {
        if !self.has_failed(task.arm) {
            let (arm, run) = (task.arm, task.name.clone());
            self.failed.push(FailedArm { arm, values: vec![], run, reason });
        }
    }
}

/// A sweep, and where its runs go.
struct Sweep<'a> {
    several: Several<'a>,
    elsewhere: Option<Elsewhere>,
}

impl Sweep<'_> {
    /// The name of its directory.
    fn name(&self) -> String {
        format!("{}-sweep", self.several.loaded.spec.name)
    }

    /// The runs of some tasks, with their stages.
    fn keyed(&mut self, tasks: &[Task]) -> Result<Vec<Keyed>, Failure> {
        let keyed = tasks.iter().map(|task| {
            let one = one_of(task);
            let keyed = self.several.keyed(&one)?;
            Ok((one, keyed))
        });
        keyed.collect()
    }

    /// What would run: the arms, or what is submitted in the first round.
    fn show(&self, arms: &Arms, home: &Path, first: &[Keyed]) -> Result<String, Failure> {
        match &self.elsewhere {
            None => Ok(sweep::render_arms(&arms.sweep, &arms.trials)),
            Some(elsewhere) => run_tasks::show(elsewhere, &self.several, home, first),
        }
    }

    /// Runs all rounds of the search, except for what has finished. `None` if nobody waits for the
    /// runs of a round.
    fn rounds(
        &mut self,
        home: &Path,
        key: Digest,
        arms: &Arms,
        first: Vec<Keyed>,
    ) -> Result<Option<Done>, Failure> {
        let mut done = Done::default();
        let mut tried: Vec<Vec<Tried>> = vec![];
        let mut trials = arms.trials.clone();
        let mut first = Some(first);
        while !trials.is_empty() {
            let tasks = tasks::tasks(&self.several.loaded.spec, &arms.sweep, &trials);
            let before = done.rounds.iter().flat_map(|(_, tasks)| tasks);
            let list = RunList { key, tasks: before.chain(&tasks).collect::<Vec<_>>() };
            list.write(home)?;
            let keyed = match first.take() {
                Some(keyed) => keyed,
                None => self.keyed(&tasks)?,
            };
            if !self.round(&tasks, &keyed, home, &mut done)? {
                return Ok(None);
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
            self.several.terminal.note(&format!("{n_found} of {n} runs had finished before"));
        }
        Ok(Some(done))
    }

    /// Runs the tasks of a round that have not finished. Returns whether they have ended.
    fn round(
        &mut self,
        tasks: &[Task],
        keyed: &[Keyed],
        home: &Path,
        done: &mut Done,
    ) -> Result<bool, Failure> {
        let mut open = vec![];
        for (task, run) in tasks.iter().zip(keyed) {
            done.n += 1;
            if is_finished(&home.join(&task.name), &run.1.keys())? {
                done.n_found += 1;
            } else {
                open.push((task, run));
            }
        }
        let Some(elsewhere) = &self.elsewhere else {
            let n_before = tasks.len() - open.len();
            for (position, (task, (one, _))) in open.iter().enumerate() {
                if !done.has_failed(task.arm) {
                    let place = (n_before + position + 1, tasks.len());
                    self.task(task, one, place, home, done)?;
                }
            }
            return Ok(true);
        };
        let runs: Vec<Keyed> = open.iter().map(|(_, run)| (*run).clone()).collect();
        let home = absolute(self.several.settings, home);
        let Ended::All(mut outcomes) = run_tasks::run(elsewhere, &self.several, &home, &runs)?
        else {
            return Ok(false);
        };
        for (task, _) in open {
            if let Some(reason) = loss_of(outcomes.get(&task.name)) {
                self.several.terminal.warn(&failed_arm(task, &reason));
                done.fail(task, reason);
                outcomes.remove(&task.name);
            }
        }
        elsewhere::failure_of(&home, &outcomes).map_or(Ok(true), Err)
    }

    /// Runs a task here. An arm whose loss becomes infinite fails alone.
    fn task(
        &mut self,
        task: &Task,
        one: &OneOf,
        (number, n): (usize, usize),
        home: &Path,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let round = match done.rounds.len() {
            0 => String::new(),
            before => format!(" in round {}", before + 1),
        };
        self.several.terminal.note(&format!("{} (run {number} of {n}{round})", task.name));
        match self.several.run(one, home)? {
            Ok(()) => Ok(()),
            Err(error) if error.code() == Some(Code::LossNotFinite) => {
                let reason = error.to_string();
                self.several.terminal.warn(&failed_arm(task, &reason));
                done.fail(task, reason);
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
        let arm = self.several.loaded.with(&settings).map_err(Failure::Rejected)?;
        let home = self.several.settings.current_dir.join(directory);
        let winner = self.several.loaded.text_with(&settings, &arm, &home);
        let page = sweep::render_page(result);
        for (name, text) in [(sweep::WINNER, winner), (layout::REPORT, page)] {
            let path = directory.join(name);
            fs::write_atomic(&path, text.as_bytes()).map_err(Failure::usage)?;
        }
        sweep::write(directory, result).map_err(Failure::usage)
    }
}

/// The run of a task.
fn one_of(task: &Task) -> OneOf {
    let (name, settings) = (task.name.clone(), task.settings.clone());
    OneOf { name, settings, stages: None, is_whole: true }
}

fn failed_arm(task: &Task, reason: &str) -> String {
    format!("arm {} failed: {reason}", task.arm)
}

/// How a run says that its loss became infinite.
fn loss_of(outcome: Option<&TaskOutcome>) -> Option<String> {
    let failure = outcome?.failure.as_ref()?;
    let is_loss = failure.code.as_deref() == Some(Code::LossNotFinite.number());
    is_loss.then(|| failure.error.clone())
}
