//! The features that a head is fitted to: standardized, and with no more columns than rows.

use rayon::prelude::*;

use super::block::dot;
use super::passes::Features;

/// Features in rows of one length.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    values: Vec<f32>,
    n_columns: usize,
}

impl Rows {
    /// No rows yet, of `n_columns` features; there will be `n`.
    pub fn with_capacity(n: usize, n_columns: usize) -> Self {
        Self { values: Vec::with_capacity(n * n_columns), n_columns }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When it has another length than the others.
    pub fn push(&mut self, row: &[f32]) {
        assert_eq!(row.len(), self.n_columns, "all rows have one length");
        self.values.extend_from_slice(row);
    }

    /// Number of features of each row.
    pub(super) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Number of rows.
    pub fn n(&self) -> usize {
        self.values.len() / self.n_columns.max(1)
    }
}

/// Standardized features. If there are more columns than rows, they are expressed in an orthonormal
/// basis of the space of the rows, in which all sums and penalties are the same.
pub(super) struct Standardized {
    features: Features,
    means: Vec<f64>,
    /// What each feature is multiplied by: 0 for one that never varies.
    scales: Vec<f64>,
    basis: Option<Basis>,
}

/// Rows whose combinations are all rows.
struct Basis {
    /// The standardized rows, `[r, features]`.
    rows: Vec<f64>,
    /// Their coordinates, a lower triangle `[r, r]`.
    triangle: Vec<f64>,
}

impl Standardized {
    /// Standardizes rows, at once or, where they are `many`, whenever they are used.
    pub(super) fn of(rows: Rows, weights: &[f64], are_many: bool) -> Self {
        let (n, d) = (rows.n(), rows.n_columns);
        let (means, scales) = moments(&rows, weights);
        if are_many && n >= d {
            let features = Features::raw(rows.values, means.clone(), scales.clone());
            return Self { features, means, scales, basis: None };
        }
        let mut features: Vec<f64> = Vec::with_capacity(n * d);
        for row in rows.values.chunks_exact(d) {
            let pairs = row.iter().zip(means.iter().zip(&scales));
            features.extend(pairs.map(|(x, (mean, scale))| (f64::from(*x) - mean) * scale));
        }
        if n >= d {
            return Self { features: Features::ready(features, d), means, scales, basis: None };
        }
        let (coordinates, pivots) = pivoted_cholesky(&features, d);
        if pivots.is_empty() {
            // No feature varies, and only biases are left to find.
            let basis = Some(Basis { rows: vec![0.0; d], triangle: vec![1.0] });
            return Self { features: Features::ready(vec![0.0; n], 1), means, scales, basis };
        }
        let r = pivots.len();
        let basis = Basis {
            rows: pivots.iter().flat_map(|&row| features[row * d..][..d].to_vec()).collect(),
            triangle: pivots.iter().flat_map(|&row| coordinates[row * r..][..r].to_vec()).collect(),
        };
        Self { features: Features::ready(coordinates, r), means, scales, basis: Some(basis) }
    }

    pub(super) fn features(&self) -> &Features {
        &self.features
    }

