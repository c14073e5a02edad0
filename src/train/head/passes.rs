//! Passes over the rows of features: outputs of weights, and sums over rows. Rows are taken in blocks that
//! stay in the cache, and added in parts that do not depend on the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::block::{Outputs, Real, Standardize, Sums};

/// Standardized features of rows.
pub(super) struct Features {
    values: Values,
    n_columns: usize,
}

enum Values {
    /// `[n, columns]`.
    Ready(Vec<f64>),
    /// Each is standardized whenever it is used.
    Raw { values: Vec<f32>, means: Vec<f64>, scales: Vec<f64> },
}

/// Most bytes of the sums of all parts together, unless there are only few parts.
const MOST_BYTES: usize = 1 << 26;
/// Fewest and most parts of the rows, and the fewest rows of one.
const PARTS: [usize; 2] = [8, 64];
const FEWEST_ROWS: usize = 128;

impl Features {
    /// Features `[n, columns]` that are standardized.
    pub(super) fn ready(values: Vec<f64>, n_columns: usize) -> Self {
        Self { values: Values::Ready(values), n_columns }
    }

    /// Features that become standardized when `means` are subtracted and `scales` multiplied.
    pub(super) fn raw(values: Vec<f32>, means: Vec<f64>, scales: Vec<f64>) -> Self {
        Self { n_columns: means.len(), values: Values::Raw { values, means, scales } }
    }

    /// The features of some rows.
    pub(super) fn of_rows(&self, rows: &[usize]) -> Self {
        let d = self.n_columns;
        let values = match &self.values {
            Values::Ready(values) => Values::Ready(
                rows.iter().flat_map(|row| &values[row * d..][..d]).copied().collect(),
            ),
            Values::Raw { values, means, scales } => {
                let of_rows = rows.iter().flat_map(|row| &values[row * d..][..d]);
                let (means, scales) = (means.clone(), scales.clone());
                Values::Raw { values: of_rows.copied().collect(), means, scales }
            }
        };
        Self { values, n_columns: d }
    }

    pub(super) fn n_columns(&self) -> usize {
        self.n_columns
    }

    pub(super) fn n(&self) -> usize {
        match &self.values {
            Values::Ready(values) => values.len() / self.n_columns,
            Values::Raw { values, .. } => values.len() / self.n_columns,
        }
    }

    /// The outputs `[n, k]` at `point`: weights `[k, columns]`, then biases `[k]`.
    pub(super) fn outputs(&self, point: &[f64]) -> Vec<f64> {
        let k = point.len() / (self.n_columns + 1);
        let (weights, biases) = point.split_at(k * self.n_columns);
        let mut outputs = vec![0.0; self.n() * k];
        outputs.par_chunks_mut(FEWEST_ROWS * k).enumerate().for_each(|(part, outputs)| {
            let mut reader = Reader::new(self);
            let start = part * FEWEST_ROWS;
            for (block, outputs) in outputs.chunks_mut(f64::ROWS * k).enumerate() {
                let first = start + block * f64::ROWS;
                let rows = reader.rows(first..first + outputs.len() / k);
                f64::write_outputs(Outputs {
                    rows,
                    n_columns: self.n_columns,
                    weights,
                    found: outputs,
                });
                for row in outputs.chunks_exact_mut(k) {
                    row.iter_mut().zip(biases).for_each(|(output, bias)| *output += bias);
                }
            }
        });
        outputs
    }

    /// The sums over rows of `slopes` `[n, k]` times features, as a point.
    pub(super) fn sums(&self, slopes: &[f64]) -> Vec<f64> {
        let k = slopes.len() / self.n();
        self.each_part(k, |x: &[f64], rows, totals| {
            add(x, self.n_columns, &slopes[rows.start * k..rows.end * k], totals);
        })
    }

    /// The sums over rows of `slopes` `[n, k]` times squared features, as a point.
    pub(super) fn sums_of_squares(&self, slopes: &[f64]) -> Vec<f64> {
        let k = slopes.len() / self.n();
        self.each_part(k, |x: &[f64], rows, totals| {
            let squares: Vec<f64> = x.iter().map(|x| x * x).collect();
            add(&squares, self.n_columns, &slopes[rows.start * k..rows.end * k], totals);
        })
    }

    /// The sums over rows of what `change` makes of the outputs `[rows, k]` at `point`, times features,
    /// as a point. `change` also gets the number of the first row.
    pub(super) fn changed_sums<T: Real>(
        &self,
        point: &[f64],
        change: impl Fn(usize, &mut [f64]) + Sync,
    ) -> Vec<f64> {
        let d = self.n_columns;
        let k = point.len() / (d + 1);
        let (weights, biases) = point.split_at(k * d);
        let weights: &[T] = &of(weights);
        self.each_part(k, |x: &[T], rows, totals| {
            let mut outputs = vec![T::default(); rows.len() * k];
            T::write_outputs(Outputs { rows: x, n_columns: d, weights, found: &mut outputs });
            let mut slopes: Vec<f64> = outputs.iter().map(|output| output.wide()).collect();
            for row in slopes.chunks_exact_mut(k) {
                row.iter_mut().zip(biases).for_each(|(slope, bias)| *slope += bias);
            }
            change(rows.start, &mut slopes);
            add(x, d, &slopes, totals);
        })
    }

