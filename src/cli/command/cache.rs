//! `alpaca-run cache list|size|prune`

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::json_text;
use super::sessions::open;
use crate::base::clock;
use crate::base::text;
use crate::cache::directory::{self, Bucket};
use crate::cache::leases;
use crate::cache::shared::{SharedEntry, SharedError, SharedStore};
use crate::cache::stores;
use crate::cli::args::{CacheAction, CacheCommandArguments};
use crate::cli::exit::{Exit, Failure};
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::fetch;

/// A kind of cache entries with its files.
struct Kind {
    name: &'static str,
    folder: String,
    /// The least recently used first.
    files: Vec<SharedEntry>,
}

impl Kind {
    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Lists, measures or prunes a cache.
pub(in crate::cli) fn run(
    arguments: &CacheCommandArguments,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let store = match &arguments.url {
        Some(url) => open(url, settings)?,
        None => stores::of_directory(settings.cache_root()?),
    };
    let place = store.place();
    let kinds = kinds(&*store).map_err(|error| unreachable_cache(&place, &error))?;
    let text = match &arguments.action {
        CacheAction::List { json: true } => {
            let kinds = kinds.iter().map(|kind| {
                let folder = &kind.folder;
                let (entries, bytes) = (kind.files.len(), kind.bytes());
                json!({ "kind": kind.name, "folder": folder, "entries": entries, "bytes": bytes })
            });
            json_text(&json!({ "cache": place, "kinds": kinds.collect::<Vec<_>>() }))
        }
        CacheAction::List { json: false } => list(&place, &kinds),
        CacheAction::Size => format!("{}\n", kinds.iter().map(Kind::bytes).sum::<u64>()),
        CacheAction::Prune { older_than, weights, dry_run, .. } => {
            let mut kinds = kinds;
            kinds.retain(|kind| *weights || kind.name != WEIGHTS);
            prune(&*store, &kinds, older_than.unwrap_or(0), *dry_run)
                .map_err(|error| unreachable_cache(&place, &error))?
        }
    };
    terminal.result(&text).map_err(Failure::usage)?;
    Ok(Exit::Done)
}

fn unreachable_cache(place: &str, error: &SharedError) -> Failure {
    Failure::usage(anyhow::anyhow!("the cache `{place}`: {error}"))
}

/// The kind that costs a download to restore. It is removed only with `--weights`.
const WEIGHTS: &str = "published weights";

fn kinds(store: &dyn SharedStore) -> Result<Vec<Kind>, SharedError> {
    let buckets = Bucket::ALL.map(|bucket| {
        let name = match bucket {
            Bucket::Archives => "archives",
            Bucket::Images => "known images",
            Bucket::Pixels => "decoded images",
            Bucket::Teachers => "teacher outputs",
            Bucket::Stages => "stage results",
            Bucket::LastTimes => "pipeline history",
        };
        (name, bucket.folder().to_owned())
    });
    let place = store.place();
    let mut kinds = vec![];
    for (name, folder) in buckets.into_iter().chain([(WEIGHTS, fetch::FOLDER.to_owned())]) {
        let mut files = store.list(&folder)?;
        if name == WEIGHTS {
            // Each file has a digest beside it, and each directory an empty lock file.
            files.retain(|file| file.bytes > 0 && !file.name.ends_with(".sha256"));
        }
        files.sort_by(|a, b| a.written.cmp(&b.written).then_with(|| a.name.cmp(&b.name)));
        kinds.push(Kind { name, folder: format!("{place}/{folder}"), files });
    }
    Ok(kinds)
}

fn list(place: &str, kinds: &[Kind]) -> String {
    let now = clock::system();
    let mut table =
        vec![["kind", "entries", "size", "oldest", "newest"].map(str::to_owned).to_vec()];
    for kind in kinds {
        let age =
            |file: Option<&SharedEntry>| match file.map(|file| now.duration_since(file.written)) {
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
    format!("{}in {place}\n", text::align(&table, &[1, 2]))
}

/// Removes entries that were last used more than `days` ago, but for those that tasks in progress
/// need. Returns a report.
fn prune(
    store: &dyn SharedStore,
    kinds: &[Kind],
    days: u32,
    dry_run: bool,
) -> Result<String, SharedError> {
    let limit = clock::system() - Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    let held = leases::held(store)?;
    let is_held = |file: &SharedEntry| {
        directory::key_of(Path::new(&file.name)).is_some_and(|key| held.contains(&key))
    };
    let mut text = String::new();
    for kind in kinds {
        let old = kind.files.iter().filter(|file| file.written <= limit);
        let (needed, old): (Vec<&SharedEntry>, Vec<&SharedEntry>) =
            old.partition(|file| is_held(file));
        if !dry_run {
            old.iter().try_for_each(|file| store.remove(&file.name))?;
        }
        let bytes = old.iter().map(|file| file.bytes).sum();
        let done = if dry_run { "would be removed" } else { "removed" };
        let needed = match needed.len() {
            0 => String::new(),
            n => format!("; {} for tasks in progress stay", text::thousands(n)),
        };
        let _ = writeln!(
            text,
            "{}: {} of {} {done} ({}){needed}",
            kind.name,
            text::thousands(old.len()),
            text::thousands(kind.files.len()),
            text::bytes(bytes)
        );
    }
    Ok(text)
}
