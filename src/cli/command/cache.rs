//! `alpaca-run cache list|size|prune`

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::json_text;
use crate::base::clock;
use crate::base::fs;
use crate::base::names;
use crate::base::text;
use crate::cache::directory::{Bucket, CacheDirectory, EntryFile, entries_below};
use crate::cli::args::{CacheAction, CacheCommandArguments};
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::fetch;

/// A kind of cache entries with its files.
struct Kind {
    name: &'static str,
    folder: String,
    files: Vec<EntryFile>,
}

impl Kind {
    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Lists, measures or prunes the cache.
pub(in crate::cli) fn run(
    arguments: &CacheCommandArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let root = settings.cache_root()?;
    let kinds = kinds(root)?;
    let text = match &arguments.action {
        CacheAction::List { json: true } => {
            let kinds = kinds.iter().map(|kind| {
                let folder = &kind.folder;
                let (entries, bytes) = (kind.files.len(), kind.bytes());
                json!({ "kind": kind.name, "folder": folder, "entries": entries, "bytes": bytes })
            });
            json_text(
                &json!({ "cache": names::text_of_path(root), "kinds": kinds.collect::<Vec<_>>() }),
            )
        }
        CacheAction::List { json: false } => list(root, &kinds),
        CacheAction::Size => format!("{}\n", kinds.iter().map(Kind::bytes).sum::<u64>()),
        CacheAction::Prune { older_than, weights, dry_run, .. } => {
            let mut kinds = kinds;
            kinds.retain(|kind| *weights || kind.name != WEIGHTS);
            prune(&kinds, older_than.unwrap_or(0), *dry_run)?
        }
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

/// The kind that costs a download to restore. It is removed only with `--weights`.
const WEIGHTS: &str = "published weights";

fn kinds(root: &Path) -> Result<Vec<Kind>, Failure> {
    let weights = fetch::folder(root);
    let mut kinds = buckets(root)?;
    let mut files = entries_below(&weights).map_err(Failure::usage)?;
    // Each file has a digest beside it, and each directory an empty lock file.
    files.retain(|file| file.bytes > 0 && !file.path.to_string_lossy().ends_with(".sha256"));
    kinds.push(Kind { name: WEIGHTS, folder: weights.display().to_string(), files });
    Ok(kinds)
}

fn buckets(root: &Path) -> Result<Vec<Kind>, Failure> {
    Bucket::ALL
        .into_iter()
        .map(|bucket| {
            let name = match bucket {
                Bucket::Archives => "archives",
                Bucket::Images => "known images",
                Bucket::Pixels => "decoded images",
                Bucket::Teachers => "teacher outputs",
                Bucket::Stages => "stage results",
                Bucket::LastTimes => "pipeline history",
            };
            let directory = CacheDirectory::new(root, bucket);
            let files = directory.entries().map_err(Failure::usage)?;
            Ok(Kind { name, folder: directory.folder().display().to_string(), files })
        })
        .collect()
}

fn list(root: &Path, kinds: &[Kind]) -> String {
    let now = clock::system();
    let mut table =
        vec![["kind", "entries", "size", "oldest", "newest"].map(str::to_owned).to_vec()];
    for kind in kinds {
        let age = |file: Option<&EntryFile>| match file.map(|file| now.duration_since(file.used)) {
            None => "-".to_owned(),
            Some(Ok(age)) => format!("{} ago", text::duration(age)),
            Some(Err(_)) => "in the future according to the clock".to_owned(),
        };
        table.push(vec![
            kind.name.to_owned(),
            text::thousands(kind.files.len()),
            text::bytes(kind.bytes()),
            age(kind.files.first()),
            age(kind.files.last()),
        ]);
    }
    format!("{}in {}\n", text::align(&table, &[1, 2]), names::text_of_path(root))
}

/// Removes entries that were last used more than `days` ago, and returns a report.
fn prune(kinds: &[Kind], days: u32, dry_run: bool) -> Result<String, Failure> {
    let limit = clock::system() - Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    let mut text = String::new();
    for kind in kinds {
        let old: Vec<&EntryFile> = kind.files.iter().filter(|file| file.used <= limit).collect();
        if !dry_run {
            old.iter()
                .try_for_each(|file| fs::remove_if_there(&file.path))
                .map_err(Failure::usage)?;
        }
        let bytes = old.iter().map(|file| file.bytes).sum();
        let done = if dry_run { "would be removed" } else { "removed" };
        let _ = writeln!(
            text,
            "{}: {} of {} {done} ({})",
            kind.name,
            text::thousands(old.len()),
            text::thousands(kind.files.len()),
            text::bytes(bytes)
        );
    }
    Ok(text)
}
