//! Files of runs, and nothing else of this machine.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use axum::body::{Body, Bytes};
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderValue, Response, StatusCode, header};
use futures_util::stream;
use tokio::sync::mpsc;

use super::{Served, reading};
use crate::base::fs;
use crate::run_dir::layout;
use crate::serve::reply::{self, Refusal};

/// What a page or drawing of a run may do: show what is in it.
const POLICY: &str = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; \
                      frame-ancestors 'none'";
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// The paths of the files of a run that are shown.
pub(super) fn names(directory: &Path) -> Vec<String> {
    let files = fs::files_below(directory).unwrap_or_default();
    let names = files.iter().filter_map(|path| {
        let below = path.strip_prefix(directory).ok()?;
        let parts: Option<Vec<&str>> = below.iter().map(|part| part.to_str()).collect();
        let parts = parts?;
        let is_shown = layout::is_known(parts[0]) && parts[0] != layout::CHECKPOINT;
        is_shown.then(|| parts.join("/"))
    });
    names.collect()
}

/// A file of a run: the address is the ID of the run and a path that [`names`] lists.
pub(super) async fn file(
    State(shared): Served,
    UrlPath(path): UrlPath<String>,
) -> Result<Response<Body>, Refusal> {
    let (name, file, length) = reading(shared, move |shared| {
        let missing = || Refusal::not_found("there is no such file in a run");
        // An ID may have several parts.
        let cuts = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
        let found = cuts.filter_map(|(id, name)| Some((shared.index.find(id)?, name))).last();
        let (entry, name) = found.ok_or_else(missing)?;
        let real = inside(&entry.directory, name).ok_or_else(missing)?;
        let (length, _) = fs::size_and_time(&real).map_err(|_| missing())?;
        let file = fs::open(&real).map_err(|_| missing())?;
        Ok((name.to_owned(), file, length))
    })
    .await?;
    let mut response = reply::with_kind(StatusCode::OK, kind(&name), body(file));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

/// The file of a run that is listed under a name, if it is a plain file in the run's directory.
fn inside(directory: &Path, name: &str) -> Option<PathBuf> {
    if !names(directory).iter().any(|listed| listed == name) {
        return None;
    }
    let real = directory.join(name).canonicalize().ok()?;
    (real.starts_with(directory) && fs::special_file(&real).is_none()).then_some(real)
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "csv" | "jsonl" | "yaml" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The content of a file, read as the client takes it.
fn body(mut file: File) -> Body {
    let (sender, receiver) = mpsc::channel::<std::io::Result<Bytes>>(2);
    tokio::task::spawn_blocking(move || {
        loop {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece);
            let is_last = !matches!(read, Ok(n) if n > 0);
            let piece = match read {
                Ok(0) => break,
                Ok(n) => {
                    piece.truncate(n);
                    Ok(Bytes::from(piece))
                }
                Err(error) => Err(error),
            };
            // A client that has left takes no more.
            if sender.blocking_send(piece).is_err() || is_last {
                break;
            }
        }
    });
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Body::from_stream(pieces)
}
