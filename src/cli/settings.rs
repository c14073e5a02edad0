//! What flags and environment mean together, decided once before any work.

use std::num::NonZero;
use std::path::PathBuf;

use super::args::{Arguments, CacheArguments};
use crate::base::fs::FileError;

/// The folder for what is kept between runs: the one asked for, else one in the folder that the
/// user's system has for such things.
fn cache_dir(arguments: &CacheArguments) -> Option<PathBuf> {
    if arguments.no_cache {
        return None;
    }
    let folder = |variable: &str| {
        let value = std::env::var_os(variable).filter(|value| !value.is_empty());
        value.map(PathBuf::from).filter(|path| path.is_absolute())
    };
    let users = || {
        let home = || folder("HOME");
        if cfg!(target_os = "macos") {
            home().map(|home| home.join("Library/Caches"))
        } else if cfg!(windows) {
            folder("LOCALAPPDATA")
        } else {
            folder("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache")))
        }
    };
    arguments.cache_dir.clone().or_else(|| users().map(|users| users.join("alpaca-run")))
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
}

impl Settings {
    /// Decides the settings.
    ///
    /// # Errors
    /// When the current folder is gone.
    pub(super) fn resolve(arguments: &Arguments) -> Result<Self, FileError> {
        #[expect(clippy::disallowed_methods, reason = "settings are resolved here")]
        let current_dir = std::env::current_dir()
            .map_err(|source| FileError::new("find", &PathBuf::from("."), source))?;
        let available = || std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            current_dir,
            threads: arguments.threads().unwrap_or_else(available),
            cache_dir: arguments.cache().as_ref().and_then(cache_dir),
        })
    }
}