    /// What `add` adds to a point of zeros for each block of rows.
    fn each_part<T: Real>(
        &self,
        k: usize,
        add: impl Fn(&[T], Range<usize>, &mut [f64]) + Sync,
    ) -> Vec<f64> {
        let (n, len) = (self.n(), k * self.n_columns + k);
        let most = (MOST_BYTES / (8 * len)).clamp(PARTS[0], PARTS[1]);
        let n_rows = n.div_ceil(most).max(FEWEST_ROWS).next_multiple_of(T::ROWS);
        let starts: Vec<usize> = (0..n).step_by(n_rows).collect();
        let parts: Vec<Vec<f64>> = starts
            .into_par_iter()
            .map(|start| {
                let mut totals = vec![0.0; len];
                let mut reader = Reader::new(self);
                let end = n.min(start + n_rows);
                for first in (start..end).step_by(T::ROWS) {
                    let rows = first..end.min(first + T::ROWS);
                    add(reader.rows(rows.clone()), rows, &mut totals);
                }
                totals
            })
            .collect();
        let mut sums = vec![0.0; len];
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        sums
    }

    /// The mean products of all pairs of columns over about `n` rows at equal distances, for columns
    /// that are not further to the right than the other: a lower triangle `[columns, columns]`. Rows
    /// count by their weight.
    pub(super) fn products(&self, weights: &[f64], n: usize) -> Vec<f64> {
        const WIDTH: usize = 64;
        let d = self.n_columns;
        let mut rows: Vec<usize> = (0..self.n()).filter(|row| weights[*row] > 0.0).collect();
        let distance = (rows.len() / n).max(1);
        rows = rows.into_iter().step_by(distance).collect();
        let total: f64 = rows.iter().map(|row| weights[*row]).sum();
        let mut sample = vec![0.0_f32; rows.len() * d];
        sample.par_chunks_exact_mut(d).zip(&rows).for_each(|(values, &row)| {
            let mut reader = Reader::new(self);
            let scale = (weights[row] / total).sqrt() as f32;
            let pairs = values.iter_mut().zip(reader.rows(row..row + 1));
            pairs.for_each(|(value, x): (_, &f32)| *value = scale * x);
        });
        let mut products = vec![0.0; d * d];
        products.par_chunks_mut(WIDTH * d).enumerate().for_each(|(part, totals)| {
            let (first, k) = (part * WIDTH, totals.len() / d);
            for rows in sample.chunks(f32::ROWS * d) {
                let slopes: Vec<f32> =
                    rows.chunks_exact(d).flat_map(|row| row[first..][..k].to_vec()).collect();
                let slopes = &slopes[..];
                f32::add_sums(Sums { rows, n_columns: d, slopes, totals, n_used: first + k });
            }
        });
        products
    }
}

/// Reads blocks of rows as numbers of one precision.
struct Reader<'a, T> {
    features: &'a Features,
    means: Vec<T>,
    scales: Vec<T>,
    block: Vec<T>,
}

impl<'a, T: Real> Reader<'a, T> {
    fn new(features: &'a Features) -> Self {
        let (means, scales) = match &features.values {
            Values::Ready(_) => (vec![], vec![]),
            Values::Raw { means, scales, .. } => (of(means), of(scales)),
        };
        Self { features, means, scales, block: vec![] }
    }

    fn rows(&mut self, rows: Range<usize>) -> &[T] {
        let d = self.features.n_columns;
        let range = rows.start * d..rows.end * d;
        match &self.features.values {
            Values::Ready(values) => {
                if let Some(values) = T::direct(&values[range.clone()]) {
                    return values;
                }
                self.block.clear();
                self.block.extend(values[range].iter().map(|value| T::of(*value)));
            }
            Values::Raw { values, .. } => {
                self.block.resize(range.len(), T::default());
                let (means, scales, values) = (&self.means, &self.scales, &values[range]);
                T::standardize(Standardize { values, means, scales, rows: &mut self.block });
            }
        }
        &self.block
    }
}

fn of<T: Real>(values: &[f64]) -> Vec<T> {
    values.iter().map(|value| T::of(*value)).collect()
}

/// Adds the sums over rows `[rows, d]` of slopes `[rows, k]` times features to a point.
fn add<T: Real>(rows: &[T], d: usize, slopes: &[f64], totals: &mut [f64]) {
    let k = totals.len() / (d + 1);
    let (totals, of_biases) = totals.split_at_mut(k * d);
    let narrow: &[T] = &of(slopes);
    T::add_sums(Sums { rows, n_columns: d, slopes: narrow, totals, n_used: d });
    for slopes in slopes.chunks_exact(k) {
        of_biases.iter_mut().zip(slopes).for_each(|(total, slope)| *total += slope);
    }
}
