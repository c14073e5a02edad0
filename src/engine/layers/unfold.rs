//! Windows of an image as rows of a matrix, in place in a padded copy, and back to pixels.

use std::ops::Range;

use alpaca_kernels::{Window, Windows};

/// An image of `[height, width, channels]` under a window.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Unfold {
    pub(in crate::engine) shape: [usize; 3],
    pub(in crate::engine) window: Window,
}

impl Unfold {
    /// The number of values in one window.
    pub(super) fn window_len(&self) -> usize {
        self.window.kernel * self.piece_len()
    }

    /// The number of values in one line of a window.
    pub(in crate::engine) fn piece_len(&self) -> usize {
        self.window.kernel * self.shape[2]
    }

    /// The number of values in a line of the padded image that windows read.
    fn padded_line(&self) -> usize {
        let Window { kernel, stride, .. } = self.window;
        let (_, out_width) = self.window.output(self.shape[0], self.shape[1]);
        ((out_width - 1) * stride + kernel) * self.shape[2]
    }

    /// The number of values in the padded image that windows of `n_rows` output rows read.
    pub(in crate::engine) fn padded_len(&self, n_rows: usize) -> usize {
        let Window { kernel, stride, .. } = self.window;
        (n_rows.saturating_sub(1) * stride + kernel) * self.padded_line()
    }

    /// Writes the part of the padded image that the output rows `rows` read to the beginning of
    /// `out`.
    pub(in crate::engine) fn pad(&self, image: &[f32], rows: Range<usize>, out: &mut [f32]) {
        let line_len = self.shape[1] * self.shape[2];
        let out = &mut out[..self.padded_len(rows.len())];
        self.pad_lines(rows.start * self.window.stride, out, |y, inside| {
            inside.copy_from_slice(&image[y * line_len..][..inside.len()]);
        });
    }

    /// Writes the padded copy of an image of `n_channels` channels to `out`, only of the channels from
    /// `first` on.
    pub(super) fn pad_channels(
        &self,
        image: &[f32],
        first: usize,
        n_channels: usize,
        out: &mut [f32],
    ) {
        let [_, width, n_copied] = self.shape;
        self.pad_lines(0, out, |y, inside| {
            let pixels = image[y * width * n_channels..].chunks(n_channels);
            for (copy, pixel) in inside.chunks_exact_mut(n_copied).zip(pixels) {
                copy.copy_from_slice(&pixel[first..first + n_copied]);
            }
        });
    }

    /// Fills the lines of the padded image from `first` on: zeros, and where a line of the image is,
    /// what `copy` writes for it.
    fn pad_lines(&self, first: usize, out: &mut [f32], copy: impl Fn(usize, &mut [f32])) {
        let padding = self.window.padding;
        let [height, width, channels] = self.shape;
        let line_len = self.padded_line();
        let left = (padding.left * channels).min(line_len);
        let inside = (width * channels).min(line_len - left);
        for (y, line) in (first..).zip(out.chunks_exact_mut(line_len)) {
            match y.checked_sub(padding.top).filter(|y| *y < height) {
                Some(y) => {
                    line[..left].fill(0.0);
                    copy(y, &mut line[left..left + inside]);
                    line[left + inside..].fill(0.0);
                }
                None => line.fill(0.0),
            }
        }
    }

    /// The windows of `n_rows` output rows of padded images that begin `distance` values apart.
    pub(in crate::engine) fn windows<'a>(
        &self,
        padded: &'a [f32],
        n_rows: usize,
        distance: usize,
    ) -> Windows<'a> {
        let Window { kernel, stride, .. } = self.window;
        let (_, out_width) = self.window.output(self.shape[0], self.shape[1]);
        let (channels, line) = (self.shape[2], self.padded_line());
        Windows {
            values: padded,
            size: [out_width, n_rows],
            steps: [stride * channels, stride * line, distance],
            pieces: [kernel, self.piece_len(), line],
        }
    }

    /// The pixels of padded images that one tap of the windows of `n_rows` output rows reads.
    pub(super) fn tap<'a>(
        &self,
        padded: &'a [f32],
        tap: usize,
        n_rows: usize,
        distance: usize,
    ) -> Windows<'a> {
        let (kernel, channels) = (self.window.kernel, self.shape[2]);
        let first = tap / kernel * self.padded_line() + tap % kernel * channels;
        Windows { pieces: [1, channels, 0], ..self.windows(&padded[first..], n_rows, distance) }
    }

    /// Adds windows `[rows · width, window]` to the pixels of the image they were read from.
    pub(super) fn fold(&self, windows: &[f32], rows: Range<usize>, image: &mut [f32]) {
        let channels = self.shape[2];
        let pieces = self.places(rows).zip(windows.chunks_exact(self.window.kernel * channels));
        for ((y, x), window) in pieces {
            if let Some((from, skip, len)) = self.span(y, x) {
                let to = image[from..from + len].iter_mut();
                to.zip(&window[skip..]).for_each(|(to, value)| *to += value);
            }
        }
    }

    /// The start of each row of each window, in rows and columns of the padded image.
    fn places(&self, rows: Range<usize>) -> impl Iterator<Item = (usize, usize)> {
        let Window { kernel, stride, .. } = self.window;
        let (_, width) = self.window.output(self.shape[0], self.shape[1]);
        rows.flat_map(move |y| (0..width).map(move |x| (y * stride, x * stride)))
            .flat_map(move |(y, x)| (0..kernel).map(move |ky| (y + ky, x)))
    }

    /// The part of a window's row inside the image: its start, the number of window values before
    /// it, and its length.
    fn span(&self, y: usize, x: usize) -> Option<(usize, usize, usize)> {
        let [height, width, channels] = self.shape;
        let Window { kernel, padding, .. } = self.window;
        let row = y.checked_sub(padding.top).filter(|row| *row < height)?;
        let first = x.max(padding.left);
        let end = (x + kernel).min(width + padding.left);
        let n_columns = end.checked_sub(first).filter(|n| *n > 0)?;
        let from = (row * width + first - padding.left) * channels;
        Some((from, (first - x) * channels, n_columns * channels))
    }
}
