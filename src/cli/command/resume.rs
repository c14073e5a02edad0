//! `alpaca-run resume RUN`

use super::run::execute;
use super::{moved, relocations};
use crate::cli::args::ResumeArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::{checkpoint, preflight};
use crate::pipeline::load::{self, PipelineInput};
use crate::run_dir::layout;
use crate::run_dir::verify::{self, ManifestError};

/// Goes on with a run that was cut short.
pub(in crate::cli) fn run(
    arguments: &ResumeArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let directory = &arguments.run;
    let manifest = verify::read_manifest(directory);
    if let Err(
        error @ (ManifestError::File(_)
        | ManifestError::Format { .. }
        | ManifestError::Version { .. }
        | ManifestError::NotThere(_)),
    ) = manifest
    {
        return Err(Failure::usage(error));
    }
    if manifest.is_ok() {
        checkpoint::discard(directory).map_err(Failure::usage)?;
        let text =
            format!("`{}` is finished: there is nothing to go on with\n", directory.display());
        terminal.result(&text).map_err(Failure::usage)?;
        return Ok(Exit::Done);
    }
    let facts = checkpoint::facts(directory).map_err(|error| {
        let hints = vec![
            "a run that stopped before its first stage cannot go on; run its pipeline again"
                .to_owned(),
        ];
        Failure::Other { exit: Exit::Usage, code: None, error: error.into(), hints }
    })?;
    let loaded = load::load(&PipelineInput {
        file: directory.join(layout::RESOLVED),
        folder: facts.pipeline_directory.clone(),
        overrides: relocations(&arguments.overrides)?,
        current_dir: settings.current_dir.clone(),
    })?;
    let prepared =
        preflight::prepare(&loaded.spec).map_err(|problems| moved(terminal, &loaded, problems))?;
    execute(settings, terminal, facts.pipeline_directory, |session, sinks| {
        session.resume(&loaded.spec, prepared, directory, sinks)
    })
}
