//! Downloads published weights into the cache, and verifies them.
//!
//! A file in the cache is complete and unchanged, or it is rejected. The first use of a file
//! records its SHA-256 beside it. Every later use and download is compared with that record, and
//! with the digest from its publisher or the pipeline. Files may also be copied into the directory
//! by hand, and the directory of one machine can serve as a mirror for others.

pub mod archive;
mod download;
mod http;
mod md5;
pub mod sha256;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::http::HttpOptions;
use self::http::{Http, shown};
use self::sha256::Sha256;
use crate::base::fs::{self, FileError};
use crate::model::published::PublishedFile;
use crate::model::weights::import::WeightsFile;

/// The subdirectory of a cache for published weights.
pub const FOLDER: &str = "weights";

/// Options of downloads.
#[derive(Clone, Debug, Default)]
pub struct FetchOptions {
    /// Address of a directory that replaces the publishers, with the layout of the cache.
    pub mirror: Option<String>,
    /// Options of HTTP connections.
    pub http: HttpOptions,
}

/// An event of a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Waiting for another process that is downloading.
    Waits,
    /// The transfer starts or continues.
    Begins {
        /// Address of the file.
        url: String,
        /// Bytes that were received before.
        received: u64,
        /// Size of the file, if the server reports it.
        total: Option<u64>,
    },
    /// Some bytes were received.
    Received {
        /// Bytes so far.
        received: u64,
    },
    /// The connection was interrupted; the download continues.
    Again {
        /// The cause.
        reason: String,
    },
}

/// A listener for the events of a download.
pub type Listen<'a> = &'a mut dyn FnMut(Transfer);

/// A published file on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Path in the cache.
    pub path: PathBuf,
    /// SHA-256 of the file.
    pub sha256: Sha256,
    /// Size in bytes.
    pub n_bytes: u64,
    /// Whether its digest is recorded for the first time.
    pub is_new: bool,
}

/// Why a published file is not available or not valid.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A download failed.
    #[error("cannot download {url}: {reason}")]
    Failed {
        /// Address of the file.
        url: String,
        /// The cause.
        reason: String,
    },
    /// A server sent something else than the file.
    #[error("{url} did not send the requested file: {reason}")]
    Wrong {
        /// Address of the file.
        url: String,
        /// The difference.
        reason: String,
    },
    /// A file in the cache is not the one that the pipeline requires.
    #[error("`{}` is not the file that the pipeline requires: {reason}", path.display())]
    NotAsked {
        /// The file in the cache.
        path: PathBuf,
        /// The difference.
        reason: String,
    },
    /// A file in the cache is not the expected one.
    #[error("`{}` is not the expected file: {reason}", path.display())]
    Changed {
        /// The file in the cache.
        path: PathBuf,
        /// The difference.
        reason: String,
    },
}

impl FetchError {
    /// Whether the error is about a file in the cache, not about a download.
    pub fn is_about_what_is_here(&self) -> bool {
        matches!(self, Self::NotAsked { .. } | Self::Changed { .. })
    }

    /// How to fix the problem, for a file in the cache at `root`.
    pub fn hints(&self, root: &Path, file: &PublishedFile) -> Vec<String> {
        let place = path_of(root, file);
        let by_hand = by_hand(&place, &file.url);
        // The user controls a mirror, so the hint gives the place of the file on it.
        let mirror = |url: &String| {
            (*url != file.url).then(|| {
                format!("on a mirror, the file must be at URL/{}/{}", file.source.name(), file.name)
            })
        };
        match self {
            Self::File(_) => vec![],
            Self::Failed { url, reason } => {
                let trust = reason.contains("certificate").then(|| {
                    "if a proxy or mirror uses its own certificate, set SSL_CERT_FILE to a file with \
                     the certificate of the authority that signed it"
                        .to_owned()
                });
                let other = file.instead().to_owned();
                trust.into_iter().chain(mirror(url)).chain([by_hand, other]).collect()
            }
            Self::Wrong { url, reason } => {
                let mut hints = vec![
                    "the received data was removed; a proxy or mirror may have sent something else"
                        .to_owned(),
                ];
                hints.extend(mirror(url));
                let record = record_of(&place);
                hints.push(if reason.starts_with(FIRST) {
                    format!(
                        "if the publisher changed the file and you want the new one, remove `{}`",
                        record.display()
                    )
                } else {
                    by_hand
                });
                hints
            }
            Self::NotAsked { path, .. } => vec![
                "correct `sha256` in the pipeline".to_owned(),
                format!("or remove `{}` to download it again", path.display()),
            ],
            Self::Changed { path, .. } => {
                let record = record_of(path);
                vec![format!(
                    "if the file was changed by mistake, remove it and run `alpaca-run fetch`; if \
                     the change is intended, remove `{}`",
                    record.display()
                )]
            }
        }
    }
}

