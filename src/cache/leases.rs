//! Keys that tasks in progress need, so that nobody removes their entries from a cache.
//!
//! A lease is an entry of its own. It is renewed whenever a task starts, and after a month without
//! that it has no effect.

use std::collections::BTreeSet;
use std::time::Duration;

use super::shared::{SharedError, SharedStore};
use crate::base::clock;
use crate::base::digest::Digest;

/// The folder of leases in a cache.
const FOLDER: &str = "leases";
/// How long a lease holds unless it is renewed.
const LASTS: Duration = Duration::from_hours(30 * 24);

/// Holds keys for somebody, or renews it.
///
/// # Errors
/// When it cannot be written.
pub fn hold(
    store: &dyn SharedStore,
    holder: Digest,
    keys: &BTreeSet<Digest>,
) -> Result<(), SharedError> {
    let lines: Vec<String> = keys.iter().map(Digest::to_string).collect();
    store.replace(&format!("{FOLDER}/{holder}"), lines.join("\n").as_bytes())
}

/// Holds nothing any more.
///
/// # Errors
/// When the lease cannot be removed.
pub fn release(store: &dyn SharedStore, holder: Digest) -> Result<(), SharedError> {
    store.remove(&format!("{FOLDER}/{holder}"))
}

/// All keys that are held.
///
/// # Errors
/// When the leases cannot be read.
pub fn held(store: &dyn SharedStore) -> Result<BTreeSet<Digest>, SharedError> {
    let now = clock::system();
    let mut keys = BTreeSet::new();
    for entry in store.list(FOLDER)? {
        // A lease from the future is that of a machine whose clock is ahead.
        if now.duration_since(entry.written).is_ok_and(|age| age > LASTS) {
            continue;
        }
        let text = store.get(&entry.name)?.unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        keys.extend(text.lines().filter_map(|line| line.parse::<Digest>().ok()));
    }
    Ok(keys)
}
