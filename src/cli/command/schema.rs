//! `alpaca-run schema`

use crate::cli::args::SchemaArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::pipeline::schema;

/// Prints the JSON schema of pipeline files.
pub(in crate::cli) fn run(_: &SchemaArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    terminal.result(&schema::pipeline_schema_text()).map_err(Failure::usage)?;
    Ok(Exit::Done)
}
