//! A model that classifies the images which are sent to it.

mod body;
mod counts;
mod queue;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use rayon::ThreadPool;
use serde_json::{Value, json};

use super::listen::{ListenError, Listening};
use super::reply::{self, Asset, Refusal};
use crate::base::cancel::Cancel;
use crate::exec::ask::image_files::Answer;
use crate::exec::ask::predict::Predictor;
use counts::Counts;
use queue::{Queue, Worker};

/// The text of an answer for the image of a name, as `predict --json` prints it.
pub type Say = Box<dyn Fn(&Path, &Answer) -> Value + Send + Sync>;

/// What clients may ask for at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a request.
    pub bytes: usize,
    /// Images that are waiting or being classified, of all clients.
    pub images: usize,
    /// Time to receive a request, and again to answer it.
    pub time: Duration,
}

/// A model with what is said about it and its answers.
pub struct Served {
    /// The model.
    pub predictor: Predictor,
    /// The threads that it runs on.
    pub pool: ThreadPool,
    /// What the model is, for clients.
    pub about: Value,
    /// What is said of an answer.
    pub say: Say,
}

const PAGE: [Asset; 3] = [
    Asset { path: "/", text: include_str!("page/page.html") },
    Asset { path: "/page.css", text: include_str!("page/page.css") },
    Asset { path: "/page.js", text: include_str!("page/page.js") },
];

/// What all requests share.
struct Shared {
    queue: Queue,
    counts: Arc<Counts>,
    limits: Limits,
    about: Value,
    say: Say,
}

/// Serves a model until `stop` is set.
///
/// # Errors
/// When the server or its thread cannot start.
pub fn run(
    listening: Listening,
    served: Served,
    limits: Limits,
    stop: &Cancel,
) -> Result<(), ListenError> {
    let Served { predictor, pool, about, say } = served;
    let counts = Arc::new(Counts::default());
    let (queue, jobs) = queue::queue(limits);
    let worker = Worker { predictor, pool, counts: Arc::clone(&counts) };
    let thread = thread::Builder::new().name("model".to_owned());
    let thread = thread.spawn(move || worker.run(&jobs)).map_err(ListenError::Start)?;
    let shared = Arc::new(Shared { queue, counts, limits, about, say });
    let served = listening.serve(router(shared), stop);
    // The queue has ended with the server. A panic has been reported as the bug it is.
    let _ = thread.join();
    served
}

fn router(shared: Arc<Shared>) -> Router {
    let mut router = Router::new()
        .route("/predict", post(predict))
        .route(
            "/healthz",
            get(|| async { reply::as_json(StatusCode::OK, &json!({ "status": "ok" })) }),
        )
        .route("/model", get(model))
        .route("/metrics", get(metrics));
    for asset in PAGE {
        router = router.route(asset.path, get(move || async move { asset.reply() }));
    }
    router
        .fallback(|| async {
            Refusal::not_found(
                "there are `POST /predict`, `/model`, `/healthz`, `/metrics` and the page at `/`",
            )
        })
        .method_not_allowed_fallback(|| async {
            let why = "send images with POST, and everything else with GET";
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, why)
        })
        // The size of a request is checked where it is read.
        .layer(DefaultBodyLimit::disable())
        .with_state(shared)
}

async fn model(State(shared): State<Arc<Shared>>) -> Response<Body> {
    reply::as_json(StatusCode::OK, &shared.about)
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response<Body> {
    let text = shared.counts.text(shared.queue.n_waiting());
    reply::with_kind(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

async fn predict(State(shared): State<Arc<Shared>>, request: Request) -> Response<Body> {
    let start = Instant::now();
    let response = match answer(&shared, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    };
    shared.counts.answered(response.status(), start.elapsed());
    response
}

/// Classifies the images in a request.
async fn answer(shared: &Shared, request: Request) -> Result<Response<Body>, Refusal> {
    let Limits { time, .. } = shared.limits;
    let room = shared.queue.room_for_bytes(&request)?;
    let images = tokio::time::timeout(time, body::images(request, shared.limits)).await;
    let images = images.map_err(|_| {
        let why = format!("the request was not complete after {} s", time.as_secs());
        Refusal::new(StatusCode::REQUEST_TIMEOUT, why)
    })??;
    let names: Vec<_> = images.iter().map(|image| image.path().to_path_buf()).collect();
    let answers = shared.queue.ask(images, room)?;
    let answers = tokio::time::timeout(time, answers).await.map_err(|_| {
        let why = format!("the images were not classified within {} s; try again", time.as_secs());
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, why)
    })?;
    // Without an answer, the thread of the model has ended.
    let answers = answers.unwrap_or_else(|_| Err("the model has stopped".to_owned()));
    let answers = answers.map_err(|why| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, why))?;
    if let Some(why) = answers.iter().find_map(|answer| answer.as_ref().err())
        && answers.iter().all(Result::is_err)
    {
        let why = match answers.len() {
            1 => format!("not a readable image: {why}"),
            n => format!("none of the {n} files is a readable image; the first one: {why}"),
        };
        return Err(Refusal::bad(why));
    }
    let said = names.iter().zip(&answers).map(|(name, answer)| (shared.say)(name, answer));
    let said: Vec<Value> = said.collect();
    Ok(reply::as_json(StatusCode::OK, &json!({ "predictions": said })))
}
