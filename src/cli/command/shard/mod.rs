//! `alpaca-run shard predict|evaluate|embed|features`: one output for each shard of a large dataset, and
//! all of them as one.

mod merge;
mod model;
mod one;
mod record;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use self::record::Record;
use super::elsewhere::{self, Elsewhere, Ended, Here, absolute};
use super::sessions::{open, session};
use super::several::LIST;
use super::{Fetching, load, on_threads, written};
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::cache::shared::SharedStore;
use crate::cli::args::{ShardAction, ShardArguments};
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::signals;
use crate::cli::terminal::Terminal;
use crate::cli::work::ShownWork;
use crate::cluster::graph::Task;
use crate::cluster::jobs;
use crate::cluster::work::{ShardFile, ShardModel, ShardWork, TaskWork, Work, WrittenPipeline};
use crate::exec::ask::image_files;
use crate::exec::plan::program;
use crate::exec::run::session::Session;
use crate::pipeline::load::Loaded;
use crate::run_dir::layout;

pub(super) use one::perform;

/// Applies a model to all shards, and merges the results.
pub(in crate::cli) fn run(
    arguments: &ShardArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let job = arguments.action.job();
    let (model, loaded) = match &arguments.action {
        ShardAction::Predict(of) => (model::of(ShardWork::Predict, of, settings)?, None),
        ShardAction::Evaluate(of) => (model::of(ShardWork::Evaluate, of, settings)?, None),
        ShardAction::Embed(of) => (model::of(ShardWork::Embed, of, settings)?, None),
        ShardAction::Features(of) => {
            let loaded = load(&of.pipeline, settings)?;
            Fetching::IfMissing(terminal).fetch_weights(&loaded, settings, None)?;
            (model::of_pipeline(of, &loaded, settings)?, Some(loaded))
        }
    };
    let of_pipeline = loaded.as_ref().map(|loaded| loaded.cluster.clone()).unwrap_or_default();
    let elsewhere = Elsewhere::of(&job.cluster, of_pipeline, settings)?;
    let shards = shards(&job.shards, settings)?;
    let home = absolute(settings, &job.out);
    check_out(&home, model.work, &job.out)?;
    warn_of_gone(&home, &shards, terminal);
    let session = session(settings, settings.current_dir.clone());
    signals::listen(&session.cancel);
    let groups: Vec<&[ShardFile]> = shards.chunks(job.group).collect();
    let is_open = |group: &&&[ShardFile]| {
        group.iter().any(|shard| Record::found(&home, &model, shard).is_none())
    };
    let open: Vec<&[ShardFile]> = groups.iter().filter(is_open).copied().collect();
    if open.len() < groups.len() && !job.dry_run {
        let n = groups.len() - open.len();
        terminal
            .note(&format!("{n} of {} had finished before", text::count(groups.len(), "group")));
    }
    let here = Here { settings, terminal, session: &session };
    let pipeline = loaded.as_ref().map(|loaded| written::of(loaded, settings));
    if let Some(loaded) = loaded.as_ref().filter(|_| !job.dry_run) {
        begin(loaded, &home).map_err(Failure::usage)?;
    }
    if let Some(elsewhere) = &elsewhere {
        let tasks = tasks(elsewhere, settings, &home, &open)?;
        if job.dry_run {
            terminal.result(&elsewhere.show(settings, &home, &tasks)).map_err(Failure::usage)?;
            return Ok(Exit::Done);
        }
        write_work(&home, &model, pipeline, &open).map_err(Failure::usage)?;
        let _shown = ShownWork::watch(terminal, &session.tally);
        match elsewhere.run(here, &home, tasks)? {
            Ended::Submitted => return Ok(Exit::Done),
            Ended::All(outcomes) => {
                if let Some(failure) = elsewhere::failure_of(&home, &outcomes) {
                    return Err(failure);
                }
            }
        }
    } else if job.dry_run {
        let names = shards.iter().flat_map(|shard| [shard.name.as_str(), "\n"]);
        terminal.result(&names.collect::<String>()).map_err(Failure::usage)?;
        return Ok(Exit::Done);
    } else {
        let _shown = ShownWork::watch(terminal, &session.tally);
        let all: Vec<ShardFile> = open.concat();
        on_threads(settings, || perform(&model, pipeline.as_ref(), &all, &home, here))??;
    }
    merge::write(&home, &model, &shards, job, terminal)
}

