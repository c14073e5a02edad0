//! Checks that the files of a run have not changed since it wrote them.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::manifest::{FORMAT, Manifest};
use super::{layout, read};
use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::tally::Tally;

/// The manifest cannot be read, or a file does not match it.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The directory does not exist.
    #[error("there is no directory `{}`", .0.display())]
    NotThere(PathBuf),
    /// The path is a file.
    #[error("`{}` is a file, not a run directory", .0.display())]
    IsFile(PathBuf),
    /// The run is not finished, or the directory is not a run directory.
    #[error("`{}` has no {}, so it is not a finished run", .0.display(), layout::MANIFEST)]
    Missing(PathBuf),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not a manifest.
    #[error("`{}` is not a manifest", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The parse error.
        source: serde_json::Error,
    },
    /// A file has changed since the run wrote it.
    #[error("`{}` has changed since the run wrote it", .0.display())]
    Changed(PathBuf),
    /// A file of the run is missing.
    #[error("`{}` is missing", .0.display())]
    Gone(PathBuf),
    /// A newer version of the program wrote the manifest.
    #[error("`{}` has format {format}, but this program reads format {FORMAT}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The format of the manifest.
        format: u64,
    },
}

/// Reads the manifest of a finished run.
///
/// # Errors
/// When there is none, or this program cannot read it.
pub fn read_manifest(directory: &Path) -> Result<Manifest, ManifestError> {
    if directory.is_file() {
        return Err(ManifestError::IsFile(directory.to_path_buf()));
    }
    if !directory.is_dir() {
        return Err(ManifestError::NotThere(directory.to_path_buf()));
    }
    let path = directory.join(layout::MANIFEST);
    if !path.exists() {
        return Err(ManifestError::Missing(directory.to_path_buf()));
    }
    let text = read::text(&path)?;
    let wrong = |source| ManifestError::Format { path: path.clone(), source };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(wrong)?;
    match value["format"].as_u64() {
        Some(format) if format != u64::from(FORMAT) => Err(ManifestError::Version { path, format }),
        _ => serde_json::from_value(value).map_err(wrong),
    }
}

impl ManifestError {
    /// Suggested fixes, one per hint.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Changed(path) | Self::Gone(path) => {
                let run = path
                    .ancestors()
                    .find(|folder| folder.join(layout::MANIFEST).is_file())
                    .map_or_else(|| "RUN".to_owned(), |folder| folder.display().to_string());
                vec![format!(
                    "run `alpaca-run verify {run}` to list all such files, then restore them or run \
                     the pipeline again"
                )]
            }
            Self::NotThere(_)
            | Self::IsFile(_)
            | Self::Missing(_)
            | Self::File(_)
            | Self::Format { .. }
            | Self::Version { .. } => vec![],
        }
    }
}

/// Compares the files of a run that `is_used` selects with the manifest before they are used.
/// Names are paths in the run directory.
///
/// # Errors
/// When a file is missing, cannot be read, or has changed.
pub fn check(
    directory: &Path,
    manifest: &Manifest,
    is_used: impl Fn(&str) -> bool,
) -> Result<(), ManifestError> {
    for (name, digest) in manifest.files.iter().filter(|(name, _)| is_used(name)) {
        let path = directory.join(name);
        match Digest::of_file(&path) {
            Ok(found) if found == *digest => {}
            Ok(_) => return Err(ManifestError::Changed(path)),
            Err(error) if error.source.kind() == ErrorKind::NotFound => {
                return Err(ManifestError::Gone(path));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The comparison of a run's files with its manifest. Names are paths in the run directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The number of files in the manifest.
    pub n_files: usize,
    /// Files with different content.
    pub changed: Vec<String>,
    /// Files that are in the manifest but not in the directory.
    pub missing: Vec<String>,
    /// Files that are not in the manifest.
    pub extra: Vec<String>,
}

impl Verdict {
    /// Whether every file in the manifest is unchanged. Extra files are allowed.
    pub fn is_intact(&self) -> bool {
        self.changed.is_empty() && self.missing.is_empty()
    }
}

/// Compares every file of a run with the digest in its manifest.
///
/// # Errors
/// When the manifest or a file cannot be read.
pub fn verify(directory: &Path, tally: &Tally) -> Result<Verdict, ManifestError> {
    let manifest = read_manifest(directory)?;
    let counting = tally.begin("verifying", "files", manifest.files.len());
    let mut found = counted_digests(directory, tally)?;
    drop(counting);
    let mut verdict =
        Verdict { n_files: manifest.files.len(), changed: vec![], missing: vec![], extra: vec![] };
    for (name, digest) in &manifest.files {
        match found.remove(name) {
            Some(found) if found == *digest => {}
            Some(_) => verdict.changed.push(name.clone()),
            None => verdict.missing.push(name.clone()),
        }
    }
    verdict.extra = found.into_keys().collect();
    Ok(verdict)
}

/// The digest of every file in a run directory, except for volatile files and the checkpoint.
///
/// # Errors
/// When a file cannot be read.
pub fn digests(directory: &Path) -> Result<BTreeMap<String, Digest>, FileError> {
    counted_digests(directory, &Tally::default())
}

fn counted_digests(directory: &Path, tally: &Tally) -> Result<BTreeMap<String, Digest>, FileError> {
    let mut digests = BTreeMap::new();
    let checkpoint = directory.join(layout::CHECKPOINT);
    for path in fs::files_below(directory)? {
        let below = path.strip_prefix(directory).unwrap_or(&path);
        let name: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        let name = name.join("/");
        if !path.starts_with(&checkpoint) && !layout::VOLATILE.contains(&name.as_str()) {
            digests.insert(name, Digest::of_file(&path)?);
            tally.add();
        }
    }
    Ok(digests)
}
