//! Packed weights, in the order in which the product kernel reads them.

use rayon::prelude::*;

use super::aligned::Aligned;
use super::bf16::bf16;
use super::quantization::Quantization;
use super::simd::Simd;

/// From this many weights on, packing is parallel.
const LARGE: usize = 16 * 1024;

/// A panel: adjacent columns that a tile computes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Panel {
    /// The first column.
    pub(super) first: usize,
    /// The number of vectors side by side.
    pub(super) n_vectors: usize,
    /// The number of columns; only in the last panel fewer than lanes.
    pub(super) n_columns: usize,
}

/// Cuts `n` columns into panels with the vectors of the widest tile. If a single vector would
/// remain, the row ends with two panels of two vectors.
pub(super) fn panels<S: Simd>(n: usize) -> Vec<Panel> {
    let n_vectors = n.div_ceil(S::LANES);
    let mut panels = vec![];
    let mut done = 0;
    while done < n_vectors {
        let width = match n_vectors - done {
            4 => 2,
            left => left.min(S::WIDEST),
        };
        let first = done * S::LANES;
        let n_columns = (width * S::LANES).min(n - first);
        panels.push(Panel { first, n_vectors: width, n_columns });
        done += width;
    }
    panels
}

/// What the words of a packed matrix are.
#[derive(Debug)]
pub(super) enum Format {
    /// Numbers.
    Numbers,
    /// Pairs of `bfloat16` numbers from neighboring rows. A piece has `piece` rows; one of an odd number
    /// of rows ends with a row of zeros.
    Pairs { piece: usize },
    /// Four bytes from neighboring rows.
    Quads(Box<Quads>),
}

/// Weights as bytes, for products with bytes that are stored with `input`. A number of the output is
/// `sum · scale + shift`. Pieces of `piece` rows are filled up with zeros.
#[derive(Debug)]
pub(super) struct Quads {
    pub(super) piece: usize,
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
    pub(super) input: Quantization,
}

/// A matrix `[k, n]`, cut into panels: each panel row by row, padded with zeros to whole vectors.
#[derive(Debug)]
pub struct Packed {
    pub(super) values: Aligned,
    pub(super) format: Format,
    pub(super) panels: Vec<Panel>,
    pub(super) lanes: usize,
    pub(super) k: usize,
    pub(super) n: usize,
}

impl Packed {
    /// Packs `matrix` `[k, n]`, each column multiplied by its `scale`.
    pub(super) fn new<S: Simd>(matrix: &[f32], n: usize, scale: Option<&[f32]>) -> Self {
        let k = matrix.len() / n;
        assert!(matrix.len() == k * n && scale.is_none_or(|scale| scale.len() == n));
        Self::fill::<S>(k, n, |row, panel, out| {
            let columns = panel.first..panel.first + panel.n_columns;
            let values = &matrix[row * n..][columns.clone()];
            match scale {
                Some(scale) => {
                    for ((out, value), scale) in out.iter_mut().zip(values).zip(&scale[columns]) {
                        *out = value * scale;
                    }
                }
                None => out[..values.len()].copy_from_slice(values),
            }
        })
    }

    /// Packs the transpose of `matrix` `[n, k]`, each of its columns multiplied by its `scale`
    /// before: a matrix `[k, n]`.
    pub(super) fn transposed<S: Simd>(matrix: &[f32], k: usize, scale: Option<&[f32]>) -> Self {
        let n = matrix.len() / k;
        assert!(matrix.len() == k * n && scale.is_none_or(|scale| scale.len() == k));
        Self::fill::<S>(k, n, |row, panel, out| {
            let scale = scale.map_or(1.0, |scale| scale[row]);
            for (out, column) in out.iter_mut().take(panel.n_columns).zip(panel.first..) {
                *out = matrix[column * k + row] * scale;
            }
        })
    }

    /// Packs the values that `row` writes for each row of each panel.
    pub(super) fn fill<S: Simd>(
        k: usize,
        n: usize,
        row: impl Fn(usize, Panel, &mut [f32]) + Sync,
    ) -> Self {
        let lanes = S::LANES;
        let panels = panels::<S>(n);
        let mut values = Aligned::zeros(k * n.div_ceil(lanes) * lanes);
        let mut rest = values.as_mut();
        let mut pieces = vec![];
        for panel in &panels {
            let (piece, behind) = rest.split_at_mut(k * panel.n_vectors * lanes);
            pieces.push((*panel, piece));
            rest = behind;
        }
        let pack = |(panel, piece): (Panel, &mut [f32])| {
            for (index, out) in piece.chunks_exact_mut(panel.n_vectors * lanes).enumerate() {
                row(index, panel, out);
            }
        };
        if k * n >= LARGE {
            pieces.into_par_iter().for_each(pack);
        } else {
            pieces.into_iter().for_each(pack);
        }
        Self { values, format: Format::Numbers, panels, lanes, k, n }
    }

