//! The cache directory: entries by key, shared by all runs of a user.
//!
//! An entry is one file with a digest of its key and content, followed by the content. It is
//! written under another name and renamed, so it is complete or absent. It is checked whenever it
//! is read. Entries of one kind are in a bucket with a version. When the meaning of a kind changes,
//! it gets a new bucket, so old entries are never misread.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};
use crate::base::sealed;

/// Largest entry in bytes: more than any result of a stage, less than memory.
pub(super) const MOST_BYTES: u64 = 4 << 30;

/// A kind of entries, with the version of its format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Archives that were compressed as a whole, and lists of what archives contain.
    Archives,
    /// What is known of the images of each dataset since they were last read.
    Images,
    /// Resized pixels of images.
    Pixels,
    /// Outputs of the teachers of stages.
    Teachers,
    /// Results of stages.
    Stages,
    /// The last version of each pipeline that this user ran.
    LastTimes,
}

impl Bucket {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Archives, Self::Images, Self::Pixels, Self::Teachers, Self::Stages, Self::LastTimes];

    /// The name of its directory.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Archives => "archives-v1",
            Self::Images => "images-v1",
            Self::Pixels => "pixels-v2",
            Self::Teachers => "teachers-v1",
            Self::Stages => "stages-v2",
            Self::LastTimes => "pipelines-v2",
        }
    }
}

/// A file of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFile {
    /// Path of the file.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// Time it was written or last used.
    pub used: SystemTime,
}

/// The result of looking up an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The content, as it was written.
    Entry(Vec<u8>),
    /// There is no such entry.
    Nothing,
    /// There is a file, but its content is damaged.
    Damaged(PathBuf),
}

/// The files below a directory, least recently used first. Empty if the directory does not exist.
///
/// # Errors
/// When a directory cannot be read.
pub fn entries_below(folder: &Path) -> Result<Vec<EntryFile>, FileError> {
    if !folder.exists() {
        return Ok(vec![]);
    }
    let mut entries = vec![];
    for path in fs::files_below(folder)? {
        // Another process may have removed it in the meantime.
        if let Ok((bytes, used)) = fs::size_and_time(&path) {
            entries.push(EntryFile { path, bytes, used });
        }
    }
    entries.sort_by(|a, b| a.used.cmp(&b.used).then_with(|| a.path.cmp(&b.path)));
    Ok(entries)
}

/// The entries of one bucket.
#[derive(Debug)]
pub struct CacheDirectory {
    folder: PathBuf,
}

impl CacheDirectory {
    /// The bucket `bucket` of the cache at `root`. It is created when the first entry is written.
    pub fn new(root: &Path, bucket: Bucket) -> Self {
        Self { folder: root.join(bucket.folder()) }
    }

    /// The directory of the bucket.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks up the entry of a key. A file that cannot be read counts as no entry.
    pub fn find(&self, key: Digest) -> Found {
        let path = self.path(key);
        let bytes = match fs::read_bounded(&path, MOST_BYTES) {
            Ok(bytes) => bytes,
            // A pipe in place of an entry is replaced by the next write.
            Err(_) if fs::is_no_plain_file(&path) && !path.is_dir() => return Found::Damaged(path),
            Err(_) => return Found::Nothing,
        };
        sealed::open(key.as_bytes(), bytes).map_or(Found::Damaged(path), Found::Entry)
    }

    /// Whether there is a file for a key. Its content is not checked.
    pub fn has(&self, key: Digest) -> bool {
        self.path(key).is_file()
    }

    /// Opens the entry of a key, whose writer has its own way to check it.
    pub fn open(&self, key: Digest) -> Option<File> {
        let path = self.path(key);
        if fs::is_no_plain_file(&path) {
            return None;
        }
        self.touch(key);
        fs::open(&path).ok()
    }

