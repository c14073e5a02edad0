//! Finds, describes and removes run directories.

use std::path::{Path, PathBuf};

use super::lock;
use super::manifest::Manifest;
use super::{layout, read, verify};
use crate::base::clock;
use crate::base::fs::{self, FileError};

/// A run directory that was found.
#[derive(Clone, Debug)]
pub struct RunEntry {
    /// The run directory.
    pub directory: PathBuf,
    /// The status of the run.
    pub status: Status,
    /// When the run finished, or started if it did not finish, in UTC.
    pub when: String,
    /// The size of its files in bytes; a hard-linked file counts once per name.
    pub bytes: u64,
}

/// The status of a run.
#[derive(Clone, Debug)]
pub enum Status {
    /// The run has a manifest.
    Finished(Box<Manifest>),
    /// A process is working on the run; its description from the lock file.
    Running(String),
    /// The run was cut short and can be resumed.
    CutShort,
    /// The run cannot be resumed, or its manifest cannot be read; the reason, as a fragment.
    Broken(String),
}

impl Status {
    /// The status in one or two words.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Finished(_) => "finished",
            Self::Running(_) => "running",
            Self::CutShort => "cut short",
            Self::Broken(_) => "broken",
        }
    }
}

impl RunEntry {
    /// Reads a run directory. `None` if it is not one: other programs also have files called
    /// `manifest.json` and directories called `checkpoint`.
    ///
    /// # Errors
    /// When a file or directory cannot be read.
    pub fn read(directory: &Path) -> Result<Option<Self>, FileError> {
        let file = |name: &str| directory.join(name);
        let status = if file(layout::MANIFEST).exists() {
            match verify::read_manifest(directory) {
                Ok(manifest) => Status::Finished(Box::new(manifest)),
                Err(error) if has_files_of_a_run(directory) => Status::Broken(error.to_string()),
                Err(_) => return Ok(None),
            }
        } else if !is_unfinished_run(directory)? {
            return Ok(None);
        } else if let Some(holder) = lock::holder(directory)? {
            Status::Running(holder)
        } else if file(layout::CHECKPOINT).join(layout::STARTED_WITH).exists() {
            Status::CutShort
        } else {
            Status::Broken("it stopped before its first stage, or during its removal".to_owned())
        };
        let mut bytes = 0;
        let mut begun = None;
        for path in fs::files_below(directory)? {
            // A run in progress may remove files while they are counted.
            let Ok((size, time)) = fs::size_and_time(&path) else { continue };
            bytes += size;
            if path == file(layout::PIPELINE) {
                begun = Some(clock::at(time));
            }
        }
        let when = match &status {
            Status::Finished(manifest) => manifest.volatile.finished.clone(),
            _ => begun.unwrap_or_default(),
        };
        Ok(Some(Self { directory: directory.to_path_buf(), status, when, bytes }))
    }

    /// The manifest of a finished run.
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.status {
            Status::Finished(manifest) => Some(manifest),
            _ => None,
        }
    }

    /// The time when a finished run finished.
    pub fn finished(&self) -> Option<&str> {
        self.manifest().map(|manifest| manifest.volatile.finished.as_str())
    }
}

/// Whether a directory has the files that every run writes before its first stage.
pub fn has_files_of_a_run(directory: &Path) -> bool {
    [layout::PIPELINE, layout::RESOLVED, layout::SPLITS, layout::CLASSES]
        .iter()
        .all(|name| directory.join(name).is_file())
}

/// Whether a directory without a manifest is a run: this program wrote its checkpoint, or it holds
/// only files that a run writes.
fn is_unfinished_run(directory: &Path) -> Result<bool, FileError> {
    let checkpoint = directory.join(layout::CHECKPOINT);
    let started_with = checkpoint.join(layout::STARTED_WITH);
    if has_files_of_a_run(directory) && started_with_us(&started_with) {
        return Ok(true);
    }
    let is_begun = directory.join(layout::RESOLVED).is_file() || lock::was_taken(directory);
    Ok(is_begun
        && holds_only(directory, layout::is_known)?
        && (!checkpoint.exists()
            || checkpoint.is_dir() && holds_only(&checkpoint, layout::is_in_checkpoint)?)
        && (!started_with.exists() || started_with_us(&started_with)))
}

