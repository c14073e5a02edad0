//! The run directories in a folder.

use std::path::{Path, PathBuf};

use super::lock;
use super::manifest::Manifest;
use super::{layout, verify};
use crate::base::clock;
use crate::base::fs::{self, FileError};

/// A run directory as it is found.
#[derive(Clone, Debug)]
pub struct RunEntry {
    /// The directory.
    pub directory: PathBuf,
    /// What became of the run.
    pub status: Status,
    /// When it finished, or began if it did not; in UTC.
    pub when: String,
    /// Bytes of its files; a file with two names counts once for each.
    pub bytes: u64,
}

/// What became of a run.
#[derive(Clone, Debug)]
pub enum Status {
    /// It has a manifest.
    Finished(Box<Manifest>),
    /// A process works on it, which says this of itself.
    Running(String),
    /// It was cut short and can go on.
    CutShort,
    /// It was cut short and cannot go on, or its manifest cannot be read; why, in a fragment.
    Broken(String),
}

impl Status {
    /// The status in a word.
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
    /// Looks at a run directory; `None` where it is none.
    ///
    /// # Errors
    /// When a file or folder cannot be read.
    pub fn read(directory: &Path) -> Result<Option<Self>, FileError> {
        let file = |name: &str| directory.join(name);
        let is_run = [layout::MANIFEST, layout::RESOLVED, layout::CHECKPOINT]
            .iter()
            .any(|name| file(name).exists());
        if !is_run {
            return Ok(None);
        }
        let status = if file(layout::MANIFEST).exists() {
            match verify::read_manifest(directory) {
                Ok(manifest) => Status::Finished(Box::new(manifest)),
                Err(error) => Status::Broken(error.to_string()),
            }
        } else if let Some(holder) = lock::holder(directory)? {
            Status::Running(holder)
        } else if file(layout::CHECKPOINT).join(layout::STARTED_WITH).exists() {
            Status::CutShort
        } else {
            Status::Broken("it stopped before its first stage".to_owned())
        };
        let mut bytes = 0;
        let mut begun = None;
        for path in fs::files_below(directory)? {
            // A run in progress removes files while they are counted.
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

    /// When a finished run finished.
    pub fn finished(&self) -> Option<&str> {
        self.manifest().map(|manifest| manifest.volatile.finished.as_str())
    }
}

/// The run directories in a folder, by name; none where there is no such folder.
///
/// # Errors
/// When a file or folder cannot be read.
pub fn list(folder: &Path) -> Result<Vec<RunEntry>, FileError> {
    if !folder.exists() {
        return Ok(vec![]);
    }
    let mut runs = vec![];
    for path in fs::read_dir_sorted(folder)? {
        if path.is_dir() {
            runs.extend(RunEntry::read(&path)?);
        }
    }
    Ok(runs)
}
