//! The pipeline of tasks, as a command was given it: its text is in the directory of the results.

use std::io::Write as _;
use std::path::Path;

use crate::base::fs::{self, FileError};
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::cluster::work::WrittenPipeline;
use crate::pipeline::load::{self, Loaded, PipelineInput};
use crate::run_dir::layout;

/// What a pipeline was read from.
pub(super) fn of(loaded: &Loaded, settings: &Settings) -> WrittenPipeline {
    let input = loaded.input();
    WrittenPipeline {
        file: input.file.clone(),
        folder: fs::normalise(&settings.current_dir.join(&input.folder)),
        overrides: input.overrides.clone(),
        current_dir: input.current_dir.clone(),
    }
}

/// Writes the text of a pipeline into the directory of the results.
pub(super) fn write_text(loaded: &Loaded, home: &Path) -> Result<(), FileError> {
    fs::create_dir_all(home)?;
    let text = &loaded.document.sources()[0].text;
    let path = home.join(layout::PIPELINE);
    // Two commands may start at once.
    let temporary = fs::with_ending(&path, &format!("{}.partial", fs::unique()));
    fs::write_renamed(&temporary, &path, |file| file.write_all(text.as_bytes()))
}

/// Reads the pipeline again.
pub(super) fn read(written: &WrittenPipeline, home: &Path) -> Result<Loaded, Failure> {
    let input = PipelineInput {
        file: written.file.clone(),
        folder: written.folder.clone(),
        overrides: written.overrides.clone(),
        current_dir: written.current_dir.clone(),
    };
    let text = fs::read_text(&home.join(layout::PIPELINE)).map_err(Failure::usage)?;
    load::from_text(&text, &input).map_err(Failure::Rejected)
}

/// Images or weights that are not those of the machine that submitted.
pub(super) fn other_inputs() -> Failure {
    let error = anyhow::anyhow!(
        "the images or the weights on this machine differ from those at the time of submission"
    );
    let hint = "check that all machines see the same files under the same paths, and submit again";
    Failure::usage_with(error, vec![hint.to_owned()])
}
