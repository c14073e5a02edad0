//! 1x1 convolutions and fully connected layers: a matrix product over all pixels of a batch.

use std::sync::Arc;

use alpaca_kernels::{
    Activation, Epilogue, Filling, Kernels, Precision, Windows, filled, with_scratch,
};
use rayon::prelude::*;

use super::affine::{self, Affine};
use super::{Backward, InputGradients, Operation};
use crate::engine::share::Share;

/// A 1x1 convolution. Inputs: `x` `[n, h, w, k]`, weights `[k, c]`, scale `[c]`, shift `[c]`, and
/// optionally a shortcut `[n, h, w, c]`.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Pointwise {
    pub(in crate::engine) kernels: Kernels,
    /// Rows and columns.
    pub(in crate::engine) size: [usize; 2],
    /// Channels of the input.
    pub(in crate::engine) n_inputs: usize,
    /// Channels of the output.
    pub(in crate::engine) n_outputs: usize,
    pub(in crate::engine) activation: Activation,
    /// The micro-batches of this rank.
    pub(in crate::engine) share: Arc<Share>,
}

/// The columns of the longer side of a weight gradient per task.
const GRADIENT_COLUMNS: usize = 48;
/// From this many weights on, a task owns a part of the weight gradient and reads all rows. Below
/// it, a task owns the rows of a micro-batch and has its own gradient.
const OWNED: usize = 16 * 1024;
/// The number of values in a block of rows that is gated and then read twice.
const BLOCK: usize = 48 * 1024;

impl Pointwise {
    fn n_pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// `[G, db]` and the gradient of the input, micro-batch by micro-batch.
    fn backward_by_piece(
        &self,
        pass: &Backward<'_>,
        affine: Affine<'_>,
    ) -> (Vec<f32>, Vec<f32>, Option<Vec<f32>>) {
        let (k, c) = (self.n_inputs, self.n_outputs);
        let pieces = self.share.pieces(pass.n);
        let packed = self.kernels.pack_transposed(affine.weights, c, Some(affine.scale));
        // Computes the transpose of `G` if that fills vectors better.
        let flips = k.div_ceil(16) * c < c.div_ceil(16) * k;
        let mut parts = vec![0.0; pieces.count() * (k + 1) * c];
        let mut dx = Filling::new(if pass.wants_input { pass.n * self.n_pixels() * k } else { 0 });
        let lengths = pieces
            .images()
            .map(|images| if pass.wants_input { images.len() * self.n_pixels() * k } else { 0 });
        let tasks: Vec<_> = dx.rooms(lengths).into_iter().zip(pieces.images()).collect();
        tasks.into_par_iter().zip(parts.par_chunks_mut((k + 1) * c)).for_each(
            |((mut dx, images), part)| {
                let (g, sums) = part.split_at_mut(k * c);
                let (first, end) = (images.start * self.n_pixels(), images.end * self.n_pixels());
                let block = (BLOCK / (k + c)).clamp(48, 512);
                with_scratch([block * c], |[scratch]| {
                    for row in (first..end).step_by(block) {
                        let rows = block.min(end - row);
                        let dz = &mut scratch[..rows * c];
                        let values = row * c..(row + rows) * c;
                        let gate = pass.gate(self.activation, values.clone());
                        self.kernels.gate(&pass.dy[values], gate, Some((&mut *dz).into()), sums);
                        let x = &pass.inputs[0][row * k..(row + rows) * k];
                        if flips {
                            self.kernels.add_gradient(Windows::rows(dz, c), x, g);
                        } else {
                            self.kernels.add_gradient(Windows::rows(x, k), dz, g);
                        }
                        if pass.wants_input {
                            let dx = dx.take(rows * k);
                            self.kernels.product(dz, &packed, Epilogue::NONE, dx);
                        }
                    }
                });
            },
        );
        let mut sum = self.share.sum(&parts, (k + 1) * c);
        let sums = sum.split_off(k * c);
        let g = if flips { affine::transposed(&sum, k) } else { sum };
        (g, sums, pass.wants_input.then(|| dx.finish()))
    }

