//! `alpaca-run resume RUN`

use std::path::Path;

use serde_json::json;

use super::prepare_recorded;
use super::run::{execute, follow};
use super::sessions::NamedCaches;
use crate::base::digest::Digest;
use crate::base::fs;
use crate::base::names;
use crate::base::peers::SharedPeers;
use crate::cli::args::ResumeArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::ranks;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::plan::PlanOptions;
use crate::exec::run::checkpoint::{self, RunFacts};
use crate::pipeline::load::{self, PipelineInput};
use crate::pipeline::logs::LogValues;
use crate::run_dir::layout;
use crate::run_dir::verify::{self, ManifestError};

/// Resumes an interrupted run.
pub(in crate::cli) fn run(
    arguments: &ResumeArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    if !settings.peers.is_first() {
        return join(arguments, settings, terminal);
    }
    let directory = &arguments.run;
    let begun = begun(directory, terminal);
    let message = begun.as_ref().map(|begun| begun.as_ref().map(|facts| message(directory, facts)));
    settings.peers.broadcast(message.ok().flatten().unwrap_or_default().as_bytes());
    let Some(facts) = begun? else { return Ok(Exit::Done) };
    let (folder, overrides) = (facts.pipeline_directory, &arguments.overrides);
    let (loaded, prepared) = ranks::after_first(&settings.peers, || {
        prepare_recorded(directory, &folder, overrides, facts.weights, settings, terminal)
    })?;
    let caches = NamedCaches::of_user(settings, terminal)?;
    let logs = logs(directory, &folder, settings);
    execute((settings, terminal), folder, (caches, &logs), |session, sinks| {
        session.resume(&loaded.spec, prepared, directory, sinks)
    })
}

/// The inputs of an unfinished run; `None` if it has finished.
fn begun(directory: &Path, terminal: &Terminal) -> Result<Option<RunFacts>, Failure> {
    match verify::read_manifest(directory) {
        Ok(_) => {
            checkpoint::discard(directory).map_err(Failure::usage)?;
            let text =
                format!("`{}` has finished: there is nothing to resume\n", directory.display());
            terminal.result(&text).map_err(Failure::usage)?;
            return Ok(None);
        }
        Err(ManifestError::Missing(_)) => {}
        Err(error) => return Err(Failure::usage(error)),
    }
    let facts = checkpoint::facts(directory).map_err(|error| {
        let hints = vec![
            "a run that stopped before its first stage cannot be resumed; run its pipeline again"
                .to_owned(),
        ];
        Failure::Other { exit: Exit::Usage, code: None, error: error.into(), notes: vec![], hints }
    })?;
    Ok(Some(facts))
}

/// Where the pipeline file of a run says that runs are logged.
fn logs(directory: &Path, folder: &Path, settings: &Settings) -> LogValues {
    let input = PipelineInput {
        file: directory.join(layout::PIPELINE),
        folder: folder.to_path_buf(),
        overrides: vec![],
        current_dir: settings.current_dir.clone(),
    };
    load::load(&input).map(|loaded| loaded.logs).unwrap_or_default()
}

/// What the other ranks need to know of a run, whose directory they need not see.
fn message(directory: &Path, facts: &RunFacts) -> String {
    let resolved = fs::read_text(&directory.join(layout::RESOLVED)).unwrap_or_default();
    let folder = names::text_of_path(&facts.pipeline_directory);
    json!({ "resolved": resolved, "folder": folder, "weights": facts.weights }).to_string()
}

/// Does the work of a rank that is not the first one, by the first one's message.
fn join(
    arguments: &ResumeArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let peers: &SharedPeers = &settings.peers;
    let message: serde_json::Value =
        serde_json::from_slice(&peers.broadcast(&[])).unwrap_or_default();
    let text = |key: &str| message[key].as_str().unwrap_or_default();
    if message.is_null() {
        // There is nothing to resume, or the first rank reports why not.
        return Ok(Exit::Done);
    }
    let weights: Option<Digest> =
        serde_json::from_value(message["weights"].clone()).map_err(Failure::usage)?;
    let copy = tempfile::tempdir().map_err(Failure::usage)?;
    fs::write_atomic(&copy.path().join(layout::RESOLVED), text("resolved").as_bytes())
        .map_err(Failure::usage)?;
    let folder = names::path_of(text("folder"));
    let (loaded, prepared) = ranks::after_first(peers, || {
        prepare_recorded(copy.path(), &folder, &arguments.overrides, weights, settings, terminal)
    })?;
    follow(settings, folder, |session| {
        let planned = session.plan(&loaded.spec, prepared, &PlanOptions::default(), None)?;
        session.follow(&loaded.spec, planned)
    })
}
