//! The commands, one file each.

pub(super) mod bench;
mod bench_layers;
mod budget;
pub(super) mod cache;
pub(super) mod check;
pub(super) mod data;
pub(super) mod diff;
pub(super) mod evaluate;
pub(super) mod export;
pub(super) mod fetch;
pub(super) mod folds;
pub(super) mod init;
pub(super) mod layers;
pub(super) mod lr_find;
pub(super) mod manual;
pub(super) mod models;
pub(super) mod plan;
pub(super) mod predict;
pub(super) mod report;
pub(super) mod reproduce;
pub(super) mod resume;
pub(super) mod run;
pub(super) mod runs;
mod answers;
mod members;
mod model;
mod runs_differ;
mod runs_export;
mod runs_table;
mod sample;
mod teachers;
mod thresholds;
pub(super) mod schema;
pub(super) mod serve;
pub(super) mod serve_model;
mod sessions;
mod arms;
mod elsewhere;
pub(super) mod jobs;
mod run_tasks;
mod several;
pub(super) mod shard;
pub(super) mod sweep;
pub(super) mod verify;
pub(super) mod watch;
mod written;

use std::path::{Path, PathBuf};

use rayon::{ThreadPool, ThreadPoolBuilder};
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
use crate::spec::{BaseModel, FromWeights, OnnxSpec, PipelineSpec};

/// Runs work on the number of threads in the settings.
fn on_threads<T: Send>(settings: &Settings, work: impl FnOnce() -> T + Send) -> Result<T, Failure> {
    Ok(pool(settings)?.install(work))
}

/// As many threads as the settings say.
fn pool(settings: &Settings) -> Result<ThreadPool, Failure> {
    let pool = ThreadPoolBuilder::new().num_threads(settings.threads).build();
    pool.map_err(|error| {
        let threads = text::count(settings.threads, "thread");
        let hint = "raise the limits on memory and processes, or use fewer threads (`--threads 1`)";
        Failure::usage_with(
            anyhow::anyhow!("cannot start {threads}: {error}"),
            vec![hint.to_owned()],
        )
    })
}

/// Whether missing published weights and archives are downloaded.
#[derive(Clone, Copy)]
enum Fetching<'a> {
    /// Download them, unless the settings forbid it, and show progress on the terminal.
    IfMissing(&'a Terminal),
    /// Do not download them.
    Never,
}

impl Fetching<'_> {
    /// Downloads the weights that a pipeline needs; in a recorded run they had the digest
    /// `recorded`. If the network is disabled, missing weights are reported later.
    fn fetch(
        self,
        loaded: &Loaded,
        settings: &Settings,
        recorded: Option<Digest>,
    ) -> Result<(), Failure> {
        self.fetch_archive(loaded, settings)?;
        self.fetch_weights(loaded, settings, recorded)
    }

    /// Downloads the weights of a pipeline.
    fn fetch_weights(
        self,
        loaded: &Loaded,
        settings: &Settings,
        recorded: Option<Digest>,
    ) -> Result<(), Failure> {
        let Some(mut file) = published(&loaded.spec.model) else { return Ok(()) };
        file.digest = recorded;
        match (self, &settings.cache_folder) {
            (Self::IfMissing(_), Some(root)) if settings.offline => {
                // Problems are reported later, with their location in the pipeline.
                let _ = find_and_record(root, &file);
            }
            (Self::IfMissing(terminal), _) => drop(downloads::bring(&file, settings, terminal)?),
            (Self::Never, _) => {}
        }
        Ok(())
    }
}

impl Fetching<'_> {
    /// Downloads the archive of the dataset, if it has one that is on a server.
    fn fetch_archive(self, loaded: &Loaded, settings: &Settings) -> Result<(), Failure> {
        match (self, loaded.spec.dataset.source.download()) {
            (Self::IfMissing(terminal), Some(download)) if !settings.offline => {
                downloads::bring_archive(download, settings, terminal).map(drop)
            }
            _ => Ok(()),
        }
    }
}

/// Loads the pipeline of a command, and checks its dataset and weights.
fn prepare(
    arguments: &PipelineArguments,
    settings: &Settings,
    fetching: Fetching<'_>,
) -> Result<(Loaded, Prepared), Failure> {
    let loaded = load(arguments, settings)?;
    fetching.fetch(&loaded, settings, None)?;
    let teachers = teachers::open(&loaded, settings);
    match prepare::prepare(&loaded.spec, settings.cache_folder.as_deref(), teachers) {
        Ok(prepared) => Ok((loaded, prepared)),
        Err(problems) => Err(Failure::Rejected(loaded.reject(problems))),
    }
}

/// Loads a pipeline up to the last stage to run, with the options of its stages.
fn select(
    arguments: &PipelineArguments,
    stages: &StagesArguments,
    settings: &Settings,
    fetching: Fetching<'_>,
) -> Result<(Loaded, Prepared, PlanOptions), Failure> {
    let (mut loaded, prepared) = prepare(arguments, settings, fetching)?;
    let kept = stages_of(&loaded.spec, stages)?;
    keep_stages(&mut loaded.spec, &kept);
    let options = PlanOptions { force: stages.force.clone(), unfinished: None };
    Ok((loaded, prepared, options))
}

