//! Batch normalization with batch statistics: column sums and element-wise maps.
//!
//! Sums are chains over a few rows in single precision. Callers add them in double precision.

use super::curve;
use super::elements::Gate;
use super::output::Out;
use super::set::Micro;
use super::simd::{Simd, load, over_columns, store};
use crate::Activation;

/// The maximum number of rows that are summed as a chain in single precision.
pub const CHAIN: usize = 64;

/// Adds to `sums` and `squares` `[n]` the columns of `x - pivot` and of its squares, for at most
/// [`CHAIN`] rows.
///
/// # Panics
/// When a slice does not have the size of its matrix, as in all functions here.
pub(super) fn moments<S: Micro>(x: &[f32], pivot: &[f32], sums: &mut [f32], squares: &mut [f32]) {
    let n = pivot.len();
    assert!(x.len().is_multiple_of(n) && sums.len() == n && squares.len() == n);
    let job = MomentsJob {
        rows: x.len() / n,
        n,
        x: x.as_ptr(),
        pivot: pivot.as_ptr(),
        sums: sums.as_mut_ptr(),
        squares: squares.as_mut_ptr(),
    };
    // SAFETY: the matrices have `rows` rows of `n` by the assertion above.
    unsafe { S::moments(&job) }
}

/// A job: the rows to compute moments of.
pub(super) struct MomentsJob {
    rows: usize,
    n: usize,
    x: *const f32,
    pivot: *const f32,
    sums: *mut f32,
    squares: *mut f32,
}

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes, as in all
/// functions here.
#[inline(always)]
pub(super) unsafe fn moments_of<S: Simd>(job: &MomentsJob) {
    // SAFETY: columns stay inside the job's sizes.
    unsafe { over_columns!(S, job.n, moments_column(job)) }
}

#[inline(always)]
unsafe fn moments_column<S: Simd, const PART: bool>(job: &MomentsJob, column: usize) {
    let n = job.n - column;
    // SAFETY: the caller guarantees the instruction set and the column.
    unsafe {
        let pivot = load::<S, PART>(job.pivot.add(column), n);
        let mut sum = load::<S, PART>(job.sums.add(column), n);
        let mut square = load::<S, PART>(job.squares.add(column), n);
        for row in 0..job.rows {
            let x = S::sub(load::<S, PART>(job.x.add(row * job.n + column), n), pivot);
            sum = S::add(sum, x);
            square = S::mul_add(x, x, square);
        }
        store::<S, PART>(job.sums.add(column), n, sum);
        store::<S, PART>(job.squares.add(column), n, square);
    }
}

/// An affine map per channel.
#[derive(Clone, Copy, Debug)]
pub struct ScaleShift<'a> {
    /// The factor of each channel.
    pub scale: &'a [f32],
    /// The offset of each channel.
    pub shift: &'a [f32],
}

/// `y = activation(x · scale + shift + shortcut)`, where the shortcut is optional.
pub(super) fn normalise<S: Micro>(
    x: &[f32],
    affine: ScaleShift<'_>,
    activation: Activation,
    shortcut: Option<&[f32]>,
    mut y: Out<'_>,
) {
    let ScaleShift { scale, shift } = affine;
    let n = scale.len();
    assert!(x.len().is_multiple_of(n) && shift.len() == n && y.len() == x.len());
    assert!(shortcut.is_none_or(|shortcut| shortcut.len() == x.len()));
    let job = NormaliseJob {
        rows: x.len() / n,
        n,
        x: x.as_ptr(),
        scale: scale.as_ptr(),
        shift: shift.as_ptr(),
        ceiling: activation.ceiling(),
        shortcut: shortcut.map_or(std::ptr::null(), <[f32]>::as_ptr),
        y: y.pointer(),
    };
    // SAFETY: the matrices have `rows` rows of `n` by the assertions above; all of the output is
    // written.
    unsafe {
        S::normalise(&job);
        curve::apply::<S>(activation, job.y, x.len());
        y.written();
    }
}

/// A job: the rows to normalize. Unused pointers are null.
pub(super) struct NormaliseJob {
    rows: usize,
    n: usize,
    x: *const f32,
    scale: *const f32,
    shift: *const f32,
    ceiling: Option<f32>,
    shortcut: *const f32,
    y: *mut f32,
}

