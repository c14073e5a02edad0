//! A shared cache in a directory of a file system that all machines see.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::directory::{MOST_BYTES, entries_below};
use super::shared::{SharedEntry, SharedError, SharedStore};
use crate::base::fs::{self, FileError};
use crate::base::names;

/// A directory on a file system that all machines see.
#[derive(Debug)]
pub(super) struct SharedDirectory {
    root: PathBuf,
}

impl From<FileError> for SharedError {
    fn from(error: FileError) -> Self {
        Self(format!("{error}: {}", error.source))
    }
}

impl SharedDirectory {
    /// The directory `root`, which is created when the first entry is written.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Writes content under a name that nobody else has, and then gives it its own.
    fn write(
        &self,
        name: &str,
        bytes: &[u8],
        publish: impl FnOnce(&Path, &Path) -> io::Result<bool>,
    ) -> Result<bool, SharedError> {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        let temporary = fs::with_ending(&path, &format!("{}.partial", fs::unique()));
        let failed = |source| FileError::new("write", &path, source);
        let result = (|| {
            let mut file = fs::create(&temporary)?;
            // Machines that lose power must not leave a name without content.
            file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
            let is_new = publish(&temporary, &path).map_err(failed)?;
            fs::sync_folder_of(&path)?;
            Ok(is_new)
        })();
        // After a rename it is not there any more.
        let _ = fs::remove_if_there(&temporary);
        result
    }
}

impl SharedStore for SharedDirectory {
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, SharedError> {
        let path = self.path(name);
        match fs::read_bounded(&path, MOST_BYTES) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn has(&self, name: &str) -> Result<bool, SharedError> {
        Ok(self.path(name).is_file())
    }

    fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, SharedError> {
        if self.path(name).exists() {
            return Ok(false);
        }
        // A link fails if the name is taken, on file systems of networks, too.
        self.write(name, bytes, |temporary, path| match std::fs::hard_link(temporary, path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            // Without links, of two writers the second replaces the first, with equal content.
            Err(_) => std::fs::rename(temporary, path).map(|()| true),
        })
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), SharedError> {
        let rename = |from: &Path, to: &Path| std::fs::rename(from, to).map(|()| true);
        self.write(name, bytes, rename).map(drop)
    }

    fn list(&self, folder: &str) -> Result<Vec<SharedEntry>, SharedError> {
        let mut entries = vec![];
        for file in entries_below(&self.path(folder))? {
            let name = file.path.strip_prefix(&self.root).unwrap_or(&file.path);
            let name = name.to_string_lossy().replace('\\', "/");
            if !name.ends_with(".partial") {
                entries.push(SharedEntry { name, bytes: file.bytes, written: file.used });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn remove(&self, name: &str) -> Result<(), SharedError> {
        Ok(fs::remove_if_there(&self.path(name))?)
    }

    fn place(&self) -> String {
        names::text_of_path(&self.root)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn of_many_writers_one_creates_and_readers_never_see_a_part() {
        let root = tempfile::tempdir().unwrap();
        let store = SharedDirectory::new(root.path());
        let is_over = AtomicBool::new(false);
        let contents: Vec<Vec<u8>> = (0..16u8).map(|writer| vec![writer; 1 << 20]).collect();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut n_read = 0;
                while !is_over.load(Ordering::Relaxed) || n_read == 0 {
                    if let Some(bytes) = store.get("stages/a").unwrap() {
                        assert!(contents.contains(&bytes), "{} bytes", bytes.len());
                        n_read += 1;
                    }
                }
            });
            let writers: Vec<_> = contents
                .iter()
                .map(|content| scope.spawn(|| store.create("stages/a", content).unwrap()))
                .collect();
            let n_new = writers.into_iter().map(|w| usize::from(w.join().unwrap()));
            assert_eq!(n_new.sum::<usize>(), 1);
            is_over.store(true, Ordering::Relaxed);
        });
        assert_eq!(store.list("stages").unwrap().len(), 1);
        store.replace("stages/a", b"other").unwrap();
        assert_eq!(store.get("stages/a").unwrap(), Some(b"other".to_vec()));
        store.remove("stages/a").unwrap();
        store.remove("stages/a").unwrap();
        assert_eq!(store.get("stages/a").unwrap(), None);
        assert_eq!(fs::files_below(root.path()).unwrap(), Vec::<PathBuf>::new());
    }
}