/// Refuses a directory with files that are not results of the same command.
fn check_out(home: &Path, work: ShardWork, shown: &Path) -> Result<(), Failure> {
    let shown = names::text_of_path(shown);
    let hint = "pass a new or empty directory to `--out`, or the one of an earlier start";
    let refuse = |what: &str| {
        let error = anyhow::anyhow!("`{shown}` {what}");
        Err(Failure::usage_with(error, vec![hint.to_owned()]))
    };
    if !home.exists() {
        return Ok(());
    }
    if !home.is_dir() {
        return refuse("is not a directory");
    }
    let text = fs::read_text(&home.join(layout::MANIFEST)).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let is_ours = !manifest["work"].is_null()
        || [record::FOLDER, jobs::FOLDER].iter().any(|name| home.join(name).is_dir());
    let is_run = home.join(layout::RESOLVED).exists() || home.join(LIST).exists();
    if is_run || !is_ours && !fs::read_dir_sorted(home).map_err(Failure::usage)?.is_empty() {
        return refuse("has other files than the results of `shard`");
    }
    let found = &manifest["work"];
    if !found.is_null() && serde_json::to_value(work).is_ok_and(|work| work != *found) {
        return refuse(&format!("has the results of `shard {}`", found.as_str().unwrap_or("")));
    }
    Ok(())
}

/// Writes the pipeline of the features into the directory of the results.
fn begin(loaded: &Loaded, home: &Path) -> Result<(), fs::FileError> {
    // By this directory, an interrupted start is known.
    fs::create_dir_all(&home.join(record::FOLDER))?;
    written::write_text(loaded, home)
}

/// Warns of shards of an earlier start that cannot be found now.
fn warn_of_gone(home: &Path, shards: &[ShardFile], terminal: &Terminal) {
    let Ok(before) = Work::read(home) else { return };
    let of_task = |task: &TaskWork| match task {
        TaskWork::Shards { shards, .. } => shards.clone(),
        TaskWork::Run(_) => vec![],
    };
    let now: BTreeSet<&str> = shards.iter().map(|shard| shard.place.as_str()).collect();
    let is_gone = |before: &ShardFile| !now.contains(before.place.as_str());
    let gone: Vec<String> =
        before.tasks.values().flat_map(of_task).filter(is_gone).map(|shard| shard.name).collect();
    if let Some(first) = gone.first() {
        let n = text::count(gone.len(), "shard");
        let first = names::visible(first);
        terminal.warn(&format!("{n} of the earlier start cannot be found now, such as `{first}`"));
    }
}

/// The name of the task of a group.
fn name(group: &[ShardFile]) -> String {
    let first = group.first().map_or("", |shard| shard.name.as_str());
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let more = if group.len() > 1 { format!("-and-{}", group.len() - 1) } else { String::new() };
    format!("{}{more}", first.chars().map(plain).collect::<String>())
}

fn tasks(
    elsewhere: &Elsewhere,
    settings: &Settings,
    home: &Path,
    groups: &[&[ShardFile]],
) -> Result<Vec<Task>, Failure> {
    let tasks = groups.iter().map(|group| {
        let name = name(group);
        let command = elsewhere.command(settings, home, &name, &[])?;
        Ok(Task { name, needs: vec![], inputs: vec![], outputs: vec![], command })
    });
    tasks.collect()
}

/// Writes what the tasks compute.
fn write_work(
    home: &Path,
    model: &ShardModel,
    pipeline: Option<WrittenPipeline>,
    groups: &[&[ShardFile]],
) -> Result<(), fs::FileError> {
    let tasks = groups.iter().map(|group| {
        let (model, shards) = (model.clone(), group.to_vec());
        (name(group), TaskWork::Shards { model, shards })
    });
    Work { program: program::identity(), pipeline, tasks: tasks.collect() }.write(home)
}

