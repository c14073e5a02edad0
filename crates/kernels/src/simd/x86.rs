//! AVX2 with FMA, and AVX-512.

use std::arch::x86_64::{
    __m128i, __m256, __m256bh, __m256i, __m512, __m512bh, _CMP_GT_OQ, _CMP_LT_OQ, _CMP_NLT_UQ,
    _CMP_UNORD_Q, _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps,
    _mm256_and_si256, _mm256_blendv_epi8, _mm256_castps_si256, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_div_ps, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_maskload_ps, _mm256_maskstore_ps, _mm256_max_ps, _mm256_min_ps,
    _mm256_mul_ps, _mm256_or_si256, _mm256_packus_epi32, _mm256_permute4x64_epi64,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32, _mm256_sqrt_ps,
    _mm256_srli_epi32, _mm256_storeu_ps, _mm256_storeu_si256, _mm256_sub_ps, _mm512_add_epi32,
    _mm512_add_ps, _mm512_and_si512, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_epi16, _mm512_cvtepu16_epi32, _mm512_div_ps, _mm512_dpbf16_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_mask_cvtepi32_storeu_epi16, _mm512_mask_or_epi32,
    _mm512_mask_storeu_ps, _mm512_maskz_cvtneps_pbh, _mm512_maskz_loadu_ps, _mm512_maskz_mov_epi32,
    _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_slli_epi32, _mm512_sqrt_ps, _mm512_srli_epi32,
    _mm512_storeu_ps, _mm512_sub_ps,
};

use std::mem::transmute;

use super::{MOST_VECTORS, Simd};
use crate::bf16::SMALLEST;

/// The bits of the second number of a pair.
const SECOND: i32 = 0xffff_0000_u32.cast_signed();
/// All bits but the sign.
const MAGNITUDE: i32 = i32::MAX;
/// The bit that makes a NaN quiet, of a `bfloat16` number.
const QUIET: i32 = 0x40;

/// Sixteen registers of eight numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2;

/// Thirty-two registers of sixteen numbers. `LEVEL`: the instructions it has in addition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512<const LEVEL: u8>;

/// AVX-512 F and BW alone.
pub(crate) const PLAIN: u8 = 0;
/// With instructions for products of bytes.
pub(crate) const WITH_VNNI: u8 = 1;
/// With instructions for `bfloat16`.
pub(crate) const WITH_BF16: u8 = 2;

/// Eight set lanes, then eight unset ones: a mask of `n` lanes starts at `8 - n`.
static LANE_MASKS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[inline(always)]
unsafe fn first_lanes(n: usize) -> __m256i {
    debug_assert!(0 < n && n <= 8);
    // SAFETY: the table has eight values after each of its first nine places; the caller
    // guarantees AVX2.
    unsafe { _mm256_loadu_si256(LANE_MASKS.as_ptr().add(8 - n).cast()) }
}

