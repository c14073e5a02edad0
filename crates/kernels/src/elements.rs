//! Element-wise kernels: gates of activations with column sums, and Adam steps.

use std::ops::Range;

use super::output::Out;
use super::set::Micro;
use super::simd::{ByteSimd, Simd, load, store};
use crate::Activation;

/// The gate of an activation: gradients pass where its output `y` is between 0 and `ceiling`.
#[derive(Clone, Copy, Debug)]
pub struct Gate<'a> {
    /// The output, `[rows, n]`.
    pub y: &'a [f32],
    /// The upper bound of the activation.
    pub ceiling: f32,
}

impl<'a> Gate<'a> {
    /// The gate of an activation with output `y`; `None` if every gradient passes.
    ///
    /// # Panics
    /// When the output does not tell which gradients pass.
    pub fn of(activation: Activation, y: &'a [f32]) -> Option<Self> {
        assert!(!activation.is_curve(), "an activation that does not clip has no gate");
        activation.ceiling().map(|ceiling| Self { y, ceiling })
    }

    /// The gate of some of the values; empty if the output was not stored.
    #[must_use]
    pub fn part(self, at: Range<usize>) -> Self {
        Self { y: &self.y[at], ..self }
    }
}

/// The gradient before an activation, and the bias gradient. `dz` is `dy` where the gate is open,
/// zero elsewhere. The columns of `dz` are added to `sums[n]`, as a chain over the rows. Without a
/// gate every gradient passes; without `dz` only the sums are written.
///
/// # Panics
/// When a slice does not have the size of its matrix.
pub(super) fn gate<S: Micro>(
    dy: &[f32],
    gate: Option<Gate<'_>>,
    mut dz: Option<Out<'_>>,
    sums: &mut [f32],
) {
    let n = sums.len();
    assert!(dy.len().is_multiple_of(n) && gate.is_none_or(|gate| gate.y.len() == dy.len()));
    assert!(dz.as_ref().is_none_or(|dz| dz.len() == dy.len()));
    let job = GateJob {
        rows: dy.len() / n,
        n,
        dy: dy.as_ptr(),
        y: gate.map_or(std::ptr::null(), |gate| gate.y.as_ptr()),
        ceiling: gate.map_or(0.0, |gate| gate.ceiling),
        dz: dz.as_mut().map_or(std::ptr::null_mut(), Out::pointer),
        sums: sums.as_mut_ptr(),
    };
    // SAFETY: the matrices have `rows` rows of `n` by the assertions above; all of `dz` is written.
    unsafe {
        S::gate_rows(&job);
        if let Some(dz) = dz {
            dz.written();
        }
    }
}

/// [`gate`] in place: `dy` becomes `dz`.
///
/// # Panics
/// When a slice does not have the size of its matrix.
pub(super) fn gate_in_place<S: Micro>(dy: &mut [f32], gate: Option<Gate<'_>>, sums: &mut [f32]) {
    let n = sums.len();
    assert!(dy.len().is_multiple_of(n) && gate.is_none_or(|gate| gate.y.len() == dy.len()));
    let pointer = dy.as_mut_ptr();
    let job = GateJob {
        rows: dy.len() / n,
        n,
        dy: pointer,
        y: gate.map_or(std::ptr::null(), |gate| gate.y.as_ptr()),
        ceiling: gate.map_or(0.0, |gate| gate.ceiling),
        dz: pointer,
        sums: sums.as_mut_ptr(),
    };
    // SAFETY: as in `gate`; each number is read before it is written, through one pointer.
    unsafe { S::gate_rows(&job) }
}

/// The rows to gate; unused pointers are null.
pub(super) struct GateJob {
    rows: usize,
    n: usize,
    dy: *const f32,
    y: *const f32,
    ceiling: f32,
    dz: *mut f32,
    sums: *mut f32,
}

/// The rows that are read together, so that sums stay in registers and memory is read in order.
const ROWS: usize = 4;

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn gate_rows<S: Simd>(job: &GateJob) {
    let mut row = 0;
    while row < job.rows {
        let n_rows = ROWS.min(job.rows - row);
        let mut column = 0;
        // SAFETY: rows and columns stay inside the job's sizes.
        unsafe {
            while column + S::LANES <= job.n {
                gate_column::<S, false>(job, row, n_rows, column);
                column += S::LANES;
            }
            if column < job.n {
                gate_column::<S, true>(job, row, n_rows, column);
            }
        }
        row += n_rows;
    }
}

#[inline(always)]
unsafe fn gate_column<S: Simd, const PART: bool>(
    job: &GateJob,
    row: usize,
    n_rows: usize,
    column: usize,
) {
    let n = job.n - column;
    // SAFETY: the caller guarantees the instruction set, rows and columns.
    unsafe {
        let mut sum = load::<S, PART>(job.sums.add(column), n);
        for row in row..row + n_rows {
            let at = row * job.n + column;
            let mut value = load::<S, PART>(job.dy.add(at), n);
            if !job.y.is_null() {
                let by = load::<S, PART>(job.y.add(at), n);
                value = S::gate(value, by, S::splat(job.ceiling));
            }
            if !job.dz.is_null() {
                store::<S, PART>(job.dz.add(at), n, value);
            }
            sum = S::add(sum, value);
        }
        store::<S, PART>(job.sums.add(column), n, sum);
    }
}

