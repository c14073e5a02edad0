//! Vectors of bytes, four in each lane, and of the integers that their products add up to.
//!
//! A register is the same as one of `f32` ([`Simd`]); what its lanes hold depends on the operation.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m256, __m256i, __m512, __m512i, _mm_setr_epi8, _mm_srli_si128, _mm_storel_epi64,
    _mm_storeu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_castps_si256, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_extracti128_si256,
    _mm256_madd_epi16, _mm256_min_ps, _mm256_packs_epi32, _mm256_packus_epi16,
    _mm256_permutevar8x32_epi32, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi8,
    _mm256_setr_epi32, _mm256_shuffle_epi8, _mm256_slli_epi16, _mm256_srai_epi16,
    _mm256_srli_epi16, _mm512_add_epi32, _mm512_and_si512, _mm512_broadcast_i32x4,
    _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cvtepi32_ps, _mm512_cvtps_epi32,
    _mm512_dpbusd_epi32, _mm512_extracti32x4_epi32, _mm512_madd_epi16, _mm512_min_ps,
    _mm512_packs_epi32, _mm512_packus_epi16, _mm512_permutexvar_epi32, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setr_epi32, _mm512_shuffle_epi8, _mm512_slli_epi16, _mm512_srai_epi16,
    _mm512_srli_epi16,
};

#[cfg(target_arch = "x86_64")]
use super::{Avx2, Avx512, WITH_VNNI};
use super::{Portable, Simd};

/// The largest byte, as a number.
const LARGEST: f32 = 255.0;

/// Operations on bytes and integers.
///
/// # Safety
/// As [`Simd`].
pub(crate) trait ByteSimd: Simd {
    /// Adds to each integer of `c` the products of the four bytes of a lane: unsigned ones of `a` with
    /// signed ones of `b`. The sum is exact.
    unsafe fn quad_mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    /// The sums of integers.
    unsafe fn add_integers(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// The nearest numbers to integers, of two equally near ones the even one.
    unsafe fn of_integers(a: Self::Vector) -> Self::Vector;
    /// The nearest bytes to numbers, of two equally near ones the even one: those of the first register,
    /// then those of the second, and so on.
    unsafe fn to_bytes(numbers: [Self::Vector; 4]) -> Self::Vector;
    /// The nearest bytes to numbers: in each lane those of the same lane, of the first register in its
    /// lowest byte.
    unsafe fn to_quads(numbers: [Self::Vector; 4]) -> Self::Vector;
    /// Writes the first `n` quarters of a register, `step` bytes apart.
    unsafe fn store_quarters(to: *mut u8, step: usize, n: usize, bytes: Self::Vector);
}

/// The sum of `c` and the products of four bytes.
#[inline(always)]
fn quad(a: u32, b: u32, c: i32) -> i32 {
    let products = a.to_le_bytes().into_iter().zip(b.to_le_bytes());
    products.fold(c, |sum, (a, b)| sum.wrapping_add(i32::from(a) * i32::from(b.cast_signed())))
}

/// The nearest byte. NaN becomes zero.
#[inline(always)]
fn byte(value: f32) -> u8 {
    value.clamp(0.0, LARGEST).round_ties_even() as u8
}

/// The lanes of a register of four.
#[inline(always)]
unsafe fn lanes<S: Simd>(vector: S::Vector) -> [f32; 4] {
    let mut lanes = [0.0; 4];
    // SAFETY: the caller guarantees the instruction set and four lanes.
    unsafe { S::store(lanes.as_mut_ptr(), vector) }
    lanes
}

/// A register of four lanes.
#[inline(always)]
unsafe fn of_lanes<S: Simd>(lanes: [f32; 4]) -> S::Vector {
    // SAFETY: the caller guarantees the instruction set and four lanes.
    unsafe { S::load(lanes.as_ptr()) }
}

#[inline(always)]
fn joined(bytes: [u8; 4]) -> f32 {
    f32::from_bits(u32::from_le_bytes(bytes))
}

/// Implements [`ByteSimd`] lane by lane, for registers of four.
macro_rules! lane_by_lane {
    ($set:ty) => {
        impl ByteSimd for $set {
            #[inline(always)]
            unsafe fn quad_mul_add(
                a: Self::Vector,
                b: Self::Vector,
                c: Self::Vector,
            ) -> Self::Vector {
                // SAFETY: the set has four lanes; so in all functions below.
                unsafe {
                    let [a, b, c] = [a, b, c].map(|v| lanes::<Self>(v).map(f32::to_bits));
                    of_lanes::<Self>(std::array::from_fn(|lane| {
                        let sum = quad(a[lane], b[lane], c[lane].cast_signed());
                        f32::from_bits(sum.cast_unsigned())
                    }))
                }
            }

            #[inline(always)]
            unsafe fn add_integers(a: Self::Vector, b: Self::Vector) -> Self::Vector {
                // SAFETY: see `quad_mul_add`.
                unsafe {
                    let [a, b] = [a, b].map(|v| lanes::<Self>(v).map(f32::to_bits));
                    of_lanes::<Self>(std::array::from_fn(|lane| {
                        f32::from_bits(a[lane].wrapping_add(b[lane]))
                    }))
                }
            }

            #[inline(always)]
            unsafe fn of_integers(a: Self::Vector) -> Self::Vector {
                // SAFETY: see `quad_mul_add`.
                unsafe {
                    let integers = lanes::<Self>(a).map(|lane| lane.to_bits().cast_signed());
                    of_lanes::<Self>(integers.map(|integer| integer as f32))
                }
            }

            #[inline(always)]
            unsafe fn to_bytes(numbers: [Self::Vector; 4]) -> Self::Vector {
                // SAFETY: see `quad_mul_add`.
                unsafe {
                    let bytes = numbers.map(|numbers| joined(lanes::<Self>(numbers).map(byte)));
                    of_lanes::<Self>(bytes)
                }
            }

            #[inline(always)]
            unsafe fn to_quads(numbers: [Self::Vector; 4]) -> Self::Vector {
                // SAFETY: see `quad_mul_add`.
                unsafe {
                    let numbers = numbers.map(|numbers| lanes::<Self>(numbers));
                    of_lanes::<Self>(std::array::from_fn(|lane| {
                        joined(numbers.map(|numbers| byte(numbers[lane])))
                    }))
                }
            }

            #[inline(always)]
            unsafe fn store_quarters(to: *mut u8, step: usize, n: usize, bytes: Self::Vector) {
                // SAFETY: see `quad_mul_add`; the caller guarantees the room.
                unsafe {
                    for (at, quarter) in lanes::<Self>(bytes).into_iter().enumerate().take(n) {
                        let quarter = quarter.to_bits().to_le_bytes();
                        to.add(at * step).cast::<[u8; 4]>().write_unaligned(quarter);
                    }
                }
            }
        }
    };
}

lane_by_lane!(Portable);
#[cfg(target_arch = "aarch64")]
lane_by_lane!(super::Neon);

/// Eight bytes of each register, saturated: in each half those of its four integers, one register after
/// the other.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn packed_of_eight([a, b, c, d]: [__m256; 4]) -> __m256i {
    // SAFETY: the caller guarantees AVX2.
    unsafe {
        // The second operand of a minimum stays if it is NaN, which becomes zero.
        let largest = _mm256_set1_ps(LARGEST);
        let [a, b] = [a, b].map(|v| _mm256_cvtps_epi32(_mm256_min_ps(largest, v)));
        let [c, d] = [c, d].map(|v| _mm256_cvtps_epi32(_mm256_min_ps(largest, v)));
        _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d))
    }
}

