//! Values as bytes, with a scale and a zero point for each channel.

use super::set::Micro;
use super::simd::{ByteSimd, load, unrolled};

/// The largest byte, as a number.
pub(super) const LARGEST: f32 = 255.0;
/// Parameters are repeated until they are a multiple of this, or of this many channels, so that vectors
/// are full.
const PERIOD: usize = 64;

/// What is known about the values of a channel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChannelRange {
    /// The smallest value that is stored.
    pub low: f32,
    /// The largest value that is stored.
    pub high: f32,
    /// The mean of the values. Products are corrected by what rounded weights change for it.
    pub mean: f32,
}

/// How values are stored as bytes: `value = scale · (byte - zero point)`, for each channel.
#[derive(Clone, Debug)]
pub struct Quantization {
    pub(super) scale: Vec<f32>,
    pub(super) zero_point: Vec<f32>,
    pub(super) mean: Vec<f32>,
    /// Numbers per unit and zero points, several times one after the other.
    repeated: [Vec<f32>; 2],
}

impl Quantization {
    /// Bytes for values between two bounds, for each channel. Zero is stored exactly, because it is what
    /// images are padded with. Values outside are stored as the nearest bound.
    pub fn of_ranges(ranges: impl IntoIterator<Item = ChannelRange>) -> Self {
        let ranges = ranges.into_iter();
        let (scale, (zero_point, mean)): (Vec<f32>, (Vec<f32>, Vec<f32>)) = ranges
            .map(|ChannelRange { low, high, mean }| {
                let (low, high) = (low.min(0.0), high.max(0.0));
                let scale = (high - low) / LARGEST;
                // A channel that is always zero, or nearly, has no scale.
                let has_scale = scale.is_normal() && (1.0 / scale).is_normal();
                let scale = if has_scale { scale } else { 1.0 };
                (scale, ((-low / scale).round_ties_even(), mean))
            })
            .unzip();
        let n_times = (1..=PERIOD).find(|n| (n * scale.len()).is_multiple_of(PERIOD));
        let repeated = |values: Vec<f32>| values.repeat(n_times.unwrap_or(1));
        let per_unit = scale.iter().map(|scale| 1.0 / scale).collect();
        let repeated = [repeated(per_unit), repeated(zero_point.clone())];
        Self { scale, zero_point, mean, repeated }
    }

    /// The same for more channels, which are always zero.
    #[must_use]
    pub fn padded(&self, n_channels: usize) -> Self {
        let channels = self.scale.iter().zip(&self.zero_point).zip(&self.mean);
        let ranges = channels.map(|((scale, zero), mean)| {
            let (low, high) = (-scale * zero, scale * (LARGEST - zero));
            ChannelRange { low, high, mean: *mean }
        });
        let none = std::iter::repeat(ChannelRange::default());
        Self::of_ranges(ranges.chain(none).take(n_channels))
    }

    /// The scale of each channel.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }
}

/// `n` values of a few channels, and where they are written as bytes.
pub(super) struct QuantizeJob {
    n: usize,
    values: *const f32,
    /// The number of parameters, which repeat.
    period: usize,
    per_unit: *const f32,
    zero_point: *const f32,
    out: *mut u8,
}

/// The room for `n` bytes, and for a vector behind them, in words.
pub(super) fn room(n: usize) -> usize {
    n.div_ceil(4) + 16
}

/// Writes values, channels innermost, as bytes to the beginning of `out`.
///
/// # Panics
/// When `out` has not the room that [`room`] asks for.
pub(super) fn quantize<S: Micro>(values: &[f32], quantization: &Quantization, out: &mut [f32]) {
    assert!(out.len() >= room(values.len()));
    let [per_unit, zero_point] = &quantization.repeated;
    let job = QuantizeJob {
        n: values.len(),
        values: values.as_ptr(),
        period: per_unit.len(),
        per_unit: per_unit.as_ptr(),
        zero_point: zero_point.as_ptr(),
        out: out.as_mut_ptr().cast(),
    };
    // SAFETY: values and room are as long as the job says; both lists of parameters are as long.
    unsafe { S::quantize(&job) }
}

/// # Safety
/// The processor has the instruction set, and the job's pointers are valid for its sizes, with room for a
/// vector behind the output.
#[inline(always)]
pub(super) unsafe fn quantize_all<S: ByteSimd>(job: &QuantizeJob) {
    let mut first = 0;
    while first < job.n {
        let n = job.period.min(job.n - first);
        let mut at = 0;
        // SAFETY: `first + at` stays below `n`, and `at` below the period.
        unsafe {
            while at + 4 * S::LANES <= n {
                quantize_vectors::<S, false>(job, first, at, n);
                at += 4 * S::LANES;
            }
            if at < n {
                quantize_vectors::<S, true>(job, first, at, n);
            }
        }
        first += n;
    }
}

/// Four vectors from `at` on, of `n` values after `first`.
#[inline(always)]
unsafe fn quantize_vectors<S: ByteSimd, const PART: bool>(
    job: &QuantizeJob,
    first: usize,
    at: usize,
    n: usize,
) {
    // SAFETY: the caller guarantees `n` values and parameters, and room for a vector.
    unsafe {
        let mut numbers = [S::splat(0.0); 4];
        unrolled!([0 1 2 3], 4, i => {
            let at = at + i * S::LANES;
            if !PART || at < n {
                let n = (n - at).min(S::LANES);
                let value = load::<S, PART>(job.values.add(first + at), n);
                let per_unit = load::<S, PART>(job.per_unit.add(at), n);
                let zero_point = load::<S, PART>(job.zero_point.add(at), n);
                numbers[i] = S::mul_add(value, per_unit, zero_point);
            }
        });
        S::store(job.out.add(first + at).cast(), S::to_bytes(numbers));
    }
}

/// Working memory as bytes, four times as many.
pub(super) fn as_bytes(values: &mut [f32]) -> &mut [u8] {
    let (start, len) = (values.as_mut_ptr(), 4 * values.len());
    // SAFETY: the same memory for the same time, of which every content is a number of either type; the
    // alignment of `u8` is smaller.
    unsafe { std::slice::from_raw_parts_mut(start.cast(), len) }
}
