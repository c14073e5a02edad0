//! Numbers in `bfloat16`: the upper half of the bits of a `f32`.
//!
//! A product of two of them is exact as `f32`, so a sum of products has the same bits with an instruction
//! for pairs of them (AVX-512 BF16, `VDPBF16PS`) and with two multiply-adds, fused or not. That
//! instruction takes numbers that are not normal for zeros. So numbers below [`SMALLEST`] become
//! zero when they are rounded: sums of products of others are zero or normal.

use super::set::Micro;
use super::simd::{Simd, over_columns};

/// The smallest number that is not rounded to zero, 2^-50.
pub(super) const SMALLEST: f32 = 1.0 / (1u64 << 50) as f32;

/// The bits of the nearest `bfloat16` number, of two equally near ones the even one. Numbers below
/// [`SMALLEST`] become zero; NaN stays NaN.
pub(super) fn bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    if value.is_nan() {
        return (bits >> 16) as u16 | 0x40;
    }
    if value.abs() < SMALLEST {
        return 0;
    }
    ((bits + 0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// `n` numbers, and where they are written as `bfloat16`.
pub(super) struct RoundJob {
    n: usize,
    values: *const f32,
    out: *mut u16,
}

/// Rounds numbers into the beginning of `out`.
///
/// # Panics
/// When there is not enough room.
pub(super) fn round<S: Micro>(values: &[f32], out: &mut [u16]) {
    let out = &mut out[..values.len()];
    let job = RoundJob { n: values.len(), values: values.as_ptr(), out: out.as_mut_ptr() };
    // SAFETY: both have `n` numbers.
    unsafe { S::round(&job) }
}

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its size.
#[inline(always)]
pub(super) unsafe fn round_all<S: Simd>(job: &RoundJob) {
    // SAFETY: the caller guarantees the numbers.
    unsafe { over_columns!(S, job.n, round_vector(job)) }
}

#[inline(always)]
unsafe fn round_vector<S: Simd, const PART: bool>(job: &RoundJob, at: usize) {
    // SAFETY: the caller guarantees the instruction set and `n - at` numbers.
    unsafe {
        if PART {
            let n = job.n - at;
            S::store_bf16_first(job.out.add(at), n, S::load_first(job.values.add(at), n));
        } else {
            S::store_bf16(job.out.add(at), S::load(job.values.add(at)));
        }
    }
}

/// Working memory as `bfloat16` numbers, twice as many.
pub(super) fn as_bf16(values: &mut [f32]) -> &mut [u16] {
    let (start, len) = (values.as_mut_ptr(), 2 * values.len());
    // SAFETY: the same memory for the same time, of which every content is a number of either type; the
    // alignment of `u16` is smaller.
    unsafe { std::slice::from_raw_parts_mut(start.cast(), len) }
}
