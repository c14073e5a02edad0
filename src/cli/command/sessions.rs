//! What a command computes with.

use std::path::PathBuf;
use std::sync::Arc;

use crate::base::cancel::Cancel;
use crate::base::key_path::KeyPath;
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
use crate::pipeline::load::Loaded;
use crate::spec::problem::{Code, Problem};

/// Creates a session from the settings.
pub(super) fn session(settings: &Settings, pipeline_directory: PathBuf) -> Session {
    let (n_threads, caches, cancel) = (settings.threads, caches(settings), Cancel::new());
    let (features, tally) = (Pool::default(), Tally::default());
    let ranks = Ranks::among(Arc::clone(&settings.peers), &cancel);
    Session { pipeline_directory, n_threads, caches, features, cancel, ranks, hints: false, tally }
}

/// The caches that a pipeline or the settings file of the user names.
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
    let shared = shared(loaded.caches.url.as_deref(), settings, terminal)?;
    let mut computed = computed(loaded)?;
    if computed.is_some() && !settings.peers.are_none() {
        terminal.warn("ranks compute features together, so `cache.features` is not used");
        computed = None;
    }
    Ok(NamedCaches { shared, computed })
}

/// The features that a pipeline names.
pub(super) fn computed(loaded: &Loaded) -> Result<Option<Arc<ComputedFeatures>>, Failure> {
    let Some(directory) = &loaded.caches.features else { return Ok(None) };
    let opened = ComputedFeatures::open(&directory.path).map_err(|error| {
        let at = KeyPath::of(&["cache", "features"]);
        let problem = Problem::caused(Code::Conflict, at, &error);
        let hint = "`cache.features` is the directory that `alpaca-run shard features` wrote";
        Failure::Rejected(loaded.reject(vec![problem.hint(hint)]))
    })?;
    Ok(Some(Arc::new(opened)))
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
