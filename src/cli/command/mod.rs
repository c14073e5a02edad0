//! The commands, one file each: lists of calls.

pub(super) mod check;
pub(super) mod layers;
pub(super) mod run;
pub(super) mod schema;

use super::args::PipelineArguments;
use super::exit::Failure;
use super::settings::Settings;
use crate::pipeline::load::{self, Loaded, PipelineInput};

/// Loads the pipeline that a command names.
fn load(arguments: &PipelineArguments, settings: &Settings) -> Result<Loaded, Failure> {
    let input = PipelineInput {
        file: arguments.pipeline.clone(),
        overrides: arguments.overrides.clone(),
        current_dir: settings.current_dir.clone(),
    };
    Ok(load::load(&input)?)
}