    /// Writes the entry of a key. Two processes that write it at once write the same content.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, key: Digest, content: &[u8]) -> Result<(), FileError> {
        let digest = sealed::seal(key.as_bytes(), content);
        self.write_with(key, |file| {
            file.write_all(digest.as_bytes())?;
            file.write_all(content)
        })
    }

    /// Writes the entry of a key piece by piece. It is complete or absent.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_with(
        &self,
        key: Digest,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), FileError> {
        let path = self.path(key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let temporary = path.with_extension(format!("{}.partial", fs::unique()));
        fs::write_renamed(&temporary, &path, |file| write(file))
    }

    /// Marks the entry of a key as used now.
    pub fn touch(&self, key: Digest) {
        // A failure only affects its place in the order of age.
        let _ = fs::touch(&self.path(key));
    }

    /// All files of the bucket, least recently used first.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn entries(&self) -> Result<Vec<EntryFile>, FileError> {
        entries_below(&self.folder)
    }

    /// Removes the least recently used entries until the rest take at most `room` bytes. Entries that
    /// tasks in progress need stay.
    ///
    /// # Errors
    /// When the bucket cannot be listed or an entry cannot be removed.
    pub fn shrink(&self, room: u64, held: &BTreeSet<Digest>) -> Result<(), FileError> {
        let entries = self.entries()?;
        let mut bytes: u64 = entries.iter().map(|entry| entry.bytes).sum();
        // The newest entry stays, whatever its size.
        for entry in entries.iter().rev().skip(1).rev() {
            if bytes <= room {
                break;
            }
            if key_of(&entry.path).is_some_and(|key| held.contains(&key)) {
                continue;
            }
            fs::remove_if_there(&entry.path)?;
            bytes -= entry.bytes;
        }
        Ok(())
    }

    /// One directory for each first byte of keys, so that no directory has too many files.
    fn path(&self, key: Digest) -> PathBuf {
        self.folder.join(name_of(key))
    }
}

/// The name of the entry of a key below its bucket.
pub fn name_of(key: Digest) -> String {
    let key = key.to_string();
    format!("{}/{}", &key[..2], &key[2..])
}

/// The key of the entry at a path; `None` if it is another file.
pub fn key_of(path: &Path) -> Option<Digest> {
    let (folder, name) = (path.parent()?.file_name()?.to_str()?, path.file_name()?.to_str()?);
    format!("{folder}{name}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_found() {
        let root = tempfile::tempdir().unwrap();
        let cache = CacheDirectory::new(root.path(), Bucket::Pixels);
        let key = Digest::of(b"key");
        assert_eq!(cache.find(key), Found::Nothing);
        cache.write(key, b"content").unwrap();
        cache.write(key, b"content").unwrap();
        assert_eq!(cache.find(key), Found::Entry(b"content".to_vec()));
        assert_eq!(cache.find(Digest::of(b"other")), Found::Nothing);
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let root = tempfile::tempdir().unwrap();
        let cache = CacheDirectory::new(root.path(), Bucket::Stages);
        let keys: Vec<Digest> = (0u8..4).map(|i| Digest::of(&[i])).collect();
        for key in &keys {
            cache.write(*key, &[0; 68]).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        cache.touch(keys[0]);
        cache.shrink(250, &BTreeSet::new()).unwrap();
        let found: Vec<bool> = keys.iter().map(|key| cache.find(*key) != Found::Nothing).collect();
        assert_eq!(found, [true, false, false, true]);
        cache.shrink(1, &BTreeSet::from([keys[0]])).unwrap();
        let found: Vec<bool> = keys.iter().map(|key| cache.find(*key) != Found::Nothing).collect();
        assert_eq!(found, [true, false, false, false], "a key that is held stays");
        cache.shrink(1, &BTreeSet::new()).unwrap();
        assert_eq!(cache.entries().unwrap().len(), 1);
    }

    #[test]
    fn a_changed_entry_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let cache = CacheDirectory::new(root.path(), Bucket::Pixels);
        let key = Digest::of(b"key");
        cache.write(key, b"content").unwrap();
        let path = cache.path(key);
        for spoilt in [&b"short"[..], &[0; 40], b""] {
            fs::write_atomic(&path, spoilt).unwrap();
            assert_eq!(cache.find(key), Found::Damaged(path.clone()));
        }
    }

    #[test]
    fn an_entry_of_another_key_is_noticed() {
        let root = tempfile::tempdir().unwrap();
        let cache = CacheDirectory::new(root.path(), Bucket::Pixels);
        let [key, other] = [b"key", b"two"].map(|name| Digest::of(name));
        cache.write(key, b"content").unwrap();
        cache.write(other, b"other").unwrap();
        let (from, to) = (cache.path(other), cache.path(key));
        fs::write_atomic(&to, &fs::read(&from).unwrap()).unwrap();
        assert_eq!(cache.find(key), Found::Damaged(to));
        assert_eq!(cache.find(other), Found::Entry(b"other".to_vec()));
    }
}
