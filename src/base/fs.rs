//! File operations whose errors name the file.
//!
//! It is the only module that creates, renames or lists files. Files are written completely or not
//! at all, and listed in the same order on every machine.

use std::ffi::OsString;
use std::fs::{DirEntry, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{clock, names, text};

/// A failed operation on a file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{}`", names::text_of_path(path))]
pub struct FileError {
    /// Operation as a verb, such as "read" or "create".
    pub action: &'static str,
    /// Path of the file or directory.
    pub path: PathBuf,
    /// Error of the operating system.
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

/// Reads a whole regular file of at most `most` bytes. Pipes and devices are refused: reading them
/// may never end.
pub fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let failed = |reason: String| FileError::new("read", path, io::Error::other(reason));
    let found = std::fs::metadata(path).map_err(|source| FileError::new("read", path, source))?;
    if found.is_dir() {
        return Err(failed("it is a directory".to_owned()));
    }
    if !found.is_file() {
        return Err(failed("it is a pipe or a device, not a file".to_owned()));
    }
    // A file may grow after its size was read, and files in /proc have size zero.
    let mut bytes = Vec::with_capacity(found.len().min(most) as usize + 1);
    let read = open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| FileError::new("read", path, source))?;
    if bytes.len() as u64 > most {
        return Err(failed(format!("it is larger than {}", text::bytes(most))));
    }
    Ok(bytes)
}

/// Reads the first `n` bytes of a file, or all of a shorter one.
pub fn read_start(path: &Path, n: u64) -> Result<Vec<u8>, FileError> {
    let mut bytes = vec![];
    let read = open(path)?.take(n).read_to_end(&mut bytes);
    read.map_err(|source| FileError::new("read", path, source))?;
    Ok(bytes)
}

/// Reads bytes of a file at a position, without moving the position of other readers. Returns their
/// number; 0 at the end of the file.
///
/// # Errors
/// When it cannot be read.
pub fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    #[cfg(unix)]
    let read = std::os::unix::fs::FileExt::read_at;
    #[cfg(windows)]
    let read = std::os::windows::fs::FileExt::seek_read;
    read(file, buffer, offset)
}

/// Reads so many bytes of a file at a position as fit into `buffer`.
///
/// # Errors
/// When it cannot be read, or ends before.
pub fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match read_at(file, buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => {
                buffer = &mut buffer[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}

/// Reads the first `n` bytes of standard input, or all if it has fewer.
///
/// # Errors
/// When it cannot be read.
pub fn read_standard_input(n: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![];
    io::stdin().lock().take(n).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a whole file as UTF-8.
pub fn read_text(path: &Path) -> Result<String, FileError> {
    std::fs::read_to_string(path).map_err(|source| FileError::new("read", path, source))
}

/// Creates a file for writing, and replaces an existing one.
pub fn create(path: &Path) -> Result<File, FileError> {
    File::create(path).map_err(|source| FileError::new("create", path, source))
}

/// Creates a file that does not exist.
///
/// # Errors
/// When it exists, or cannot be created.
pub fn create_new(path: &Path) -> io::Result<File> {
    File::create_new(path)
}

/// Opens a file for reading and writing, or creates an empty one.
pub fn open_or_create(path: &Path) -> Result<File, FileError> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(|source| FileError::new("open", path, source))
}

/// Opens a file for appending, or creates an empty one.
pub fn append(path: &Path) -> Result<File, FileError> {
    let opened = File::options().append(true).create(true).open(path);
    opened.map_err(|source| FileError::new("open", path, source))
}

/// Removes a directory with everything in it.
pub fn remove_dir_all(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir_all(path) {
        // Another process was faster.
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(|source| FileError::new("remove", path, source)),
    }
}

/// Removes an empty directory.
pub fn remove_dir_if_empty(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir(path) {
        Err(source) if source.kind() != io::ErrorKind::DirectoryNotEmpty => {
            Err(FileError::new("remove", path, source))
        }
        _ => Ok(()),
    }
}

/// Removes a file, a link (not its target), or a directory with everything in it.
pub fn remove_any(path: &Path) -> Result<(), FileError> {
    let failed = |source| FileError::new("remove", path, source);
    let found = std::fs::symlink_metadata(path).map_err(failed)?;
    if found.is_dir() { remove_dir_all(path) } else { std::fs::remove_file(path).map_err(failed) }
}

/// The size of a file in bytes, and its modification time.
pub fn size_and_time(path: &Path) -> Result<(u64, SystemTime), FileError> {
    let found = std::fs::metadata(path).and_then(|found| Ok((found.len(), found.modified()?)));
    found.map_err(|source| FileError::new("inspect", path, source))
}

/// Whether a path exists but is not a regular file: a directory, a pipe or a device.
pub fn is_no_plain_file(path: &Path) -> bool {
    special_file(path).is_some()
}

/// The kind of a path that is not a regular file, with its article.
pub fn special_file(path: &Path) -> Option<&'static str> {
    let kind = std::fs::metadata(path).ok()?.file_type();
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Some("a pipe");
        } else if kind.is_socket() {
            return Some("a socket");
        } else if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    if kind.is_dir() {
        Some("a directory")
    } else if kind.is_file() {
        None
    } else {
        Some("something")
    }
}