#[cfg(target_arch = "x86_64")]
impl ByteSimd for Avx2 {
    // Not with the instruction for products of bytes, which saturates.
    #[inline(always)]
    unsafe fn quad_mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: the caller guarantees AVX2; so in all functions below.
        unsafe {
            let [a, b, c] = [a, b, c].map(|v| _mm256_castps_si256(v));
            let even = _mm256_and_si256(a, _mm256_set1_epi32(0x00ff_00ff));
            let odd = _mm256_srli_epi16::<8>(a);
            let b_even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(b));
            let b_odd = _mm256_srai_epi16::<8>(b);
            let sums = _mm256_add_epi32(c, _mm256_madd_epi16(even, b_even));
            _mm256_castsi256_ps(_mm256_add_epi32(sums, _mm256_madd_epi16(odd, b_odd)))
        }
    }

    #[inline(always)]
    unsafe fn add_integers(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see `quad_mul_add`.
        unsafe {
            let sums = _mm256_add_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b));
            _mm256_castsi256_ps(sums)
        }
    }

    #[inline(always)]
    unsafe fn of_integers(a: __m256) -> __m256 {
        // SAFETY: see `quad_mul_add`.
        unsafe { _mm256_cvtepi32_ps(_mm256_castps_si256(a)) }
    }

    #[inline(always)]
    unsafe fn to_bytes(numbers: [__m256; 4]) -> __m256 {
        // SAFETY: see `quad_mul_add`.
        unsafe {
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let bytes = _mm256_permutevar8x32_epi32(packed_of_eight(numbers), order);
            _mm256_castsi256_ps(bytes)
        }
    }

    #[inline(always)]
    unsafe fn to_quads(numbers: [__m256; 4]) -> __m256 {
        // SAFETY: see `quad_mul_add`.
        unsafe {
            let order = _mm256_setr_epi8(
                0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15, //
                0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15,
            );
            _mm256_castsi256_ps(_mm256_shuffle_epi8(packed_of_eight(numbers), order))
        }
    }

    #[inline(always)]
    unsafe fn store_quarters(to: *mut u8, step: usize, n: usize, bytes: __m256) {
        // SAFETY: see `quad_mul_add`; the caller guarantees the room.
        unsafe {
            let bytes = _mm256_castps_si256(bytes);
            let (low, high) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
            let quarters = [low, _mm_srli_si128::<8>(low), high, _mm_srli_si128::<8>(high)];
            for (at, quarter) in quarters.into_iter().enumerate() {
                if at < n {
                    _mm_storel_epi64(to.add(at * step).cast(), quarter);
                }
            }
        }
    }
}