    /// As `backward_by_piece`, but each task owns a part of `G`.
    fn backward_by_column(
        &self,
        pass: &Backward<'_>,
        affine: Affine<'_>,
    ) -> (Vec<f32>, Vec<f32>, Option<Vec<f32>>) {
        let (k, c) = (self.n_inputs, self.n_outputs);
        let (dz, sums) = pass.gated(self.kernels, self.activation, c, &self.share);
        let dz = dz.as_ref();
        let bounds = self.share.pieces(pass.n).bounds(self.n_pixels());
        let flips = c > k;
        let (long, short) = if flips { (dz, pass.inputs[0]) } else { (pass.inputs[0], dz) };
        let (n_long, n_short) = (k.max(c), k.min(c));
        let short = self.kernels.in_precision(Precision::F32).pack(short, n_short, None);
        let set = |bounds: &[usize], (task, g): (usize, &mut [f32])| {
            let columns = task * GRADIENT_COLUMNS..task * GRADIENT_COLUMNS + g.len() / n_short;
            with_scratch([long.len() / n_long * columns.len()], |[packed]| {
                // Otherwise each of a tile's thousands of rows would touch its own page of memory.
                for (to, row) in
                    packed.chunks_exact_mut(columns.len()).zip(long.chunks_exact(n_long))
                {
                    to.copy_from_slice(&row[columns.clone()]);
                }
                let columns = Windows::rows(packed, columns.len());
                self.kernels.gradient_of_pieces(columns, &short, bounds, g);
            });
        };
        let mut g = vec![0.0; self.share.subtrees().len() * k * c];
        if pass.n > 0 {
            for (subtree, g) in self.share.subtrees().zip(g.chunks_exact_mut(k * c)) {
                let bounds = &bounds[subtree.start..=subtree.end];
                let tasks = g.par_chunks_mut(GRADIENT_COLUMNS * n_short).enumerate();
                tasks.for_each(|task| set(bounds, task));
            }
        }
        let [g, sums] = self.share.total_of_both([g, sums], [k * c, c]);
        let g = if flips { affine::transposed(&g, k) } else { g };
        let dx = pass.wants_input.then(|| {
            let packed = self.kernels.pack_transposed(affine.weights, c, Some(affine.scale));
            let rows = rows_of_task(dz.len() / c);
            filled(dz.len() / c * k, rows * k, |task, out| {
                let rows = out.len() / k;
                let dz = &dz[task * rows_of_task(dz.len() / c) * c..][..rows * c];
                self.kernels.product(dz, &packed, Epilogue::NONE, out);
            })
        });
        (g, sums, dx)
    }
}

/// The number of rows per task, chosen to give each thread several tasks. It does not affect
/// results.
fn rows_of_task(rows: usize) -> usize {
    rows.div_ceil(4 * rayon::current_num_threads()).next_multiple_of(24)
}

impl Operation for Pointwise {
    fn output_shape(&self) -> [usize; 3] {
        [self.size[0], self.size[1], self.n_outputs]
    }

    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let (k, c) = (self.n_inputs, self.n_outputs);
        let Affine { weights, scale, shift } = Affine::of(&inputs[1..4]);
        let (x, shortcut) = (inputs[0], inputs.get(4));
        let packed = self.kernels.pack(weights, c, Some(scale));
        let rows = n * self.n_pixels();
        let per_task = rows_of_task(rows);
        filled(rows * c, per_task * c, |task, out| {
            let (first, rows) = (task * per_task, out.len() / c);
            let epilogue = Epilogue {
                bias: Some(shift),
                activation: self.activation,
                shortcut: shortcut.map(|shortcut| &shortcut[first * c..][..rows * c]),
                gate: None,
            };
            self.kernels.product(&x[first * k..][..rows * k], &packed, epilogue, out);
        })
    }

    fn reads_output(&self) -> bool {
        self.activation != Activation::Linear
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        if pass.inputs.len() > 4 && self.activation != Activation::Linear {
            // The shortcut's gradient is needed as a whole.
            let (dy, _) = pass.gated(self.kernels, self.activation, self.n_outputs, &self.share);
            let linear = Self { activation: Activation::Linear, ..self.clone() };
            return linear.backward(&Backward { dy: &dy, output: &[], ..*pass });
        }
        let affine = Affine::of(&pass.inputs[1..4]);
        let (g, sums, dx) = if affine.weights.len() >= OWNED {
            self.backward_by_column(pass, affine)
        } else {
            self.backward_by_piece(pass, affine)
        };
        let mut all = vec![dx];
        all.extend(affine::gradients(g, sums, affine).map(Some));
        all.extend(pass.inputs.get(4).map(|_| Some(pass.dy.to_vec())));
        all
    }
}
