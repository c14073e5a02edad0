//! `alpaca-run runs`, and its commands for single runs

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use serde_json::{Value, json};

use super::{json_text, runs_differ, runs_export, runs_table};
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::cli::args::{RunsAction, RunsArguments};
use crate::cli::exit::{self, Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::event::Score;
use crate::run_dir::catalog::{self, Found, RunEntry, Status};
use crate::run_dir::manifest::StageRecord;
use crate::tracking::facts::Facts;

/// Lists, shows or removes runs.
pub(in crate::cli) fn run(
    arguments: &RunsArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let text = match &arguments.action {
        None => {
            let mut runs = catalog::list(&arguments.runs_dir).map_err(Failure::usage)?;
            oldest_first(&mut runs);
            if arguments.csv || !arguments.columns.is_empty() {
                runs_table::render(&runs, &arguments.columns, arguments)?
            } else if arguments.json {
                let changes = runs_differ::changes(&runs);
                let with_changes = runs.iter().zip(changes).map(|(run, changes)| {
                    let mut run = as_json(run);
                    run["changes"] = json!(changes);
                    run
                });
                json_text(&with_changes.collect::<Vec<_>>())
            } else {
                list(&runs, &arguments.runs_dir)
            }
        }
        Some(RunsAction::Show { run, json }) => {
            let entry = read(run)?;
            if *json { json_text(&as_json(&entry)) } else { show(&entry) }
        }
        Some(RunsAction::Export { runs, to, experiment, runs_dir, .. }) => {
            let mut runs: Vec<(PathBuf, RunEntry)> = if runs.is_empty() {
                catalog::list_nested(runs_dir).map_err(Failure::usage)?
            } else {
                let named =
                    |run: &PathBuf| Ok((run.file_name().unwrap_or_default().into(), read(run)?));
                runs.iter().map(named).collect::<Result<_, Failure>>()?
            };
            runs.sort_by(|(_, a), (_, b)| a.when.cmp(&b.when));
            return runs_export::run(&runs, (to, experiment.as_deref()), settings, terminal);
        }
        Some(RunsAction::Rm { runs }) => {
            // All are checked before any is removed.
            let targets = runs.iter().map(|run| target(run)).collect::<Result<Vec<_>, _>>()?;
            targets.iter().map(|target| remove(target, false)).collect::<Result<String, _>>()?
        }
        Some(RunsAction::Prune { keep, unfinished, runs_dir, dry_run }) => {
            prune(Pruning { keep: *keep, unfinished: *unfinished }, runs_dir, *dry_run)?
        }
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

fn read(run: &Path) -> Result<RunEntry, Failure> {
    let entry = RunEntry::read(run).map_err(Failure::usage)?;
    entry.ok_or_else(|| {
        let error = anyhow!("`{}` is not a run directory", run.display());
        Failure::usage_with(error, exit::run_meant(run).into_iter().collect())
    })
}

fn oldest_first(runs: &mut [RunEntry]) {
    runs.sort_by(|a, b| a.when.cmp(&b.when).then_with(|| a.directory.cmp(&b.directory)));
}

/// The validation score of the run's best epoch.
fn score(run: &RunEntry) -> Option<Score> {
    let stage = run.manifest()?.best_stage()?;
    Some(stage.best.validation.score)
}

/// A score as a cell, with its name if it is not the accuracy.
fn cell(score: Score) -> String {
    match score {
        Score::Accuracy(accuracy) => format!("{accuracy:.4}"),
        other => format!("{:.4} ({})", other.value(), other.words()),
    }
}

fn list(runs: &[RunEntry], folder: &Path) -> String {
    if runs.is_empty() {
        return format!("no runs in `{}`\n", folder.display());
    }
    let heads = ["run", "when", "stages", "best accuracy", "status", "size", "changes"];
    let mut table = vec![heads.map(str::to_owned).to_vec()];
    for (run, changes) in runs.iter().zip(runs_differ::changes(runs)) {
        let stages = run.manifest().map(|manifest| {
            let names: Vec<&str> = manifest.stages.iter().map(|s| s.name.as_str()).collect();
            names.join(" → ")
        });
        table.push(vec![
            names::text_of_path(&run.directory),
            run.when.clone(),
            stages.unwrap_or_else(|| "-".to_owned()),
            score(run).map_or_else(|| "-".to_owned(), cell),
            status(run),
            text::bytes(run.bytes),
            runs_differ::line(&changes),
        ]);
    }
    text::align(&table, &[3, 5])
}

/// The status, and where an unfinished run stopped.
fn status(run: &RunEntry) -> String {
    let word = run.status.word();
    match runs_differ::stopped_at(run) {
        Some((stage, epoch)) => format!("{word} ({stage}, epoch {epoch})"),
        None => word.to_owned(),
    }
}

fn as_json(run: &RunEntry) -> Value {
    let stopped_at = runs_differ::stopped_at(run);
    json!({
        "directory": names::text_of_path(&run.directory),
        "status": run.status.word(),
        "when": run.when,
        "bytes": run.bytes,
        "best_accuracy": match score(run) {
            Some(Score::Accuracy(accuracy)) => Some(accuracy),
            _ => None,
        },
        "stopped_at": stopped_at.map(|(stage, epoch)| json!({ "stage": stage, "epoch": epoch.parse::<usize>().ok() })),
        "values": Facts::of(run).values,
        "manifest": run.manifest(),
    })
}

fn show(run: &RunEntry) -> String {
    let place = names::text_of_path(&run.directory);
    let mut text = format!("{place}: {}, {}, {}\n", status(run), run.when, text::bytes(run.bytes));
    let manifest = match &run.status {
        Status::Finished(manifest) => manifest,
        Status::Running(holder) => {
            let _ = writeln!(text, "{holder}");
            return text;
        }
        Status::CutShort => {
            let _ = writeln!(text, "`alpaca-run resume {place}` continues from here");
            return text;
        }
        Status::Broken(why) => {
            let _ = writeln!(text, "{why}");
            return text;
        }
    };
    let of = |name: &str| manifest.versions.get(name).map_or("-", String::as_str);
    let _ = writeln!(
        text,
        "pipeline {}, seed {}; alpaca-run {}, build {}, {}; {} in {}",
        manifest.name,
        manifest.seed,
        of("alpaca-run"),
        of("build"),
        of("instructions"),
        text::count(manifest.volatile.threads, "thread"),
        text::duration(std::time::Duration::from_secs_f64(manifest.volatile.seconds.max(0.0))),
    );
    let parts = manifest.dataset.split.iter().map(|(part, n)| format!("{part} {n}"));
    let _ = writeln!(
        text,
        "{}: {}; images: {}; weights: {}\n",
        if manifest.dataset.standard.is_some() { "number" } else { "classes" },
        manifest.dataset.classes.join(", "),
        parts.collect::<Vec<_>>().join(", "),
        manifest.weights.source,
    );
    let score = manifest.stages.first().map(|stage| stage.best.validation.score);
    let score = format!("val/{}", score.map_or("accuracy", Score::column));
    let heads = ["stage", "trained from", "weights", "best epoch", &score, "val/loss", "reused"];
    let mut table = vec![heads.map(str::to_owned).to_vec()];
    for stage in &manifest.stages {
        let StageRecord { name, first_trainable, n_trainable, best, .. } = stage;
        let reused = if manifest.volatile.reused.contains(name) { "yes" } else { "no" };
        table.push(vec![
            name.clone(),
            first_trainable.clone(),
            text::thousands(*n_trainable),
            best.epoch.to_string(),
            format!("{:.4}", best.validation.score.value()),
            format!("{:.4}", best.validation.loss),
            reused.to_owned(),
        ]);
    }
    text + &text::align(&table, &[2, 3, 4, 5])
}

/// Something that `rm` or `prune` removes.
enum Target {
    /// A link to a run. The run itself stays.
    Link(PathBuf),
    /// The run directory.
    Run(RunEntry),
}

/// Checks that a path can be removed.
fn target(path: &Path) -> Result<Target, Failure> {
    // A slash at the end would follow a link.
    let direct: PathBuf = path.components().collect();
    let run = read(&direct)?;
    if direct.is_symlink() {
        return Ok(Target::Link(direct));
    }
    match catalog::obstacle_to_removal(&run) {
        None => Ok(Target::Run(run)),
        Some(why) => {
            let path = names::text_of_path(path);
            Err(Failure::usage(anyhow!("cannot remove `{path}`: it {why}")))
        }
    }
}

/// Removes a run directory, or a link to one, and returns a line about it.
fn remove(target: &Target, dry_run: bool) -> Result<String, Failure> {
    let (place, what) = match target {
        Target::Link(link) => (link, "a link; its target stays".to_owned()),
        Target::Run(run) => (&run.directory, text::bytes(run.bytes)),
    };
    let place = names::text_of_path(place);
    if dry_run {
        return Ok(format!("{place} would be removed ({what})\n"));
    }
    match target {
        Target::Link(link) => fs::remove_any(link).map_err(Failure::usage)?,
        Target::Run(run) => {
            // By its full path, since a directory cannot be removed as `.`.
            let directory = run.directory.canonicalize().map_err(Failure::usage)?;
            catalog::remove(&directory).map_err(Failure::usage)?;
        }
    }
    Ok(format!("removed {place} ({what})\n"))
}

/// Which runs `prune` removes.
#[derive(Clone, Copy)]
struct Pruning {
    /// Number of finished runs to keep.
    keep: usize,
    /// Whether unfinished runs are removed too.
    unfinished: bool,
}

/// Removes all but the newest `keep` finished runs, and with `unfinished` those that did not
/// finish. Links stay, and entries that look like runs but are not removed are listed.
fn prune(pruning: Pruning, folder: &Path, dry_run: bool) -> Result<String, Failure> {
    let Pruning { keep, unfinished } = pruning;
    let mut runs = vec![];
    let mut left = String::new();
    for entry in catalog::look(folder).map_err(Failure::usage)? {
        match entry {
            Found::Other { directory, why } => {
                let _ = writeln!(left, "not removed: {} {why}", names::text_of_path(&directory));
            }
            Found::Run(run) if run.directory.is_symlink() => {
                let _ = writeln!(
                    left,
                    "not removed: {} is a link",
                    names::text_of_path(&run.directory)
                );
            }
            Found::Run(run) => match catalog::obstacle_to_removal(&run) {
                Some(why) if run.manifest().is_some() || unfinished => {
                    let _ = writeln!(
                        left,
                        "not removed: {} {why}",
                        names::text_of_path(&run.directory)
                    );
                }
                _ => runs.push(run),
            },
        }
    }
    let (mut runs, others): (Vec<RunEntry>, Vec<RunEntry>) =
        runs.into_iter().partition(|run| run.manifest().is_some());
    oldest_first(&mut runs);
    runs.truncate(runs.len().saturating_sub(keep));
    if unfinished {
        runs.extend(others.into_iter().filter(|run| !matches!(run.status, Status::Running(_))));
    }
    let removed = if runs.is_empty() {
        "nothing to remove\n".to_owned()
    } else {
        runs.into_iter()
            .map(|run| remove(&Target::Run(run), dry_run))
            .collect::<Result<String, _>>()?
    };
    Ok(removed + &left)
}
