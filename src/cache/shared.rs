//! Entries that many machines share, behind one interface.

use std::fmt::Debug;
use std::time::SystemTime;

/// Why a shared cache cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SharedError(pub String);

/// An entry of a shared cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedEntry {
    /// Its name: words with slashes between them.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Time it was written.
    pub written: SystemTime,
}

/// Entries by name. Each is complete or absent for every reader, and created by one of any number of
/// writers. Nothing needs a lock.
pub trait SharedStore: Debug + Send + Sync {
    /// The content of an entry; `None` if there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, SharedError>;

    /// Whether there is an entry. Its content is not read.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn has(&self, name: &str) -> Result<bool, SharedError>;

    /// Creates an entry. Returns whether it is new: an entry that exists stays as it is.
    ///
    /// # Errors
    /// When it cannot be written.
    fn create(&self, name: &str, bytes: &[u8]) -> Result<bool, SharedError>;

    /// Writes an entry, and replaces an existing one.
    ///
    /// # Errors
    /// When it cannot be written.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), SharedError>;

    /// The entries whose names begin with `folder` and a slash, sorted by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn list(&self, folder: &str) -> Result<Vec<SharedEntry>, SharedError>;

    /// Removes an entry, if it is there.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, name: &str) -> Result<(), SharedError>;

    /// Where it is, for messages.
    fn place(&self) -> String;
}
