//! A live page about the runs in a directory. It reads them, and writes nothing.

mod compare;
mod entry;
mod files;
mod follow;
mod guard;
mod images;
mod index;
mod one;
mod page;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{Response, StatusCode};
use axum::middleware;
use axum::routing::get;

use super::listen::{ListenError, Listening};
use super::reply::{self, Refusal};
use crate::base::cancel::Cancel;
use entry::Entry;
use guard::Guard;
pub use guard::{Token, TokenError};
use images::Images;
use index::Index;

/// What is served.
#[derive(Clone, Debug)]
pub struct ServedRuns {
    /// The directory of the runs.
    pub directory: PathBuf,
    /// The cache directory, which has lists of archives.
    pub cache: Option<PathBuf>,
    /// The token that clients must know, unless everybody may look.
    pub token: Option<Token>,
}

/// What all requests share.
struct Shared {
    index: Index,
    images: Images,
    guard: Guard,
    stop: Cancel,
}

type Served = State<Arc<Shared>>;

/// The words after the path of an address.
type Words = Query<Vec<(String, String)>>;

/// One of the words of an address.
fn word(words: &[(String, String)], name: &str) -> Result<String, Refusal> {
    let found = words.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    found.ok_or_else(|| Refusal::bad(format!("the address has no `{name}=`")))
}

/// Serves the runs in a directory until `stop` is set.
///
/// # Errors
/// When the server cannot start.
pub fn run(listening: Listening, served: ServedRuns, stop: &Cancel) -> Result<(), ListenError> {
    let ServedRuns { directory, cache, token } = served;
    let shared = Arc::new(Shared {
        index: Index::new(directory),
        images: Images::new(cache),
        guard: Guard::new(listening.address, token),
        stop: stop.clone(),
    });
    listening.serve(router(shared), stop)
}

fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route("/api/runs", get(runs))
        .route("/api/changes", get(follow::changes))
        .route("/api/run", get(run_of))
        .route("/api/events", get(follow::events))
        .route("/api/predictions", get(predictions))
        .route("/api/image", get(images::image))
        .route("/api/compare", get(compare::compare))
        .route("/files/{*path}", get(files::file));
    for asset in page::ASSETS {
        router = router.route(asset.path, get(move || async move { asset.reply() }));
    }
    router
        .fallback(|| async { Refusal::not_found("there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "this server only shows runs; use GET")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard::check))
        .with_state(shared)
}

/// Reads files on a thread that may wait for them.
async fn reading<T: Send + 'static>(
    shared: Arc<Shared>,
    work: impl FnOnce(&Shared) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    let done = tokio::task::spawn_blocking(move || work(&shared)).await;
    done.unwrap_or_else(|_| {
        Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server failed; its output says why",
        ))
    })
}

/// The run of an ID.
fn entry(shared: &Shared, id: &str) -> Result<Arc<Entry>, Refusal> {
    shared.index.find(id).ok_or_else(|| Refusal::not_found(format!("there is no run `{id}`")))
}

async fn runs(State(shared): Served) -> Result<Response<Body>, Refusal> {
    reading(shared, |shared| {
        shared.index.refresh();
        Ok(reply::as_json(StatusCode::OK, &shared.index.all()))
    })
    .await
}

async fn run_of(State(shared): Served, Query(words): Words) -> Result<Response<Body>, Refusal> {
    let id = word(&words, "id")?;
    reading(shared, move |shared| {
        shared.index.refresh();
        let entry = entry(shared, &id)?;
        Ok(reply::as_json(StatusCode::OK, &one::about(&entry)))
    })
    .await
}

async fn predictions(
    State(shared): Served,
    Query(words): Words,
) -> Result<Response<Body>, Refusal> {
    let id = word(&words, "id")?;
    reading(shared, move |shared| {
        let entry = entry(shared, &id)?;
        Ok(reply::as_json(StatusCode::OK, &one::predictions(&entry)?))
    })
    .await
}
