//! Several runs of one pipeline in one directory: those of a sweep, or of a cross-validation. They run
//! one after the other, in this process; those that have finished do not run again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::arms::Preparing;
use super::run::{failure, perform};
use super::written;
use super::{keep_stages, on_threads};
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::names;
use crate::cli::exit::Failure;
use crate::cli::log::Log;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::cluster::graph::{KeyedRun, KeyedStage};
use crate::exec::error::RunError;
use crate::exec::plan::PlanOptions;
use crate::exec::prepare::Prepared;
use crate::exec::prepare::images_read::ImagesRead;
use crate::exec::run::checkpoint;
use crate::exec::run::session::{Session, Texts};
use crate::pipeline::load::Loaded;
use crate::pipeline::resolved;
use crate::run_dir::layout;
use crate::run_dir::verify;
use crate::spec::Setting;

/// The file with the list of the runs.
pub(super) const LIST: &str = "tasks.json";

/// One of the runs.
#[derive(Clone, Debug)]
pub(super) struct OneOf {
    /// The name of its run directory.
    pub(super) name: String,
    /// The values that make the pipeline that of the run.
    pub(super) settings: Vec<Setting>,
    /// The stages that run; all if `None`.
    pub(super) stages: Option<Vec<String>>,
    /// Whether it evaluates and exports, and does not only train stages for others.
    pub(super) is_whole: bool,
}

/// The runs of a directory, as its file lists them.
#[derive(Deserialize, Serialize)]
pub(super) struct RunList<T> {
    /// A digest of everything that decides the results of the runs.
    pub(super) key: Digest,
    /// The runs.
    pub(super) tasks: T,
}

impl<T: Serialize> RunList<T> {
    /// Writes the list into the directory of the runs.
    pub(super) fn write(&self, home: &Path) -> Result<(), Failure> {
        fs::write_atomic(&home.join(LIST), super::json_text(self).as_bytes())
            .map_err(Failure::usage)
    }
}

/// Several runs of a pipeline.
pub(super) struct Several<'a> {
    pub(super) settings: &'a Settings,
    pub(super) terminal: &'a Terminal,
    pub(super) session: Session,
    /// The pipeline without the values of a run.
    pub(super) loaded: Loaded,
    /// Stages that run even if their results are cached.
    pub(super) force: Vec<String>,
    known: Option<ImagesRead>,
    preparing: Preparing,
}

impl<'a> Several<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        terminal: &'a Terminal,
        session: Session,
        loaded: Loaded,
    ) -> Self {
        let (force, preparing) = (vec![], Preparing::default());
        Self { settings, terminal, session, loaded, force, known: None, preparing }
    }

    /// The images, if they have been read.
    pub(super) fn known(&self) -> Option<&ImagesRead> {
        self.known.as_ref()
    }

    /// The pipeline of a run.
    fn prepare(&mut self, one: &OneOf) -> Result<(Loaded, Prepared), Failure> {
        let mut loaded = self.loaded.with(&one.settings).map_err(Failure::Rejected)?;
        let prepared = self.preparing.prepare(&loaded, self.settings).map_err(Failure::Rejected)?;
        if let Some(stages) = &one.stages {
            keep_stages(&mut loaded.spec, stages);
        }
        if !one.is_whole {
            loaded.spec.tasks.clear();
        }
        Ok((loaded, prepared))
    }

    /// The stages of a run with their keys. Finds whether its dataset can be split before anything
    /// runs.
    pub(super) fn keyed(&mut self, one: &OneOf) -> Result<KeyedRun, Failure> {
        let (loaded, prepared) = self.prepare(one)?;
        let Self { settings, session, .. } = self;
        let surveyed =
            on_threads(settings, || session.survey(&loaded.spec, prepared, self.known.as_ref()))?;
        let (known, keys) = surveyed.map_err(|error| {
            let mut failed = failure(error, None);
            if let Failure::Other { notes, .. } = &mut failed {
                notes.push(format!("this is about the run {}; nothing ran yet", one.name));
            }
            failed
        })?;
        self.known = Some(known);
        let stages = &loaded.spec.stages;
        let position = |name: &str| stages.iter().position(|stage| stage.name == name);
        let stages = stages.iter().zip(keys).map(|(stage, key)| KeyedStage {
            name: stage.name.clone(),
            key,
            needs: stage.needs().filter_map(position).collect(),
        });
        Ok(KeyedRun { name: one.name.clone(), stages: stages.collect() })
    }

    /// The directory of the runs: that of an earlier start with the same key, or
    /// a new one with the pipeline file in it.
    pub(super) fn directory(
        &self,
        runs_dir: &Path,
        name: &str,
        key: Digest,
    ) -> Result<PathBuf, Failure> {
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let all = std::iter::once(name.to_owned()).chain(numbered).map(|name| runs_dir.join(name));
        for directory in all.take_while(|directory| directory.exists()) {
            let text = fs::read_text(&directory.join(LIST)).unwrap_or_default();
            let earlier = serde_json::from_str::<RunList<serde_json::Value>>(&text);
            if earlier.is_ok_and(|earlier| earlier.key == key) {
                return Ok(directory);
            }
        }
        let directory = layout::create(runs_dir, name).map_err(Failure::usage)?;
        written::write_text(&self.loaded, &directory).map_err(Failure::usage)?;
        Ok(directory)
    }

    /// Runs one, or continues it if it was interrupted.
    pub(super) fn run(
        &mut self,
        one: &OneOf,
        home: &Path,
    ) -> Result<Result<(), RunError>, Failure> {
        let directory = home.join(&one.name);
        let (mut loaded, prepared) = self.prepare(one)?;
        let resolved = resolved::render(&loaded.spec, &loaded.document);
        loaded.spec.name.clone_from(&one.name);
        let texts =
            Texts { pipeline: &self.loaded.document.sources()[0].text, resolved: &resolved };
        let mut log = Log::start(self.terminal);
        let is_begun = directory.exists() && checkpoint::facts(&directory).is_ok();
        if directory.exists() && !is_begun {
            // It was stopped before its first stage.
            fs::remove_dir_all(&directory).map_err(Failure::usage)?;
        }
        let (session, settings) = (&self.session, self.settings);
        let logs = loaded.logs.of_several(home.file_name().unwrap_or_default());
        let report = if is_begun {
            perform((settings, self.terminal), (&mut log, &logs), |sinks| {
                session.resume(&loaded.spec, prepared, &directory, sinks)
            })?
        } else {
            let options = PlanOptions { force: self.force.clone(), unfinished: None };
            let planned = on_threads(settings, || {
                session.plan(&loaded.spec, prepared, &options, self.known.as_ref())
            })??;
            self.known = Some(planned.known());
            perform((settings, self.terminal), (&mut log, &logs), |sinks| {
                session.run(&loaded.spec, planned, home, &texts, sinks)
            })?
        };
        Ok(report.map(drop))
    }
}

/// Whether a run has finished, with stages that have these keys.
pub(super) fn is_finished(directory: &Path, keys: &[Digest]) -> Result<bool, Failure> {
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
        anyhow::anyhow!("`{shown}` is another run than the one to be made"),
        vec![format!("remove it (`alpaca-run runs rm {shown}`), and start again")],
    ))
}
