//! Batch normalization in training, with the mean and variance of the batch.
//!
//! Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithm 1. With `m` numbers in a column, `x̂ = (x -
//! μ) / σ` and `σ² = var + ε`: `dβ = Σ dz`, `dγ = Σ dz x̂` and `dx = γ/σ (dz - dβ/m - x̂ dγ/m)`.

use std::sync::{Arc, Mutex, PoisonError};

use alpaca_kernels::{
    Activation, CHAIN, Filling, Gate, Kernels, NormRows, NormSlope, Out, ScaleShift, filled,
};
use rayon::prelude::*;

use super::{Backward, InputGradients, Operation};
use crate::engine::share::Share;

/// A normalization, followed by an activation or a shortcut. Inputs: `x` `[n, h, w, c]`, gamma
/// `[c]`, beta `[c]`, and optionally a shortcut `[n, h, w, c]`. Backward reads the gate of the
/// activation from the output, so there is never both. One batch at a time: forward stores the
/// statistics that backward needs.
#[derive(Debug)]
pub(in crate::engine) struct Normalisation {
    pub(in crate::engine) kernels: Kernels,
    /// Rows, columns and channels.
    pub(in crate::engine) shape: [usize; 3],
    pub(in crate::engine) epsilon: f32,
    pub(in crate::engine) activation: Activation,
    /// The micro-batches of this rank.
    pub(in crate::engine) share: Arc<Share>,
    pub(in crate::engine) statistics: Mutex<Statistics>,
}

/// The mean and variance of each channel over a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::engine) struct Statistics {
    pub(in crate::engine) mean: Vec<f32>,
    /// The mean of squared distances from the mean.
    pub(in crate::engine) variance: Vec<f32>,
    /// The number of values in each channel.
    pub(in crate::engine) n: usize,
}

