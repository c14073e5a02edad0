//! A directory of entries by key, shared by all runs of a user.
//!
//! An entry is one file that holds the digest of its content and then the content; it is written
//! under another name and renamed, so it is complete or absent, and it is checked whenever it is
//! read. Entries of one kind lie in a bucket with a version: a change of what a kind means gets a
//! new bucket, and old entries are never misread.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::base::digest::Digest;
use crate::base::fs::{self, FileError};

/// A kind of entries, with the version of what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// Resized pixels of a picture.
    Pixels,
}

impl Bucket {
    fn folder(self) -> &'static str {
        match self {
            Self::Pixels => "pixels-v1",
        }
    }
}

/// What a look for an entry found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The content, as it was written.
    Entry(Vec<u8>),
    /// There is none.
    Nothing,
    /// There is a file, but not with the content that was written.
    Damaged(PathBuf),
}

/// The entries of one bucket.
#[derive(Debug)]
pub struct CacheDirectory {
    folder: PathBuf,
}

impl CacheDirectory {
    /// The bucket `bucket` of the cache at `root`; made when the first entry is written.
    pub fn new(root: &Path, bucket: Bucket) -> Self {
        Self { folder: root.join(bucket.folder()) }
    }

    /// The folder of the bucket.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Looks for the entry of a key. A file that cannot be read counts as none.
    pub fn find(&self, key: Digest) -> Found {
        let path = self.path(key);
        let Ok(mut bytes) = fs::read(&path) else { return Found::Nothing };
        let digest_len = size_of::<[u8; 32]>();
        if bytes.len() < digest_len {
            return Found::Damaged(path);
        }
        let content = bytes.split_off(digest_len);
        if Digest::of(&content).as_bytes()[..] == bytes[..] {
            Found::Entry(content)
        } else {
            Found::Damaged(path)
        }
    }

    /// Writes the entry of a key; of two that write it at once, both write the same.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, key: Digest, content: &[u8]) -> Result<(), FileError> {
        /// Tells writers of one process apart; their process numbers tell processes apart.
        static WRITER: AtomicU64 = AtomicU64::new(0);
        let path = self.path(key);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let writer = WRITER.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{writer}.partial", std::process::id()));
        let digest = Digest::of(content);
        fs::write_renamed(&temporary, &path, &[digest.as_bytes(), content])
    }

    /// A folder for each first byte of keys, so that none has too many files.
    fn path(&self, key: Digest) -> PathBuf {
        let key = key.to_string();
        self.folder.join(&key[..2]).join(&key[2..])
    }
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
}
