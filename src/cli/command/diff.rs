//! `alpaca-run diff A B [C…]`

use std::path::PathBuf;

use anyhow::anyhow;

use super::json_text;
use crate::base::fs;
use crate::cli::args::DiffArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::Terminal;
use crate::diff::{self, DiffError, Style};
use crate::run_dir::catalog;

/// Compares runs. The exit codes are those of `diff`.
pub(in crate::cli) fn run(arguments: &DiffArguments, terminal: &Terminal) -> Result<Exit, Failure> {
    let runs = match arguments.last {
        Some(n) => last(arguments, n)?,
        None => arguments.runs.clone(),
    };
    if runs.len() < 2 {
        return Err(Failure::usage(anyhow!("a comparison needs at least two runs")));
    }
    let found = diff::diff(&runs).map_err(|error| match error {
        // Trouble is 2, as for the `diff` tool; 1 would mean that the runs differ.
        DiffError::Manifest(error) => Failure::from(error).with_exit(Exit::Usage),
        error => Failure::usage(error),
    })?;
    let style =
        Style { markdown: arguments.md, all: arguments.all, precision: arguments.precision };
    let text = if arguments.json { json_text(&found) } else { diff::render(&found, style) };
    for (file, render) in [
        (&arguments.svg, (&|| diff::render_svg(&found)) as &dyn Fn() -> String),
        (&arguments.html, &|| diff::render_html(&found, style)),
    ] {
        if let Some(file) = file {
            fs::write_atomic(file, render().as_bytes()).map_err(Failure::usage)?;
        }
    }
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(if found.is_same { Exit::Done } else { Exit::Failed })
}

/// The `n` most recently finished runs, oldest first.
fn last(arguments: &DiffArguments, n: usize) -> Result<Vec<PathBuf>, Failure> {
    let folder = &arguments.runs_dir;
    let mut runs = catalog::list(folder).map_err(Failure::usage)?;
    runs.retain(|run| run.finished().is_some());
    runs.sort_by(|a, b| {
        a.finished().cmp(&b.finished()).then_with(|| a.directory.cmp(&b.directory))
    });
    if runs.len() < n {
        let text = format!("`{}` has only {} finished runs", folder.display(), runs.len());
        return Err(Failure::usage(anyhow!(text)));
    }
    Ok(runs.split_off(runs.len() - n).into_iter().map(|run| run.directory).collect())
}
