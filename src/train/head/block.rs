//! Products of a block of rows with weights, and sums over its rows. The order of each sum is fixed, and
//! no product is fused with a sum, so every instruction set gives the same bits.

use std::ops::{Add, Mul, Sub};

/// A number of single or double precision.
pub(super) trait Real:
    Copy + Default + Send + Sync + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    /// Rows of a block, which fits into the cache of a processor core with up to 2,000 columns.
    const ROWS: usize;

    fn of(value: f64) -> Self;
    fn of_single(value: f32) -> Self;
    fn wide(self) -> f64;

    /// The values themselves, if they need no conversion.
    fn direct(values: &[f64]) -> Option<&[Self]>;

    fn write_outputs(job: Outputs<'_, Self>);
    fn add_sums(job: Sums<'_, Self>);
    fn standardize(job: Standardize<'_, Self>);
}

/// Sets `found` `[rows, k]` to the products of `rows` and `weights`.
pub(super) struct Outputs<'a, T> {
    /// `[rows, columns]`.
    pub(super) rows: &'a [T],
    pub(super) n_columns: usize,
    /// `[k, columns]`.
    pub(super) weights: &'a [T],
    pub(super) found: &'a mut [T],
}

/// Adds to `totals` `[k, columns]` the sums over rows of slopes times rows.
pub(super) struct Sums<'a, T> {
    /// `[rows, columns]`.
    pub(super) rows: &'a [T],
    pub(super) n_columns: usize,
    /// `[rows, k]`.
    pub(super) slopes: &'a [T],
    pub(super) totals: &'a mut [f64],
    /// The first columns, which alone are summed.
    pub(super) n_used: usize,
}

/// Sets `rows` to the standardized `values`, both `[rows, columns]`.
pub(super) struct Standardize<'a, T> {
    pub(super) values: &'a [f32],
    pub(super) means: &'a [T],
    pub(super) scales: &'a [T],
    pub(super) rows: &'a mut [T],
}

/// A job in vectors of `L` numbers.
struct By<const L: usize, J>(J);

macro_rules! real {
    ($real:ty, $rows:literal, $lanes:literal, $direct:expr) => {
        impl Real for $real {
            const ROWS: usize = $rows;

            #[inline(always)]
            fn of(value: f64) -> Self {
                value as Self
            }

            #[inline(always)]
            fn of_single(value: f32) -> Self {
                Self::from(value)
            }

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            fn direct(values: &[f64]) -> Option<&[Self]> {
                $direct(values)
            }

            fn write_outputs(job: Outputs<'_, Self>) {
                pulp::Arch::new().dispatch(By::<$lanes, _>(job));
            }

            fn add_sums(job: Sums<'_, Self>) {
                pulp::Arch::new().dispatch(By::<$lanes, _>(job));
            }

            fn standardize(job: Standardize<'_, Self>) {
                pulp::Arch::new().dispatch(By::<$lanes, _>(job));
            }
        }
    };
}

real!(f32, 64, 8, |_| None);
real!(f64, 32, 4, Some);

impl<T: Real, const L: usize> pulp::NullaryFnOnce for By<L, Outputs<'_, T>> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let k = self.0.weights.len() / self.0.n_columns;
        let mut output = 0;
        while output + 4 <= k {
            self.outputs::<4>(output);
            output += 4;
        }
        if output + 2 <= k {
            self.outputs::<2>(output);
            output += 2;
        }
        if output < k {
            let Outputs { rows, n_columns: d, weights, found } = &mut self.0;
            let weights = &weights[output * *d..];
            for (row, found) in rows.chunks_exact(*d).zip(found.chunks_exact_mut(k)) {
                found[output] = dot(row, weights);
            }
        }
    }
}

impl<T: Real, const L: usize> By<L, Outputs<'_, T>> {
    /// `N` outputs from `first` on, of two rows at a time.
    #[inline(always)]
    fn outputs<const N: usize>(&mut self, first: usize) {
        let Outputs { rows, n_columns: d, weights, found: outputs } = &mut self.0;
        let (d, k) = (*d, weights.len() / *d);
        let weights = &weights[first * d..][..N * d];
        // Vectors of all outputs beside each other.
        let mut packed = vec![[T::default(); L]; d / L * N];
        for (j, weights) in weights.chunks_exact(d).enumerate() {
            for (at, vector) in weights.as_chunks::<L>().0.iter().enumerate() {
                packed[at * N + j] = *vector;
            }
        }
        for (rows, outputs) in rows.chunks(2 * d).zip(outputs.chunks_mut(2 * k)) {
            // A last row is its own neighbor.
            let (a, b) = (&rows[..d], &rows[rows.len() - d..]);
            let sums = pair::<T, L, N>(a, b, &packed);
            for (i, row) in [a, b].into_iter().enumerate().take(outputs.len() / k) {
                for (j, weights) in weights.chunks_exact(d).enumerate() {
                    let rest = row.as_chunks::<L>().1.iter().zip(weights.as_chunks::<L>().1);
                    let rest = rest.fold(T::default(), |sum, (x, weight)| sum + *x * *weight);
                    outputs[i * k + first + j] = folded(sums[i][j]) + rest;
                }
            }
        }
    }
}