/// Whether every entry of a directory has a known name.
fn holds_only(folder: &Path, is_known: fn(&str) -> bool) -> Result<bool, FileError> {
    Ok(fs::read_dir_sorted(folder)?.iter().all(|path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| is_known(fs::without_partial(name)))
    }))
}

/// Whether a file is the `run.json` of a run of this program.
fn started_with_us(path: &Path) -> bool {
    let text = read::text(path).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    value["format"].is_u64()
        && value["program"].as_str().is_some_and(|p| p.starts_with("alpaca-run "))
}

/// The reason not to remove a run directory, as a fragment. A manifest may have been copied into a
/// directory that holds other files.
pub fn obstacle_to_removal(run: &RunEntry) -> Option<String> {
    match &run.status {
        Status::Running(holder) => Some(format!("is still running: {holder}")),
        Status::Finished(_) if !has_files_of_a_run(&run.directory) => {
            Some("has a manifest, but not the other files of a run".to_owned())
        }
        Status::Finished(_) | Status::Broken(_) | Status::CutShort => None,
    }
}

/// Removes a run directory. The manifest goes first, so that after an interruption the rest does
/// not look like a finished run. The resolved pipeline goes last, so that it still looks like a run.
///
/// # Errors
/// When a file in it cannot be removed.
pub fn remove(directory: &Path) -> Result<(), FileError> {
    fs::remove_if_there(&directory.join(layout::MANIFEST))?;
    let resolved = directory.join(layout::RESOLVED);
    for path in fs::read_dir_sorted(directory)? {
        if path != resolved {
            fs::remove_any(&path)?;
        }
    }
    fs::remove_if_there(&resolved)?;
    fs::remove_dir_all(directory)
}

/// A run directory, or a directory that resembles one.
#[derive(Clone, Debug)]
pub enum Found {
    /// A run directory.
    Run(RunEntry),
    /// A directory that has a file of a run, but is not a run.
    Other {
        /// The directory.
        directory: PathBuf,
        /// The reason why it is not a run, as a fragment.
        why: String,
    },
}

/// The subdirectories of `folder` that are or resemble run directories, by name.
///
/// # Errors
/// When a file or directory cannot be read.
pub fn look(folder: &Path) -> Result<Vec<Found>, FileError> {
    let mut found = vec![];
    if !folder.exists() {
        return Ok(found);
    }
    for directory in fs::read_dir_sorted(folder)? {
        if !directory.is_dir() {
            continue;
        }
        if let Some(run) = RunEntry::read(&directory)? {
            found.push(Found::Run(run));
            continue;
        }
        let like = [layout::MANIFEST, layout::RESOLVED, layout::CHECKPOINT];
        if let Some(name) = like.into_iter().find(|name| directory.join(name).exists()) {
            let why = format!("is not a run of this program, though it has `{name}`");
            found.push(Found::Other { directory, why });
        }
    }
    Ok(found)
}

/// The runs in `folder`, and in its directories that are not runs, where those of sweeps and folds are. Each
/// has its path below `folder`.
///
/// # Errors
/// When a file or directory cannot be read.
pub fn list_nested(folder: &Path) -> Result<Vec<(PathBuf, RunEntry)>, FileError> {
    let mut runs = list(folder)?;
    if folder.exists() {
        for directory in fs::read_dir_sorted(folder)? {
            if directory.is_dir() && !runs.iter().any(|run| run.directory == directory) {
                runs.extend(list(&directory)?);
            }
        }
    }
    let named = runs.into_iter().map(|run| {
        let below = run.directory.strip_prefix(folder).unwrap_or(&run.directory);
        (below.to_path_buf(), run)
    });
    Ok(named.collect())
}

/// The run directories in `folder`, by name; none if `folder` does not exist.
///
/// # Errors
/// When a file or directory cannot be read.
pub fn list(folder: &Path) -> Result<Vec<RunEntry>, FileError> {
    let runs = look(folder)?.into_iter().filter_map(|found| match found {
        Found::Run(run) => Some(run),
        Found::Other { .. } => None,
    });
    Ok(runs.collect())
}