/// Sixteen bytes of each register, as [`packed_of_eight`].
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn packed_of_sixteen([a, b, c, d]: [__m512; 4]) -> __m512i {
    // SAFETY: the caller guarantees AVX-512 BW.
    unsafe {
        let largest = _mm512_set1_ps(LARGEST);
        let [a, b] = [a, b].map(|v| _mm512_cvtps_epi32(_mm512_min_ps(largest, v)));
        let [c, d] = [c, d].map(|v| _mm512_cvtps_epi32(_mm512_min_ps(largest, v)));
        _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d))
    }
}

#[cfg(target_arch = "x86_64")]
impl<const LEVEL: u8> ByteSimd for Avx512<LEVEL> {
    #[inline(always)]
    unsafe fn quad_mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the caller guarantees the instruction set; so in all functions below.
        unsafe {
            let [a, b, c] = [a, b, c].map(|v| _mm512_castps_si512(v));
            if LEVEL == WITH_VNNI {
                return _mm512_castsi512_ps(_mm512_dpbusd_epi32(c, a, b));
            }
            let even = _mm512_and_si512(a, _mm512_set1_epi32(0x00ff_00ff));
            let odd = _mm512_srli_epi16::<8>(a);
            let b_even = _mm512_srai_epi16::<8>(_mm512_slli_epi16::<8>(b));
            let b_odd = _mm512_srai_epi16::<8>(b);
            let sums = _mm512_add_epi32(c, _mm512_madd_epi16(even, b_even));
            _mm512_castsi512_ps(_mm512_add_epi32(sums, _mm512_madd_epi16(odd, b_odd)))
        }
    }

    #[inline(always)]
    unsafe fn add_integers(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `quad_mul_add`.
        unsafe {
            let sums = _mm512_add_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b));
            _mm512_castsi512_ps(sums)
        }
    }

    #[inline(always)]
    unsafe fn of_integers(a: __m512) -> __m512 {
        // SAFETY: see `quad_mul_add`.
        unsafe { _mm512_cvtepi32_ps(_mm512_castps_si512(a)) }
    }

    #[inline(always)]
    unsafe fn to_bytes(numbers: [__m512; 4]) -> __m512 {
        // SAFETY: see `quad_mul_add`.
        unsafe {
            let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            let bytes = _mm512_permutexvar_epi32(order, packed_of_sixteen(numbers));
            _mm512_castsi512_ps(bytes)
        }
    }

    #[inline(always)]
    unsafe fn to_quads(numbers: [__m512; 4]) -> __m512 {
        // SAFETY: see `quad_mul_add`.
        unsafe {
            let order = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
            let order = _mm512_broadcast_i32x4(order);
            _mm512_castsi512_ps(_mm512_shuffle_epi8(packed_of_sixteen(numbers), order))
        }
    }

    #[inline(always)]
    unsafe fn store_quarters(to: *mut u8, step: usize, n: usize, bytes: __m512) {
        // SAFETY: see `quad_mul_add`; the caller guarantees the room.
        unsafe {
            let bytes = _mm512_castps_si512(bytes);
            let quarters = [
                _mm512_extracti32x4_epi32::<0>(bytes),
                _mm512_extracti32x4_epi32::<1>(bytes),
                _mm512_extracti32x4_epi32::<2>(bytes),
                _mm512_extracti32x4_epi32::<3>(bytes),
            ];
            for (at, quarter) in quarters.into_iter().enumerate() {
                if at < n {
                    _mm_storeu_si128(to.add(at * step).cast(), quarter);
                }
            }
        }
    }
}
