//! NEON, which every 64-bit ARM processor supports.

use std::arch::aarch64::{
    float32x4_t, vaddq_f32, vaddq_s32, vandq_u32, vcgtq_f32, vcltq_f32, vdivq_f32, vdupq_n_f32,
    vdupq_n_u32, vfmaq_f32, vld1q_f32, vmaxq_f32, vminq_f32, vmulq_f32, vreinterpretq_f32_s32,
    vreinterpretq_f32_u32, vreinterpretq_s32_f32, vreinterpretq_u32_f32, vshlq_n_s32, vshlq_n_u32,
    vsqrtq_f32, vst1q_f32, vsubq_f32,
};

use super::{MOST_VECTORS, Simd};
use crate::bf16::bf16;

/// Thirty-two registers of four numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neon;

const LANES: usize = 4;

impl Simd for Neon {
    type Vector = float32x4_t;
    const LANES: usize = LANES;
    const TILE_ROWS: [usize; MOST_VECTORS] = [12, 12, 8];

    #[inline(always)]
    unsafe fn splat(value: f32) -> float32x4_t {
        // SAFETY: every processor of this architecture has NEON; so in all functions below.
        unsafe { vdupq_n_f32(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> float32x4_t {
        // SAFETY: the caller guarantees four values.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> float32x4_t {
        let mut lanes = [0.0; LANES];
        for (lane, value) in lanes.iter_mut().enumerate().take(n) {
            // SAFETY: the caller guarantees `n` values.
            *value = unsafe { *from.add(lane) };
        }
        // SAFETY: `lanes` has four values.
        unsafe { vld1q_f32(lanes.as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: float32x4_t) {
        // SAFETY: the caller guarantees four values.
        unsafe { vst1q_f32(to, vector) }
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, n: usize, vector: float32x4_t) {
        let mut lanes = [0.0; LANES];
        // SAFETY: `lanes` has four values.
        unsafe { vst1q_f32(lanes.as_mut_ptr(), vector) }
        for (lane, value) in lanes.into_iter().enumerate().take(n) {
            // SAFETY: the caller guarantees `n` values.
            unsafe { *to.add(lane) = value }
        }
    }

    #[inline(always)]
    unsafe fn mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    unsafe fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe { vdivq_f32(a, b) }
    }

    #[inline(always)]
    unsafe fn sqrt(a: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe { vsqrtq_f32(a) }
    }

    #[inline(always)]
    unsafe fn rectify(a: float32x4_t, ceiling: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe { vminq_f32(ceiling, vmaxq_f32(vdupq_n_f32(0.0), a)) }
    }

    #[inline(always)]
    unsafe fn clamp(a: float32x4_t, low: float32x4_t, high: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe { vminq_f32(high, vmaxq_f32(low, a)) }
    }

    #[inline(always)]
    unsafe fn power_of_two(bits: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe {
            let exponent = vshlq_n_s32::<23>(vreinterpretq_s32_f32(bits));
            let one = vreinterpretq_s32_f32(vdupq_n_f32(1.0));
            vreinterpretq_f32_s32(vaddq_s32(exponent, one))
        }
    }

    #[inline(always)]
    unsafe fn gate(value: float32x4_t, by: float32x4_t, ceiling: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe {
            let above = vcgtq_f32(by, vdupq_n_f32(0.0));
            let below = vcltq_f32(by, ceiling);
            let kept = vandq_u32(vreinterpretq_u32_f32(value), vandq_u32(above, below));
            vreinterpretq_f32_u32(kept)
        }
    }

    #[inline(always)]
    unsafe fn splat_bits(from: *const u8) -> float32x4_t {
        // SAFETY: the caller guarantees 32 bits.
        unsafe { vreinterpretq_f32_u32(vdupq_n_u32(from.cast::<u32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn first_of_pair(pairs: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe { vreinterpretq_f32_u32(vshlq_n_u32::<16>(vreinterpretq_u32_f32(pairs))) }
    }

    #[inline(always)]
    unsafe fn second_of_pair(pairs: float32x4_t) -> float32x4_t {
        // SAFETY: see `splat`.
        unsafe {
            let second = vdupq_n_u32(0xffff_0000);
            vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(pairs), second))
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, vector: float32x4_t) {
        // SAFETY: the caller guarantees four values.
        unsafe { Self::store_bf16_first(to, LANES, vector) }
    }

    #[inline(always)]
    unsafe fn store_bf16_first(to: *mut u16, n: usize, vector: float32x4_t) {
        let mut lanes = [0.0; LANES];
        // SAFETY: `lanes` has four values.
        unsafe { vst1q_f32(lanes.as_mut_ptr(), vector) }
        for (lane, value) in lanes.into_iter().enumerate().take(n) {
            // SAFETY: the caller guarantees `n` values.
            unsafe { *to.add(lane) = bf16(value) }
        }
    }
}
