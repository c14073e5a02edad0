//! The processes that do one run together: ranks, and what they send each other.
//!
//! An implementation is a transport only. It never adds numbers, so that sums have one fixed order
//! whatever carries them.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// The ranks of a run, as one of them sees them. Every method but `rank` and `count` is called by all
/// ranks, in the same order; it returns once all that it needs has arrived.
pub trait Peers: Debug + Send + Sync {
    /// Which one this is, from zero.
    fn rank(&self) -> usize;

    /// Number of ranks.
    fn count(&self) -> usize;

    /// The bytes of all ranks, one after the other; `lengths` has the number that each rank sends.
    fn collect_bytes(&self, own: &[u8], lengths: &[usize]) -> Vec<u8>;

    /// The numbers of all ranks, one after the other; `lengths` has how many each rank sends.
    fn collect(&self, own: &[f32], lengths: &[usize]) -> Vec<f32>;

    /// Sends each rank its numbers, which are one after the other in `own`, and returns those that each
    /// rank sent to this one. `to` and `from` have how many.
    fn exchange(&self, own: &[f32], to: &[usize], from: &[usize]) -> Vec<f32>;
}

/// The ranks of a run, shared by its parts.
pub type SharedPeers = Arc<dyn Peers>;

impl dyn Peers + '_ {
    /// Whether this process does the run alone.
    pub fn are_none(&self) -> bool {
        self.count() == 1
    }

    /// Whether this rank writes files and reports to the user.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// This rank's share of `n` things.
    pub fn share(&self, n: usize) -> Range<usize> {
        share(n, self.rank(), self.count())
    }

    /// The bytes of each rank.
    pub fn gather(&self, own: &[u8]) -> Vec<Vec<u8>> {
        let lengths = self.lengths(own.len());
        let all = self.collect_bytes(own, &lengths);
        let mut rest = &all[..];
        let parts = lengths.iter().map(|length| {
            let (part, more) = rest.split_at(*length);
            rest = more;
            part.to_vec()
        });
        parts.collect()
    }

    /// The numbers of all ranks, one after the other, where ranks do not know how many the others have.
    pub fn gather_numbers(&self, own: &[f32]) -> Vec<f32> {
        self.collect(own, &self.lengths(own.len()))
    }

    /// The bytes of the first rank; those of the others do not matter.
    pub fn broadcast(&self, own: &[u8]) -> Vec<u8> {
        let own = if self.is_first() { own } else { &[] };
        self.collect_bytes(own, &self.lengths(own.len()))
    }

    /// The length that each rank has.
    fn lengths(&self, own: usize) -> Vec<usize> {
        const EACH: usize = size_of::<u64>();
        let bytes = self.collect_bytes(&(own as u64).to_le_bytes(), &vec![EACH; self.count()]);
        bytes.as_chunks::<EACH>().0.iter().map(|each| u64::from_le_bytes(*each) as usize).collect()
    }
}

/// The share of a rank in `n` things: neighboring ones, as many as the others have or one more.
pub fn share(n: usize, rank: usize, count: usize) -> Range<usize> {
    n * rank / count..n * (rank + 1) / count
}

/// The one rank of a run that a process does alone.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Peers for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn count(&self) -> usize {
        1
    }

    fn collect_bytes(&self, own: &[u8], _: &[usize]) -> Vec<u8> {
        own.to_vec()
    }

    fn collect(&self, own: &[f32], _: &[usize]) -> Vec<f32> {
        own.to_vec()
    }

    fn exchange(&self, own: &[f32], _: &[usize], _: &[usize]) -> Vec<f32> {
        own.to_vec()
    }
}
