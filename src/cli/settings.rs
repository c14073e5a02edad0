//! Combines flags and environment variables into settings, once, before any work.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::{Arguments, CacheDirArguments};
use super::exit::Failure;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::base::peers::{Alone, SharedPeers};
use crate::fetch::HttpOptions;
use crate::pipeline;
use crate::pipeline::settings::UserSettings;
use crate::tracking::mlflow::basic;

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

/// The directory that the operating system designates for settings of the user.
fn settings_folder() -> Option<PathBuf> {
    if cfg!(windows) {
        folder("APPDATA")
    } else {
        folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")))
    }
}

/// The name of this machine; that of the node if a scheduler says it.
fn machine() -> String {
    let named = ["SLURMD_NODENAME", "HOSTNAME", "COMPUTERNAME"].into_iter().find_map(variable);
    let kernel = || fs::read_text(Path::new("/proc/sys/kernel/hostname")).ok();
    let name = named.map(|name| names::text_of_path(&name)).or_else(kernel).unwrap_or_default();
    name.trim().to_owned()
}

/// How this user is known to MLflow, by the variables that its own clients read.
fn mlflow_authorization() -> Option<String> {
    let text = |name| variable(name).map(|value| names::text_of_path(&value));
    if let Some(token) = text("MLFLOW_TRACKING_TOKEN") {
        return Some(format!("Bearer {token}"));
    }
    let [user, password] = ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"].map(text);
    user.map(|user| basic(&user, &password.unwrap_or_default()))
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
    /// The `Authorization` header for MLflow, if its variables are set.
    pub(super) mlflow: Option<String>,
    /// The words of the command line after the name of the program.
    pub(super) words: Vec<String>,
    /// The settings file of the user: `ALPACA_SETTINGS`, or `alpaca-run/settings.yaml` in the
    /// directory for settings. It may not exist.
    user_file: Option<PathBuf>,
    /// The program of HyperQueue.
    pub(super) hq: PathBuf,
    /// Settings of object stores by the names of their variables.
    pub(super) store_options: Vec<(String, String)>,
    /// The name of this machine.
    pub(super) machine: String,
    /// The processes that do a run together with this one.
    pub(super) peers: SharedPeers,
}

impl Settings {
    /// What the settings file of the user says.
    ///
    /// # Errors
    /// When it cannot be read, or with all problems in it.
    pub(super) fn user(&self) -> Result<UserSettings, Failure> {
        let file = self.user_file.as_deref();
        Ok(file.map(pipeline::settings::load).transpose()?.unwrap_or_default())
    }

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
            mlflow: mlflow_authorization(),
            http: HttpOptions { certificates, ..HttpOptions::default() },
            words: std::env::args_os().skip(1).map(|word| names::text_of(&word)).collect(),
            user_file: variable("ALPACA_SETTINGS").or_else(|| {
                settings_folder().map(|folder| folder.join("alpaca-run/settings.yaml"))
            }),
            hq: variable("ALPACA_HQ").unwrap_or_else(|| PathBuf::from("hq")),
            store_options: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .filter(|(name, _)| name.starts_with("AWS_"))
                .collect(),
            machine: machine(),
            peers: Arc::new(Alone),
        })
    }
}