impl Normalisation {
    /// The statistics of the last batch in the forward pass.
    pub(in crate::engine) fn statistics(&self) -> Statistics {
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Two sums per channel over all rows, of all ranks; `add` adds those of a few rows.
    fn sums(
        &self,
        n: usize,
        add: impl Fn(std::ops::Range<usize>, &mut [f32], &mut [f32]) + Sync,
    ) -> [Vec<f64>; 2] {
        let [height, width, channels] = self.shape;
        let bounds = self.share.pieces(n).bounds(height * width);
        let parts: Vec<Vec<f64>> = bounds
            .par_windows(2)
            .map(|piece| {
                let mut sums = vec![0.0; 2 * channels];
                let mut chain = vec![0.0; 2 * channels];
                for first in (piece[0]..piece[1]).step_by(CHAIN) {
                    chain.fill(0.0);
                    let (one, two) = chain.split_at_mut(channels);
                    add(first..(first + CHAIN).min(piece[1]), one, two);
                    sums.iter_mut().zip(&chain).for_each(|(sum, value)| *sum += f64::from(*value));
                }
                sums
            })
            .collect();
        let mut sums = self.share.sum_doubles(&parts.concat(), 2 * channels);
        let second = sums.split_off(channels);
        [sums, second]
    }

    /// The mean and variance of each channel. Values are taken relative to the first row, so that a
    /// mean far from zero loses no precision.
    fn measure(&self, n: usize, x: &[f32]) -> Statistics {
        let [height, width, channels] = self.shape;
        let pivot = &self.share.first_numbers(x, channels)[..];
        let [sums, squares] = self.sums(n, |rows, sums, squares| {
            let rows = &x[rows.start * channels..rows.end * channels];
            self.kernels.moments(rows, pivot, sums, squares);
        });
        let n = self.share.n_images(n) * height * width;
        let count = n as f64;
        let moments = sums.iter().zip(&squares).zip(pivot).map(|((sum, square), pivot)| {
            let mean = sum / count;
            let variance = (square / count - mean * mean).max(0.0);
            ((f64::from(*pivot) + mean) as f32, variance as f32)
        });
        let (mean, variance) = moments.unzip();
        Statistics { mean, variance, n }
    }

    /// `1 / sqrt(variance + epsilon)` of each channel.
    fn inverse_deviations(&self, variance: &[f32]) -> Vec<f64> {
        variance.iter().map(|v| 1.0 / (f64::from(*v) + f64::from(self.epsilon)).sqrt()).collect()
    }
}

/// The number of rows per task, chosen to give each thread several tasks. It does not affect
/// results.
fn rows_of_task(rows: usize) -> usize {
    rows.div_ceil(4 * rayon::current_num_threads()).max(1)
}

impl Operation for Normalisation {
    fn output_shape(&self) -> [usize; 3] {
        self.shape
    }

    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let &[x, gamma, beta, ref rest @ ..] = inputs else {
            unreachable!("a normalisation has gamma and beta")
        };
        let channels = self.shape[2];
        let statistics = self.measure(n, x);
        let inverse = self.inverse_deviations(&statistics.variance);
        let scale: Vec<f32> = gamma
            .iter()
            .zip(&inverse)
            .map(|(g, inverse)| (f64::from(*g) * inverse) as f32)
            .collect();
        let shift: Vec<f32> = beta
            .iter()
            .zip(gamma)
            .zip(statistics.mean.iter().zip(&inverse))
            .map(|((b, g), (mean, inverse))| {
                (f64::from(*b) - f64::from(*mean) * f64::from(*g) * inverse) as f32
            })
            .collect();
        *self.statistics.lock().unwrap_or_else(PoisonError::into_inner) = statistics;
        let per_task = rows_of_task(x.len() / channels) * channels;
        filled(x.len(), per_task, |task, y: Out<'_>| {
            let at = task * per_task..task * per_task + y.len();
            let shortcut = rest.first().map(|shortcut| &shortcut[at.clone()]);
            let affine = ScaleShift { scale: &scale, shift: &shift };
            self.kernels.normalise(&x[at], affine, self.activation, shortcut, y);
        })
    }

    fn reads_output(&self) -> bool {
        self.activation != Activation::Linear
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        let (x, gamma) = (pass.inputs[0], pass.inputs[1]);
        let channels = self.shape[2];
        let Statistics { mean, variance, n: count } = self.statistics();
        let inverse = self.inverse_deviations(&variance);
        let shortcut = pass.inputs.get(3);
        let gated =
            shortcut.map(|_| pass.gated(self.kernels, self.activation, channels, &self.share).0);
        let all = match &gated {
            Some(dy) => NormRows { x, dy, gate: None },
            None => NormRows { x, dy: pass.dy, gate: Gate::of(self.activation, pass.output) },
        };
        let [sums, products] = self.sums(pass.n, |rows, sums, products| {
            self.kernels.slopes(all.rows(rows, channels), &mean, sums, products);
        });
        let count = count as f64;
        let columns = || gamma.iter().zip(&inverse).map(|(g, inverse)| f64::from(*g) * inverse);
        let of_dz: Vec<f32> = columns().map(|scale| scale as f32).collect();
        let of_x: Vec<f32> = columns()
            .zip(inverse.iter().zip(&products))
            .map(|(scale, (inverse, product))| {
                (-scale * inverse * inverse * product / count) as f32
            })
            .collect();
        let constant: Vec<f32> =
            columns().zip(&sums).map(|(scale, sum)| (-scale * sum / count) as f32).collect();
        let slope = NormSlope { mean: &mean, of_dz: &of_dz, of_x: &of_x, constant: &constant };
        let dx = pass.wants_input.then(|| {
            let rows = x.len() / channels;
            let per_task = rows_of_task(rows);
            let mut dx = Filling::new(x.len());
            let lengths =
                (0..rows).step_by(per_task).map(|first| per_task.min(rows - first) * channels);
            dx.rooms(lengths).into_par_iter().enumerate().for_each(|(task, out)| {
                let first = task * per_task;
                let rows = first..first + out.len() / channels;
                self.kernels.normalise_back(all.rows(rows, channels), slope, out);
            });
            dx.finish()
        });
        let d_gamma = products.iter().zip(&inverse).map(|(p, inverse)| (p * inverse) as f32);
        let mut gradients =
            vec![dx, Some(d_gamma.collect()), Some(sums.iter().map(|sum| *sum as f32).collect())];
        gradients.extend(gated.map(|dy| Some(dy.into_owned())));
        gradients
    }
}
