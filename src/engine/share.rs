//! The share of a rank in each step, and sums over the shares of all ranks.
//!
//! A rank has neighboring micro-batches. It adds those that are a whole subtree of the tree over all
//! micro-batches. Then ranks exchange the sums of subtrees, each adds a slice of the numbers along the
//! rest of the tree, and they collect the slices. The tree depends on the number of micro-batches
//! alone, so a sum has the same bits on any number of ranks.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use alpaca_kernels::{Pieces, join_subtrees, subtrees, tree_sum};

use crate::base::peers::{self, Peers, SharedPeers};
use crate::base::tensor::Tensor;

/// Up to this many numbers, each rank gets all sums of subtrees and adds them, which takes one message
/// instead of two. Of two subtrees this sends as much. It does not affect results.
const FEW: usize = 4 * 1024;

/// The images of a batch of `n_images` that a rank has in a stage of `micro_batches`.
pub fn images_of_rank(peers: &dyn Peers, n_images: usize, micro_batches: usize) -> Range<usize> {
    Pieces::new(n_images, micro_batches).part(peers.share(micro_batches)).in_batch()
}

/// The micro-batches of each step that a rank has.
#[derive(Debug)]
pub struct Share {
    peers: SharedPeers,
    /// Micro-batches of a step, of all ranks.
    n_pieces: usize,
    /// Images of the step in progress, of all ranks.
    n_images: AtomicUsize,
    /// The subtrees of each rank.
    subtrees: Vec<Vec<Range<usize>>>,
}

impl Share {
    /// That of a rank in steps of `n_pieces` micro-batches.
    pub fn new(n_pieces: usize, peers: SharedPeers) -> Self {
        let count = peers.count();
        let of_rank = |rank| subtrees(n_pieces, peers::share(n_pieces, rank, count));
        let subtrees = (0..count).map(of_rank).collect();
        Self { peers, n_pieces, n_images: AtomicUsize::new(0), subtrees }
    }

    /// All micro-batches, of a process that is alone.
    #[cfg(test)]
    pub(in crate::engine) fn alone(n_pieces: usize) -> std::sync::Arc<Self> {
        let peers = std::sync::Arc::new(peers::Alone);
        std::sync::Arc::new(Self::new(n_pieces, peers))
    }

    /// Begins a step of `n_images` images, of all ranks.
    pub(in crate::engine) fn begin(&self, n_images: usize) {
        self.n_images.store(n_images, Ordering::Relaxed);
    }

    /// Number of images of all ranks, of which this one has `n`.
    pub(in crate::engine) fn n_images(&self, n: usize) -> usize {
        if self.peers.are_none() { n } else { self.n_images.load(Ordering::Relaxed) }
    }

    /// The micro-batches of this rank, which has `n` images.
    ///
    /// # Panics
    /// When these are not its images of the step.
    pub(in crate::engine) fn pieces(&self, n: usize) -> Pieces {
        let own = self.peers.share(self.n_pieces);
        let pieces = Pieces::new(self.n_images(n), self.n_pieces).part(own);
        assert_eq!(pieces.in_batch().len(), n, "a rank has the images of its micro-batches");
        pieces
    }

    /// The subtrees of this rank, as ranges of its own micro-batches.
    pub(in crate::engine) fn subtrees(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        let first = self.peers.share(self.n_pieces).start;
        let own = self.subtrees[self.peers.rank()].iter();
        own.map(move |subtree| subtree.start - first..subtree.end - first)
    }

    /// The sums of this rank's subtrees, of a list of numbers for each of its micro-batches.
    pub fn own_sums(&self, parts: &[f32], len: usize) -> Vec<f32> {
        let sum = |one: Range<usize>| tree_sum(&parts[one.start * len..one.end * len], one.len());
        let mut all = self.subtrees().map(sum);
        let first = all.next().unwrap_or_default();
        all.fold(first, |mut sums, next| {
            sums.extend(next);
            sums
        })
    }

    /// The sum of lists of `len` numbers, one for each micro-batch of this rank, over all ranks.
    pub(in crate::engine) fn sum(&self, parts: &[f32], len: usize) -> Vec<f32> {
        self.total(self.own_sums(parts, len), len)
    }

