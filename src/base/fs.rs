//! File operations whose errors name the file.
//!
//! The only place that creates, renames or lists files: what is written appears whole or not
//! at all, and what is listed comes in one order on every machine.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// An operation on a file that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`", path.display())]
pub struct FileError {
    /// What was tried, as a verb: "read", "create".
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// Why the operating system refused.
    pub source: io::Error,
}

impl FileError {
    /// An error of `action` on `path`.
    pub fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        Self { action, path, source }
    }
}

/// Opens a file for reading.
pub fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(|source| FileError::new("read", path, source))
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|source| FileError::new("read", path, source))
}

/// Reads a whole file as UTF-8.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(|source| FileError::new("read", path, source))
}

/// Creates a file for writing, replacing what was there.
pub fn create(path: &Path) -> Result<File, FileError> {
    File::create(path).map_err(|source| FileError::new("create", path, source))
}

/// Creates a folder and those above it.
pub fn create_dir_all(path: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(path).map_err(|source| FileError::new("create", path, source))
}

/// Whether [`create_dir`] made the folder or found something in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The folder is new and belongs to the caller.
    New,
    /// Something with that name exists already.
    Existing,
}

/// Creates one folder, or says that the name is taken: of two processes that try, one wins.
pub fn create_dir(path: &Path) -> Result<Created, FileError> {
    match std::fs::create_dir(path) {
        Ok(()) => Ok(Created::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Created::Existing),
        Err(source) => Err(FileError::new("create", path, source)),
    }
}

/// Writes a file that is either complete or absent: to a temporary name, synced, then renamed.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".partial");
    write_then_rename(Path::new(&temporary), path, |file| {
        file.write_all(bytes).and_then(|()| file.sync_all())
    })
}

/// Writes a file under a temporary name and renames it, without waiting for the disk: for what is
/// checked when it is read and can be made again.
pub fn write_renamed(temporary: &Path, path: &Path, parts: &[&[u8]]) -> Result<(), FileError> {
    write_then_rename(temporary, path, |file| {
        parts.iter().try_for_each(|part| file.write_all(part))
    })
}

/// Leaves nothing behind where it fails.
fn write_then_rename(
    temporary: &Path,
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    let mut file = create(temporary)?;
    let written = write(&mut file).map_err(|source| FileError::new("write", path, source));
    let result = written.and_then(|()| {
        std::fs::rename(temporary, path).map_err(|source| FileError::new("create", path, source))
    });
    if result.is_err() {
        // What is left would take room and help nobody; that it cannot be removed changes nothing.
        let _ = std::fs::remove_file(temporary);
    }
    result
}

/// Gives an existing file a second name, or copies it where the file system has no links.
pub fn link_or_copy(from: &Path, to: &Path) -> Result<(), FileError> {
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    std::fs::copy(from, to).map(|_| ()).map_err(|source| FileError::new("create", to, source))
}

/// The entries of a folder, sorted by name.
pub fn read_dir_sorted(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let error = |source| FileError::new("list", path, source);
    let mut entries = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "the list is sorted here")]
    let listed = std::fs::read_dir(path).map_err(error)?;
    for entry in listed {
        entries.push(entry.map_err(error)?.path());
    }
    entries.sort();
    Ok(entries)
}

/// The path of `target` as seen from the folder `from`, both absolute; `None` where they share
/// no root. Works on the text alone: links are not followed.
pub fn relative_to(target: &Path, from: &Path) -> Option<PathBuf> {
    let (target, from) = (normalise(target), normalise(from));
    if !(target.is_absolute() && from.is_absolute()) {
        return None;
    }
    let shared = target.components().zip(from.components()).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return None;
    }
    let up = from.components().skip(shared).map(|_| PathBuf::from(".."));
    let down = target.components().skip(shared).map(|part| PathBuf::from(part.as_os_str()));
    let path: PathBuf = up.chain(down).collect();
    Some(if path.as_os_str().is_empty() { PathBuf::from(".") } else { path })
}

/// Removes `.` and resolves `..` in the text of a path.
pub fn normalise(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut result = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(result.components().next_back(), Some(Component::Normal(_))) =>
            {
                result.pop();
            }
            part => result.push(part),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_rewritten_as_seen_from_a_folder() {
        let check = |target, from, expected: &str| {
            let path = relative_to(Path::new(target), Path::new(from));
            assert_eq!(path, Some(PathBuf::from(expected)), "{target} from {from}");
        };
        check("/a/data", "/a/pipelines", "../data");
        check("/a/b", "/a/b", ".");
        check("/a/b/../c/./d", "/a/b", "../c/d");
        assert_eq!(relative_to(Path::new("data"), Path::new("/a")), None);
    }

    #[test]
    fn of_two_that_create_a_folder_one_wins() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("run");
        assert_eq!(create_dir(&path).unwrap(), Created::New);
        assert_eq!(create_dir(&path).unwrap(), Created::Existing);
    }

    #[test]
    fn an_error_names_the_file() {
        let error = read(Path::new("/no/such/file")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `/no/such/file`");
    }
}
