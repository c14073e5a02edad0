//! Downloads that continue after an interruption.

use std::fs::File;
use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use super::http::{Http, HttpError, Reply, shown};
use super::sha256::Sha256;
use super::{FetchError, Listen, Partial, Transfer};
use crate::base::fs::{self, FileError};
use crate::base::text;

/// The most attempts in a row without data, and the most interruptions in total.
const MOST_IDLE: usize = 5;
const MOST_BREAKS: usize = 50;

/// A finished download.
pub(super) struct Done {
    /// The digest that the server reports.
    pub(super) sha256: Option<Sha256>,
    /// Whether it continues the download of an earlier process.
    pub(super) was_resumed: bool,
}

/// The origin of a partial file.
#[derive(Deserialize, Serialize)]
struct Origin {
    url: String,
    validator: String,
}

/// A download in progress.
struct State<'a> {
    url: &'a str,
    /// The largest file that is accepted, in bytes.
    largest: u64,
    partial: &'a Partial,
    file: File,
    received: u64,
    /// The version of the received bytes; without it they cannot be used.
    validator: Option<String>,
    was_resumed: bool,
}

/// Why a transfer was interrupted.
struct Broken(String);

/// Downloads `url`, a file of at most `largest` bytes. Continues after interruptions, also those of
/// an earlier process.
pub(super) fn download(
    http: &Http,
    url: &str,
    partial: &Partial,
    largest: u64,
    listen: Listen<'_>,
) -> Result<Done, FetchError> {
    let mut state = State::open(url, partial, largest)?;
    let (mut was_answered, mut n_idle, mut n_breaks) = (false, 0, 0);
    loop {
        let before = state.received;
        let mut pause = None;
        let reason = match http.get(url, state.rest()) {
            Ok(reply) => {
                was_answered = true;
                let sha256 = reply.sha256;
                match state.take(reply, listen)? {
                    Ok(()) => return Ok(Done { sha256, was_resumed: state.was_resumed }),
                    Err(Broken(reason)) => reason,
                }
            }
            Err(HttpError::NoSuchPart) => {
                state.start_again()?;
                "the server does not have the rest of the file".to_owned()
            }
            Err(HttpError::Busy(reason, after)) => {
                pause = after;
                reason
            }
            Err(HttpError::Unreachable(reason)) if was_answered => reason,
            Err(HttpError::Refused(reason) | HttpError::Unreachable(reason)) => {
                return Err(state.failed(reason));
            }
        };
        n_breaks += 1;
        n_idle = if state.received > before { 0 } else { n_idle + 1 };
        if n_idle >= MOST_IDLE || n_breaks >= MOST_BREAKS {
            let tries = text::count(n_breaks, "try");
            return Err(state.failed(format!("{reason}; given up after {tries}")));
        }
        listen(Transfer::Again { reason });
        let grown = http.pause * (1 << n_idle.saturating_sub(1));
        std::thread::sleep(pause.map_or(grown, |pause| pause.max(grown)));
    }
}

impl<'a> State<'a> {
    /// Continues the partial file if it is from the same address.
    fn open(url: &'a str, partial: &'a Partial, largest: u64) -> Result<Self, FileError> {
        let origin = fs::read(&partial.origin).ok();
        let origin = origin.and_then(|bytes| serde_json::from_slice::<Origin>(&bytes).ok());
        let validator = origin.filter(|origin| origin.url == url).map(|origin| origin.validator);
        let here = fs::size_and_time(&partial.file).map_or(0, |(n_bytes, _)| n_bytes);
        let was_resumed = validator.is_some() && here > 0;
        let (file, received) = if was_resumed {
            (fs::append(&partial.file)?, here)
        } else {
            (fs::create(&partial.file)?, 0)
        };
        Ok(Self { url, largest, partial, file, received, validator, was_resumed })
    }

    /// The number of bytes received so far, and their version.
    fn rest(&self) -> Option<(u64, &str)> {
        let validator = self.validator.as_deref().filter(|_| self.received > 0)?;
        Some((self.received, validator))
    }

    fn start_again(&mut self) -> Result<(), FileError> {
        self.file = fs::create(&self.partial.file)?;
        (self.received, self.validator, self.was_resumed) = (0, None, false);
        fs::remove_if_there(&self.partial.origin)
    }

    /// Writes the received bytes. After an inner error the download may continue.
    fn take(
        &mut self,
        mut reply: Reply,
        listen: Listen<'_>,
    ) -> Result<Result<(), Broken>, FetchError> {
        if reply.start != self.received {
            self.start_again()?;
            if reply.start != 0 {
                return Ok(Err(Broken("the server sent another range than requested".to_owned())));
            }
        }
        if reply.total.is_some_and(|total| total > self.largest) {
            return Err(self.too_large());
        }
        if let Some(validator) = reply.validator {
            let origin = Origin { url: self.url.to_owned(), validator: validator.clone() };
            let bytes = serde_json::to_vec(&origin).expect("an origin is plain data");
            fs::write_atomic(&self.partial.origin, &bytes)?;
            self.validator = Some(validator);
        }
        let (url, received, total) = (shown(self.url), self.received, reply.total);
        listen(Transfer::Begins { url, received, total });
        let mut piece = vec![0; 1 << 16];
        loop {
            let n = match reply.body.read(&mut piece) {
                Ok(n) => n,
                Err(error) => return Ok(Err(self.broken(total, &error.to_string()))),
            };
            if n == 0 {
                return match total {
                    Some(total) if self.received < total => {
                        Ok(Err(self.broken(Some(total), "the connection was closed")))
                    }
                    _ => {
                        let synced = self.file.sync_all();
                        Ok(Ok(synced.map_err(|source| self.unwritten(source))?))
                    }
                };
            }
            self.file.write_all(&piece[..n]).map_err(|source| self.unwritten(source))?;
            self.received += n as u64;
            if self.received > self.largest {
                return Err(self.too_large());
            }
            listen(Transfer::Received { received: self.received });
        }
    }

    fn broken(&mut self, total: Option<u64>, why: &str) -> Broken {
        let of = total.map(|total| format!(" of {}", text::bytes(total))).unwrap_or_default();
        Broken(format!(
            "the connection was interrupted after {}{of} ({why})",
            text::bytes(self.received)
        ))
    }

    /// Removes the partial file after a failed write, since the disk may be full.
    fn unwritten(&self, source: std::io::Error) -> FetchError {
        let _ = self.partial.remove();
        FileError::new("write", &self.partial.file, source).into()
    }

    fn too_large(&self) -> FetchError {
        let _ = self.partial.remove();
        let reason = format!("it is larger than {}", text::bytes(self.largest));
        FetchError::Wrong { url: shown(self.url), reason }
    }

    fn failed(&self, reason: String) -> FetchError {
        // Without a version, it is unknown which file the bytes belong to.
        if self.received == 0 || self.validator.is_none() {
            let _ = self.partial.remove();
        }
        FetchError::Failed { url: shown(self.url), reason }
    }
}
