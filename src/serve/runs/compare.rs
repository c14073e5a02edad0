//! Differences between finished runs.

use std::path::PathBuf;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{Served, Words, entry, reading};
use crate::diff;
use crate::run_dir::{layout, read};
use crate::serve::reply::{self, Refusal};

/// The files that a comparison reads.
const READ: [&str; 6] = [
    layout::MANIFEST,
    layout::RESOLVED,
    layout::SPLITS,
    layout::METRICS,
    layout::PREDICTIONS,
    layout::METRICS_JSON,
];
/// The most runs that are compared at once.
const MOST: usize = 50;

/// Compares the first run of a request with each of the others.
pub(super) async fn compare(
    State(shared): Served,
    Query(words): Words,
) -> Result<Response<Body>, Refusal> {
    reading(shared, move |shared| {
        let ids: Vec<String> =
            words.into_iter().filter(|(name, _)| name == "id").map(|(_, id)| id).collect();
        if !(2..=MOST).contains(&ids.len()) {
            return Err(Refusal::bad(format!("a comparison needs from 2 to {MOST} runs")));
        }
        let directories: Result<Vec<PathBuf>, Refusal> =
            ids.iter().map(|id| Ok(entry(shared, id)?.directory.clone())).collect();
        let directories = directories?;
        for name in READ {
            let paths = directories.iter().map(|directory| directory.join(name));
            let refused =
                paths.filter(|path| path.exists()).find_map(|path| read::check(&path).err());
            if let Some(error) = refused {
                return Err(Refusal::bad(format!("{error}: {}", error.source)));
            }
        }
        let found = diff::diff(&directories).map_err(|error| Refusal::bad(error.to_string()))?;
        let mut value = serde_json::to_value(&found).unwrap_or_default();
        value["text"] = json!(diff::sentences(&found));
        // Runs are known to the page by their IDs.
        value["runs"] = json!(ids);
        for (pair, id) in value["pairs"].as_array_mut().into_iter().flatten().zip(&ids[1..]) {
            pair["other"] = Value::from(id.as_str());
        }
        Ok(reply::as_json(StatusCode::OK, &value))
    })
    .await
}
