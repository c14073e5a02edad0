//! What flags and environment mean together, decided once before any work.

use std::num::NonZero;
use std::path::PathBuf;

use super::args::Arguments;
use crate::base::fs::FileError;

/// The decided settings of a process.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// The folder the process was started in; absolute.
    pub(super) current_dir: PathBuf,
    /// How many threads compute.
    pub(super) threads: usize,
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
        Ok(Self { current_dir, threads: arguments.threads().unwrap_or_else(available) })
    }
}
