//! `alpaca-run resume RUN`

use super::prepare_recorded;
use super::run::execute;
use super::sessions::shared;
use crate::cli::args::ResumeArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::run::checkpoint;
use crate::run_dir::verify::{self, ManifestError};

/// Resumes an interrupted run.
pub(in crate::cli) fn run(
    arguments: &ResumeArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let directory = &arguments.run;
    match verify::read_manifest(directory) {
        Ok(_) => {
            checkpoint::discard(directory).map_err(Failure::usage)?;
            let text =
                format!("`{}` has finished: there is nothing to resume\n", directory.display());
            terminal.result(&text).map_err(Failure::usage)?;
            return Ok(Exit::Done);
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
    let (folder, overrides) = (facts.pipeline_directory, &arguments.overrides);
    let (loaded, prepared) =
        prepare_recorded(directory, &folder, overrides, facts.weights, settings, terminal)?;
    let shared = shared(None, settings, terminal)?;
    execute((settings, terminal), folder, shared, |session, sinks| {
        session.resume(&loaded.spec, prepared, directory, sinks)
    })
}
