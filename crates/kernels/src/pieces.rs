//! A batch cut into micro-batches, and sums over them in a fixed tree.
//!
//! The partition depends only on the number of images and of micro-batches, and the tree only on
//! the number of micro-batches: neighbors are added, then neighboring pairs, and so on. So a sum
//! has the same bits on any number of threads and of machines.

use std::ops::{AddAssign, Range};

use rayon::prelude::*;

/// The maximum number of micro-batches of a batch.
pub const MOST_PIECES: usize = 64;
/// The levels of the tree of [`MOST_PIECES`], including the leaves.
pub(super) const MOST_LEVELS: usize = MOST_PIECES.ilog2() as usize + 1;

/// The micro-batches of a batch, or some neighboring ones of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pieces {
    n_images: usize,
    /// Number of micro-batches of the batch.
    of: usize,
    /// Those that are meant.
    own: Range<usize>,
}

impl Pieces {
    /// Divides `n_images` images into `n_pieces` micro-batches of nearly equal size. Some are empty
    /// if there are fewer images than micro-batches.
    ///
    /// # Panics
    /// When `n_pieces` is zero or more than [`MOST_PIECES`]; pipelines are checked for that.
    pub fn new(n_images: usize, n_pieces: usize) -> Self {
        assert!((1..=MOST_PIECES).contains(&n_pieces), "checked with the pipeline");
        Self { n_images, of: n_pieces, own: 0..n_pieces }
    }

    /// Only those in `own`, of all micro-batches of the batch.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn part(self, own: Range<usize>) -> Self {
        assert!(own.start <= own.end && own.end <= self.of);
        Self { own, ..self }
    }

    /// The number of micro-batches, including empty ones.
    pub fn count(&self) -> usize {
        self.own.len()
    }

    /// The first image of a micro-batch.
    fn bound(&self, piece: usize) -> usize {
        self.n_images * piece / self.of
    }

    /// The images of the batch that are in these micro-batches.
    pub fn in_batch(&self) -> Range<usize> {
        self.bound(self.own.start)..self.bound(self.own.end)
    }

    /// The images of each micro-batch, counted from the first image of these micro-batches.
    pub fn images(&self) -> impl Iterator<Item = Range<usize>> {
        let first = self.bound(self.own.start);
        self.own.clone().map(move |piece| self.bound(piece) - first..self.bound(piece + 1) - first)
    }

    /// The first row of each piece and the end of the last, for images of `rows` rows.
    pub fn bounds(&self, rows: usize) -> Vec<usize> {
        let ends = self.images().map(|images| images.end * rows);
        std::iter::once(0).chain(ends).collect()
    }
}

/// The subtrees of the tree over `n_pieces` micro-batches that have leaves in `own` alone and are not
/// part of a larger such subtree, as ranges of micro-batches. Each is the tree over its own leaves.
pub fn subtrees(n_pieces: usize, own: Range<usize>) -> Vec<Range<usize>> {
    let mut all = vec![];
    let mut first = own.start;
    while first < own.end {
        let ends = (0..=usize::BITS - 1 - n_pieces.leading_zeros() + 1)
            .map(|level| 1usize << level)
            .take_while(|size| first.is_multiple_of(*size))
            .map(|size| (first + size).min(n_pieces));
        let end = ends.take_while(|end| *end <= own.end).last().unwrap_or(first + 1);
        all.push(first..end);
        first = end;
    }
    all
}

/// A number that sums are made of.
pub trait Addend: Copy + Default + AddAssign + Send + Sync {}

impl Addend for f32 {}
impl Addend for f64 {}

/// The sum of parts of equal length, added in the tree.
pub fn tree_sum<T: Addend>(parts: &[T], n_parts: usize) -> Vec<T> {
    let leaves: Vec<Range<usize>> = (0..n_parts).map(|leaf| leaf..leaf + 1).collect();
    join_subtrees(parts, &leaves, n_parts)
}

/// The sum over the tree of `n_pieces` micro-batches, of the sums of subtrees that cover all its leaves
/// in order. `sums` holds one list of numbers per subtree.
///
/// # Panics
/// When the lists have different lengths.
pub fn join_subtrees<T: Addend>(sums: &[T], subtrees: &[Range<usize>], n_pieces: usize) -> Vec<T> {
    const CHUNK: usize = 8 * 1024;
    let len = sums.len() / subtrees.len();
    assert_eq!(sums.len(), len * subtrees.len());
    let mut total = vec![T::default(); len];
    total.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        let first = chunk * CHUNK;
        let mut tree = Tree { held: vec![], spare: vec![], n_pieces };
        for (i, subtree) in subtrees.iter().enumerate() {
            tree.add(subtree.clone(), &sums[i * len + first..][..out.len()]);
        }
        tree.finish(out);
    });
    total
}

