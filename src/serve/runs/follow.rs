//! What happens, as it happens: server-sent events.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::json;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{self, Instant};

use super::{Served, Shared, Words, entry, reading, word};
use crate::base::fs;
use crate::run_dir::layout;
use crate::serve::listen::stopped;
use crate::serve::reply::{self, Refusal};

/// How often runs are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// The time after which a connection without news is shown to be alive.
const ALIVE: Duration = Duration::from_secs(15);
/// Events that are sent at once.
const MOST_LINES: usize = 500;

type Messages = Sender<Result<Bytes, std::io::Error>>;

/// A response that continues while `tell` sends messages.
fn told<F: Future<Output = ()> + Send + 'static>(
    shared: &Arc<Shared>,
    tell: impl FnOnce(Messages) -> F,
) -> Response<Body> {
    let (sender, receiver) = mpsc::channel(8);
    let work = tell(sender);
    let stop = stopped(&shared.stop);
    tokio::spawn(async move {
        tokio::select! {
            () = work => {}
            () = stop => {}
        }
    });
    let messages = futures_util::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|message| (message, receiver))
    });
    reply::with_kind(StatusCode::OK, "text/event-stream", Body::from_stream(messages))
}

/// Sends a message. `false` if the client has left.
async fn send(messages: &Messages, text: String) -> bool {
    messages.send(Ok(Bytes::from(text))).await.is_ok()
}

/// Runs that are new, changed or gone.
pub(super) async fn changes(State(shared): Served) -> Response<Body> {
    let work = Arc::clone(&shared);
    told(&shared, move |messages| async move {
        let refresh = |shared: Arc<Shared>| reading(shared, |shared| Ok(shared.index.refresh()));
        let Ok(mut seen) = refresh(Arc::clone(&work)).await else { return };
        let mut last = Instant::now();
        // The browser learns that the connection is there.
        let mut goes_on = send(&messages, ": hello\n\n".to_owned()).await;
        while goes_on {
            time::sleep(LOOK).await;
            let Ok(now) = refresh(Arc::clone(&work)).await else { return };
            let text = if now == seen {
                if last.elapsed() < ALIVE {
                    // A client that has left is noticed here too.
                    goes_on = !messages.is_closed();
                    continue;
                }
                ": alive\n\n".to_owned()
            } else {
                let changes = work.index.changes_since(seen);
                format!("event: runs\ndata: {}\n\n", json!(changes))
            };
            (seen, last) = (now, Instant::now());
            goes_on = send(&messages, text).await;
        }
    })
}

/// The events of a run, from the first one or the one that the client saw last.
pub(super) async fn events(
    State(shared): Served,
    headers: HeaderMap,
    Query(words): Words,
) -> Result<Response<Body>, Refusal> {
    let last = headers.get("last-event-id").and_then(|last| last.to_str().ok()?.parse().ok());
    let id = word(&words, "id")?;
    let found = reading(Arc::clone(&shared), move |shared| entry(shared, &id)).await?;
    let work = Arc::clone(&shared);
    Ok(told(&shared, move |messages| async move {
        let mut reader = LineReader { n_passed: last.unwrap_or(0), ..LineReader::default() };
        let mut last = Instant::now();
        loop {
            let path = found.directory.join(layout::EVENTS);
            let id = found.id.clone();
            let read = reading(Arc::clone(&work), move |shared| {
                shared.index.refresh();
                let status = shared.index.find(&id).map_or("removed", |entry| entry.status);
                let lines = reader.read(&path);
                Ok((status, lines, reader))
            });
            let Ok((status, lines, again)) = read.await else { return };
            reader = again;
            let is_full = lines.len() == MOST_LINES;
            let mut text = String::new();
            for (number, line) in lines {
                let _ = write!(text, "id: {number}\ndata: {line}\n\n");
            }
            let is_over = status != "running" && !is_full;
            if is_over {
                let _ = write!(text, "event: end\ndata: {}\n\n", json!({ "status": status }));
            } else if text.is_empty() && last.elapsed() > ALIVE {
                text.push_str(": alive\n\n");
            }
            if !text.is_empty() {
                last = Instant::now();
                if !send(&messages, text).await {
                    return;
                }
            }
            if is_over || messages.is_closed() {
                return;
            }
            if !is_full {
                time::sleep(LOOK).await;
            }
        }
    }))
}

/// Reads the whole lines of a file that grows.
#[derive(Default)]
struct LineReader {
    file: Option<BufReader<File>>,
    /// A line that is half written.
    rest: Vec<u8>,
    /// Number of lines so far.
    n_read: usize,
    /// Number of lines that the client has.
    n_passed: usize,
}

impl LineReader {
    /// The lines that are new, with their numbers.
    fn read(&mut self, path: &Path) -> Vec<(usize, String)> {
        let mut lines = vec![];
        if self.file.is_none() {
            let is_plain = fs::special_file(path).is_none();
            self.file = is_plain.then(|| fs::open(path).ok().map(BufReader::new)).flatten();
        }
        let Some(file) = &mut self.file else { return lines };
        while lines.len() < MOST_LINES {
            // What cannot be read now may be there later.
            if !matches!(file.read_until(b'\n', &mut self.rest), Ok(n) if n > 0) {
                break;
            }
            if self.rest.last() != Some(&b'\n') {
                break;
            }
            let line = std::mem::take(&mut self.rest);
            self.n_read += 1;
            if self.n_read > self.n_passed {
                let line = String::from_utf8_lossy(&line);
                lines.push((self.n_read, line.trim_end().to_owned()));
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_line_is_sent_once_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        let mut reader = LineReader { n_passed: 1, ..LineReader::default() };
        assert_eq!(reader.read(&path), []);
        let mut file = fs::create(&path).unwrap();
        file.write_all(b"{\"a\":1}\n{\"b\"").unwrap();
        assert_eq!(reader.read(&path), []);
        file.write_all(b":2}\n{\"c\":3}\n{").unwrap();
        let expected = [(2, "{\"b\":2}".to_owned()), (3, "{\"c\":3}".to_owned())];
        assert_eq!(reader.read(&path), expected);
        assert_eq!(reader.read(&path), []);
    }
}
