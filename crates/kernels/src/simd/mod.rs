//! Vectors of `f32`, the same few operations for every instruction set.
//!
//! Kernels are written once, generic over [`Simd`]. Every multiply-add is fused
//! ([`Simd::mul_add`]), and vectors run along channels, never along a sum. So results have the same
//! bits at any vector width.
//!
//! Everything here is inlined into functions that are compiled for an instruction set
//! ([`set`](super::set)). A closure or an iterator in between would be compiled without that set,
//! so kernels do not use them on vectors.

mod bytes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use bytes::ByteSimd;
#[cfg(target_arch = "aarch64")]
pub(super) use neon::Neon;
pub(super) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512, PLAIN, WITH_BF16, WITH_VNNI};

/// The maximum number of vectors side by side in a tile of any set.
pub(super) const MOST_VECTORS: usize = 3;

/// A vector of numbers in the registers of an instruction set.
///
/// # Safety
/// All functions require that the processor has the instruction set; pointers must be valid for
/// the number of values that is read or written, and need no alignment.
pub(super) trait Simd: Copy + Send + Sync + 'static {
    /// A register.
    type Vector: Copy;
    /// The number of values in a register.
    const LANES: usize;
    /// The rows of a tile with one, two and three vectors: as many as the registers hold, with some
    /// to spare, because a spilled sum costs more than a smaller tile. Zero for unused widths.
    const TILE_ROWS: [usize; MOST_VECTORS];
    /// The number of vectors side by side in the widest tile.
    const WIDEST: usize = if Self::TILE_ROWS[2] > 0 { 3 } else { 2 };

    /// The same number in every lane.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// Loads numbers from memory.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// Loads the first `n` numbers from memory, `0 < n <= LANES`; zeros in the other lanes.
    unsafe fn load_first(from: *const f32, n: usize) -> Self::Vector;
    /// Writes all lanes.
    unsafe fn store(to: *mut f32, vector: Self::Vector);
    /// Writes the first `n` lanes, `0 < n <= LANES`.
    unsafe fn store_first(to: *mut f32, n: usize, vector: Self::Vector);
    /// `a · b + c`, rounded once where the instruction set can.
    unsafe fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// `a + b`.
    unsafe fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a - b`.
    unsafe fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a · b`.
    unsafe fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// `a / b`.
    unsafe fn div(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The square root.
    unsafe fn sqrt(a: Self::Vector) -> Self::Vector;
    /// `min(max(a, 0), ceiling)`; NaN stays NaN.
    unsafe fn rectify(a: Self::Vector, ceiling: Self::Vector) -> Self::Vector;
    /// `min(max(a, low), high)`; NaN stays NaN.
    unsafe fn clamp(a: Self::Vector, low: Self::Vector, high: Self::Vector) -> Self::Vector;
    /// Two to the power of the integer in the last bits of each lane, between -126 and 127.
    unsafe fn power_of_two(bits: Self::Vector) -> Self::Vector;
    /// `value` in the lanes where `0 < by < ceiling`, zero in the others: the gradient of
    /// [`rectify`](Self::rectify), with its output `by`.
    unsafe fn gate(value: Self::Vector, by: Self::Vector, ceiling: Self::Vector) -> Self::Vector;

    /// Loads 32 bits into every lane: two neighboring `bfloat16` numbers, or four bytes.
    unsafe fn splat_bits(from: *const u8) -> Self::Vector;
    /// The first number of the pair in each lane.
    unsafe fn first_of_pair(pairs: Self::Vector) -> Self::Vector;
    /// The second number of the pair in each lane.
    unsafe fn second_of_pair(pairs: Self::Vector) -> Self::Vector;
    /// Adds the products of pairs to `c`: that of the second numbers, then that of the first. Each sum
    /// is rounded; a product of two `bfloat16` numbers is exact.
    #[inline(always)]
    unsafe fn pair_mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector {
        // SAFETY: the caller guarantees the instruction set.
        unsafe {
            let c = Self::mul_add(Self::second_of_pair(a), Self::second_of_pair(b), c);
            Self::mul_add(Self::first_of_pair(a), Self::first_of_pair(b), c)
        }
    }
    /// Writes all lanes as `bfloat16`, rounded as [`bf16`](crate::bf16::bf16) does.
    unsafe fn store_bf16(to: *mut u16, vector: Self::Vector);
    /// Writes the first `n` lanes as `bfloat16`, `0 < n <= LANES`.
    unsafe fn store_bf16_first(to: *mut u16, n: usize, vector: Self::Vector);
}

/// Loads all lanes, or the first `n` if `PART`.
///
/// # Safety
/// As [`Simd::load`] and [`Simd::load_first`].
#[inline(always)]
pub(super) unsafe fn load<S: Simd, const PART: bool>(from: *const f32, n: usize) -> S::Vector {
    // SAFETY: the caller guarantees the same conditions.
    unsafe { if PART { S::load_first(from, n) } else { S::load(from) } }
}

/// Writes all lanes, or the first `n` if `PART`.
///
/// # Safety
/// As [`Simd::store`] and [`Simd::store_first`].
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const PART: bool>(to: *mut f32, n: usize, vector: S::Vector) {
    // SAFETY: the caller guarantees the same conditions.
    unsafe {
        if PART {
            S::store_first(to, n, vector);
        } else {
            S::store(to, vector);
        }
    }
}

/// Runs `$work` for all columns, with the column and whether its vector is partial.
macro_rules! over_columns {
    ($simd:ident, $n:expr, $work:ident($($argument:expr),*)) => {{
        let mut column = 0;
        while column + $simd::LANES <= $n {
            $work::<$simd, false>($($argument,)* column);
            column += $simd::LANES;
        }
        if column < $n {
            $work::<$simd, true>($($argument,)* column);
        }
    }};
}
pub(super) use over_columns;

/// Runs `$work` with `$i` as each of the literals that are less than `$n`. Without a loop: the compiler
/// keeps arrays of vectors in registers if all indices are constants from the start, and else as it
/// happens.
macro_rules! unrolled {
    ([$($at:literal)+], $n:expr, $i:ident => $work:expr) => {
        $(if const { $at < $n } {
            let $i = $at;
            $work;
        })+
    };
}
pub(super) use unrolled;