/// A tree that is filled from left to right and stores partial sums of finished subtrees.
struct Tree<T> {
    held: Vec<(Range<usize>, Vec<T>)>,
    /// Memory of sums that are part of another one.
    spare: Vec<Vec<T>>,
    n_pieces: usize,
}

impl<T: Addend> Tree<T> {
    fn add(&mut self, subtree: Range<usize>, values: &[T]) {
        let mut sum = self.spare.pop().unwrap_or_default();
        sum.clear();
        sum.extend_from_slice(values);
        let mut whole = subtree;
        while let Some((left, partial)) =
            self.held.pop_if(|(left, _)| are_siblings(left, &whole, self.n_pieces))
        {
            add_left(&partial, &mut sum);
            self.spare.push(partial);
            whole = left.start..whole.end;
        }
        self.held.push((whole, sum));
    }

    /// The sum, once all subtrees are added.
    fn finish(mut self, out: &mut [T]) {
        let (_, sum) = self.held.pop().expect("a tree has a leaf");
        assert!(self.held.is_empty(), "the subtrees cover all leaves in order");
        out.copy_from_slice(&sum);
    }
}

/// Whether two neighboring subtrees have the same parent.
fn are_siblings(left: &Range<usize>, right: &Range<usize>, n_pieces: usize) -> bool {
    let size = left.len();
    size.is_power_of_two()
        && left.start.is_multiple_of(2 * size)
        && right.end == (left.start + 2 * size).min(n_pieces)
}

/// `right = left + right`.
fn add_left<T: Addend>(left: &[T], right: &mut [T]) {
    right.iter_mut().zip(left).for_each(|(right, left)| *right += *left);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree by definition: neighbors, then neighboring pairs, and so on.
    fn by_definition(mut parts: Vec<f32>) -> f32 {
        let mut stride = 1;
        while stride < parts.len() {
            for i in (0..parts.len() - stride).step_by(2 * stride) {
                parts[i] += parts[i + stride];
            }
            stride *= 2;
        }
        parts[0]
    }

    #[test]
    fn sums_follow_the_tree_for_any_number_of_pieces() {
        for n in 1..=MOST_PIECES {
            let parts: Vec<f32> = (0..n).map(|i| 1.0 / (i as f32 + 0.3)).collect();
            assert_eq!(tree_sum(&parts, n), [by_definition(parts)], "{n} pieces");
        }
    }

    #[test]
    fn subtrees_of_any_division_add_up_to_the_same_bits() {
        for n in 1..=MOST_PIECES {
            let parts: Vec<f32> = (0..n).map(|i| 1.0 / (i as f32 + 0.3)).collect();
            let expected = [by_definition(parts.clone())];
            for n_shares in [1, 2, 3, 4, 5, 7, 8, 64, 100] {
                let shares = (0..n_shares).map(|i| n * i / n_shares..n * (i + 1) / n_shares);
                let all: Vec<_> = shares.flat_map(|share| subtrees(n, share)).collect();
                let sums: Vec<f32> =
                    all.iter().flat_map(|one| tree_sum(&parts[one.clone()], one.len())).collect();
                assert_eq!(
                    join_subtrees(&sums, &all, n),
                    expected,
                    "{n} pieces, {n_shares} shares"
                );
            }
        }
    }

    #[test]
    fn a_share_has_as_few_subtrees_as_possible() {
        for (n, own, expected) in [
            (16, 0..16, vec![(0, 16)]),
            (16, 8..16, vec![(8, 16)]),
            (13, 8..13, vec![(8, 13)]),
            (16, 5..10, vec![(5, 6), (6, 8), (8, 10)]),
            (16, 3..3, vec![]),
        ] {
            let found: Vec<_> = subtrees(n, own).iter().map(|one| (one.start, one.end)).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn pieces_cover_all_pictures_in_order() {
        for (n_images, n_pieces) in [(32, 16), (5, 16), (7, 3), (0, 4)] {
            let pieces = Pieces::new(n_images, n_pieces);
            let all: Vec<usize> = pieces.images().flatten().collect();
            assert_eq!(all, (0..n_images).collect::<Vec<_>>());
            assert_eq!(pieces.bounds(10).len(), n_pieces + 1);
        }
    }

    #[test]
    fn a_part_of_the_pieces_counts_from_its_first_image() {
        let part = Pieces::new(32, 16).part(4..6);
        assert_eq!((part.count(), part.in_batch()), (2, 8..12));
        assert_eq!(part.images().collect::<Vec<_>>(), [0..2, 2..4]);
        assert_eq!(part.bounds(10), [0, 20, 40]);
    }
}
