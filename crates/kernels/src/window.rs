//! The window of a convolution, the padding of its input, and windows as rows of a matrix.

/// Zeros added around an image before a convolution, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the left.
    pub left: usize,
    /// Columns to the right.
    pub right: usize,
}

impl Padding {
    /// Keras's "same" padding: the output has `ceil(size / stride)` pixels a side and an odd pixel
    /// of padding goes to the bottom and the right.
    pub fn same(height: usize, width: usize, kernel: usize, stride: usize) -> Self {
        let total =
            |size: usize| ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
        let (rows, columns) = (total(height), total(width));
        Self {
            top: rows / 2,
            bottom: rows - rows / 2,
            left: columns / 2,
            right: columns - columns / 2,
        }
    }

    /// The same padding on all sides.
    pub fn around_all(n: usize) -> Self {
        Self { top: n, bottom: n, left: n, right: n }
    }

    /// The sum of two paddings, one around the other.
    #[must_use]
    pub fn around(self, inner: Self) -> Self {
        Self {
            top: self.top + inner.top,
            bottom: self.bottom + inner.bottom,
            left: self.left + inner.left,
            right: self.right + inner.right,
        }
    }
}

/// A square window that slides over an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The side of the kernel, in pixels.
    pub kernel: usize,
    /// The stride, in pixels.
    pub stride: usize,
    /// The padding of the input.
    pub padding: Padding,
}

impl Window {
    /// Whether engines support depthwise convolutions with this window.
    pub fn fits_depthwise(&self) -> bool {
        matches!(self.kernel, 3 | 5) && matches!(self.stride, 1 | 2)
    }

    /// Whether the window is a single pixel with stride one, so that a convolution is a matrix
    /// product.
    pub fn is_pointwise(&self) -> bool {
        self.kernel == 1 && self.stride == 1 && self.padding == Padding::default()
    }

    /// The window over the output's gradient whose convolution with flipped filters is the gradient of
    /// the input. `None` for a stride, or padding wider than the window.
    pub fn of_input_gradient(&self) -> Option<Self> {
        let Padding { top, bottom, left, right } = self.padding;
        let rest = |n: usize| (self.kernel - 1).checked_sub(n);
        let padding = Padding {
            top: rest(top)?,
            bottom: rest(bottom)?,
            left: rest(left)?,
            right: rest(right)?,
        };
        (self.stride == 1).then_some(Self { padding, ..*self })
    }

    /// The size of the output for an input of `height` by `width`.
    pub fn output(&self, height: usize, width: usize) -> (usize, usize) {
        let side = |size: usize, before: usize, after: usize| {
            (size + before + after - self.kernel) / self.stride + 1
        };
        (
            side(height, self.padding.top, self.padding.bottom),
            side(width, self.padding.left, self.padding.right),
        )
    }
}

/// The rows of a matrix that are windows of maps, in place: window by window along a line of each map,
/// then line by line, then map by map.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    /// The maps, `[maps, height, width, channels]`, with the zeros around them.
    pub values: &'a [f32],
    /// The number of windows along a line, and of lines of windows in a map.
    pub size: [usize; 2],
    /// The distance of a window from the next along a line, of a line of windows from the next, and
    /// of a map from the next.
    pub steps: [usize; 3],
    /// The number of pieces of a window, their length, and the distance of a piece from the next.
    pub pieces: [usize; 3],
}

impl<'a> Windows<'a> {
    /// The rows of a matrix `[rows, k]`.
    pub fn rows(values: &'a [f32], k: usize) -> Self {
        Self { values, size: [usize::MAX; 2], steps: [k, 0, 0], pieces: [1, k, 0] }
    }

    /// The number of values in a window.
    pub(super) fn len(&self) -> usize {
        self.pieces[0] * self.pieces[1]
    }

    /// Whether the maps have the first `n` windows.
    pub(super) fn have(&self, n: usize) -> bool {
        n == 0 || self.pieces[0] > 0 && self.end(n) <= self.values.len()
    }

    /// The number of values from the first on that the first `n` windows reach.
    pub(super) fn end(&self, n: usize) -> usize {
        let Some(last) = n.checked_sub(1) else { return 0 };
        let [width, height] = self.size;
        let at = [last.min(width - 1), (last / width).min(height - 1), last / width / height];
        let start: usize = at.iter().zip(self.steps).map(|(at, step)| at * step).sum();
        let [n_pieces, len, step] = self.pieces;
        start + (n_pieces - 1) * step + len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_puts_the_odd_pixel_below_and_to_the_right() {
        let padding = |size, stride| {
            let Padding { top, bottom, left, right } = Padding::same(size, size, 3, stride);
            (top, bottom, left, right)
        };
        assert_eq!(padding(160, 2), (0, 1, 0, 1));
        assert_eq!(padding(161, 2), (1, 1, 1, 1));
        assert_eq!(padding(160, 1), (1, 1, 1, 1));
    }
}