/// The names of the stages that run.
fn stages_of(spec: &PipelineSpec, stages: &StagesArguments) -> Result<Vec<String>, Failure> {
    let all = &spec.stages;
    for name in stages.until.iter().chain(&stages.force) {
        if !all.iter().any(|stage| stage.name == *name) {
            let names = text::all_of(all.iter().map(|stage| stage.name.as_str()));
            return Err(Failure::Other {
                exit: Exit::Usage,
                code: None,
                error: anyhow::anyhow!("the pipeline has no stage `{name}`"),
                notes: vec![],
                hints: vec![format!("its stages are {names}")],
            });
        }
    }
    let last = all.iter().position(|stage| Some(&stage.name) == stages.until.as_ref());
    let n = last.map_or(all.len(), |last| last + 1);
    Ok(all.iter().take(n).map(|stage| stage.name.clone()).collect())
}

/// Leaves out all other stages of a pipeline, and the tasks that are about them.
fn keep_stages(spec: &mut PipelineSpec, kept: &[String]) {
    spec.stages.retain(|stage| kept.contains(&stage.name));
    spec.tasks.retain(|task| kept.iter().any(|name| name == task.from()));
}

/// The absolute directory of a pipeline file, as runs record it.
fn pipeline_directory(arguments: &PipelineArguments, settings: &Settings) -> PathBuf {
    fs::normalise(&settings.current_dir.join(load::folder_of(&arguments.pipeline)))
}

/// Formats a value as JSON.
fn json_text(value: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(value).expect("commands print plain data");
    format!("{text}\n")
}

/// Loads the pipeline that a run recorded, and checks its dataset and weights. Paths in it are
/// relative to `folder`. `overrides` are new locations; `weights` is the digest of the weights.
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
            terminal.note(&format!(
                "note: `{}` no longer exists; using the copy in the run directory",
                onnx.path.display()
            ));
            onnx.path = kept;
        }
    }
    Fetching::IfMissing(terminal).fetch(&loaded, settings, weights)?;
    let teachers = teachers::open(&loaded, settings);
    match prepare::prepare(&loaded.spec, settings.cache_folder.as_deref(), teachers) {
        Ok(prepared) => Ok((loaded, prepared)),
        Err(problems) => {
            terminal.note(
                "note: if images or weights have moved, pass their location with \
                 `-S dataset.directory=DIR`, `-S model.weights=FILE`, `-S model.base.onnx=FILE` or \
                 `-S stages.NAME.train.teacher.model=PATH`",
            );
            Err(Failure::Rejected(loaded.reject(problems)))
        }
    }
}

/// Opens the model of a finished run with its pipeline and manifest. `overrides` are new locations
/// of its images.
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
        OpenError::NoStandard => Failure::usage(error),
        OpenError::Base(error) => {
            let (exit, notes, hints) = (Exit::Usage, error.notes(), error.hints());
            Failure::Other { exit, code: None, error: error.into(), notes, hints }
        }
    })?;
    Ok((loaded, manifest, trained))
}

/// Checks that the directory of an output file exists, before work that takes a while.
fn check_directory(file: &Path) -> Result<(), Failure> {
    let directory = file.parent().filter(|directory| *directory != Path::new(""));
    match directory {
        Some(directory) if !directory.is_dir() => {
            let shown = names::text_of_path(directory);
            Err(Failure::usage_with(
                anyhow::anyhow!("there is no directory `{shown}`"),
                vec!["create it, or name a file elsewhere".to_owned()],
            ))
        }
        _ => Ok(()),
    }
}

/// Checks that a run is not given after the images for it.
fn check_order(run: &Path, others: &[PathBuf]) -> Result<(), Failure> {
    let is_run = |path: &Path| path.join(layout::MANIFEST).is_file();
    let Some(other) = others.iter().find(|path| is_run(path)).filter(|_| !is_run(run)) else {
        return Ok(());
    };
    let [run, other] = [run, other].map(names::text_of_path);
    Err(Failure::usage_with(
        anyhow::anyhow!("`{run}` is not a run, but `{other}` is"),
        vec!["put the run first, then the images".to_owned()],
    ))
}

/// Checks that overrides of a recorded run change only the locations of its inputs.
fn relocations(overrides: &[String]) -> Result<Vec<String>, Failure> {
    /// Keys of locations.
    const PLACES: [&str; 14] = [
        "dataset.directory=",
        "dataset.train=",
        "dataset.validation=",
        "dataset.test=",
        "dataset.table=",
        "dataset.root=",
        "dataset.archive=",
        "dataset.shards=",
        "dataset.train_shards=",
        "dataset.validation_shards=",
        "dataset.test_shards=",
        "dataset.unlabeled=",
        "model.weights=",
        "model.base.onnx=",
    ];
    let is_place = |text: &String| {
        let key = text.split('=').next().unwrap_or_default();
        let is_of_teacher = key.starts_with("stages.") && key.ends_with(".teacher.model");
        is_of_teacher || PLACES.iter().any(|start| text.starts_with(start))
    };
    match overrides.iter().find(|text| !is_place(text)) {
        None => Ok(overrides.to_vec()),
        Some(text) => Err(Failure::Other {
            exit: Exit::Usage,
            code: None,
            error: anyhow::anyhow!("`-S {text}` would change the run"),
            notes: vec![],
            hints: vec![
                "here `-S` can set only where images and weights are: dataset.directory, train, \
                 validation, test, table, root, archive, shards, train_shards, validation_shards, \
                 test_shards and unlabeled, model.weights, model.base.onnx and stages.NAME.train.teacher.model"
                    .to_owned(),
            ],
        }),
    }
}

/// Loads the pipeline of a command.
fn load(arguments: &PipelineArguments, settings: &Settings) -> Result<Loaded, Failure> {
    let input = PipelineInput {
        file: arguments.pipeline.clone(),
        folder: load::folder_of(&arguments.pipeline).to_path_buf(),
        overrides: arguments.overrides.clone(),
        current_dir: settings.current_dir.clone(),
    };
    Ok(load::load(&input)?)
}
