//! Published weights on this machine: what was downloaded, and how a file comes here.
//!
//! A file is complete and what it was when it came, or it is not there. The first look at a file
//! records its SHA-256 beside it; every later look and every later download is compared with that
//! record, and with the digest that its publisher or the pipeline gives. Files may as well be put
//! into the folder by hand, and a folder of one machine is a mirror for others.

mod download;
mod http;
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

/// The folder of a cache that published weights lie in.
const FOLDER: &str = "weights";

/// How files are downloaded.
#[derive(Clone, Debug, Default)]
pub struct FetchOptions {
    /// A folder on a server that has the files in place of their publishers, laid out as ours.
    pub mirror: Option<String>,
    /// How servers are spoken to.
    pub http: HttpOptions,
}

/// What happens in a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// Another process downloads it; this one waits.
    Waits,
    /// The file begins to come, or goes on coming.
    Begins {
        /// From where.
        url: String,
        /// Bytes that were here before.
        received: u64,
        /// Bytes in all, where the server says so.
        total: Option<u64>,
    },
    /// Some of it came.
    Received {
        /// Bytes so far.
        received: u64,
    },
    /// It broke off and goes on.
    Again {
        /// Why.
        reason: String,
    },
}

/// Hears what happens in a download.
pub type Listen<'a> = &'a mut dyn FnMut(Transfer);

/// A published file on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Where it lies.
    pub path: PathBuf,
    /// Its SHA-256.
    pub sha256: Sha256,
    /// Bytes.
    pub n_bytes: u64,
    /// Whether its digest was not recorded before.
    pub is_new: bool,
}

/// A published file that cannot be had, or is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A download failed.
    #[error("cannot download {url}: {reason}")]
    Failed {
        /// From where.
        url: String,
        /// Why.
        reason: String,
    },
    /// What a server sent is not the file.
    #[error("what {url} sends is not the file asked for: {reason}")]
    Wrong {
        /// From where.
        url: String,
        /// How it differs.
        reason: String,
    },
    /// A file that lies here is not the one that the pipeline asks for.
    #[error("`{}` is not the file that the pipeline asks for: {reason}", path.display())]
    NotAsked {
        /// The file.
        path: PathBuf,
        /// How it differs.
        reason: String,
    },
    /// A file that lies here is not the one it should be.
    #[error("`{}` is not the file it should be: {reason}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// How it differs.
        reason: String,
    },
}

impl FetchError {
    /// Whether it is about a file that lies here, not about a download.
    pub fn is_about_what_is_here(&self) -> bool {
        matches!(self, Self::NotAsked { .. } | Self::Changed { .. })
    }

    /// What to do, about a file in the cache at `root`.
    pub fn hints(&self, root: &Path, file: &PublishedFile) -> Vec<String> {
        let place = path_of(root, file);
        let by_hand = by_hand(&place, &file.url);
        // A mirror is one's own, and has a place for each file.
        let mirror = |url: &String| {
            (*url != file.url).then(|| {
                format!("a mirror has this file as URL/{}/{}", file.source.name(), file.name)
            })
        };
        match self {
            Self::File(_) => vec![],
            Self::Failed { url, reason } => {
                let trust = reason.contains("certificate").then(|| {
                    "where a proxy or mirror has a certificate of its own, name a file with the \
                     certificate of whoever signed it in SSL_CERT_FILE"
                        .to_owned()
                });
                trust.into_iter().chain(mirror(url)).chain([by_hand]).collect()
            }
            Self::Wrong { url, reason } => {
                let mut hints = vec![
                    "nothing of it was kept; a proxy or mirror may have sent something else"
                        .to_owned(),
                ];
                hints.extend(mirror(url));
                let record = record_of(&place);
                hints.push(if reason.starts_with(FIRST) {
                    format!(
                        "if the publisher has changed the file and the new one is wanted, remove `{}`",
                        record.display()
                    )
                } else {
                    by_hand
                });
                hints
            }
            Self::NotAsked { path, .. } => vec![
                "correct `sha256` in the pipeline".to_owned(),
                format!("or remove `{}`, so that it is downloaded again", path.display()),
            ],
            Self::Changed { path, .. } => {
                let record = record_of(path);
                vec![format!(
                    "if the file was changed by mistake, remove it and run `alpaca-run fetch`; if \
                     it is meant to be another, remove `{}` as well",
                    record.display()
                )]
            }
        }
    }
}

/// What to do without a network.
pub fn by_hand(path: &Path, url: &str) -> String {
    format!("without a network, download {url} elsewhere and put it at {}", path.display())
}

/// Where a published file belongs in the cache at `root`.
pub fn path_of(root: &Path, file: &PublishedFile) -> PathBuf {
    folder(root).join(file.source.name()).join(&file.name)
}

/// The folder of all published weights in the cache at `root`.
pub fn folder(root: &Path) -> PathBuf {
    root.join(FOLDER)
}