/// The hint for work without a network.
pub fn by_hand(path: &Path, url: &str) -> String {
    format!(
        "without a network, download {url} on another machine and save it as {}",
        path.display()
    )
}

/// The path of a published file in the cache at `root`.
pub fn path_of(root: &Path, file: &PublishedFile) -> PathBuf {
    folder(root).join(file.source.name()).join(&file.name)
}

/// The directory of all published weights in the cache at `root`.
pub fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// Looks up and verifies a published file; neither writes nor uses the network.
///
/// # Errors
/// When it cannot be read, has changed, or is not the expected file.
pub fn find(root: &Path, file: &PublishedFile) -> Result<Option<Kept>, FetchError> {
    let path = path_of(root, file);
    if fs::is_no_plain_file(&path) {
        let reason = "it is a directory, a pipe or a device".to_owned();
        return Err(FetchError::Changed { path, reason });
    }
    if !path.exists() {
        return Ok(None);
    }
    let (sha256, n_bytes) = Sha256::of_file(&path)?;
    let expected = Expected::of(&path, file)?;
    if let Some(reason) = expected.not_asked(sha256) {
        return Err(FetchError::NotAsked { path, reason });
    }
    let is_new = expected.recorded != Some(sha256);
    // The content of a recorded file has been checked before.
    let is_unknown = is_new || file.digest.is_some();
    let differs =
        expected.differs(sha256).or_else(|| is_unknown.then(|| unfit(&path, file)).flatten());
    if let Some(reason) = differs {
        return Err(FetchError::Changed { path, reason });
    }
    Ok(Some(Kept { path, sha256, n_bytes, is_new }))
}

/// Looks up a published file like [`find`], and records its digest at the first use.
///
/// # Errors
/// As [`find`].
pub fn find_and_record(root: &Path, file: &PublishedFile) -> Result<Option<Kept>, FetchError> {
    let found = find(root, file)?;
    if let Some(kept) = found.as_ref().filter(|kept| kept.is_new) {
        // The cache may be read-only.
        let _ = record(&kept.path, &file.name, kept.sha256);
    }
    Ok(found)
}

/// Why a file cannot be the published one.
fn unfit(path: &Path, file: &PublishedFile) -> Option<String> {
    match WeightsFile::open(path) {
        Ok(found) => file.differs(&found).or_else(|| not_published(path, file)),
        Err(_) if fs::read(path).is_ok_and(|bytes| bytes.trim_ascii_start().starts_with(b"<")) => {
            Some("the server returned an HTML page (a login page?)".to_owned())
        }
        Err(error) => Some(error.hints().into_iter().next().unwrap_or_else(|| error.to_string())),
    }
}

/// How the MD5 of a file differs from the published one. A digest in the pipeline takes precedence.
fn not_published(path: &Path, file: &PublishedFile) -> Option<String> {
    let expected = file.md5.filter(|_| file.sha256.is_none())?;
    let source = file.source.name();
    match md5::of_file(path) {
        Ok(found) if found == expected => None,
        Ok(found) => Some(format!("{source} gives the MD5 {expected} for it, but it has {found}")),
        Err(error) => Some(error.to_string()),
    }
}

/// Downloads a published file unless it is in the cache. Of two processes that do so at once, one
/// waits for the other.
///
/// # Errors
/// When it cannot be downloaded, or is not the expected file.
pub fn fetch(
    root: &Path,
    file: &PublishedFile,
    options: &FetchOptions,
    listen: Listen<'_>,
) -> Result<Kept, FetchError> {
    let path = path_of(root, file);
    let folder = folder(root).join(file.source.name());
    fs::create_dir_all(&folder)?;
    let _lock = lock(&folder.join(".lock"), listen)?;
    if let Some(kept) = find_and_record(root, file)? {
        return Ok(kept);
    }
    let url = match &options.mirror {
        Some(mirror) => {
            let mirror = mirror.trim_end_matches('/');
            format!("{mirror}/{}/{}", file.source.name(), file.name)
        }
        None => file.url.clone(),
    };
    let expected = Expected::of(&path, file)?;
    let http = Http::new(&options.http)?;
    let partial = Partial::of(&path);
    let check = |sha256, served| {
        expected
            .not_asked(sha256)
            .or_else(|| expected.differs(sha256))
            .or(served)
            .or_else(|| unfit(&partial.file, file))
    };
    let (sha256, n_bytes) = receive(&http, &url, &partial, LARGEST, &check, listen)?;
    let is_new = expected.recorded != Some(sha256);
    record(&path, &file.name, sha256)?;
    fs::rename(&partial.file, &path)?;
    Ok(Kept { path, sha256, n_bytes, is_new })
}