    /// The kernel `[features, outputs]` and the biases for features as they are, from weights
    /// `[outputs, columns]` for standardized ones.
    pub(super) fn unstandardized(&self, weights: &[f64], biases: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (d, k) = (self.means.len(), biases.len());
        let n_columns = self.features.n_columns();
        let mut kernel = vec![0.0; d * k];
        let mut bias = biases.to_vec();
        for output in 0..k {
            let of_columns = &weights[output * n_columns..][..n_columns];
            let of_features = match &self.basis {
                None => of_columns.to_vec(),
                Some(basis) => basis.in_features(of_columns, d),
            };
            for (feature, weight) in of_features.iter().enumerate() {
                let weight = weight * self.scales[feature];
                kernel[feature * k + output] = weight;
                bias[output] -= weight * self.means[feature];
            }
        }
        (kernel, bias)
    }
}

impl Basis {
    /// Weights of features that give every row the same output as these weights of its coordinates.
    fn in_features(&self, weights: &[f64], d: usize) -> Vec<f64> {
        let r = weights.len();
        // Solves `triangle^T a = weights`, from the last to the first.
        let mut a = weights.to_vec();
        for i in (0..r).rev() {
            a[i] /= self.triangle[i * r + i];
            let solved = a[i];
            for (j, other) in a[..i].iter_mut().enumerate() {
                *other -= self.triangle[i * r + j] * solved;
            }
        }
        let mut all = vec![0.0; d];
        for (row, a) in self.rows.chunks_exact(d).zip(&a) {
            all.iter_mut().zip(row).for_each(|(sum, x)| *sum += a * x);
        }
        all
    }
}

/// The number of images that the mean variance of all features counts for, in the variance of each.
const PRIOR: f64 = 40.0;

/// The weighted mean of each feature, and the inverse of its standard deviation; 0 for a feature that
/// hardly varies.
///
/// The variances are shrunk towards their mean, as if [`PRIOR`] more images had that variance (the form
/// of an inverse gamma prior). A feature that hardly varies over a few images would otherwise become
/// huge in an image in which it does, and decide its class.
fn moments(rows: &Rows, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
    /// Columns whose sums are computed together.
    const WIDTH: usize = 128;
    let d = rows.n_columns;
    let total: f64 = weights.iter().sum();
    let mut means = vec![0.0; d];
    means.par_chunks_mut(WIDTH).enumerate().for_each(|(part, means)| {
        for (row, weight) in rows.values.chunks_exact(d).zip(weights) {
            let row = &row[part * WIDTH..];
            means.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * f64::from(*x));
        }
        means.iter_mut().for_each(|sum| *sum /= total);
    });
    let mut variances = vec![0.0; d];
    variances.par_chunks_mut(WIDTH).enumerate().for_each(|(part, variances)| {
        for (row, weight) in rows.values.chunks_exact(d).zip(weights) {
            let pairs = row[part * WIDTH..].iter().zip(&means[part * WIDTH..]);
            let squares = pairs.map(|(x, mean)| (f64::from(*x) - mean) * (f64::from(*x) - mean));
            variances.iter_mut().zip(squares).for_each(|(sum, square)| *sum += weight * square);
        }
    });
    variances.iter_mut().for_each(|sum| *sum /= total);
    let mean_variance = variances.iter().sum::<f64>() / d as f64;
    let n = weights.iter().filter(|weight| **weight > 0.0).count() as f64;
    let scale = |(variance, mean): (&f64, &f64)| {
        let varies = variance.sqrt() > 1e-9 * mean.abs().max(1e-30);
        let shrunk = (n * variance + PRIOR * mean_variance) / (n + PRIOR);
        if varies { 1.0 / shrunk.sqrt() } else { 0.0 }
    };
    let scales = variances.iter().zip(&means).map(scale).collect();
    (means, scales)
}

/// Coordinates `[n, r]` of rows `[n, d]` with the same products between rows, and the `r` rows that
/// span the others, whose coordinates are a lower triangle (Cholesky decomposition of the products
/// with complete pivoting; Higham 2002, section 10.3).
fn pivoted_cholesky(features: &[f64], d: usize) -> (Vec<f64>, Vec<usize>) {
    let n = features.len() / d;
    let row = |i: usize| &features[i * d..][..d];
    let mut left: Vec<f64> = (0..n).map(|i| dot(row(i), row(i))).collect();
    let least = 1e-12 * left.iter().copied().fold(0.0, f64::max);
    let mut columns: Vec<Vec<f64>> = vec![];
    let mut pivots = vec![];
    while pivots.len() < n {
        let (pivot, most) = left
            .iter()
            .copied()
            .enumerate()
            .reduce(|a, b| if b.1 > a.1 { b } else { a })
            .expect("there are rows");
        if most <= least {
            break;
        }
        let root = most.sqrt();
        let mut column = vec![0.0; n];
        column.par_iter_mut().enumerate().for_each(|(i, value)| {
            if !pivots.contains(&i) {
                let known: f64 = columns.iter().map(|column| column[i] * column[pivot]).sum();
                *value = (dot(row(i), row(pivot)) - known) / root;
            }
        });
        column[pivot] = root;
        left.iter_mut().zip(&column).for_each(|(left, value)| *left -= value * value);
        pivots.push(pivot);
        pivots.iter().for_each(|&done| left[done] = f64::NEG_INFINITY);
        columns.push(column);
    }
    let r = pivots.len();
    let mut coordinates = vec![0.0; n * r];
    for (j, column) in columns.iter().enumerate() {
        column.iter().enumerate().for_each(|(i, value)| coordinates[i * r + j] = *value);
    }
    (coordinates, pivots)
}