    /// The sum over all ranks, of lists of `len` numbers that are the sums of this rank's subtrees.
    pub fn total(&self, own: Vec<f32>, len: usize) -> Vec<f32> {
        if self.peers.are_none() {
            return own;
        }
        let all: Vec<Range<usize>> = self.subtrees.concat();
        let counts = || self.subtrees.iter().map(Vec::len);
        if all.len() <= 2 || len * all.len() <= FEW {
            let lengths: Vec<usize> = counts().map(|n| n * len).collect();
            return join_subtrees(&self.peers.collect(&own, &lengths), &all, self.n_pieces);
        }
        let slices: Vec<Range<usize>> = (0..self.peers.count())
            .map(|rank| peers::share(len, rank, self.peers.count()))
            .collect();
        let n_own = own.len() / len;
        let to: Vec<usize> = slices.iter().map(|slice| slice.len() * n_own).collect();
        let slice = &slices[self.peers.rank()];
        let from: Vec<usize> = counts().map(|n| n * slice.len()).collect();
        let sums = self.peers.exchange(&by_slice(own, &slices, len), &to, &from);
        let slice = join_subtrees(&sums, &all, self.n_pieces);
        let lengths: Vec<usize> = slices.iter().map(Range::len).collect();
        self.peers.collect(&slice, &lengths)
    }

    /// The sums over all ranks of two kinds of lists of numbers, as [`total`](Self::total) of each.
    pub(in crate::engine) fn total_of_both(
        &self,
        [first, second]: [Vec<f32>; 2],
        [n_first, n_second]: [usize; 2],
    ) -> [Vec<f32>; 2] {
        if self.peers.are_none() {
            return [first, second];
        }
        let both = first.chunks_exact(n_first).zip(second.chunks_exact(n_second));
        let mut own = Vec::with_capacity(first.len() + second.len());
        for (first, second) in both {
            own.extend_from_slice(first);
            own.extend_from_slice(second);
        }
        let mut sum = self.total(own, n_first + n_second);
        let second = sum.split_off(n_first);
        [sum, second]
    }

    /// The sum over all ranks, of a list of `len` numbers for each micro-batch of this rank.
    pub(in crate::engine) fn sum_doubles(&self, parts: &[f64], len: usize) -> Vec<f64> {
        let own = self.subtrees().flat_map(|one| {
            let n = one.len();
            tree_sum(&parts[one.start * len..one.end * len], n)
        });
        if self.peers.are_none() {
            return own.collect();
        }
        let bytes: Vec<u8> = own.flat_map(f64::to_le_bytes).collect();
        let counts = self.subtrees.iter().map(Vec::len);
        let lengths: Vec<usize> = counts.map(|n| n * len * size_of::<f64>()).collect();
        let all = self.peers.collect_bytes(&bytes, &lengths);
        let all: Vec<f64> =
            all.as_chunks().0.iter().map(|each| f64::from_le_bytes(*each)).collect();
        join_subtrees(&all, &self.subtrees.concat(), self.n_pieces)
    }

    /// The first numbers of the first image of the step, of which the own images have `values`.
    pub(in crate::engine) fn first_numbers(&self, values: &[f32], len: usize) -> Vec<f32> {
        if self.peers.are_none() {
            return values[..len].to_vec();
        }
        let count = self.peers.count();
        let has_first = |rank| {
            let own = peers::share(self.n_pieces, rank, count);
            let images = Pieces::new(self.n_images(0), self.n_pieces).part(own).in_batch();
            images.start == 0 && !images.is_empty()
        };
        let lengths: Vec<usize> =
            (0..count).map(|rank| if has_first(rank) { len } else { 0 }).collect();
        self.peers.collect(&values[..lengths[self.peers.rank()]], &lengths)
    }

    /// The rows of all ranks, `[n, columns]`, of which this one has some.
    pub(in crate::engine) fn all_rows(&self, own: Tensor) -> Tensor {
        if self.peers.are_none() {
            return own;
        }
        let n_columns = own.shape()[1];
        let values = self.peers.gather_numbers(own.values());
        Tensor::new(&[values.len() / n_columns, n_columns], values)
    }

    /// This rank's rows of a step, of all, `[n, columns]`.
    pub(in crate::engine) fn own_rows(&self, all: Tensor) -> Tensor {
        if self.peers.are_none() {
            return all;
        }
        let &[n, n_columns] = all.shape() else { unreachable!("rows have columns") };
        let own = images_of_rank(self.peers.as_ref(), n, self.n_pieces);
        let values = &all.values()[own.start * n_columns..own.end * n_columns];
        Tensor::new(&[own.len(), n_columns], values.to_vec())
    }

    /// The images of this rank in a step of `n` images.
    pub(in crate::engine) fn own_images(&self, n: usize) -> Range<usize> {
        images_of_rank(self.peers.as_ref(), n, self.n_pieces)
    }
}

/// Lists of `len` numbers as all their first slices, then all their second ones, and so on.
fn by_slice(lists: Vec<f32>, slices: &[Range<usize>], len: usize) -> Vec<f32> {
    if lists.len() <= len {
        return lists;
    }
    let mut sorted = Vec::with_capacity(lists.len());
    for slice in slices {
        lists.chunks_exact(len).for_each(|list| sorted.extend_from_slice(&list[slice.clone()]));
    }
    sorted
}