/// How a file differs from the expected one, by its digest, and by how that differs from the digest
/// that the server reports.
type Check<'a> = dyn Fn(Sha256, Option<String>) -> Option<String> + 'a;

/// Downloads a file of at most `largest` bytes under its temporary name, and verifies it. If it does
/// not match and continued the download of an earlier process, it is downloaded again from its
/// beginning.
fn receive(
    http: &Http,
    url: &str,
    partial: &Partial,
    largest: u64,
    check: &Check<'_>,
    listen: Listen<'_>,
) -> Result<(Sha256, u64), FetchError> {
    loop {
        let done = download::download(http, url, partial, largest, listen)?;
        let (sha256, n_bytes) = Sha256::of_file(&partial.file)?;
        let served = done.sha256.filter(|served| *served != sha256).map(|served| {
            format!("the server reports the SHA-256 {served}, but the received file has {sha256}")
        });
        match check(sha256, served) {
            None => {
                fs::remove_if_there(&partial.origin)?;
                return Ok((sha256, n_bytes));
            }
            Some(reason) => {
                partial.remove()?;
                if !done.was_resumed {
                    return Err(FetchError::Wrong { url: shown(url), reason });
                }
                listen(Transfer::Again { reason });
            }
        }
    }
}

/// The expected digest of a file.
struct Expected<'a> {
    file: &'a PublishedFile,
    recorded: Option<Sha256>,
}

impl<'a> Expected<'a> {
    fn of(path: &Path, file: &'a PublishedFile) -> Result<Self, FetchError> {
        let record = record_of(path);
        let recorded = if record.exists() {
            let text = fs::read_text(&record)?;
            let digits = text.split_whitespace().next().unwrap_or_default();
            let parsed = digits.parse().map_err(|_| FetchError::Changed {
                path: path.into(),
                reason: format!("its record {} contains no SHA-256", record.display()),
            });
            Some(parsed?)
        } else {
            None
        };
        Ok(Self { file, recorded })
    }

    /// How a digest differs from the one in the pipeline.
    fn not_asked(&self, sha256: Sha256) -> Option<String> {
        let asked = self.file.sha256.as_deref()?;
        differs("the pipeline requires the SHA-256", asked, sha256)
    }

    /// How a digest differs from the one in the file name, or from the recorded one. A digest in
    /// the pipeline takes precedence over both.
    fn differs(&self, sha256: Sha256) -> Option<String> {
        if self.file.sha256.is_some() {
            return None;
        }
        let by_name = self.file.sha256_start.and_then(|start| {
            differs("according to its name, its SHA-256 begins with", start, sha256)
        });
        by_name.or_else(|| differs(FIRST, &self.recorded?.to_string(), sha256))
    }
}

/// How the description of a difference from the recorded digest begins.
const FIRST: &str = "when it was first downloaded, its SHA-256 was";

fn differs(what: &str, expected: &str, sha256: Sha256) -> Option<String> {
    let digits = sha256.to_string();
    (!digits.starts_with(expected)).then(|| format!("{what} {expected}, but it has {digits}"))
}

/// The file with the digest of a file, in the format of `sha256sum`.
fn record_of(path: &Path) -> PathBuf {
    fs::with_ending(path, ".sha256")
}

fn record(path: &Path, name: &str, sha256: Sha256) -> Result<(), FileError> {
    fs::write_atomic(&record_of(path), format!("{sha256}  {name}\n").as_bytes())
}

/// A file that is being downloaded.
struct Partial {
    /// The received bytes.
    file: PathBuf,
    /// The origin of the bytes, so that a later process can continue.
    origin: PathBuf,
}

impl Partial {
    fn of(path: &Path) -> Self {
        let [file, origin] = [".partial", ".origin"].map(|end| fs::with_ending(path, end));
        Self { file, origin }
    }

    fn remove(&self) -> Result<(), FileError> {
        fs::remove_if_there(&self.file)?;
        fs::remove_if_there(&self.origin)
    }
}

/// Locks a directory for downloads. The lock ends with the process in any case.
fn lock(path: &Path, listen: Listen<'_>) -> Result<File, FetchError> {
    let failed = |source| FileError::new("lock", path, source);
    let file = fs::open_or_create(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => {
            listen(Transfer::Waits);
            file.lock().map_err(failed)?;
        }
        Err(std::fs::TryLockError::Error(source)) => return Err(failed(source).into()),
    }
    Ok(file)
}

/// The largest weights file that is accepted, in bytes. Known weights have less than a tenth of it.
const LARGEST: u64 = 512 << 20;
/// The default timeout of servers.
const PATIENCE: Duration = Duration::from_secs(30);
