//! The products of features over a sample of the rows, which tell conjugate gradients in what directions a
//! loss is curved.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::block::{Outputs, Real as _, Sums, dot};
use super::passes::Features;

/// Rows for each column.
const ROWS: usize = 8;
/// The least number that is added to the diagonal, as a power of two: a thousand times the rounding of a
/// sample's products.
const LEAST: i32 = -13;
/// Most factors that are stored.
const MOST_FACTORS: usize = 12;
/// Rows of a matrix that are computed together.
const HEIGHT: usize = 32;

/// The mean products of standardized features.
pub(super) struct Sample {
    /// A lower triangle, `[columns, columns]`.
    products: Vec<f64>,
    n_columns: usize,
    /// By the power of two that is added to the diagonal.
    factors: Mutex<BTreeMap<i32, Arc<Factor>>>,
}

/// The inverse of the lower triangle whose product with its transpose is the matrix, `[columns, columns]`.
pub(super) struct Factor {
    /// The power of two that was added to the diagonal. Factors with the same one are equal.
    pub(super) power: i32,
    values: Vec<f32>,
}

impl Sample {
    /// A sample of rows with these weights.
    pub(super) fn of(features: &Features, weights: &[f64]) -> Self {
        let n_columns = features.n_columns();
        let products = features.products(weights, ROWS * n_columns);
        Self { products, n_columns, factors: Mutex::default() }
    }

    /// Whether a sample saves more time than it takes, for `n` rows.
    pub(super) fn pays(n: usize, n_columns: usize, n_outputs: usize) -> bool {
        n * (n_outputs + 2) >= n_columns * n_columns / 100
    }

    /// A factor of the products with `ridge` added to the diagonal, or about as much.
    pub(super) fn factor(&self, ridge: f64) -> Arc<Factor> {
        let power = (libm::round(libm::log2(ridge)) as i32).max(LEAST);
        let factors = || self.factors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(factor) = factors().get(&power) {
            return factor.clone();
        }
        // No lock while it is computed: this thread may take on another search's work meanwhile.
        let factor = Arc::new(self.computed(power));
        let mut factors = factors();
        factors.insert(power, factor.clone());
        if factors.len() > MOST_FACTORS {
            // Strengths are tried from the strongest on.
            factors.pop_last();
        }
        factor
    }

    fn computed(&self, power: i32) -> Factor {
        let (d, ridge) = (self.n_columns, libm::scalbn(1.0, power));
        let mut triangle = self.products.clone();
        (0..d).for_each(|at| triangle[at * d + at] += ridge);
        cholesky(&mut triangle, d, ridge / 2.0);
        let values = inverse(&triangle, d).into_iter().map(|value| value as f32).collect();
        Factor { power, values }
    }
}

impl Factor {
    /// Divides rows `[k, columns]` by the matrix.
    pub(super) fn divide(&self, rows: &[f64]) -> Vec<f64> {
        let d = self.values.len().isqrt();
        let k = rows.len() / d;
        let weights: &[f32] = &rows.iter().map(|value| *value as f32).collect::<Vec<_>>();
        let mut halfway = vec![0.0_f32; d * k];
        let parts: Vec<Vec<f64>> = self
            .values
            .par_chunks(f32::ROWS * d)
            .zip(halfway.par_chunks_mut(f32::ROWS * k))
            .enumerate()
            .map(|(part, (rows, outputs))| {
                f32::write_outputs(Outputs { rows, n_columns: d, weights, found: outputs });
                let (slopes, mut totals) = (&*outputs, vec![0.0; k * d]);
                // What is to the right of the triangle is zero.
                let n_used = d.min((part + 1) * f32::ROWS);
                f32::add_sums(Sums { rows, n_columns: d, slopes, totals: &mut totals, n_used });
                totals
            })
            .collect();
        let mut sums = vec![0.0; k * d];
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        sums
    }
}

