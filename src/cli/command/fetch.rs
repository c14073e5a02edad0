//! `alpaca-run fetch PIPELINE…`

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{json_text, load};
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::cli::args::{FetchArguments, PipelineArguments};
use crate::cli::downloads;
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::prepare::network;
use crate::exec::prepare::weights::published;
use crate::spec::DownloadSpec;

/// Downloads the published weights and archives that pipelines use, and lists the files.
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
        if let Some(download) = loaded.spec.dataset.source.download() {
            let path = downloads::bring_archive(download, settings, terminal)?;
            let DownloadSpec { url, sha256 } = download;
            let (bytes, _) = fs::size_and_time(&path).map_err(Failure::usage)?;
            let _ = writeln!(
                lines,
                "{}: {} ({}), SHA-256 {sha256}",
                pipeline.display(),
                path.display(),
                text::bytes(bytes)
            );
            files.push(json!({
                "pipeline": names::text_of_path(pipeline),
                "path": names::text_of_path(&path),
                "bytes": bytes,
                "sha256": sha256,
                "url": url,
            }));
        }
        let Some(file) = published(&loaded.spec.model) else {
            if loaded.spec.dataset.source.download().is_none() {
                let name = pipeline.display();
                let _ =
                    writeln!(lines, "{name} uses no published weights and no archive on a server");
            }
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