/// The identity of the directory at a path, with links followed. Another directory in its place has
/// a different identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderId {
    path: PathBuf,
    numbers: (u64, u64),
    /// Inode numbers are reused, and not every file system records when a directory was created.
    created: Option<SystemTime>,
}

/// The directory at a path, if there is one.
pub fn folder_id(path: &Path) -> Option<FolderId> {
    let found = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_dir)?;
    let path = path.canonicalize().ok()?;
    #[cfg(unix)]
    let numbers =
        (std::os::unix::fs::MetadataExt::dev(&found), std::os::unix::fs::MetadataExt::ino(&found));
    #[cfg(not(unix))]
    let numbers = (0, 0);
    Some(FolderId { path, numbers, created: found.created().ok() })
}

/// Sets the modification time of a file to now.
pub fn touch(path: &Path) -> Result<(), FileError> {
    let opened = File::options().append(true).open(path);
    opened
        .and_then(|file| file.set_modified(clock::system()))
        .map_err(|source| FileError::new("touch", path, source))
}

/// Creates a directory and its parents.
pub fn create_dir_all(path: &Path) -> Result<(), FileError> {
    std::fs::create_dir_all(path).map_err(|source| FileError::new("create", path, source))
}

/// Whether [`create_dir`] created the directory or found something in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// The directory is new and belongs to the caller.
    New,
    /// Something with that name exists already.
    Existing,
}

/// Creates one directory, or reports that the name is taken. If two processes try, one succeeds.
pub fn create_dir(path: &Path) -> Result<Created, FileError> {
    match std::fs::create_dir(path) {
        Ok(()) => Ok(Created::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Created::Existing),
        Err(source) => Err(FileError::new("create", path, source)),
    }
}

/// The extension of a file while it is written.
const PARTIAL: &str = ".partial";

/// Writes a file that is either complete or absent, even after a power failure. It is written under
/// a temporary name, synced and renamed, and then its directory is synced.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_atomic_parts(path, &[bytes])
}

/// [`write_atomic`] of several pieces, one after the other.
pub fn write_atomic_parts(path: &Path, parts: &[&[u8]]) -> Result<(), FileError> {
    write_renamed(&with_ending(path, PARTIAL), path, |file| {
        parts.iter().try_for_each(|part| file.write_all(part)).and_then(|()| file.sync_all())
    })?;
    sync_folder_of(path)
}

/// Syncs the content of a file to disk.
pub fn sync(path: &Path) -> Result<(), FileError> {
    open(path)?.sync_all().map_err(|source| FileError::new("write", path, source))
}

