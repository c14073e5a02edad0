//! The runs in a directory, read again where they change.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;

use super::entry::Entry;
use crate::base::fs;
use crate::base::names;
use crate::run_dir::catalog::RunEntry;
use crate::run_dir::layout;

/// How deep runs are looked for: those of a sweep or of folds are one level further down.
const DEPTH: usize = 2;

/// The runs in a directory.
pub(super) struct Index {
    directory: PathBuf,
    state: Mutex<State>,
    /// Held by the one who reads, so that the others need not wait.
    reading: Mutex<()>,
}

#[derive(Default)]
struct State {
    known: BTreeMap<String, Known>,
    /// Runs that are gone, with the number of the change that took them.
    removed: BTreeMap<String, u64>,
    /// Paths of pipeline values that are not the same in all runs.
    keys: Vec<String>,
    n_changes: u64,
}

/// Size and time of a file.
type Stamp = Option<(u64, SystemTime)>;

struct Known {
    entry: Arc<Entry>,
    /// Size and time of the manifest of a finished run, which changes no more.
    stamp: Stamp,
    /// The number of its last change.
    changed: u64,
}

/// A run in a list.
#[derive(Serialize)]
pub(super) struct Listed {
    #[serde(flatten)]
    facts: Value,
    values: BTreeMap<String, Value>,
}

/// All runs.
#[derive(Serialize)]
pub(super) struct All {
    runs_dir: String,
    keys: Vec<String>,
    runs: Vec<Listed>,
}

/// What changed.
#[derive(Serialize)]
pub(super) struct Changes {
    pub(super) runs: Vec<Listed>,
    pub(super) removed: Vec<String>,
    keys: Vec<String>,
}

impl Index {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory, state: Mutex::default(), reading: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads what changed since the last time, and returns the number of changes so far.
    pub(super) fn refresh(&self) -> u64 {
        let _reading = match self.reading.try_lock() {
            Ok(reading) => reading,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Somebody else is at it. What is known is served meanwhile, once there is something.
            Err(TryLockError::WouldBlock) if self.state().n_changes > 0 => {
                return self.state().n_changes;
            }
            Err(TryLockError::WouldBlock) => {
                self.reading.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        let mut found = vec![];
        if let Ok(root) = self.directory.canonicalize() {
            look(&root, &root, "", DEPTH, &mut found);
        }
        let changed = self.changed(&found);
        self.take(&found, changed)
    }

    /// The runs that are not as they were, read again.
    fn changed(&self, found: &[(String, PathBuf)]) -> Vec<(Entry, Stamp)> {
        let stamped = found.iter().map(|(id, directory)| {
            (id, directory, fs::size_and_time(&directory.join(layout::MANIFEST)).ok())
        });
        let is_known = |id: &String, stamp: Stamp| {
            let state = self.state();
            stamp.is_some() && state.known.get(id).is_some_and(|known| known.stamp == stamp)
        };
        let changed = stamped.filter(|(id, _, stamp)| !is_known(id, *stamp));
        // A directory that disappears meanwhile is missing the next time.
        let read = changed.filter_map(|(id, directory, stamp)| {
            let run = RunEntry::read(directory).ok().flatten()?;
            Some((Entry::of(id.clone(), &run), stamp))
        });
        read.collect()
    }

    /// Takes what was read, and returns the number of changes so far.
    fn take(&self, found: &[(String, PathBuf)], read: Vec<(Entry, Stamp)>) -> u64 {
        let mut state = self.state();
        let number = state.n_changes + 1;
        let ids: BTreeSet<&String> = found.iter().map(|(id, _)| id).collect();
        let gone: Vec<String> =
            state.known.keys().filter(|id| !ids.contains(id)).cloned().collect();
        let mut is_changed = !gone.is_empty();
        for id in gone {
            state.known.remove(&id);
            state.removed.insert(id, number);
        }
        for (entry, stamp) in read {
            let before = state.known.get(&entry.id);
            if before.is_some_and(|known| *known.entry == entry && known.stamp == stamp) {
                continue;
            }
            is_changed = true;
            state.removed.remove(&entry.id);
            let id = entry.id.clone();
            state.known.insert(id, Known { entry: Arc::new(entry), stamp, changed: number });
        }
        if is_changed {
            state.n_changes = number;
            state.keys = keys(&state.known);
        }
        state.n_changes
    }

    /// The run of an ID. Only what was found is there, so no ID leads elsewhere.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Entry>> {
        if let Some(known) = self.state().known.get(id) {
            return Some(Arc::clone(&known.entry));
        }
        self.refresh();
        self.state().known.get(id).map(|known| Arc::clone(&known.entry))
    }

    /// All runs.
    pub(super) fn all(&self) -> All {
        let state = self.state();
        let runs = state.known.values().map(|known| listed(&known.entry, &state.keys));
        All {
            runs_dir: names::text_of_path(&self.directory),
            keys: state.keys.clone(),
            runs: runs.collect(),
        }
    }

    /// What changed after a number of changes.
    pub(super) fn changes_since(&self, number: u64) -> Changes {
        let state = self.state();
        let runs = state.known.values().filter(|known| known.changed > number);
        let runs = runs.map(|known| listed(&known.entry, &state.keys)).collect();
        let removed = state.removed.iter().filter(|(_, at)| **at > number);
        let removed = removed.map(|(id, _)| id.clone()).collect();
        Changes { runs, removed, keys: state.keys.clone() }
    }
}

fn listed(entry: &Entry, keys: &[String]) -> Listed {
    let values =
        keys.iter().filter_map(|key| Some((key.clone(), entry.facts.values.get(key)?.clone())));
    Listed { facts: entry.listed(), values: values.collect() }
}

/// The directories below `folder` that may be runs, by ID. Links that lead out of `root` are left out.
fn look(root: &Path, folder: &Path, start: &str, depth: usize, found: &mut Vec<(String, PathBuf)>) {
    for path in fs::read_dir_sorted(folder).unwrap_or_default() {
        let Ok(real) = path.canonicalize() else { continue };
        if !real.is_dir() || !real.starts_with(root) || real == root {
            continue;
        }
        let id = format!("{start}{}", names::text_of(path.file_name().unwrap_or_default()));
        let is_run = [layout::MANIFEST, layout::RESOLVED, layout::CHECKPOINT]
            .iter()
            .any(|name| path.join(name).exists());
        if is_run {
            found.push((id, real));
        } else if depth > 1 {
            look(root, &path, &format!("{id}/"), depth - 1, found);
        }
    }
}

/// The paths of the values that are not the same in all runs which have values.
fn keys(known: &BTreeMap<String, Known>) -> Vec<String> {
    let all: Vec<&BTreeMap<String, Value>> = known
        .values()
        .map(|known| &known.entry.facts.values)
        .filter(|values| !values.is_empty())
        .collect();
    let Some(first) = all.first() else { return vec![] };
    let names: BTreeSet<&String> = all.iter().flat_map(|values| values.keys()).collect();
    let differs = |name: &&String| all.iter().any(|values| values.get(*name) != first.get(*name));
    names.into_iter().filter(differs).cloned().collect()
}
