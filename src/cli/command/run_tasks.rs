//! Runs of one pipeline as tasks: those that have a stage in common need a task that trains it.

use std::path::Path;

use super::elsewhere::{Elsewhere, Ended, Here};
use super::several::{OneOf, Several};
use super::written;
use crate::base::fs::FileError;
use crate::cli::exit::Failure;
use crate::cluster::graph::{self, KeyedRun, Step, Task};
use crate::cluster::work::{RunWork, TaskWork, Work};
use crate::exec::plan::program;

/// A run with its stages.
pub(super) type Keyed = (OneOf, KeyedRun);

/// The files that would be submitted for runs.
pub(super) fn show(
    elsewhere: &Elsewhere,
    several: &Several<'_>,
    home: &Path,
    runs: &[Keyed],
) -> Result<String, Failure> {
    let tasks = tasks(elsewhere, several, home, &steps(several, runs))?;
    Ok(elsewhere.show(several.settings, home, &tasks))
}

/// Submits runs that have not finished, and waits until they have ended.
pub(super) fn run(
    elsewhere: &Elsewhere,
    several: &Several<'_>,
    home: &Path,
    runs: &[Keyed],
) -> Result<Ended, Failure> {
    let steps = steps(several, runs);
    let tasks = tasks(elsewhere, several, home, &steps)?;
    write_work(several, home, &steps, runs).map_err(Failure::usage)?;
    let Several { settings, terminal, session, .. } = several;
    elsewhere.run(Here { settings, terminal, session }, home, tasks)
}

/// The tasks of runs: stages that several have in common, and the runs.
fn steps(several: &Several<'_>, runs: &[Keyed]) -> Vec<Step> {
    let keyed: Vec<KeyedRun> = runs.iter().map(|(_, keyed)| keyed.clone()).collect();
    // Without a cache, a run cannot reuse a stage of another one.
    let caches = several.session.caches.stages.is_some() && several.force.is_empty();
    graph::of_runs(&keyed, |key| !caches || several.session.has_result(key))
}

fn tasks(
    elsewhere: &Elsewhere,
    several: &Several<'_>,
    home: &Path,
    steps: &[Step],
) -> Result<Vec<Task>, Failure> {
    let force = several.force.iter().flat_map(|stage| ["--force".to_owned(), stage.clone()]);
    let force: Vec<String> = force.collect();
    let tasks = steps.iter().map(|step| {
        Ok(Task {
            name: step.name.clone(),
            needs: step.needs.clone(),
            inputs: step.inputs.clone(),
            outputs: step.outputs.clone(),
            command: elsewhere.command(several.settings, home, &step.name, &force)?,
        })
    });
    tasks.collect()
}

/// Writes what the tasks compute.
fn write_work(
    several: &Several<'_>,
    home: &Path,
    steps: &[Step],
    runs: &[Keyed],
) -> Result<(), FileError> {
    let mut tasks = Work::read(home).map(|work| work.tasks).unwrap_or_default();
    for step in steps {
        let (one, keyed) = &runs[step.run];
        let last = step.stage.as_deref();
        let (stages, keys) = keyed.stages_for(last);
        let (settings, is_whole) = (one.settings.clone(), last.is_none());
        tasks
            .insert(step.name.clone(), TaskWork::Run(RunWork { settings, stages, is_whole, keys }));
    }
    let pipeline = written::of(&several.loaded, several.settings);
    Work { program: program::identity(), pipeline: Some(pipeline), tasks }.write(home)
}