#[inline(always)]
pub(super) unsafe fn normalise_rows<S: Simd>(job: &NormaliseJob) {
    // SAFETY: rows and columns stay inside the job's sizes.
    unsafe {
        for row in 0..job.rows {
            over_columns!(S, job.n, normalise_vector(job, row));
        }
    }
}

#[inline(always)]
unsafe fn normalise_vector<S: Simd, const PART: bool>(
    job: &NormaliseJob,
    row: usize,
    column: usize,
) {
    let (n, at) = (job.n - column, row * job.n + column);
    // SAFETY: the caller guarantees the instruction set, row and column.
    unsafe {
        let x = load::<S, PART>(job.x.add(at), n);
        let scale = load::<S, PART>(job.scale.add(column), n);
        let mut y = S::mul_add(x, scale, load::<S, PART>(job.shift.add(column), n));
        if !job.shortcut.is_null() {
            y = S::add(y, load::<S, PART>(job.shortcut.add(at), n));
        }
        if let Some(ceiling) = job.ceiling {
            y = S::rectify(y, S::splat(ceiling));
        }
        store::<S, PART>(job.y.add(at), n, y);
    }
}

/// The inputs of a normalization's backward pass: its input, the gradient of its output, and the
/// gate if an activation follows.
#[derive(Clone, Copy)]
pub struct NormRows<'a> {
    /// `[rows, n]`
    pub x: &'a [f32],
    /// `[rows, n]`
    pub dy: &'a [f32],
    /// `[rows, n]`
    pub gate: Option<Gate<'a>>,
}

impl NormRows<'_> {
    /// Some of the rows, each of `n` numbers.
    #[must_use]
    pub fn rows(&self, rows: std::ops::Range<usize>, n: usize) -> Self {
        let at = rows.start * n..rows.end * n;
        Self {
            x: &self.x[at.clone()],
            dy: &self.dy[at.clone()],
            gate: self.gate.map(|gate| gate.part(at)),
        }
    }

    fn check(&self, n: usize) -> usize {
        assert!(self.x.len().is_multiple_of(n) && self.dy.len() == self.x.len());
        assert!(self.gate.is_none_or(|gate| gate.y.len() == self.x.len()));
        self.x.len() / n
    }
}

/// Adds to `sums` and `products` `[n]` the columns of `dz` and of `dz · (x - mean)`, where `dz` is
/// `dy` gated, for at most [`CHAIN`] rows.
pub(super) fn slopes<S: Micro>(
    rows: NormRows<'_>,
    mean: &[f32],
    sums: &mut [f32],
    products: &mut [f32],
) {
    let n = mean.len();
    assert!(sums.len() == n && products.len() == n);
    let job = SlopesJob {
        rows: rows.check(n),
        n,
        x: rows.x.as_ptr(),
        dy: rows.dy.as_ptr(),
        y: rows.gate.map_or(std::ptr::null(), |gate| gate.y.as_ptr()),
        ceiling: rows.gate.map_or(0.0, |gate| gate.ceiling),
        mean: mean.as_ptr(),
        sums: sums.as_mut_ptr(),
        products: products.as_mut_ptr(),
    };
    // SAFETY: the matrices have `rows` rows of `n` by the assertions above.
    unsafe { S::slopes(&job) }
}

/// A job: the rows to sum. Unused pointers are null.
pub(super) struct SlopesJob {
    rows: usize,
    n: usize,
    x: *const f32,
    dy: *const f32,
    y: *const f32,
    ceiling: f32,
    mean: *const f32,
    sums: *mut f32,
    products: *mut f32,
}

#[inline(always)]
pub(super) unsafe fn slopes_of<S: Simd>(job: &SlopesJob) {
    // SAFETY: columns stay inside the job's sizes.
    unsafe { over_columns!(S, job.n, slopes_column(job)) }
}

