//! The lock of a run directory: one process at a time may work in it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::layout;
use crate::base::clock;
use crate::base::fs::{self, FileError};

/// The lock of a run directory cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has the lock.
    #[error("another process is using `{}`: {holder}", directory.display())]
    Held {
        /// The run directory.
        directory: PathBuf,
        /// The process and its start time, from the lock file.
        holder: String,
    },
    /// The lock cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The lock of a run directory, released on drop or when the process ends.
#[derive(Debug)]
pub struct RunLock {
    /// The operating system releases the lock when the process ends.
    _file: File,
}

impl RunLock {
    /// Takes the lock of a run directory.
    ///
    /// # Errors
    /// When another process has the lock, or the lock file cannot be written.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let folder = directory.join(layout::CHECKPOINT);
        fs::create_dir_all(&folder)?;
        let path = folder.join(layout::LOCK);
        let failed = |source| FileError::new("lock", &path, source);
        let mut file = fs::open_or_create(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // A process that has just taken the lock may not have written its description yet.
                for _ in 0..50 {
                    file.read_to_string(&mut holder).map_err(failed)?;
                    if !holder.trim().is_empty() {
                        break;
                    }
                    std::thread::sleep(Duration::from_millis(2));
                    file.rewind().map_err(failed)?;
                }
                let directory = directory.to_path_buf();
                return Err(LockError::Held { directory, holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source).into()),
        }
        let line = format!("process {}, since {}\n", std::process::id(), clock::now());
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| file.write_all(line.as_bytes()))
            .map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Whether a directory has a lock file that this program wrote.
pub fn was_taken(directory: &Path) -> bool {
    let path = directory.join(layout::CHECKPOINT).join(layout::LOCK);
    fs::read_text(&path).is_ok_and(|line| line.starts_with("process "))
}

/// The description of the process that holds the lock; `None` if no process does.
///
/// # Errors
/// When the lock cannot be read.
pub fn holder(directory: &Path) -> Result<Option<String>, FileError> {
    let path = directory.join(layout::CHECKPOINT).join(layout::LOCK);
    if !path.exists() || fs::special_file(&path).is_some() {
        return Ok(None);
    }
    let file = fs::open(&path)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(fs::read_text(&path)?.trim().to_owned())),
        Err(TryLockError::Error(source)) => Err(FileError::new("lock", &path, source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_came_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunLock::acquire(folder.path()).unwrap();
        let error = RunLock::acquire(folder.path()).unwrap_err();
        let process = format!("process {}", std::process::id());
        assert!(error.to_string().contains(&process), "{error}");
        drop(first);
        RunLock::acquire(folder.path()).unwrap();
    }
}