/// The products of two rows with `N` lists of weights, in parts.
#[inline(always)]
fn pair<T: Real, const L: usize, const N: usize>(
    a: &[T],
    b: &[T],
    packed: &[[T; L]],
) -> [[[T; L]; N]; 2] {
    let mut sums = [[[T::default(); L]; N]; 2];
    let rows = a.as_chunks::<L>().0.iter().zip(b.as_chunks::<L>().0);
    for ((a, b), weights) in rows.zip(packed.as_chunks::<N>().0) {
        for j in 0..N {
            for lane in 0..L {
                sums[0][j][lane] = sums[0][j][lane] + a[lane] * weights[j][lane];
                sums[1][j][lane] = sums[1][j][lane] + b[lane] * weights[j][lane];
            }
        }
    }
    sums
}

/// The sum of products, in eight parts.
#[inline(always)]
pub(super) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let mut parts = [T::default(); 8];
    let (whole_a, rest_a) = a.as_chunks::<8>();
    let (whole_b, rest_b) = b.as_chunks::<8>();
    for (a, b) in whole_a.iter().zip(whole_b) {
        for lane in 0..8 {
            parts[lane] = parts[lane] + a[lane] * b[lane];
        }
    }
    let rest = rest_a.iter().zip(rest_b).fold(T::default(), |sum, (a, b)| sum + *a * *b);
    let [a, b, c, d, e, f, g, h] = parts;
    ((a + b) + (c + d)) + ((e + f) + (g + h)) + rest
}

/// The sum of a power of two of numbers: halves are added until one is left.
#[inline(always)]
fn folded<T: Real, const L: usize>(mut parts: [T; L]) -> T {
    let mut width = L;
    while width > 1 {
        width /= 2;
        for lane in 0..width {
            parts[lane] = parts[lane] + parts[lane + width];
        }
    }
    parts[0]
}

impl<T: Real, const L: usize> pulp::NullaryFnOnce for By<L, Sums<'_, T>> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let k = self.0.totals.len() / self.0.n_columns;
        let mut output = 0;
        while output + 4 <= k {
            self.sums::<4, 2>(output);
            output += 4;
        }
        if output + 2 <= k {
            self.sums::<2, 2>(output);
            output += 2;
        }
        if output < k {
            self.sums_of_one(output);
        }
    }
}

impl<T: Real, const L: usize> By<L, Sums<'_, T>> {
    /// The sums of `N` outputs, `M` vectors of columns at a time.
    #[inline(always)]
    fn sums<const N: usize, const M: usize>(&mut self, output: usize) {
        let mut column = 0;
        while column + M * L <= self.0.n_used {
            self.tile::<N, M>(output, column);
            column += M * L;
        }
        while column + L <= self.0.n_used {
            self.tile::<N, 1>(output, column);
            column += L;
        }
        let Sums { rows, n_columns: d, slopes, totals, n_used } = &mut self.0;
        let k = totals.len() / *d;
        for j in output..output + N {
            for column in column..*n_used {
                let mut sum = T::default();
                for (row, slopes) in rows.chunks_exact(*d).zip(slopes.chunks_exact(k)) {
                    sum = sum + slopes[j] * row[column];
                }
                totals[j * *d + column] += sum.wide();
            }
        }
    }

    /// The sums of one output, four rows at a time: for it alone, reading rows from their start to their
    /// end is fastest.
    #[inline(always)]
    fn sums_of_one(&mut self, output: usize) {
        let Sums { rows, n_columns: d, slopes, totals, n_used } = &mut self.0;
        let (d, k) = (*d, totals.len() / *d);
        let mut sums = vec![T::default(); *n_used];
        for (rows, slopes) in rows.chunks(4 * d).zip(slopes.chunks(4 * k)) {
            if rows.len() == 4 * d {
                let by = [0, 1, 2, 3].map(|row| slopes[row * k + output]);
                let (ab, cd) = rows.split_at(2 * d);
                let ((a, b), (c, e)) = (ab.split_at(d), cd.split_at(d));
                let x = a.iter().zip(b).zip(c.iter().zip(e));
                for (sum, ((a, b), (c, e))) in sums.iter_mut().zip(x) {
                    *sum = *sum + by[0] * *a + by[1] * *b + by[2] * *c + by[3] * *e;
                }
                continue;
            }
            for (row, slopes) in rows.chunks_exact(d).zip(slopes.chunks_exact(k)) {
                let pairs = sums.iter_mut().zip(row);
                pairs.for_each(|(sum, x)| *sum = *sum + slopes[output] * *x);
            }
        }
        let totals = totals[output * d..].iter_mut();
        totals.zip(&sums).for_each(|(total, sum)| *total += sum.wide());
    }

    #[inline(always)]
    fn tile<const N: usize, const M: usize>(&mut self, output: usize, column: usize) {
        let Sums { rows, n_columns: d, slopes, totals, .. } = &mut self.0;
        let k = totals.len() / *d;
        let mut sums = [[[T::default(); L]; M]; N];
        for (row, slopes) in rows.chunks_exact(*d).zip(slopes.chunks_exact(k)) {
            let x = &row[column..][..M * L].as_chunks::<L>().0[..M];
            let slopes = &slopes[output..][..N];
            for j in 0..N {
                for i in 0..M {
                    for lane in 0..L {
                        sums[j][i][lane] = sums[j][i][lane] + slopes[j] * x[i][lane];
                    }
                }
            }
        }
        for j in 0..N {
            for i in 0..M {
                let totals = &mut totals[(output + j) * *d + column + i * L..][..L];
                for lane in 0..L {
                    totals[lane] += sums[j][i][lane].wide();
                }
            }
        }
    }
}