/// The number of independent chains of multiply-adds.
const CHAINS: usize = 12;

/// Runs `n` rounds of multiply-adds without memory accesses, of numbers of `BYTES` bytes.
/// Returns the number of scalar multiply-adds.
pub(super) fn multiply_adds<S: Micro, const BYTES: usize>(n: usize) -> f64 {
    let mut out = [0.0; 16];
    assert!(S::LANES <= out.len());
    let job = MultiplyJob { n, out: out.as_mut_ptr() };
    // SAFETY: a vector fits into `out` by the assertion above.
    unsafe { S::multiply::<BYTES>(&job) }
    std::hint::black_box(out);
    n as f64 * (CHAINS * S::LANES * 4 / BYTES) as f64
}

/// The number of rounds, and a place for a result, so that the compiler does not remove them.
pub(super) struct MultiplyJob {
    n: usize,
    out: *mut f32,
}

/// # Safety
/// The processor has the instruction set, and `out` has room for a vector.
#[inline(always)]
pub(super) unsafe fn multiply<S: ByteSimd, const BYTES: usize>(job: &MultiplyJob) {
    // SAFETY: the caller guarantees the same conditions.
    unsafe {
        let mut sums = [S::splat(1.0); CHAINS];
        let (factor, term) = (S::splat(0.5), S::splat(0.25));
        // A half and minus a half, whose products with the same numbers cancel out.
        let halves = [0x00, 0x3f, 0x00, 0xbf];
        let ones = [0x80, 0x3f, 0x80, 0x3f];
        let (pairs, ones) = (S::splat_bits(halves.as_ptr()), S::splat_bits(ones.as_ptr()));
        for _ in 0..job.n {
            for sum in &mut sums {
                *sum = match BYTES {
                    4 => S::mul_add(*sum, factor, term),
                    2 => S::pair_mul_add(pairs, ones, *sum),
                    _ => S::quad_mul_add(pairs, factor, *sum),
                };
            }
        }
        let mut total = S::splat(0.0);
        for sum in sums {
            total = S::add(total, sum);
        }
        S::store(job.out, total);
    }
}

/// The constants of one Adam step; `rate` includes the bias correction.
#[derive(Clone, Copy, Debug)]
pub struct AdamNumbers {
    /// The learning rate, corrected for the bias of both means.
    pub rate: f32,
    /// `1 - β₁`.
    pub new_share_1: f32,
    /// `1 - β₂`.
    pub new_share_2: f32,
    /// Added to the root of the second mean.
    pub epsilon: f32,
}

/// One Adam step: updates `values` and both means.
///
/// # Panics
/// When the slices differ in length.
pub(super) fn adam_step<S: Micro>(
    numbers: AdamNumbers,
    values: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
) {
    let n = values.len();
    assert!(gradient.len() == n && first.len() == n && second.len() == n);
    let job = AdamJob {
        numbers,
        n,
        values: values.as_mut_ptr(),
        gradient: gradient.as_ptr(),
        first: first.as_mut_ptr(),
        second: second.as_mut_ptr(),
    };
    // SAFETY: all slices have `n` values by the assertion above.
    unsafe { S::adam(&job) }
}

/// The parameters and their means.
pub(super) struct AdamJob {
    numbers: AdamNumbers,
    n: usize,
    values: *mut f32,
    gradient: *const f32,
    first: *mut f32,
    second: *mut f32,
}

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes.
#[inline(always)]
pub(super) unsafe fn adam<S: Simd>(job: &AdamJob) {
    let mut at = 0;
    // SAFETY: `at` stays inside the job's sizes.
    unsafe {
        while at + S::LANES <= job.n {
            adam_vector::<S, false>(job, at);
            at += S::LANES;
        }
        if at < job.n {
            adam_vector::<S, true>(job, at);
        }
    }
}

#[inline(always)]
unsafe fn adam_vector<S: Simd, const PART: bool>(job: &AdamJob, at: usize) {
    let AdamNumbers { rate, new_share_1, new_share_2, epsilon } = job.numbers;
    let n = job.n - at;
    // SAFETY: the caller guarantees the instruction set and the place.
    unsafe {
        let g = load::<S, PART>(job.gradient.add(at), n);
        let m = load::<S, PART>(job.first.add(at), n);
        let v = load::<S, PART>(job.second.add(at), n);
        let m = S::add(m, S::mul(S::sub(g, m), S::splat(new_share_1)));
        let v = S::add(v, S::mul(S::sub(S::mul(g, g), v), S::splat(new_share_2)));
        let step = S::div(S::mul(S::splat(rate), m), S::add(S::sqrt(v), S::splat(epsilon)));
        let value = S::sub(load::<S, PART>(job.values.add(at), n), step);
        store::<S, PART>(job.first.add(at), n, m);
        store::<S, PART>(job.second.add(at), n, v);
        store::<S, PART>(job.values.add(at), n, value);
    }
}