// Minimum and maximum give their second operand where one of them is NaN, so the value in
// question is the second.
impl Simd for Avx2 {
    type Vector = __m256;
    const LANES: usize = 8;
    const TILE_ROWS: [usize; MOST_VECTORS] = [8, 6, 0];

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m256 {
        // SAFETY: the caller guarantees AVX2; so in all functions below.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m256 {
        // SAFETY: the caller guarantees eight values.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> __m256 {
        // SAFETY: lanes that are not set are not read; the caller guarantees `n` values.
        unsafe { _mm256_maskload_ps(from, first_lanes(n)) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: __m256) {
        // SAFETY: the caller guarantees eight values.
        unsafe { _mm256_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, n: usize, vector: __m256) {
        // SAFETY: lanes that are not set are not written; the caller guarantees `n` values.
        unsafe { _mm256_maskstore_ps(to, first_lanes(n), vector) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: see `splat`; the set includes fused multiplication.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn add(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m256, b: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sqrt(a: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_sqrt_ps(a) }
    }

    #[inline(always)]
    unsafe fn rectify(a: __m256, ceiling: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_min_ps(ceiling, _mm256_max_ps(_mm256_setzero_ps(), a)) }
    }

    #[inline(always)]
    unsafe fn clamp(a: __m256, low: __m256, high: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_min_ps(high, _mm256_max_ps(low, a)) }
    }

    #[inline(always)]
    unsafe fn power_of_two(bits: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe {
            let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(bits));
            let one = _mm256_castps_si256(_mm256_set1_ps(1.0));
            _mm256_castsi256_ps(_mm256_add_epi32(exponent, one))
        }
    }

    #[inline(always)]
    unsafe fn gate(value: __m256, by: __m256, ceiling: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe {
            let above = _mm256_cmp_ps::<_CMP_GT_OQ>(by, _mm256_setzero_ps());
            let below = _mm256_cmp_ps::<_CMP_LT_OQ>(by, ceiling);
            _mm256_and_ps(value, _mm256_and_ps(above, below))
        }
    }

    #[inline(always)]
    unsafe fn splat_bits(from: *const u8) -> __m256 {
        // SAFETY: the caller guarantees 32 bits.
        unsafe { _mm256_castsi256_ps(_mm256_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn first_of_pair(pairs: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(pairs))) }
    }

    #[inline(always)]
    unsafe fn second_of_pair(pairs: __m256) -> __m256 {
        // SAFETY: see `splat`.
        unsafe { _mm256_and_ps(pairs, _mm256_castsi256_ps(_mm256_set1_epi32(SECOND))) }
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, vector: __m256) {
        // SAFETY: the caller guarantees eight values.
        unsafe { _mm_storeu_si128(to.cast(), eight_bf16(vector)) }
    }

    #[inline(always)]
    unsafe fn store_bf16_first(to: *mut u16, n: usize, vector: __m256) {
        // SAFETY: the caller guarantees `n` values.
        unsafe {
            let all: [u16; 8] = transmute(eight_bf16(vector));
            to.copy_from_nonoverlapping(all.as_ptr(), n);
        }
    }
}

/// Eight numbers rounded to `bfloat16`.
#[inline(always)]
unsafe fn eight_bf16(vector: __m256) -> __m128i {
    // SAFETY: the caller guarantees AVX2.
    unsafe {
        let bits = _mm256_castps_si256(vector);
        let high = _mm256_srli_epi32::<16>(bits);
        let odd = _mm256_and_si256(high, _mm256_set1_epi32(1));
        let half = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff));
        let rounded = _mm256_srli_epi32::<16>(_mm256_add_epi32(bits, half));
        let magnitude = _mm256_and_ps(vector, _mm256_castsi256_ps(_mm256_set1_epi32(MAGNITUDE)));
        let kept = _mm256_cmp_ps::<_CMP_NLT_UQ>(magnitude, _mm256_set1_ps(SMALLEST));
        let kept = _mm256_and_si256(rounded, _mm256_castps_si256(kept));
        let is_nan = _mm256_castps_si256(_mm256_cmp_ps::<_CMP_UNORD_Q>(vector, vector));
        let quiet = _mm256_or_si256(high, _mm256_set1_epi32(QUIET));
        let values = _mm256_blendv_epi8(kept, quiet, is_nan);
        let packed = _mm256_packus_epi32(values, values);
        _mm256_castsi256_si128(_mm256_permute4x64_epi64::<0b1000>(packed))
    }
}

#[inline(always)]
fn first_bits(n: usize) -> u16 {
    debug_assert!(0 < n && n <= 16);
    u16::MAX >> (16 - n)
}

impl<const LEVEL: u8> Simd for Avx512<LEVEL> {
    type Vector = __m512;
    const LANES: usize = 16;
    // Sums of twelve rows of two vectors would fit, but the addresses of the rows would not: products
    // then ran at 40 to 70 % of the peak instead of 90 %.
    const TILE_ROWS: [usize; MOST_VECTORS] = [12, 9, 8];

    #[inline(always)]
    unsafe fn splat(value: f32) -> __m512 {
        // SAFETY: the caller guarantees AVX-512; so in all functions below.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> __m512 {
        // SAFETY: the caller guarantees sixteen values.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, n: usize) -> __m512 {
        // SAFETY: lanes that are not set are not read; the caller guarantees `n` values.
        unsafe { _mm512_maskz_loadu_ps(first_bits(n), from) }
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, vector: __m512) {
        // SAFETY: the caller guarantees sixteen values.
        unsafe { _mm512_storeu_ps(to, vector) }
    }

