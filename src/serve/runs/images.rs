//! Small versions of the images of runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{Response, StatusCode};

use super::entry::Entry;
use super::{Served, Words, entry, reading, word};
use crate::serve::reply::{self, Refusal};
use crate::tracking::images::RunImages;

/// The longest side in pixels: twice the displayed size, for HiDPI screens.
const SIDE: u32 = 320;
/// Datasets that are kept listed.
const MOST_DATASETS: usize = 8;

/// The datasets of runs.
pub(super) struct Images {
    cache: Option<PathBuf>,
    known: Mutex<BTreeMap<String, Arc<RunImages>>>,
}

impl Images {
    pub(super) fn new(cache: Option<PathBuf>) -> Self {
        Self { cache, known: Mutex::default() }
    }

    fn dataset(&self, entry: &Entry) -> Option<Arc<RunImages>> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dataset) = known().get(&entry.id) {
            return Some(Arc::clone(dataset));
        }
        let images = RunImages::of(&entry.directory, self.cache.as_deref())?;
        let dataset = Arc::new(images);
        let mut known = known();
        if known.len() == MOST_DATASETS {
            known.clear();
        }
        known.insert(entry.id.clone(), Arc::clone(&dataset));
        Some(dataset)
    }
}

/// A small version of an image, if it is still the one that the run used.
pub(super) async fn image(
    State(shared): Served,
    Query(words): Words,
) -> Result<Response<Body>, Refusal> {
    let (id, path) = (word(&words, "id")?, word(&words, "path")?);
    reading(shared, move |shared| {
        let entry = entry(shared, &id)?;
        let missing =
            || Refusal::not_found("the image is not available, or has changed since the run");
        let dataset = shared.images.dataset(&entry).ok_or_else(missing)?;
        let found = dataset.find(&path, SIDE).ok_or_else(missing)?;
        Ok(reply::with_kind(StatusCode::OK, "image/jpeg", found))
    })
    .await
}