/// Syncs the directory of a file or directory to disk, so that its creation, renaming or removal is
/// permanent.
pub fn sync_folder_of(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => sync_folder(Path::new(".")),
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> Result<(), FileError> {
    match open(folder)?.sync_all() {
        // Some network file systems do not support it. Nothing more can be done then.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result.map_err(|source| FileError::new("write", folder, source)),
    }
}

/// Directories cannot be opened here, and names are synced with the files.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "on other systems it can fail")]
fn sync_folder(_folder: &Path) -> Result<(), FileError> {
    Ok(())
}

/// Writes a file under a temporary name and renames it, without waiting for the disk. It is for
/// files that are checked when they are read and can be written again.
///
/// Leaves no file if it fails.
pub fn write_renamed(
    temporary: &Path,
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    let mut file =
        create(temporary).map_err(|error| FileError { path: path.to_path_buf(), ..error })?;
    let written = write(&mut file).map_err(|source| FileError::new("write", path, source));
    let result = written.and_then(|()| rename(temporary, path));
    if result.is_err() {
        // The temporary file is of no use. If it cannot be removed, the first error is still the
        // one to report.
        let _ = std::fs::remove_file(temporary);
    }
    result
}

/// A text that no other call returns, in this process or in any other, on this machine or another.
pub fn unique() -> String {
    // The standard library seeds it at random for each process, and differently for each call.
    let random = RandomState::new().build_hasher().finish();
    format!("{}-{random:016x}", std::process::id())
}

/// Renames a file, and replaces an existing one of that name.
pub fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    std::fs::rename(from, to).map_err(|source| FileError::new("create", to, source))
}

/// Links a file under a second name, and replaces an existing file of that name. Copies it if the
/// file system has no links.
pub fn link_or_copy(from: &Path, to: &Path) -> Result<(), FileError> {
    // Both may already be names of one file. Copying it onto itself would empty it.
    remove_if_there(to)?;
    if std::fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let mut source = open(from)?;
    write_renamed(&with_ending(to, PARTIAL), to, |file| {
        io::copy(&mut source, file).and_then(|_| file.sync_all())
    })
}

/// Removes a file, if there is one.
pub fn remove_if_there(path: &Path) -> Result<(), FileError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("remove", path, source))
        }
        _ => Ok(()),
    }
}

/// A path with `ending` appended to its last name.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(ending);
    path.into()
}

/// The name of a file, or its final name if it is still being written.
pub fn without_partial(name: &str) -> &str {
    name.strip_suffix(PARTIAL).unwrap_or(name)
}

/// All files below a directory, sorted.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut files = vec![];
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let (inner, here): (Vec<_>, Vec<_>) =
            read_dir_sorted(&folder)?.into_iter().partition(|path| path.is_dir());
        folders.extend(inner);
        files.extend(here);
    }
    files.sort();
    Ok(files)
}

/// Removes the files below a directory that were only partly written when a process stopped.
pub fn remove_partial_files(folder: &Path) -> Result<(), FileError> {
    let files = files_below(folder)?;
    for path in files {
        if path.as_os_str().as_encoded_bytes().ends_with(PARTIAL.as_bytes()) {
            remove_if_there(&path)?;
        }
    }
    Ok(())
}

/// The entries of a directory, sorted by name.
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

/// The names of the directories in a directory, links to directories included, in no order. None if
/// it cannot be read.
pub fn directories_in(path: &Path) -> Vec<OsString> {
    #[expect(clippy::disallowed_methods, reason = "the order is not promised")]
    let Ok(listed) = std::fs::read_dir(path) else { return vec![] };
    let is_directory = |entry: &DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_symlink() => entry.path().is_dir(),
        kind => kind.is_ok_and(|kind| kind.is_dir()),
    };
    listed.flatten().filter(is_directory).map(|entry| entry.file_name()).collect()
}

/// The path of `target` relative to the directory `from`, both absolute. `None` if they have
/// different roots. It works on the text only and does not follow links.
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
    fn a_second_name_can_be_given_again() {
        let root = tempfile::tempdir().unwrap();
        let [from, to] = ["from", "to"].map(|name| root.path().join(name));
        write_atomic(&from, b"text").unwrap();
        for _ in 0..2 {
            link_or_copy(&from, &to).unwrap();
            assert_eq!([&from, &to].map(|path| read_text(path).unwrap()), ["text", "text"]);
        }
    }

    #[test]
    fn an_error_names_the_file() {
        let error = read(Path::new("/no/such/file")).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `/no/such/file`");
    }
}