#[inline(always)]
unsafe fn slopes_column<S: Simd, const PART: bool>(job: &SlopesJob, column: usize) {
    let n = job.n - column;
    // SAFETY: the caller guarantees the instruction set and the column.
    unsafe {
        let mean = load::<S, PART>(job.mean.add(column), n);
        let mut sum = load::<S, PART>(job.sums.add(column), n);
        let mut product = load::<S, PART>(job.products.add(column), n);
        for row in 0..job.rows {
            let at = row * job.n + column;
            let mut dz = load::<S, PART>(job.dy.add(at), n);
            if !job.y.is_null() {
                let by = load::<S, PART>(job.y.add(at), n);
                dz = S::gate(dz, by, S::splat(job.ceiling));
            }
            sum = S::add(sum, dz);
            let x = S::sub(load::<S, PART>(job.x.add(at), n), mean);
            product = S::mul_add(dz, x, product);
        }
        store::<S, PART>(job.sums.add(column), n, sum);
        store::<S, PART>(job.products.add(column), n, product);
    }
}

/// The coefficients of a normalization's input gradient, per column.
#[derive(Clone, Copy)]
pub struct NormSlope<'a> {
    /// The mean of the batch.
    pub mean: &'a [f32],
    /// The factor of the output gradient.
    pub of_dz: &'a [f32],
    /// The factor of the distance from the mean.
    pub of_x: &'a [f32],
    /// The offset.
    pub constant: &'a [f32],
}

/// `dx = of_dz · dz + of_x · (x - mean) + constant`, where `dz` is `dy` gated.
pub(super) fn normalise_back<S: Micro>(rows: NormRows<'_>, slope: NormSlope<'_>, mut dx: Out<'_>) {
    let n = slope.mean.len();
    assert!([slope.of_dz, slope.of_x, slope.constant].iter().all(|values| values.len() == n));
    assert_eq!(dx.len(), rows.x.len());
    let job = BackJob {
        rows: rows.check(n),
        n,
        x: rows.x.as_ptr(),
        dy: rows.dy.as_ptr(),
        y: rows.gate.map_or(std::ptr::null(), |gate| gate.y.as_ptr()),
        ceiling: rows.gate.map_or(0.0, |gate| gate.ceiling),
        mean: slope.mean.as_ptr(),
        of_dz: slope.of_dz.as_ptr(),
        of_x: slope.of_x.as_ptr(),
        constant: slope.constant.as_ptr(),
        dx: dx.pointer(),
    };
    // SAFETY: the matrices have `rows` rows of `n` by the assertions above; all of the output is
    // written.
    unsafe {
        S::normalise_back(&job);
        dx.written();
    }
}

/// A job: the rows to compute the gradient of. Unused pointers are null.
pub(super) struct BackJob {
    rows: usize,
    n: usize,
    x: *const f32,
    dy: *const f32,
    y: *const f32,
    ceiling: f32,
    mean: *const f32,
    of_dz: *const f32,
    of_x: *const f32,
    constant: *const f32,
    dx: *mut f32,
}

#[inline(always)]
pub(super) unsafe fn normalise_back_rows<S: Simd>(job: &BackJob) {
    // SAFETY: rows and columns stay inside the job's sizes.
    unsafe {
        for row in 0..job.rows {
            over_columns!(S, job.n, back_vector(job, row));
        }
    }
}

#[inline(always)]
unsafe fn back_vector<S: Simd, const PART: bool>(job: &BackJob, row: usize, column: usize) {
    let (n, at) = (job.n - column, row * job.n + column);
    // SAFETY: the caller guarantees the instruction set, row and column.
    unsafe {
        let mut dz = load::<S, PART>(job.dy.add(at), n);
        if !job.y.is_null() {
            let by = load::<S, PART>(job.y.add(at), n);
            dz = S::gate(dz, by, S::splat(job.ceiling));
        }
        let mean = load::<S, PART>(job.mean.add(column), n);
        let x = S::sub(load::<S, PART>(job.x.add(at), n), mean);
        let rest = S::mul_add(
            x,
            load::<S, PART>(job.of_x.add(column), n),
            load::<S, PART>(job.constant.add(column), n),
        );
        let dx = S::mul_add(dz, load::<S, PART>(job.of_dz.add(column), n), rest);
        store::<S, PART>(job.dx.add(at), n, dx);
    }
}
