//! Records that outlive a stage, for later stages of the same process that need the same.
//!
//! The runs of a cross-validation, and those of a pipeline that is watched, often have the same
//! frozen part and the same images.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::records::{Records, Room};
use crate::base::digest::Digest;
use crate::base::fs::FileError;

/// Records by the digest of everything that decides them. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// The oldest first.
    kept: Arc<Mutex<Vec<(Digest, Records)>>>,
}

/// Records that return to their pool when they are dropped.
#[derive(Debug)]
pub struct Lent {
    pool: Pool,
    key: Digest,
    records: Option<Records>,
}

impl Pool {
    /// Lends the records with this key if they are here. Otherwise creates room for `n` records of
    /// `len` numbers, and forgets as many others as the limits require, the oldest first.
    ///
    /// # Errors
    /// When a file is needed and cannot be created.
    pub fn lend(&self, key: Digest, n: usize, len: usize, room: &Room) -> Result<Lent, FileError> {
        let mut kept = self.lock();
        let lent = |records| Lent { pool: self.clone(), key, records: Some(records) };
        if let Some(position) = kept.iter().position(|(other, _)| *other == key) {
            return Ok(lent(kept.remove(position).1));
        }
        let new = Records::new(n, len, room)?;
        let fit = |kept: &[(Digest, Records)]| {
            let all = || kept.iter().map(|(_, records)| records).chain([&new]);
            let memory: u64 = all().map(|records| records.bytes().0).sum();
            let disk: u64 = all().map(|records| records.bytes().1).sum();
            memory <= room.memory && disk <= room.disk
        };
        let n_forgotten = (0..kept.len()).find(|n| fit(&kept[*n..])).unwrap_or(kept.len());
        kept.drain(..n_forgotten);
        Ok(lent(new))
    }

    /// A list stays whole when a thread panics while holding it.
    fn lock(&self) -> MutexGuard<'_, Vec<(Digest, Records)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deref for Lent {
    type Target = Records;

    fn deref(&self) -> &Records {
        self.records.as_ref().expect("records are here until they are dropped")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Records {
        self.records.as_mut().expect("records are here until they are dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let records = self.records.take();
        self.pool.lock().extend(records.map(|records| (self.key, records)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lends two records of two numbers, 16 bytes.
    fn lend(pool: &Pool, name: &str, memory: u64) -> Lent {
        let room = Room { memory, disk: 0, folder: None };
        pool.lend(Digest::of(name.as_bytes()), 2, 2, &room).unwrap()
    }

    #[test]
    fn records_return_to_the_next_stage_with_their_key() {
        let pool = Pool::default();
        lend(&pool, "a", 100).write(1, &[1.0, 2.0]).unwrap();
        assert!(!lend(&pool, "b", 100).has(1), "another key");
        let mut records = lend(&pool, "a", 100);
        let mut found = [0.0; 2];
        records.read(1, &mut found).unwrap();
        assert_eq!(found, [1.0, 2.0]);
        assert!(!lend(&pool, "a", 100).has(1), "they are lent");
    }

    #[test]
    fn the_oldest_are_forgotten_when_the_room_is_full() {
        let pool = Pool::default();
        for name in ["a", "b", "c"] {
            lend(&pool, name, 40).write(0, &[0.0; 2]).unwrap();
        }
        for (name, is_kept) in [("c", true), ("b", true), ("a", false)] {
            assert_eq!(lend(&pool, name, 40).has(0), is_kept, "{name}");
        }
    }
}