/// Looks for a published file, and whether it is what it was; neither writes nor uses the network.
///
/// # Errors
/// When it cannot be read, or is not the file it was or should be.
pub fn find(root: &Path, file: &PublishedFile) -> Result<Option<Kept>, FetchError> {
    let path = path_of(root, file);
    if fs::is_no_plain_file(&path) {
        let reason = "it is a folder, a pipe or a device".to_owned();
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
    // A file that was recorded was looked into then.
    let is_unknown = is_new || file.digest.is_some();
    let differs =
        expected.differs(sha256).or_else(|| is_unknown.then(|| unfit(&path, file)).flatten());
    if let Some(reason) = differs {
        return Err(FetchError::Changed { path, reason });
    }
    Ok(Some(Kept { path, sha256, n_bytes, is_new }))
}

/// Looks for a published file as [`find`] does, and records its digest where this is the first look.
///
/// # Errors
/// As [`find`].
pub fn find_and_record(root: &Path, file: &PublishedFile) -> Result<Option<Kept>, FetchError> {
    let found = find(root, file)?;
    if let Some(kept) = found.as_ref().filter(|kept| kept.is_new) {
        // A cache that cannot be written is still one that can be read.
        let _ = record(&kept.path, &file.name, kept.sha256);
    }
    Ok(found)
}

/// Why a file cannot be the published one.
fn unfit(path: &Path, file: &PublishedFile) -> Option<String> {
    match WeightsFile::open(path) {
        Ok(found) => file.differs(&found),
        Err(_) if fs::read(path).is_ok_and(|bytes| bytes.trim_ascii_start().starts_with(b"<")) => {
            Some("it is a page of the web, perhaps one to log in".to_owned())
        }
        Err(error) => Some(error.hints().into_iter().next().unwrap_or_else(|| error.to_string())),
    }
}

/// Brings a published file here, unless it is here. Of two processes that do so at once, one
/// waits for the other.
///
/// # Errors
/// When it cannot be had, or is not the file it should be.
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
    let (sha256, n_bytes) = receive(&http, &url, &partial, &expected, listen)?;
    let is_new = expected.recorded != Some(sha256);
    record(&path, &file.name, sha256)?;
    fs::rename(&partial.file, &path)?;
    Ok(Kept { path, sha256, n_bytes, is_new })
}

/// Downloads a file under its temporary name and looks at what came. What was begun by an earlier
/// process and does not fit is downloaded once more from its beginning.
fn receive(
    http: &Http,
    url: &str,
    partial: &Partial,
    expected: &Expected<'_>,
    listen: Listen<'_>,
) -> Result<(Sha256, u64), FetchError> {
    loop {
        let done = download::download(http, url, partial, listen)?;
        let (sha256, n_bytes) = Sha256::of_file(&partial.file)?;
        let served = done.sha256.filter(|served| *served != sha256).map(|served| {
            format!("its server says that the SHA-256 is {served}; what came has {sha256}")
        });
        let reason = expected
            .not_asked(sha256)
            .or_else(|| expected.differs(sha256))
            .or(served)
            .or_else(|| unfit(&partial.file, expected.file));
        match reason {
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

/// What the digest of a file must be.
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
                reason: format!("its record {} holds no SHA-256", record.display()),
            });
            Some(parsed?)
        } else {
            None
        };
        Ok(Self { file, recorded })
    }

    /// How a digest differs from the one that the pipeline asks for.
    fn not_asked(&self, sha256: Sha256) -> Option<String> {
        let asked = self.file.sha256.as_deref()?;
        differs("the pipeline asks for the SHA-256", asked, sha256)
    }

    /// How a digest differs from what the file's name says and what was recorded; a digest that the
    /// pipeline asks for comes before both.
    fn differs(&self, sha256: Sha256) -> Option<String> {
        if self.file.sha256.is_some() {
            return None;
        }
        let by_name = self
            .file
            .sha256_start
            .and_then(|start| differs("its name says that its SHA-256 begins with", start, sha256));
        by_name.or_else(|| differs(FIRST, &self.recorded?.to_string(), sha256))
    }
}

/// How a difference from what was recorded begins.
const FIRST: &str = "when it first came its SHA-256 was";

fn differs(what: &str, expected: &str, sha256: Sha256) -> Option<String> {
    let digits = sha256.to_string();
    (!digits.starts_with(expected)).then(|| format!("{what} {expected}, and it has {digits}"))
}

/// The file beside a file that holds its digest, in the format of `sha256sum`.
fn record_of(path: &Path) -> PathBuf {
    fs::with_ending(path, ".sha256")
}

fn record(path: &Path, name: &str, sha256: Sha256) -> Result<(), FileError> {
    fs::write_atomic(&record_of(path), format!("{sha256}  {name}\n").as_bytes())
}

/// A file that is on its way.
struct Partial {
    /// What came of it.
    file: PathBuf,
    /// Where it comes from, so that a later process can go on.
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

/// The right to download into a folder; ends with the process in any way.
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

/// How long is waited for a server, by default.
const PATIENCE: Duration = Duration::from_secs(30);
