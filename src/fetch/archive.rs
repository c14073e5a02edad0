//! Downloads the archives of datasets into the cache.

use std::path::{Path, PathBuf};

use super::http::Http;
use super::sha256::Sha256;
use super::{FetchError, FetchOptions, Listen, Partial, differs, lock, receive};
use crate::base::fs;
use crate::base::stamp::Stamp;
use crate::spec::DownloadSpec;

/// Largest archive that is accepted, in bytes.
const LARGEST: u64 = 1 << 40;

/// Looks up an archive that was downloaded before, or was copied to its place. Its digest is computed
/// when it is first used, and after each change.
///
/// # Errors
/// When it cannot be read, or has another digest.
pub fn find(root: &Path, spec: &DownloadSpec) -> Result<Option<PathBuf>, FetchError> {
    let path = spec.path_below(root);
    if !path.exists() {
        return Ok(None);
    }
    if fs::is_no_plain_file(&path) {
        let reason = "it is a directory, a pipe or a device".to_owned();
        return Err(FetchError::Changed { path, reason });
    }
    let stamp = Stamp::of(&path)?;
    let record = fs::with_ending(&path, ".checked");
    let checked = stamp.map(|stamp| stamp.to_bytes().to_vec());
    if checked.is_some() && fs::read(&record).ok() == checked {
        return Ok(Some(path));
    }
    let (sha256, _) = Sha256::of_file(&path)?;
    if let Some(reason) = not_asked(spec, sha256) {
        return Err(FetchError::NotAsked { path, reason });
    }
    if let Some(checked) = checked {
        // The cache may be read-only; then it is checked again.
        let _ = fs::write_atomic(&record, &checked);
    }
    Ok(Some(path))
}

/// Downloads an archive unless it is in the cache. Of two processes that do so at once, one waits for
/// the other.
///
/// # Errors
/// When it cannot be downloaded, or has another digest.
pub fn fetch(
    root: &Path,
    spec: &DownloadSpec,
    options: &FetchOptions,
    listen: Listen<'_>,
) -> Result<PathBuf, FetchError> {
    let path = spec.path_below(root);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let _lock = lock(&fs::with_ending(&path, ".lock"), listen)?;
    if let Some(path) = find(root, spec)? {
        return Ok(path);
    }
    let url = match &options.mirror {
        Some(mirror) => format!("{}/downloads/{}", mirror.trim_end_matches('/'), spec.sha256),
        None => spec.url.clone(),
    };
    let http = Http::new(&options.http)?;
    let partial = Partial::of(&path);
    receive(&http, &url, &partial, LARGEST, &|sha256, _| not_asked(spec, sha256), listen)?;
    fs::rename(&partial.file, &path)?;
    Ok(path)
}

fn not_asked(spec: &DownloadSpec, sha256: Sha256) -> Option<String> {
    differs("the pipeline requires the SHA-256", &spec.sha256, sha256)
}
