//! A batch cut into micro-batches, and sums over them in a fixed tree.
//!
//! The partition depends only on the number of images and of micro-batches, and the tree only on
//! the number of micro-batches: neighbors are added, then neighboring pairs, and so on. So a sum
//! has the same bits on any number of threads (or, one day, machines).

use std::ops::Range;

use rayon::prelude::*;

/// The maximum number of micro-batches of a batch.
pub const MOST_PIECES: usize = 64;
/// The levels of the tree of [`MOST_PIECES`], including the leaves.
pub(super) const MOST_LEVELS: usize = MOST_PIECES.ilog2() as usize + 1;

/// The micro-batches of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pieces {
    n_images: usize,
    n_pieces: usize,
}

impl Pieces {
    /// Divides `n_images` images into `n_pieces` micro-batches of nearly equal size. Some are empty
    /// if there are fewer images than micro-batches.
    ///
    /// # Panics
    /// When `n_pieces` is zero or more than [`MOST_PIECES`]; pipelines are checked for that.
    pub fn new(n_images: usize, n_pieces: usize) -> Self {
        assert!((1..=MOST_PIECES).contains(&n_pieces), "checked with the pipeline");
        Self { n_images, n_pieces }
    }

    /// The number of micro-batches, including empty ones.
    pub fn count(self) -> usize {
        self.n_pieces
    }

    /// The images of each micro-batch.
    pub fn images(self) -> impl Iterator<Item = Range<usize>> {
        let bound = move |piece: usize| self.n_images * piece / self.n_pieces;
        (0..self.n_pieces).map(move |piece| bound(piece)..bound(piece + 1))
    }

    /// The first row of each piece and the end of the last, for images of `rows` rows.
    pub fn bounds(self, rows: usize) -> Vec<usize> {
        let ends = self.images().map(|images| images.end * rows);
        std::iter::once(0).chain(ends).collect()
    }

    /// Splits values with `len` numbers per image into those of each piece.
    pub fn split_mut(self, values: &mut [f32], len: usize) -> Vec<&mut [f32]> {
        assert_eq!(values.len(), self.n_images * len);
        let mut rest = values;
        self.images()
            .map(|images| {
                let (piece, behind) = std::mem::take(&mut rest).split_at_mut(images.len() * len);
                rest = behind;
                piece
            })
            .collect()
    }
}

/// The sum of parts of equal length, added in the tree.
pub fn tree_sum(parts: &[f32], n_parts: usize) -> Vec<f32> {
    const CHUNK: usize = 8 * 1024;
    let len = parts.len() / n_parts;
    let mut sum = vec![0.0; len];
    sum.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, out)| {
        let first = chunk * CHUNK;
        let mut tree = Tree::new(out.len());
        for piece in 0..n_parts {
            tree.add(&parts[piece * len + first..][..out.len()]);
        }
        tree.finish(out);
    });
    sum
}

/// A tree that is filled from left to right and stores one partial sum per level.
struct Tree {
    /// Partial sums of one, two, four … leaves.
    levels: Vec<Vec<f32>>,
    n_leaves: usize,
    len: usize,
}

impl Tree {
    fn new(len: usize) -> Self {
        Self { levels: vec![], n_leaves: 0, len }
    }

    fn add(&mut self, leaf: &[f32]) {
        let n_full = self.n_leaves.trailing_ones() as usize;
        if self.levels.len() == n_full {
            self.levels.push(vec![0.0; self.len]);
        }
        self.levels[n_full].copy_from_slice(leaf);
        let (below, level) = self.levels.split_at_mut(n_full);
        for partial in below {
            add_left(partial, &mut level[0]);
        }
        self.n_leaves += 1;
    }

    /// The sum of all non-empty levels, from the lowest up.
    fn finish(self, out: &mut [f32]) {
        let levels = self.levels.iter().enumerate();
        let mut held = levels.filter(|(level, _)| self.n_leaves >> level & 1 == 1);
        if let Some((_, lowest)) = held.next() {
            out.copy_from_slice(lowest);
        }
        held.for_each(|(_, partial)| add_left(partial, out));
    }
}

/// `right = left + right`.
fn add_left(left: &[f32], right: &mut [f32]) {
    right.iter_mut().zip(left).for_each(|(right, left)| *right += left);
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
    fn pieces_cover_all_pictures_in_order() {
        for (n_images, n_pieces) in [(32, 16), (5, 16), (7, 3), (0, 4)] {
            let pieces = Pieces::new(n_images, n_pieces);
            let all: Vec<usize> = pieces.images().flatten().collect();
            assert_eq!(all, (0..n_images).collect::<Vec<_>>());
            assert_eq!(pieces.bounds(10).len(), n_pieces + 1);
        }
    }
}
