//! `alpaca-run schema`

use crate::cli::args::{SchemaArguments, SchemaOf};
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::event;
use crate::pipeline::editor;
use crate::run_dir::manifest;

/// Prints the JSON schema of pipeline files, manifests or events.
pub(in crate::cli) fn run(
    arguments: &SchemaArguments,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let text = match arguments.of {
        SchemaOf::Pipeline => editor::schema_text(),
        SchemaOf::Manifest => manifest::SCHEMA.to_owned(),
        SchemaOf::Events => event::SCHEMA.to_owned(),
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}
