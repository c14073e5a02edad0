//! Vectors of `f32`, the same few operations for every instruction set.
//!
//! Kernels are written once, generic over [`Simd`]. Every multiplication that is added to a sum is
//! fused ([`Simd::mul_add`]) and vectors lie along channels, never along a sum, so that a result
//! has the same bits at any vector width.
//!
//! Everything here is inlined into functions that are compiled for an instruction set
//! ([`set`](super::set)). A closure or an iterator between the two would be compiled without it, so
//! kernels use neither on vectors.

#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

#[cfg(target_arch = "aarch64")]
pub(super) use neon::Neon;
pub(super) use portable::Portable;
#[cfg(target_arch = "x86_64")]
pub(super) use x86::{Avx2, Avx512};

/// The most vectors side by side in a tile of any set.
pub(super) const MOST_VECTORS: usize = 3;

/// A vector of numbers in the registers of an instruction set.
///
/// # Safety
/// All functions require that the processor has the instruction set; pointers must be valid for
/// the number of values that is read or written, and need no alignment.
pub(super) trait Simd: Copy + Send + Sync + 'static {
    /// A register.
    type Vector: Copy;
    /// Numbers in a register.
    const LANES: usize;
    /// Rows of a tile of one, two and three vectors: as many as the registers hold, with some room,
    /// since a sum that is spilt costs more than a smaller tile. Zero for widths that are not used.
    const TILE_ROWS: [usize; MOST_VECTORS];
    /// Vectors side by side in the widest tile.
    const WIDEST: usize = if Self::TILE_ROWS[2] > 0 { 3 } else { 2 };

    /// The same number in every lane.
    unsafe fn splat(value: f32) -> Self::Vector;
    /// Numbers from memory.
    unsafe fn load(from: *const f32) -> Self::Vector;
    /// The first `n` numbers from memory, `0 < n <= LANES`; zeros in the other lanes.
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
    /// `min(max(a, 0), ceiling)`; what is no number stays none.
    unsafe fn rectify(a: Self::Vector, ceiling: Self::Vector) -> Self::Vector;
    /// `value` in the lanes where `0 < by < ceiling`, zero in the others: the gradient of what
    /// [`rectify`](Self::rectify) made `by` of.
    unsafe fn gate(value: Self::Vector, by: Self::Vector, ceiling: Self::Vector) -> Self::Vector;
}

/// All lanes, or where `PART` the first `n`.
///
/// # Safety
/// As [`Simd::load`] and [`Simd::load_first`].
#[inline(always)]
pub(super) unsafe fn load<S: Simd, const PART: bool>(from: *const f32, n: usize) -> S::Vector {
    // SAFETY: passed on to the caller.
    unsafe { if PART { S::load_first(from, n) } else { S::load(from) } }
}

/// Writes all lanes, or where `PART` the first `n`.
///
/// # Safety
/// As [`Simd::store`] and [`Simd::store_first`].
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const PART: bool>(to: *mut f32, n: usize, vector: S::Vector) {
    // SAFETY: passed on to the caller.
    unsafe {
        if PART {
            S::store_first(to, n, vector);
        } else {
            S::store(to, vector);
        }
    }
}
