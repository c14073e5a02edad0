//! What flags and environment mean together, decided once before any work.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::args::{Arguments, CacheDirArguments};
use super::exit::Failure;
use crate::base::fs::FileError;
use crate::fetch::HttpOptions;

/// The folder for what is kept between runs: the one asked for, else one in the folder that the
/// user's system has for such things.
fn cache_folder(arguments: &CacheDirArguments) -> Option<PathBuf> {
    let asked = arguments.cache_dir.clone().or_else(|| variable("ALPACA_CACHE"));
    asked.or_else(|| users_folder().map(|users| users.join("alpaca-run")))
}

/// The folder that the user's system has for what can be made again.
fn users_folder() -> Option<PathBuf> {
    if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Caches"))
    } else if cfg!(windows) {
        folder("LOCALAPPDATA")
    } else {
        folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")))
    }
}

/// An environment variable that is an absolute path.
fn folder(name: &str) -> Option<PathBuf> {
    variable(name).filter(|path| path.is_absolute())
}

/// An environment variable that is not empty, as a path.
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The decided settings of a process.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The folder the process was started in; absolute.
    pub(super) current_dir: PathBuf,
    /// How many threads compute.
    pub(super) threads: usize,
    /// The folder for what is kept between runs; `None` where nothing is.
    pub(super) cache_dir: Option<PathBuf>,
    /// That folder where it was given on the command line, as it was given.
    pub(super) cache_option: Option<PathBuf>,
    /// The same folder for what was downloaded, which is kept in any case.
    pub(super) cache_folder: Option<PathBuf>,
    /// Whether the network may not be used.
    pub(super) offline: bool,
    /// What has published files in place of their publishers.
    pub(super) mirror: Option<String>,
    /// How servers are spoken to.
    pub(super) http: HttpOptions,
}

impl Settings {
    /// The folder of the cache, for those who cannot do without.
    ///
    /// # Errors
    /// When the system names none.
    pub(super) fn cache_root(&self) -> Result<&Path, Failure> {
        self.cache_folder.as_deref().ok_or_else(|| {
            Failure::usage(anyhow::anyhow!(
                "this system names no folder for what is kept; give one with --cache-dir"
            ))
        })
    }

    /// Decides the settings.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub(super) fn resolve(arguments: &Arguments) -> Result<Self, FileError> {
        #[expect(clippy::disallowed_methods, reason = "settings are resolved here")]
        let current_dir = std::env::current_dir().or_else(|source| {
            // It is gone; that matters to relative paths alone, which say so when they are opened.
            let before = std::env::var_os("PWD").map(PathBuf::from);
            before
                .filter(|path| path.is_absolute())
                .ok_or_else(|| FileError::new("find", &PathBuf::from("."), source))
        })?;
        let shared = arguments.shared();
        let cache_folder = shared.cache().and_then(cache_folder);
        let network = shared.network;
        // The variable that OpenSSL, curl and Python know.
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
        })
    }
}
