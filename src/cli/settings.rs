//! Combines flags and environment variables into settings, once, before any work.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{Arguments, CacheDirArguments};
use super::exit::Failure;
use crate::base::fs::FileError;
use crate::base::peers::{Alone, SharedPeers};
use crate::fetch::HttpOptions;

/// The cache directory: the requested one, or else `alpaca-run` in the cache directory of the user.
fn cache_folder(arguments: &CacheDirArguments) -> Option<PathBuf> {
    let asked = arguments.cache_dir.clone().or_else(|| variable("ALPACA_CACHE"));
    asked.or_else(|| users_folder().map(|users| users.join("alpaca-run")))
}

/// The directory that the operating system designates for caches of the user.
fn users_folder() -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Caches"))
    } else if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else {
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    }
}

/// Reads an environment variable that holds an absolute path.
fn folder(name: &str) -> Option<PathBuf> {
    variable(name).filter(|path| path.is_absolute())
}

/// Reads an environment variable as a path; empty values are ignored.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The settings of a process.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The directory in which the process was started; absolute.
    pub(super) current_dir: PathBuf,
    /// Number of threads.
    pub(super) threads: usize,
    /// The cache directory for results; `None` with `--no-cache`.
    pub(super) cache_dir: Option<PathBuf>,
    /// The value of `--cache-dir`, if it was given.
    pub(super) cache_option: Option<PathBuf>,
    /// The cache directory for downloads, which are stored even with `--no-cache`.
    pub(super) cache_folder: Option<PathBuf>,
    /// Whether the network is disabled.
    pub(super) offline: bool,
    /// The server that provides published files instead of their publishers.
    pub(super) mirror: Option<String>,
    /// Options of HTTP connections.
    pub(super) http: HttpOptions,
    /// The processes that do a run together with this one.
    pub(super) peers: SharedPeers,
}

impl Settings {
    /// The cache directory, for commands that require one.
    ///
    /// # Errors
    /// When the operating system designates none.
    pub(super) fn cache_root(&self) -> Result<&Path, Failure> {
        self.cache_folder.as_deref().ok_or_else(|| {
            Failure::usage(anyhow::anyhow!(
                "no cache directory is known on this system; pass one with `--cache-dir`"
            ))
        })
    }

    /// Determines the settings.
    ///
    /// # Errors
    /// When the current directory no longer exists.
    pub(super) fn resolve(arguments: &Arguments) -> Result<Self, FileError> {
        #[expect(clippy::disallowed_methods, reason = "settings are resolved here")]
        let current_dir = std::env::current_dir().or_else(|source| {
            // It no longer exists. Only relative paths need it, and opening one reports the error.
            let before = std::env::var_os("PWD").map(PathBuf::from);
            before
                .filter(|path| path.is_absolute())
                .ok_or_else(|| FileError::new("find", &PathBuf::from("."), source))
        })?;
        let shared = arguments.shared();
        let cache_folder = shared.cache().and_then(cache_folder);
        let network = shared.network;
        // OpenSSL, curl and Python read the same variable.
        let certificates = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty());
        let certificates = certificates.map(PathBuf::from);
        let cache_option = shared.cache().and_then(|cache| cache.cache_dir.clone());
        Ok(Self {
            current_dir,
            threads: shared
                .threads()
                .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, NonZero::get)),
            cache_dir: cache_folder.clone().filter(|_| shared.reuses()),
            cache_option,
            cache_folder,
            offline: network.is_some_and(|network| network.offline),
            mirror: network.and_then(|network| network.mirror.clone()),
            http: HttpOptions { certificates, ..HttpOptions::default() },
            peers: Arc::new(Alone),
        })
    }
}
