//! A run as the page lists it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::run_dir::catalog::RunEntry;
use crate::tracking::facts::Facts;

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Its directory below that of the runs, with `/` between the parts.
    pub(super) id: String,
    /// Its directory, without links.
    pub(super) directory: PathBuf,
    /// Its status in one or two words.
    pub(super) status: &'static str,
    /// When it finished, or began.
    when: String,
    /// The size of its files.
    bytes: u64,
    /// Everything else.
    pub(super) facts: Facts,
}

impl Entry {
    pub(super) fn of(id: String, run: &RunEntry) -> Self {
        Self {
            id,
            directory: run.directory.clone(),
            status: run.status.word(),
            when: run.when.clone(),
            bytes: run.bytes,
            facts: Facts::of(run),
        }
    }

    /// What the page lists.
    pub(super) fn listed(&self) -> Value {
        let Facts { name, seed, stages, now, best, seconds, why, .. } = &self.facts;
        json!({
            "id": self.id,
            "status": self.status,
            "why": why,
            "when": self.when,
            "seconds": seconds,
            "bytes": self.bytes,
            "name": name,
            "seed": seed,
            "stages": stages,
            "now": now,
            "best": best,
        })
    }
}
