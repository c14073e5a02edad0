//! `alpaca-run fetch PIPELINE…`

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{json_text, load};
use crate::base::names;
use crate::base::text;
use crate::cli::args::{FetchArguments, PipelineArguments};
use crate::cli::downloads;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::prepare::network;
use crate::exec::prepare::weights::published;

/// Downloads the published weights that pipelines use, and lists the files.
pub(in crate::cli) fn run(
    arguments: &FetchArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let mut lines = String::new();
    let mut files: Vec<Value> = vec![];
    for pipeline in &arguments.pipelines {
        let named = PipelineArguments {
            pipeline: pipeline.clone(),
            overrides: arguments.overrides.clone(),
        };
        let loaded = load(&named, settings)?;
        // A misspelled `imagenet` is taken as a file name.
        network::check_file(&loaded.spec)
            .map_err(|problem| Failure::Rejected(loaded.reject(vec![problem])))?;
        let Some(file) = published(&loaded.spec.model) else {
            let _ = writeln!(lines, "{} uses no published weights", pipeline.display());
            continue;
        };
        let kept = downloads::bring(&file, settings, terminal)?;
        let _ = writeln!(
            lines,
            "{}: {} ({}), SHA-256 {}",
            pipeline.display(),
            kept.path.display(),
            text::bytes(kept.n_bytes),
            kept.sha256,
        );
        files.push(json!({
            "pipeline": names::text_of_path(pipeline),
            "path": names::text_of_path(&kept.path),
            "bytes": kept.n_bytes,
            "sha256": kept.sha256,
            "url": file.url,
        }));
    }
    let text = if arguments.json { json_text(&files) } else { lines };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}