impl<T: Real, const L: usize> pulp::NullaryFnOnce for By<L, Standardize<'_, T>> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Standardize { values, means, scales, rows } = self.0;
        let d = means.len();
        for (values, row) in values.chunks_exact(d).zip(rows.chunks_exact_mut(d)) {
            for at in 0..d {
                row[at] = (T::of_single(values[at]) - means[at]) * scales[at];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::NullaryFnOnce as _;

    use super::*;

    /// Numbers without a pattern, between -1 and 1.
    fn numbers<T: Real>(n: usize, seed: usize) -> Vec<T> {
        let number = |i: usize| ((i + 31 * seed) * 7919 % 1009) as f64 / 504.5 - 1.0;
        (0..n).map(|i| T::of(number(i))).collect()
    }

    /// Rows, columns and outputs that leave a rest in each direction, or none.
    const SHAPES: [[usize; 3]; 5] = [[1, 1, 1], [5, 37, 7], [8, 64, 4], [33, 100, 3], [2, 7, 10]];

    fn check<T: Real + Into<f64>, const L: usize>(epsilon: f64) {
        for [n, d, k] in SHAPES {
            let (rows, weights) = (&numbers::<T>(n * d, 1)[..], &numbers::<T>(k * d, 2)[..]);
            let [mut outputs, mut plain] = [vec![T::default(); n * k], vec![T::default(); n * k]];
            T::write_outputs(Outputs { rows, n_columns: d, weights, found: &mut outputs });
            By::<L, _>(Outputs { rows, n_columns: d, weights, found: &mut plain }).call();
            let slopes = &outputs[..];
            let [mut totals, mut same] = [vec![0.5; k * d], vec![0.5; k * d]];
            T::add_sums(Sums { rows, n_columns: d, slopes, totals: &mut totals, n_used: d });
            By::<L, _>(Sums { rows, n_columns: d, slopes, totals: &mut same, n_used: d }).call();
            // Every instruction set gives the same bits.
            for (a, b) in outputs.iter().zip(&plain) {
                assert_eq!(a.wide().to_bits(), b.wide().to_bits(), "{n} {d} {k}");
            }
            assert_eq!(totals, same);
            for (row, outputs) in rows.chunks_exact(d).zip(outputs.chunks_exact(k)) {
                for (weights, output) in weights.chunks_exact(d).zip(outputs) {
                    let products = row.iter().zip(weights).map(|(x, w)| x.wide() * w.wide());
                    let expected: f64 = products.sum();
                    assert!((output.wide() - expected).abs() < epsilon, "{n} {d} {k}");
                }
            }
            for (at, total) in totals.iter().enumerate() {
                let (output, column) = (at / d, at % d);
                let products = (0..n)
                    .map(|row| slopes[row * k + output].wide() * rows[row * d + column].wide());
                let expected = 0.5 + products.sum::<f64>();
                assert!((total - expected).abs() < 10.0 * epsilon, "{n} {d} {k} {at}");
            }
        }
    }

    #[test]
    fn outputs_and_sums_are_products_in_both_precisions() {
        check::<f32, 8>(1e-5);
        check::<f64, 4>(1e-13);
    }
}