/// Replaces a lower triangle `[d, d]` by that of its Cholesky decomposition. No pivot is below `least`.
fn cholesky(matrix: &mut [f64], d: usize, least: f64) {
    for first in (0..d).step_by(HEIGHT) {
        let (done, rest) = matrix.split_at_mut(first * d);
        let block = &mut rest[..HEIGHT.min(d - first) * d];
        block.par_chunks_mut(HEIGHT / 4 * d).for_each(|rows| {
            pulp::Arch::new().dispatch(Decompose { rows, done, d });
        });
        for i in 0..block.len() / d {
            let (above, row) = block.split_at_mut(i * d);
            for (j, other) in (first..).zip(above.chunks_exact(d)) {
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
            let at = first + i;
            row[at] = (row[at] - dot(&row[..at], &row[..at])).max(least).sqrt();
        }
    }
}

/// The inverse of a lower triangle `[d, d]`.
fn inverse(triangle: &[f64], d: usize) -> Vec<f64> {
    let mut inverse = vec![0.0; d * d];
    for first in (0..d).step_by(HEIGHT) {
        let (done, rest) = inverse.split_at_mut(first * d);
        let height = HEIGHT.min(d - first);
        let block = &mut rest[..height * d];
        let of = &triangle[first * d..][..height * d];
        block
            .par_chunks_mut(HEIGHT / 4 * d)
            .zip(of.par_chunks(HEIGHT / 4 * d))
            .for_each(|(rows, of)| pulp::Arch::new().dispatch(Invert { rows, of, done, d }));
        for i in 0..height {
            let (above, row) = block.split_at_mut(i * d);
            let (row, of, at) = (&mut row[..d], &of[i * d..][..d], first + i);
            for (k, other) in (first..).zip(above.chunks_exact(d)) {
                subtract(&mut row[..=k], of[k], &other[..=k]);
            }
            row[at] = 1.0;
            row[..=at].iter_mut().for_each(|value| *value /= of[at]);
        }
    }
    inverse
}

/// Computes the first columns of rows of a decomposition, of which the rows above are `done`.
struct Decompose<'a> {
    rows: &'a mut [f64],
    done: &'a [f64],
    d: usize,
}

impl pulp::NullaryFnOnce for Decompose<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (j, other) in self.done.chunks_exact(self.d).enumerate() {
            for row in self.rows.chunks_exact_mut(self.d) {
                row[j] = (row[j] - dot(&row[..j], &other[..j])) / other[j];
            }
        }
    }
}

/// Subtracts from rows of an inverse the rows above, which are `done`, by the rows `of` the triangle.
struct Invert<'a> {
    rows: &'a mut [f64],
    of: &'a [f64],
    done: &'a [f64],
    d: usize,
}

impl pulp::NullaryFnOnce for Invert<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (k, other) in self.done.chunks_exact(self.d).enumerate() {
            for (row, of) in self.rows.chunks_exact_mut(self.d).zip(self.of.chunks_exact(self.d)) {
                subtract(&mut row[..=k], of[k], &other[..=k]);
            }
        }
    }
}

#[inline(always)]
fn subtract(from: &mut [f64], factor: f64, row: &[f64]) {
    from.iter_mut().zip(row).for_each(|(value, x)| *value -= factor * x);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that are divided by the products with a ridge are these rows again when multiplied.
    #[test]
    fn a_factor_divides_by_the_products_and_the_ridge() {
        let (n, d, k) = (300, 70, 3);
        let number = |i: usize| (i * 7919 % 1009) as f64 / 504.5 - 1.0;
        let features = Features::ready((0..n * d).map(number).collect(), d);
        let rows: Vec<f64> = (0..k * d).map(|i| number(5 * i + 3)).collect();
        let sample = Sample::of(&features, &vec![1.0; n]);
        let ridge = 0.25;
        let divided = sample.factor(0.3).divide(&rows);
        for (divided, row) in divided.chunks_exact(d).zip(rows.chunks_exact(d)) {
            for (i, expected) in row.iter().enumerate() {
                let product = |j: usize| {
                    let rows = (0..n).map(|row| number(row * d + i) * number(row * d + j));
                    rows.sum::<f64>() / n as f64
                };
                let sum: f64 = (0..d).map(|j| product(j) * divided[j]).sum();
                let found = sum + ridge * divided[i];
                assert!((found - expected).abs() < 1e-4, "{i}: {found} {expected}");
            }
        }
    }
}