    /// Rows of vectors in each panel.
    pub(super) fn n_rows(&self) -> usize {
        match self.format {
            Format::Numbers => self.k,
            Format::Pairs { piece } => self.k / piece * piece.div_ceil(2),
            Format::Quads(ref quads) => self.k / quads.piece * quads.piece.div_ceil(4),
        }
    }

    /// The numbers rounded to `bfloat16`, in pairs of neighboring rows in each piece of `piece` rows.
    pub(super) fn in_pairs(self, piece: usize) -> Self {
        assert!(matches!(self.format, Format::Numbers) && self.k.is_multiple_of(piece));
        let numbers = self.values;
        let paired = Self { format: Format::Pairs { piece }, values: Aligned::default(), ..self };
        let mut values =
            Aligned::zeros(paired.n_rows() * paired.n.div_ceil(paired.lanes) * paired.lanes);
        let mut rest = (numbers.as_ref(), values.as_mut());
        let mut tasks = vec![];
        for panel in &paired.panels {
            let width = panel.n_vectors * paired.lanes;
            let (from, from_rest) = rest.0.split_at(paired.k * width);
            let (to, to_rest) = rest.1.split_at_mut(paired.n_rows() * width);
            tasks.push((width, from, to));
            rest = (from_rest, to_rest);
        }
        let pair = |(width, from, to): (usize, &[f32], &mut [f32])| {
            let pieces = to.chunks_exact_mut(piece.div_ceil(2) * width);
            for (to, from) in pieces.zip(from.chunks_exact(piece * width)) {
                for (to, rows) in to.chunks_exact_mut(width).zip(from.chunks(2 * width)) {
                    let (first, second) = rows.split_at(width);
                    let second = second.iter().copied().chain(std::iter::repeat(0.0));
                    for (to, (first, second)) in to.iter_mut().zip(first.iter().zip(second)) {
                        let pair = u32::from(bf16(*first)) | u32::from(bf16(second)) << 16;
                        *to = f32::from_bits(pair);
                    }
                }
            }
        };
        if paired.k * paired.n >= LARGE {
            tasks.into_par_iter().for_each(pair);
        } else {
            tasks.into_iter().for_each(pair);
        }
        Self { values, ..paired }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Portable;

    /// Arbitrary lanes and rows, because panels depend only on the widest tile.
    fn widths<S: Simd>(n_vectors: usize) -> Vec<usize> {
        panels::<S>(n_vectors * S::LANES).iter().map(|panel| panel.n_vectors).collect()
    }

    #[test]
    fn panels_cover_all_columns() {
        assert_eq!(widths::<Portable>(1), [1]);
        assert_eq!(widths::<Portable>(5), [2, 2, 1]);
        let last = panels::<Portable>(14).pop();
        assert_eq!(last, Some(Panel { first: 8, n_vectors: 2, n_columns: 6 }));
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn three_vectors_leave_no_single_one_over() {
        use crate::simd::{Avx512, PLAIN};
        assert_eq!(widths::<Avx512<PLAIN>>(4), [2, 2]);
        assert_eq!(widths::<Avx512<PLAIN>>(5), [3, 2]);
        assert_eq!(widths::<Avx512<PLAIN>>(7), [3, 2, 2]);
        assert_eq!(widths::<Avx512<PLAIN>>(9), [3, 3, 3]);
    }

    #[test]
    fn a_transpose_is_packed_as_the_matrix_it_stands_for() {
        let (k, n) = (5, 7);
        let scale: Vec<f32> = (0..k).map(|i| i as f32 + 0.5).collect();
        let matrix: Vec<f32> = (0..n * k).map(|i| i as f32).collect();
        let transpose: Vec<f32> =
            (0..k * n).map(|i| matrix[i % n * k + i / n] * scale[i / n]).collect();
        let packed = Packed::transposed::<Portable>(&matrix, k, Some(&scale));
        let expected = Packed::new::<Portable>(&transpose, n, None);
        assert_eq!(packed.values.as_ref(), expected.values.as_ref());
    }
}
