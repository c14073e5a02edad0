//! `alpaca-run folds PIPELINE`

use std::path::{Path, PathBuf};

use serde_json::json;

use super::elsewhere::{self, Elsewhere, Ended, absolute};
use super::run::failure;
use super::run_tasks::{self, Keyed};
use super::sessions::{named, session};
use super::several::{OneOf, RunList, Several, is_finished};
use super::{Fetching, pipeline_directory, stages_of};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::names;
use crate::cli::args::FoldsArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::{Terminal, Verbosity};
use crate::cli::work::ShownWork;
use crate::exec::plan::program;
use crate::folds;
use crate::run_dir::layout;
use crate::spec::{FoldsSpec, Setting};

/// Folds if neither the pipeline nor the command line says how many.
const USUAL: usize = 5;

/// Runs all folds of a pipeline, and summarizes them.
pub(in crate::cli) fn run(
    arguments: &FoldsArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let loaded = super::load(&arguments.run.pipeline, settings)?;
    let elsewhere = Elsewhere::of(&arguments.cluster, loaded.cluster.clone(), settings)?;
    Fetching::IfMissing(terminal).fetch(&loaded, settings, None)?;
    let of = folds_of(arguments, loaded.spec.dataset.split.folds);
    let stages = stages_of(&loaded.spec, &arguments.run.stages)?;
    let mut session = session(settings, pipeline_directory(&arguments.run.pipeline, settings));
    named(&loaded, settings, terminal)?.into_session(&mut session);
    signals::listen(&session.cancel);
    let _shown = ShownWork::watch(terminal, &session.tally);
    let name = loaded.spec.name.clone();
    let mut several = Several::new(settings, terminal, session, loaded);
    several.force.clone_from(&arguments.run.stages.force);
    let runs: Vec<Keyed> = (0..of.folds * of.repeats)
        .map(|fold| {
            let one = one_of(&of, fold, &stages);
            let keyed = several.keyed(&one)?;
            Ok((one, keyed))
        })
        .collect::<Result<_, Failure>>()?;
    let place = format!("{name}-folds");
    if arguments.dry_run {
        let text = show(elsewhere.as_ref(), &several, &arguments.run.runs_dir.join(place), &runs)?;
        terminal.result(&text).map_err(Failure::usage)?;
        return Ok(Exit::Done);
    }
    let directory = directory(&several, arguments, &place, &runs)?;
    if !all(&mut several, elsewhere.as_ref(), &directory, &runs)? {
        return Ok(Exit::Done);
    }
    let places: Vec<_> = runs.iter().map(|(one, _)| directory.join(&one.name)).collect();
    let found = folds::summarize(&places, of.folds).map_err(Failure::usage)?;
    folds::write(&directory, &found).map_err(Failure::usage)?;
    let image = |path: &str, side: u32| several.known()?.thumbnail(path, side);
    let page = folds::render_page(&name, &found, &image);
    fs::write_atomic(&directory.join(layout::REPORT), page.as_bytes()).map_err(Failure::usage)?;
    elsewhere::discard_stages(&directory).map_err(Failure::usage)?;
    let shown = names::text_of_path(&directory);
    let text = match terminal.verbosity() {
        Verbosity::Quiet => format!("{shown}\n"),
        _ => format!(
            "\n{}The result is in {shown}: see report.html, folds.csv, predictions.csv\n",
            folds::render(&found)
        ),
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// The number of folds and repeats.
fn folds_of(arguments: &FoldsArguments, written: Option<FoldsSpec>) -> FoldsSpec {
    let usual = FoldsSpec { folds: USUAL, fold: 0, repeats: 1 };
    let FoldsSpec { folds, repeats, .. } = written.unwrap_or(usual);
    FoldsSpec {
        folds: arguments.folds.unwrap_or(folds),
        fold: 0,
        repeats: arguments.repeats.unwrap_or(repeats),
    }
}

/// The run of a fold.
fn one_of(of: &FoldsSpec, fold: usize, stages: &[String]) -> OneOf {
    let settings = [("folds", of.folds), ("fold", fold), ("repeats", of.repeats)];
    let settings = settings
        .map(|(key, n)| Setting { key: format!("dataset.split.{key}"), value: json!(n) })
        .to_vec();
    let (name, stages) = (format!("fold-{fold}"), Some(stages.to_vec()));
    OneOf { name, settings, stages, is_whole: true }
}

/// What would run: the folds, or what is submitted.
fn show(
    elsewhere: Option<&Elsewhere>,
    several: &Several<'_>,
    home: &Path,
    runs: &[Keyed],
) -> Result<String, Failure> {
    match elsewhere {
        Some(elsewhere) => {
            run_tasks::show(elsewhere, several, &absolute(several.settings, home), runs)
        }
        None => Ok(runs.iter().flat_map(|(one, _)| [one.name.as_str(), "\n"]).collect()),
    }
}

/// The directory of the folds: that of an earlier start with the same runs, or a new one.
fn directory(
    several: &Several<'_>,
    arguments: &FoldsArguments,
    name: &str,
    runs: &[Keyed],
) -> Result<PathBuf, Failure> {
    let keys: Vec<Vec<Digest>> = runs.iter().map(|(_, keyed)| keyed.keys()).collect();
    let tasks: Vec<&str> = runs.iter().map(|(one, _)| one.name.as_str()).collect();
    let decisive = json!([program::identity(), tasks, keys, arguments.run.stages.force]);
    let key = Digest::of(decisive.to_string().as_bytes());
    let directory = several.directory(&arguments.run.runs_dir, name, key)?;
    RunList { key, tasks }.write(&directory)?;
    Ok(directory)
}

/// Runs the folds that have not finished. Returns whether all have ended.
fn all(
    several: &mut Several<'_>,
    elsewhere: Option<&Elsewhere>,
    home: &Path,
    runs: &[Keyed],
) -> Result<bool, Failure> {
    let mut open = vec![];
    for run in runs {
        if !is_finished(&home.join(&run.0.name), &run.1.keys())? {
            open.push(run.clone());
        }
    }
    if open.len() < runs.len() {
        let n_found = runs.len() - open.len();
        several.terminal.note(&format!("{n_found} of {} runs had finished before", runs.len()));
    }
    if let Some(elsewhere) = elsewhere {
        let home = absolute(several.settings, home);
        return match run_tasks::run(elsewhere, several, &home, &open)? {
            Ended::Submitted => Ok(false),
            Ended::All(outcomes) => elsewhere::failure_of(&home, &outcomes).map_or(Ok(true), Err),
        };
    }
    for (one, _) in open {
        let number = runs.iter().position(|(other, _)| other.name == one.name).unwrap_or(0) + 1;
        let fold = one.name.replace('-', " ");
        several.terminal.note(&format!("{fold} ({number} of {})", runs.len()));
        several.run(&one, home)?.map_err(|error| {
            let mut failed = failure(error, None);
            if let Failure::Other { hints, .. } = &mut failed {
                let again = "run the same command again: it continues where it stopped";
                hints.push(again.to_owned());
            }
            failed
        })?;
    }
    Ok(true)
}
