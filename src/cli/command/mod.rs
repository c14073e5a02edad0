//! The commands, one file each: lists of calls.

pub(super) mod bench;
pub(super) mod cache;
pub(super) mod check;
pub(super) mod data;
pub(super) mod diff;
pub(super) mod evaluate;
pub(super) mod export;
pub(super) mod fetch;
pub(super) mod layers;
pub(super) mod plan;
pub(super) mod predict;
pub(super) mod report;
pub(super) mod reproduce;
pub(super) mod resume;
pub(super) mod run;
pub(super) mod runs;
mod answers;
pub(super) mod schema;
pub(super) mod verify;
pub(super) mod watch;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{PipelineArguments, StagesArguments};
use super::downloads;
use super::exit::{Exit, Failure};
use super::settings::Settings;
use super::terminal::Terminal;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::exec::ask::trained::{self, OpenError, Trained};
use crate::exec::plan::PlanOptions;
use crate::exec::prepare::weights::published;
use crate::exec::prepare::{self, Prepared};
use crate::fetch::find_and_record;
use crate::pipeline::load::{self, Loaded, PipelineInput};
use crate::run_dir::layout;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::verify as files;
use crate::spec::{BaseModel, FromWeights, OnnxSpec};

/// Runs work on as many threads as the settings say.
fn on_threads<T: Send>(settings: &Settings, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(settings.threads).build();
    Ok(pool.map_err(Failure::usage)?.install(work))
}

/// Whether published weights that are not here are downloaded.
#[derive(Clone, Copy)]
enum Fetching<'a> {
    /// They are, unless the settings forbid it, and the terminal tells of it.
    IfMissing(&'a Terminal),
    /// They are not.
    Never,
}

impl Fetching<'_> {
    /// Downloads what a pipeline needs, which in a recorded run had the digest `recorded`. Where that
    /// may not be, what is missing is found later.
    fn fetch(
        self,
        loaded: &Loaded,
        settings: &Settings,
        recorded: Option<Digest>,
    ) -> Result<(), Failure> {
        let Some(mut file) = published(&loaded.spec.model) else { return Ok(()) };
        file.digest = recorded;
        match (self, &settings.cache_folder) {
            (Self::IfMissing(_), Some(root)) if settings.offline => {
                // What is wrong with it is said with its place in the pipeline.
                let _ = find_and_record(root, &file);
            }
            (Self::IfMissing(terminal), _) => drop(downloads::bring(&file, settings, terminal)?),
            (Self::Never, _) => {}
        }
        Ok(())
    }
}

/// Loads the pipeline that a command names, and looks at its dataset and weights.
fn prepare(
    arguments: &PipelineArguments,
    settings: &Settings,
    fetching: Fetching<'_>,
) -> Result<(Loaded, Prepared), Failure> {
    let loaded = load(arguments, settings)?;
    fetching.fetch(&loaded, settings, None)?;
    match prepare::prepare(&loaded.spec, settings.cache_folder.as_deref()) {
        Ok(prepared) => Ok((loaded, prepared)),
        Err(problems) => Err(Failure::Rejected(loaded.reject(problems))),
    }
}

/// Loads a pipeline as far as it is to run, and what is wished of its stages.
fn select(
    arguments: &PipelineArguments,
    stages: &StagesArguments,
    settings: &Settings,
    fetching: Fetching<'_>,
) -> Result<(Loaded, Prepared, PlanOptions), Failure> {
    let (mut loaded, prepared) = prepare(arguments, settings, fetching)?;
    let all = &mut loaded.spec.stages;
    for name in stages.until.iter().chain(&stages.force) {
        if !all.iter().any(|stage| stage.name == *name) {
            let names = text::all_of(all.iter().map(|stage| stage.name.as_str()));
            return Err(Failure::Other {
                exit: Exit::Usage,
                code: None,
                error: anyhow::anyhow!("the pipeline has no stage `{name}`"),
                hints: vec![format!("its stages are {names}")],
            });
        }
    }
    if let Some(until) = &stages.until {
        let last = all.iter().position(|stage| stage.name == *until);
        all.truncate(last.map_or(0, |last| last + 1));
        let stages = &loaded.spec.stages;
        loaded.spec.tasks.retain(|task| stages.iter().any(|stage| stage.name == task.from()));
    }
    let options = PlanOptions { force: stages.force.clone(), unfinished: None };
    Ok((loaded, prepared, options))
}

