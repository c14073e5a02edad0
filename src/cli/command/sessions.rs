//! What a command computes with.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
use crate::cache::pool::Pool;
use crate::cache::shared::{SharedError, SharedStore};
use crate::cache::stores;
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::cli::terminal::Terminal;
use crate::exec::prepare::computed::ComputedFeatures;
use crate::exec::run::ranks::Ranks;
use crate::exec::run::session::{Caches, Session};
use crate::pipeline::caches::CacheValues;
use crate::pipeline::load::Loaded;

/// Creates a session from the settings.
pub(super) fn session(settings: &Settings, pipeline_directory: PathBuf) -> Session {
    let (n_threads, caches, cancel) = (settings.threads, caches(settings), Cancel::new());
    let (features, tally) = (Pool::default(), Tally::default());
    let ranks = Ranks::among(Arc::clone(&settings.peers), &cancel);
    Session { pipeline_directory, n_threads, caches, features, cancel, ranks, hints: false, tally }
}

/// The caches that a pipeline or the settings file of the user names.
#[derive(Default)]
pub(super) struct NamedCaches {
    shared: Option<Arc<dyn SharedStore>>,
    computed: Option<Arc<ComputedFeatures>>,
}

impl NamedCaches {
    /// Uses them in a session.
    pub(super) fn into_session(self, session: &mut Session) {
        (session.caches.shared, session.caches.computed) = (self.shared, self.computed);
    }

    /// Those that are not those of a pipeline.
    pub(super) fn of_user(settings: &Settings, terminal: &Terminal) -> Result<Self, Failure> {
        Ok(Self { shared: shared(None, settings, terminal)?, computed: None })
    }
}

/// The caches that a pipeline or the settings file of the user names.
pub(super) fn named(
    loaded: &Loaded,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<NamedCaches, Failure> {
    let CacheValues { url, features } = &loaded.caches;
    let shared = shared(url.as_deref(), settings, terminal)?;
    let Some(directory) = features else { return Ok(NamedCaches { shared, computed: None }) };
    if !settings.peers.are_none() {
        let message = "ranks compute features together, so `cache.features` is not used";
        terminal.warn(message);
        return Ok(NamedCaches { shared, computed: None });
    }
    let computed = ComputedFeatures::open(&directory.path).map_err(|error| {
        let hint = "`cache.features` is the directory that `alpaca-run shard features` wrote";
        Failure::usage_with(error, vec![hint.to_owned()])
    })?;
    Ok(NamedCaches { shared, computed: Some(Arc::new(computed)) })
}

/// The cache that a pipeline, or else the settings file of the user, shares with other machines. One
/// that cannot be reached is left out, with a warning.
fn shared(
    of_pipeline: Option<&str>,
    settings: &Settings,
    terminal: &Terminal,
) -> Result<Option<Arc<dyn SharedStore>>, Failure> {
    let of_user = || Ok::<_, Failure>(settings.user()?.shared_cache);
    let url = match of_pipeline {
        _ if settings.cache_dir.is_none() => None,
        Some(url) => Some(url.to_owned()),
        None => of_user()?,
    };
    let Some(url) = url else { return Ok(None) };
    let store = open(&url, settings)?;
    match store.list("leases") {
        Ok(_) => Ok(Some(store)),
        Err(error) => {
            let place = store.place();
            terminal.warn(&format!(
                "the shared cache `{place}` cannot be reached, so nothing is shared: {error}"
            ));
            Ok(None)
        }
    }
}

/// The shared cache of a URL.
pub(super) fn open(url: &str, settings: &Settings) -> Result<Arc<dyn SharedStore>, Failure> {
    let opened = stores::open(url, settings.store_options.iter().cloned());
    opened.map_err(|SharedError(reason)| {
        let error = anyhow::anyhow!("`{url}` cannot be used");
        Failure::usage_with(error, vec![reason])
    })
}

/// The caches that a run may use.
pub(super) fn caches(settings: &Settings) -> Caches {
    Caches::below(settings.cache_dir.clone())
}
