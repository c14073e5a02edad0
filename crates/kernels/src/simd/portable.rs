//! Four lanes in plain Rust, for all other processors.

use super::{MOST_VECTORS, Simd};
use crate::bf16::bf16;

/// Plain Rust. Products are rounded before they are added, because a fused multiply-add without an
/// instruction for it would be a function call per number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

const LANES: usize = 4;

type Vector = [f32; LANES];

#[inline(always)]
fn zip(a: Vector, b: Vector, f: impl Fn(f32, f32) -> f32) -> Vector {
    std::array::from_fn(|lane| f(a[lane], b[lane]))
}

impl Simd for Portable {
    type Vector = Vector;
    const LANES: usize = LANES;
    const TILE_ROWS: [usize; MOST_VECTORS] = [8, 6, 0];

    #[inline(always)]
    unsafe fn splat(value: f32) -> Vector {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Vector {
        // SAFETY: the caller guarantees `LANES` values.
        unsafe { from.cast::<Vector>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> Vector {
        // SAFETY: the caller guarantees `n` values.
        std::array::from_fn(|lane| if lane < n { unsafe { *from.add(lane) } } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: Vector) {
        // SAFETY: the caller guarantees `LANES` values.
        unsafe { to.cast::<Vector>().write_unaligned(vector) }
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, n: usize, vector: Vector) {
        for (lane, value) in vector.into_iter().enumerate().take(n) {
            // SAFETY: the caller guarantees `n` values.
            unsafe { *to.add(lane) = value }
        }
    }

    #[inline(always)]
    unsafe fn mul_add(a: Vector, b: Vector, c: Vector) -> Vector {
        std::array::from_fn(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    unsafe fn add(a: Vector, b: Vector) -> Vector {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(a: Vector, b: Vector) -> Vector {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(a: Vector, b: Vector) -> Vector {
        zip(a, b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn div(a: Vector, b: Vector) -> Vector {
        zip(a, b, |a, b| a / b)
    }

    #[inline(always)]
    unsafe fn sqrt(a: Vector) -> Vector {
        a.map(f32::sqrt)
    }

    #[inline(always)]
    unsafe fn rectify(a: Vector, ceiling: Vector) -> Vector {
        zip(a, ceiling, |value, ceiling| value.clamp(0.0, ceiling))
    }

    #[inline(always)]
    unsafe fn clamp(a: Vector, low: Vector, high: Vector) -> Vector {
        std::array::from_fn(|lane| a[lane].clamp(low[lane], high[lane]))
    }

    #[inline(always)]
    unsafe fn power_of_two(bits: Vector) -> Vector {
        bits.map(|value| f32::from_bits((value.to_bits() << 23).wrapping_add(1.0f32.to_bits())))
    }

    #[inline(always)]
    unsafe fn gate(value: Vector, by: Vector, ceiling: Vector) -> Vector {
        let passes = zip(by, ceiling, |by, ceiling| f32::from(by > 0.0 && by < ceiling));
        zip(value, passes, |value, passes| if passes > 0.0 { value } else { 0.0 })
    }

    #[inline(always)]
    unsafe fn splat_bits(from: *const u8) -> Vector {
        // SAFETY: the caller guarantees 32 bits.
        [f32::from_bits(unsafe { from.cast::<u32>().read_unaligned() }); LANES]
    }

    #[inline(always)]
    unsafe fn first_of_pair(pairs: Vector) -> Vector {
        pairs.map(|pair| f32::from_bits(pair.to_bits() << 16))
    }

    #[inline(always)]
    unsafe fn second_of_pair(pairs: Vector) -> Vector {
        pairs.map(|pair| f32::from_bits(pair.to_bits() & 0xffff_0000))
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, vector: Vector) {
        // SAFETY: the caller guarantees `LANES` values.
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(vector.map(bf16)) }
    }

    #[inline(always)]
    unsafe fn store_bf16_first(to: *mut u16, n: usize, vector: Vector) {
        for (lane, value) in vector.into_iter().enumerate().take(n) {
            // SAFETY: the caller guarantees `n` values.
            unsafe { *to.add(lane) = bf16(value) }
        }
    }
}
