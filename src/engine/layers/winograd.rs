//! Filters of dense convolutions, packed for the way that computes them fastest, and 3x3 convolutions by
//! Winograd's algorithm ([`alpaca_kernels::WinogradFilters`]).

use alpaca_kernels::{
    Epilogue, Kernels, Out, PLACES, Packed, Padding, Window, WinogradFilters, with_scratch,
};

use super::unfold::Unfold;

/// The tiles that are transformed and multiplied together.
const TILES: usize = 64;
/// From this many channels of input and output on, the transforms cost less than they save.
const CHANNELS: usize = 32;

/// Packed filters of a dense convolution.
#[derive(Debug)]
pub(in crate::engine) enum PackedFilters {
    /// A matrix `[kernel · kernel · k, n]`.
    Direct(Packed),
    /// Transformed 3x3 filters.
    Winograd(WinogradFilters),
}

impl PackedFilters {
    /// Packs filters `[kernel · kernel · k, n]` for images of `shape`, each column multiplied by its
    /// `scale`.
    pub(in crate::engine) fn new(
        kernels: Kernels,
        unfold: Unfold,
        filters: &[f32],
        n: usize,
        scale: Option<&[f32]>,
    ) -> Self {
        if is_faster(unfold, n) {
            Self::Winograd(kernels.pack_winograd(filters, n, scale))
        } else {
            Self::Direct(kernels.pack_pieces(filters, n, unfold.piece_len(), scale))
        }
    }
}

/// Whether Winograd's algorithm computes the convolution with `n` filters, and is faster.
fn is_faster(unfold: Unfold, n: usize) -> bool {
    let [height, width, channels] = unfold.shape;
    let Window { kernel, stride, .. } = unfold.window;
    let (height, width) = unfold.window.output(height, width);
    kernel == 3 && stride == 1 && height.min(width) >= 2 && channels.min(n) >= CHANNELS
}

/// The convolution of whole images with transformed filters, into `out`.
pub(super) fn convolve(
    kernels: Kernels,
    unfold: Unfold,
    images: &[f32],
    filters: &WinogradFilters,
    epilogue: Epilogue<'_>,
    mut out: Out<'_>,
) {
    let (height, width) = unfold.window.output(unfold.shape[0], unfold.shape[1]);
    let tiles = tiles(unfold);
    let (n_rows, n_columns) = tiles.window.output(unfold.shape[0], unfold.shape[1]);
    let image_len: usize = unfold.shape.iter().product();
    let channels = unfold.shape[2];
    let row_len = out.len() / (images.len() / image_len * height).max(1);
    let n = row_len / width;
    let n_together = (TILES / (n_rows * n_columns)).max(1);
    let rows_of_block = (TILES / n_columns).clamp(1, n_rows);
    let padded_len = tiles.padded_len(rows_of_block);
    let most = n_together * rows_of_block * n_columns;
    let sizes = [n_together * padded_len, PLACES * most * channels, PLACES * most * n];
    let mut at = 0;
    with_scratch(sizes, |[padded, transformed, products]| {
        for images in images.chunks(n_together * image_len) {
            let n_maps = images.len() / image_len;
            for first in (0..n_rows).step_by(rows_of_block) {
                let block = first..(first + rows_of_block).min(n_rows);
                for (image, padded) in
                    images.chunks_exact(image_len).zip(padded.chunks_exact_mut(padded_len))
                {
                    tiles.pad(image, block.clone(), padded);
                }
                let n_tiles = n_maps * block.len() * n_columns;
                let transformed = &mut transformed[..PLACES * n_tiles * channels];
                let products = &mut products[..PLACES * n_tiles * n];
                let windows = tiles.windows(padded, block.len(), padded_len);
                kernels.winograd_input(windows, n_tiles, transformed);
                for (place, filters) in filters.places().iter().enumerate() {
                    let x = &transformed[place * n_tiles * channels..][..n_tiles * channels];
                    let products = &mut products[place * n_tiles * n..][..n_tiles * n];
                    kernels.product(x, filters, Epilogue::NONE, products);
                }
                let n_lines = (2 * block.end).min(height) - 2 * first;
                let len = n_maps * n_lines * row_len;
                let shortcut = epilogue.shortcut.map(|values| &values[at..at + len]);
                kernels.winograd_output(
                    products,
                    [n_maps, block.len(), n_columns],
                    [n_lines, width],
                    Epilogue { shortcut, ..epilogue },
                    out.take(len),
                );
                at += len;
            }
        }
    });
}

/// The tiles as windows of 4x4 pixels with stride two. The last ones may reach one pixel further than
/// the windows of the convolution.
fn tiles(unfold: Unfold) -> Unfold {
    let (height, width) = unfold.window.output(unfold.shape[0], unfold.shape[1]);
    let Padding { top, bottom, left, right } = unfold.window.padding;
    let padding = Padding { top, bottom: bottom + height % 2, left, right: right + width % 2 };
    Unfold { window: Window { kernel: 4, stride: 2, padding }, ..unfold }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::layers::convolution::{Filters, convolve};
    use alpaca_kernels::{Activation, InstructionSet};

    #[test]
    fn winograd_gives_the_convolution_whatever_the_size_and_the_padding() {
        for ([height, width], pad, n_images) in
            [([7, 7], 1, 6), ([8, 5], 1, 2), ([40, 38], 1, 1), ([9, 6], 0, 3), ([4, 4], 2, 2)]
        {
            let (channels, n) = (37, 50);
            let window = Window { kernel: 3, stride: 1, padding: Padding::around_all(pad) };
            let unfold = Unfold { shape: [height, width, channels], window };
            let values = |len: usize, factor: usize| -> Vec<f32> {
                (0..len).map(|i| ((i * factor % 101) as f32 - 50.0) / 41.0).collect()
            };
            let images = values(n_images * height * width * channels, 37);
            let weights = values(9 * channels * n, 53);
            let (scale, bias) = (values(n, 7), values(n, 11));
            let (out_height, out_width) = window.output(height, width);
            let shortcut = values(n_images * out_height * out_width * n, 29);
            let mut fused: Option<Vec<f32>> = None;
            for kernels in Kernels::all() {
                let winograd = PackedFilters::new(kernels, unfold, &weights, n, Some(&scale));
                assert!(matches!(winograd, PackedFilters::Winograd(_)));
                let direct = PackedFilters::Direct(kernels.pack(&weights, n, Some(&scale)));
                for activation in [Activation::Relu6, Activation::Silu] {
                    let [ours, twin] = [&winograd, &direct].map(|weights| {
                        let mut out = vec![f32::NAN; shortcut.len()];
                        let (bias, shortcut) = (Some(&bias[..]), Some(&shortcut[..]));
                        let epilogue = Epilogue { bias, shortcut, activation, gate: None };
                        let filters = Filters { weights, epilogue };
                        let rows = 0..out_height;
                        convolve(kernels, unfold, &images, filters, rows, (&mut out[..]).into());
                        out
                    });
                    let farthest =
                        ours.iter().zip(&twin).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    assert!(farthest < 3e-4, "{height}x{width}: {farthest}");
                    let is_fused = kernels.set() != InstructionSet::Portable;
                    if is_fused && activation == Activation::Relu6 {
                        let expected = fused.get_or_insert_with(|| ours.clone());
                        assert!(&ours == expected, "{} has other bits", kernels.set());
                    }
                }
            }
        }
    }
}
