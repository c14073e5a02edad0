//! Weights as signed bytes, in the order in which kernels read them.

use crate::packed::{Format, Packed, Quads};
use crate::quantization::Quantization;
use crate::simd::Simd;

/// The largest weight. -128 is left out, so that both signs have the same bytes.
const LARGEST: f64 = 127.0;
/// The most rows of a matrix of bytes, so that sums of their products fit into 32 bits.
pub const MOST_ROWS: usize = i32::MAX as usize / (255 * 127);

/// The factor from bytes to weights, for weights of which `largest` is the greatest without its sign.
pub(super) fn weight_scale(largest: f64) -> f64 {
    if largest > 0.0 { largest / LARGEST } else { 1.0 }
}

/// A weight as a byte.
pub(super) fn weight(value: f64, scale: f64) -> i8 {
    (value / scale).round_ties_even() as i8
}

/// Four bytes of weights in a word.
pub(super) fn word(weights: [i8; 4]) -> f32 {
    f32::from_bits(u32::from_le_bytes(weights.map(i8::cast_unsigned)))
}

impl Packed {
    /// Packs `matrix` `[k, n]` as bytes, for windows of pieces of `piece` bytes of channels that are
    /// stored with `input`.
    pub(crate) fn quads<S: Simd>(
        matrix: &[f32],
        n: usize,
        piece: usize,
        input: Quantization,
    ) -> Self {
        let (k, channels) = (matrix.len() / n, input.scale.len());
        assert!(
            k <= MOST_ROWS
                && matrix.len() == k * n
                && k.is_multiple_of(piece)
                && piece.is_multiple_of(channels)
        );
        // Weights of bytes: products with them are numbers of the output.
        let of_byte = |row: usize, column: usize| {
            f64::from(matrix[row * n + column]) * f64::from(input.scale[row % channels])
        };
        let largest = |column| (0..k).map(|row| of_byte(row, column).abs()).fold(0.0, f64::max);
        let scales: Vec<f64> = (0..n).map(|column| weight_scale(largest(column))).collect();
        let byte = |row, column: usize| weight(of_byte(row, column), scales[column]);
        let shift = |column| {
            let zeros = (0..k).map(|row| {
                f64::from(input.zero_point[row % channels]) * f64::from(byte(row, column))
            });
            let changes = (0..k).map(|row| {
                let change = f64::from(byte(row, column)) * scales[column] - of_byte(row, column);
                let channel = row % channels;
                change * f64::from(input.mean[channel]) / f64::from(input.scale[channel])
            });
            (-zeros.sum::<f64>() * scales[column] - changes.sum::<f64>()) as f32
        };
        let words_of_piece = piece.div_ceil(4);
        let packed = Self::fill::<S>(k / piece * words_of_piece, n, |at, panel, out| {
            let (first, behind) = (at % words_of_piece * 4, at / words_of_piece * piece);
            for (out, column) in out.iter_mut().take(panel.n_columns).zip(panel.first..) {
                *out = word(std::array::from_fn(|i| {
                    if first + i < piece { byte(behind + first + i, column) } else { 0 }
                }));
            }
        });
        let shift = (0..n).map(shift).collect();
        let scale = scales.iter().map(|scale| *scale as f32).collect();
        let quads = Quads { piece, scale, shift, input };
        Self { k, format: Format::Quads(Box::new(quads)), ..packed }
    }
}
