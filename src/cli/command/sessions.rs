//! What a command computes with.

use std::path::PathBuf;

use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
use crate::cache::pool::Pool;
use crate::cli::settings::Settings;
use crate::exec::run::session::{Caches, Session};

/// Creates a session from the settings.
pub(super) fn session(settings: &Settings, pipeline_directory: PathBuf) -> Session {
    let (n_threads, caches, cancel) = (settings.threads, caches(settings), Cancel::new());
    let (features, tally) = (Pool::default(), Tally::default());
    Session { pipeline_directory, n_threads, caches, features, cancel, hints: false, tally }
}

/// The caches that a run may use.
pub(super) fn caches(settings: &Settings) -> Caches {
    Caches::below(settings.cache_dir.clone())
}
