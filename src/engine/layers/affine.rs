//! A convolution with folded batch normalization: `z = (x W) ∘ s + b`.
//!
//! With `G = xᵀ dz` the gradients are `dW = G ∘ s`, `ds` the column sums of `W ∘ G`, and `db` the
//! column sums of `dz`. So the values before the affine map are not needed, and the gradient of
//! `gamma` needs no division.

use alpaca_kernels::tree_sum;
use rayon::prelude::*;

/// Weights `[k, n]`, scale `[n]` and shift `[n]` of a convolution.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Affine<'a> {
    pub(in crate::engine) weights: &'a [f32],
    pub(in crate::engine) scale: &'a [f32],
    pub(in crate::engine) shift: &'a [f32],
}

impl<'a> Affine<'a> {
    /// From three inputs of an operation.
    ///
    /// # Panics
    /// When there are not three.
    pub(in crate::engine) fn of(inputs: &[&'a [f32]]) -> Self {
        let [weights, scale, shift] = *inputs else {
            unreachable!("an affine convolution has weights, scale and shift")
        };
        Self { weights, scale, shift }
    }
}

/// Each column of `weights` `[k, n]` multiplied by its `scale`.
pub(in crate::engine) fn folded(weights: &[f32], scale: &[f32]) -> Vec<f32> {
    let rows = weights.chunks_exact(scale.len());
    rows.flat_map(|row| row.iter().zip(scale).map(|(weight, scale)| weight * scale)).collect()
}

/// The filters `[taps, n, k]` of a convolution, each column multiplied by its scale, as those of the
/// gradient of its input: `[taps, k, n]` in reverse order.
pub(super) fn flipped(affine: Affine<'_>, n_taps: usize) -> Vec<f32> {
    let n_columns = affine.scale.len();
    let len = affine.weights.len() / n_taps;
    let mut flipped = vec![0.0; affine.weights.len()];
    flipped.par_chunks_mut(len).zip(affine.weights.par_chunks(len).rev()).for_each(|(out, tap)| {
        let blocks = out.chunks_mut(BLOCK * (len / n_columns)).enumerate();
        for (block, out) in blocks {
            transpose_columns(tap, n_columns, block * BLOCK, out);
            let rows = out.chunks_exact_mut(len / n_columns);
            for (row, scale) in rows.zip(&affine.scale[block * BLOCK..]) {
                row.iter_mut().for_each(|weight| *weight *= scale);
            }
        }
    });
    flipped
}

/// The number of parts of the rows in the sums of `ds`. Changing it changes results.
const PARTS: usize = 16;

/// The gradients of weights, scale and shift from `G` and the column sums of `dz`.
pub(super) fn gradients(mut g: Vec<f32>, sums: Vec<f32>, affine: Affine<'_>) -> [Vec<f32>; 3] {
    let n = affine.scale.len();
    let n_rows = (g.len() / n).div_ceil(PARTS);
    let mut parts = vec![0.0; PARTS * n];
    let pieces = g.par_chunks_mut(n_rows * n).zip(affine.weights.par_chunks(n_rows * n));
    pieces.zip(parts.par_chunks_mut(n)).for_each(|((g, weights), sums)| {
        for (g, weights) in g.chunks_exact_mut(n).zip(weights.chunks_exact(n)) {
            let columns = sums.iter_mut().zip(g).zip(weights.iter().zip(affine.scale));
            for ((sum, g), (weight, scale)) in columns {
                *sum += *g * weight;
                *g *= scale;
            }
        }
    });
    [g, tree_sum(&parts, PARTS), sums]
}

/// The columns of a matrix that are transposed together, so that their rows stay in cache.
const BLOCK: usize = 16;

/// The transpose `[n, k]` of a matrix `[k, n]`.
pub(super) fn transposed(matrix: &[f32], n: usize) -> Vec<f32> {
    let k = matrix.len() / n;
    let mut transpose = vec![0.0; matrix.len()];
    transpose.par_chunks_mut(BLOCK * k).enumerate().for_each(|(block, out)| {
        transpose_columns(matrix, n, block * BLOCK, out);
    });
    transpose
}

/// Writes some columns of a matrix with rows of length `n`, from `first` on, as rows.
fn transpose_columns(matrix: &[f32], n: usize, first: usize, out: &mut [f32]) {
    let k = matrix.len() / n;
    for (i, row) in matrix.chunks_exact(n).enumerate() {
        for (out, value) in out.chunks_exact_mut(k).zip(&row[first..]) {
            out[i] = *value;
        }
    }
}