/// The folder of a pipeline file, absolute, as runs record it.
fn pipeline_directory(arguments: &PipelineArguments, settings: &Settings) -> PathBuf {
    fs::normalise(&settings.current_dir.join(load::folder_of(&arguments.pipeline)))
}

/// A value as a program reads it.
fn json_text(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("what commands print is plain data");
    format!("{text}\n")
}

/// Loads the pipeline that a run recorded, whose paths are relative to `folder`, and looks at its
/// dataset and weights. `overrides` say where these lie now, `weights` is the digest of the latter.
fn prepare_recorded(
    directory: &Path,
    folder: &Path,
    overrides: &[String],
    weights: Option<Digest>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<(Loaded, Prepared), Failure> {
    let mut loaded = load::load(&PipelineInput {
        file: directory.join(layout::RESOLVED),
        folder: folder.to_path_buf(),
        overrides: relocations(overrides)?,
        current_dir: settings.current_dir.clone(),
    })?;
    if let BaseModel::Onnx(OnnxSpec { onnx, .. }) = &mut loaded.spec.model.base {
        let kept = directory.join(layout::WEIGHTS).join(layout::BASE_MODEL);
        if !onnx.path.exists() && kept.exists() {
            terminal.note(&format!("note: `{}` is gone; the run has it", onnx.path.display()));
            onnx.path = kept;
        }
    }
    Fetching::IfMissing(terminal).fetch(&loaded, settings, weights)?;
    match prepare::prepare(&loaded.spec, settings.cache_folder.as_deref()) {
        Ok(prepared) => Ok((loaded, prepared)),
        Err(problems) => {
            terminal.note(
                "note: where pictures or weights lie elsewhere now, say so with \
                 -S dataset.directory=FOLDER, -S model.weights=FILE or -S model.base.onnx=FILE",
            );
            Err(Failure::Rejected(loaded.reject(problems)))
        }
    }
}

/// The model of a finished run with its pipeline and manifest. `overrides` say where its pictures lie
/// now.
fn open_trained(
    directory: &Path,
    which: FromWeights,
    overrides: &[String],
    settings: &Settings,
) -> Result<(Loaded, Manifest, Trained), Failure> {
    let manifest = files::read_manifest(directory)?;
    let used = trained::files(which);
    files::check(directory, &manifest, |name| {
        name == layout::RESOLVED || used.contains(&name.to_owned())
    })?;
    let loaded = load::load(&PipelineInput {
        file: directory.join(layout::RESOLVED),
        folder: names::path_of(&manifest.volatile.pipeline_directory),
        overrides: relocations(overrides)?,
        current_dir: settings.current_dir.clone(),
    })?;
    let trained = Trained::open(directory, &manifest, &loaded.spec, which);
    let trained = trained.map_err(|error| match error {
        OpenError::Weights(error) => Failure::usage(error),
        OpenError::Base(error) => {
            let hints = error.hints();
            Failure::usage_with(error, hints)
        }
    })?;
    Ok((loaded, manifest, trained))
}

/// The values that may differ from those a run was started with: where things lie.
fn relocations(overrides: &[String]) -> Result<Vec<String>, Failure> {
    /// Settings of where something lies.
    const PLACES: [&str; 3] = ["dataset.directory=", "model.weights=", "model.base.onnx="];
    match overrides.iter().find(|text| !PLACES.iter().any(|start| text.starts_with(start))) {
        None => Ok(overrides.to_vec()),
        Some(text) => Err(Failure::Other {
            exit: Exit::Usage,
            code: None,
            error: anyhow::anyhow!("`-S {text}` would make it another run"),
            hints: vec![
                "only dataset.directory, model.weights and model.base.onnx can be given here"
                    .to_owned(),
            ],
        }),
    }
}

/// Loads the pipeline that a command names.
fn load(arguments: &PipelineArguments, settings: &Settings) -> Result<Loaded, Failure> {
    let input = PipelineInput {
        file: arguments.pipeline.clone(),
        folder: load::folder_of(&arguments.pipeline).to_path_buf(),
        overrides: arguments.overrides.clone(),
        current_dir: settings.current_dir.clone(),
    };
    Ok(load::load(&input)?)
}