    #[inline(always)]
    unsafe fn store_first(to: *mut f32, n: usize, vector: __m512) {
        // SAFETY: lanes that are not set are not written; the caller guarantees `n` values.
        unsafe { _mm512_mask_storeu_ps(to, first_bits(n), vector) }
    }

    #[inline(always)]
    unsafe fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn add(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sub(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn mul(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn div(a: __m512, b: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_div_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn sqrt(a: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_sqrt_ps(a) }
    }

    #[inline(always)]
    unsafe fn rectify(a: __m512, ceiling: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_min_ps(ceiling, _mm512_max_ps(_mm512_setzero_ps(), a)) }
    }

    #[inline(always)]
    unsafe fn clamp(a: __m512, low: __m512, high: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_min_ps(high, _mm512_max_ps(low, a)) }
    }

    #[inline(always)]
    unsafe fn power_of_two(bits: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe {
            let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(bits));
            let one = _mm512_castps_si512(_mm512_set1_ps(1.0));
            _mm512_castsi512_ps(_mm512_add_epi32(exponent, one))
        }
    }

    #[inline(always)]
    unsafe fn gate(value: __m512, by: __m512, ceiling: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe {
            let above = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(by, _mm512_setzero_ps());
            let below = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(by, ceiling);
            _mm512_maskz_mov_ps(above & below, value)
        }
    }

    #[inline(always)]
    unsafe fn splat_bits(from: *const u8) -> __m512 {
        // SAFETY: the caller guarantees 32 bits.
        unsafe { _mm512_castsi512_ps(_mm512_set1_epi32(from.cast::<i32>().read_unaligned())) }
    }

    #[inline(always)]
    unsafe fn first_of_pair(pairs: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(pairs))) }
    }

    #[inline(always)]
    unsafe fn second_of_pair(pairs: __m512) -> __m512 {
        // SAFETY: see `splat`.
        unsafe {
            let second = _mm512_set1_epi32(SECOND);
            _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(pairs), second))
        }
    }

    #[inline(always)]
    unsafe fn pair_mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: the caller guarantees the instruction set; vectors of pairs have the same bits.
        unsafe {
            if LEVEL == WITH_BF16 {
                let [a, b] = [a, b].map(|pairs| transmute::<__m512, __m512bh>(pairs));
                return _mm512_dpbf16_ps(c, a, b);
            }
            let c = Self::mul_add(Self::second_of_pair(a), Self::second_of_pair(b), c);
            Self::mul_add(Self::first_of_pair(a), Self::first_of_pair(b), c)
        }
    }

    #[inline(always)]
    unsafe fn store_bf16(to: *mut u16, vector: __m512) {
        // SAFETY: the caller guarantees sixteen values.
        unsafe { _mm256_storeu_si256(to.cast(), sixteen_bf16::<LEVEL>(vector)) }
    }

    #[inline(always)]
    unsafe fn store_bf16_first(to: *mut u16, n: usize, vector: __m512) {
        // SAFETY: the caller guarantees `n` values.
        unsafe {
            let values = _mm512_cvtepu16_epi32(sixteen_bf16::<LEVEL>(vector));
            _mm512_mask_cvtepi32_storeu_epi16(to.cast(), first_bits(n), values);
        }
    }
}

/// Sixteen numbers rounded to `bfloat16`.
#[inline(always)]
unsafe fn sixteen_bf16<const LEVEL: u8>(vector: __m512) -> __m256i {
    // SAFETY: the caller guarantees the instruction set; vectors of pairs have the same bits.
    unsafe {
        let bits = _mm512_castps_si512(vector);
        let magnitude = _mm512_and_si512(bits, _mm512_set1_epi32(MAGNITUDE));
        let magnitude = _mm512_castsi512_ps(magnitude);
        let kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(magnitude, _mm512_set1_ps(SMALLEST));
        if LEVEL == WITH_BF16 {
            return transmute::<__m256bh, __m256i>(_mm512_maskz_cvtneps_pbh(kept, vector));
        }
        let high = _mm512_srli_epi32::<16>(bits);
        let odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
        let half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
        let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, half));
        let kept = _mm512_maskz_mov_epi32(kept, rounded);
        let is_nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(vector, vector);
        let values = _mm512_mask_or_epi32(kept, is_nan, high, _mm512_set1_epi32(QUIET));
        _mm512_cvtepi32_epi16(values)
    }
}
