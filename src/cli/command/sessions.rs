//! What a command computes with.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
use crate::cache::pool::Pool;
use crate::cli::settings::Settings;
use crate::exec::run::ranks::Ranks;
use crate::exec::run::session::{Caches, Session};

/// Creates a session from the settings.
pub(super) fn session(settings: &Settings, pipeline_directory: PathBuf) -> Session {
    let (n_threads, caches, cancel) = (settings.threads, caches(settings), Cancel::new());
    let (features, tally) = (Pool::default(), Tally::default());
    let ranks = Ranks::among(Arc::clone(&settings.peers), &cancel);
    Session { pipeline_directory, n_threads, caches, features, cancel, ranks, hints: false, tally }
}

/// The caches that a run may use.
pub(super) fn caches(settings: &Settings) -> Caches {
    Caches::below(settings.cache_dir.clone())
}