/// The shards of a pattern.
fn shards(pattern: &Path, settings: &Settings) -> Result<Vec<ShardFile>, Failure> {
    let shown = names::text_of_path(pattern);
    let (files, base) = image_files::files_of_pattern(pattern).map_err(|why| {
        let hint = "a pattern is a name with `*` or `{000..999}`, in quotes";
        Failure::usage_with(anyhow::anyhow!("the shards `{shown}`: {why}"), vec![hint.to_owned()])
    })?;
    if let Some(twice) = files
        .iter()
        .enumerate()
        .find_map(|(at, file)| files[..at].contains(file).then(|| names::text_of_path(file)))
    {
        return Err(Failure::usage(anyhow::anyhow!("`{shown}` names `{twice}` twice")));
    }
    if is_url(&shown) {
        return in_store(&files, &base, settings);
    }
    let missing: Vec<&PathBuf> = files.iter().filter(|file| !file.exists()).collect();
    if let Some(first) = missing.first() {
        let (n, all) = (missing.len(), text::count(files.len(), "shard"));
        let first = names::text_of_path(first);
        let error = anyhow::anyhow!("{n} of {all} cannot be found, such as `{first}`");
        let hint = "check the range, or write `*` for all files that there are";
        return Err(Failure::usage_with(error, vec![hint.to_owned()]));
    }
    files
        .into_iter()
        .map(|file| {
            let (bytes, modified) = fs::size_and_time(&file).map_err(Failure::usage)?;
            let name = file.strip_prefix(&base).unwrap_or(&file);
            // Files in the current directory are listed with its name.
            let name = name.strip_prefix(".").unwrap_or(name);
            let place = absolute(settings, &file);
            Ok(ShardFile {
                place: utf8(&place)?,
                name: utf8(name)?,
                bytes,
                modified: modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos(),
            })
        })
        .collect()
}

/// Whether a path is the URL of an object.
fn is_url(path: &str) -> bool {
    path.contains(":/") && !Path::new(path).is_absolute()
}

/// The shards in an object store.
fn in_store(
    files: &[PathBuf],
    base: &Path,
    settings: &Settings,
) -> Result<Vec<ShardFile>, Failure> {
    let folder = utf8(base)?;
    let store = store_of(&folder, settings)?;
    let failed = |error| {
        Failure::usage(anyhow::Error::new(error).context(format!("`{folder}` cannot be listed")))
    };
    let entries = store.list("").map_err(failed)?;
    let found = files.iter().map(|file| {
        let name = utf8(file.strip_prefix(base).unwrap_or(file))?;
        let entry = entries.iter().find(|entry| entry.name == name).ok_or_else(|| {
            Failure::usage(anyhow::anyhow!("there is no object `{}`", names::text_of_path(file)))
        })?;
        let modified = entry.written.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Ok(ShardFile { place: utf8(file)?, name, bytes: entry.bytes, modified })
    });
    found.collect()
}

/// The store that shards are in.
fn store_of(folder: &str, settings: &Settings) -> Result<Arc<dyn SharedStore>, Failure> {
    if !folder.starts_with("s3:") {
        let error = anyhow::anyhow!("`{folder}` is not a place of shards");
        let hint = "name files by a plain path, or objects as `s3://bucket/t-{000..999}.tar`";
        return Err(Failure::usage_with(error, vec![hint.to_owned()]));
    }
    open(folder, settings)
}

fn utf8(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| {
        let shown = names::text_of_path(path);
        Failure::usage(anyhow::anyhow!("`{shown}` is not UTF-8"))
    })
}

/// Stops if somebody asked for it. What is finished stays.
fn check(session: &Session) -> Result<(), Failure> {
    if !session.cancel.is_set() {
        return Ok(());
    }
    let hint = "start the same command again: finished shards are not read again";
    let error = Failure::usage_with(anyhow::anyhow!("interrupted"), vec![hint.to_owned()]);
    Err(error.with_exit(Exit::Interrupted))
}
