//! Dense convolutions with any window, as a matrix product of unfolded windows.

use std::ops::Range;

use alpaca_kernels::{
    Activation, Columns, Epilogue, Filling, Kernels, Out, Packed, Pieces, Window, tree_sum,
    with_scratch,
};
use rayon::prelude::*;

use super::affine::{self, Affine};
use super::unfold::Unfold;
use super::{Backward, InputGradients, Operation};

/// The number of windows that are multiplied, or unfolded, together.
const WINDOWS: usize = 512;

/// A convolution. Inputs: `x` `[n, h, w, k]`, weights `[kernel · kernel · k, c]`, scale `[c]`,
/// shift `[c]`, and optionally a shortcut `[n, oh, ow, c]`.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Convolution {
    pub(in crate::engine) kernels: Kernels,
    /// Rows, columns and channels of the input.
    pub(in crate::engine) shape: [usize; 3],
    pub(in crate::engine) window: Window,
    /// Channels of the output.
    pub(in crate::engine) n_outputs: usize,
    pub(in crate::engine) activation: Activation,
    /// Micro-batches of a batch.
    pub(in crate::engine) n_pieces: usize,
}

/// The filters of a convolution.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Filters<'a> {
    /// The weights, one column per filter.
    pub(in crate::engine) weights: &'a Packed,
    /// The epilogue; its shortcut is that of the whole output.
    pub(in crate::engine) epilogue: Epilogue<'a>,
}

/// The output rows `rows` of the convolution of images, into `out`; all rows if there are several
/// images.
pub(in crate::engine) fn convolve(
    kernels: Kernels,
    unfold: Unfold,
    images: &[f32],
    filters: Filters<'_>,
    rows: Range<usize>,
    mut out: Out<'_>,
) {
    let Filters { weights, epilogue } = filters;
    let (height, width) = unfold.window.output(unfold.shape[0], unfold.shape[1]);
    let image_len: usize = unfold.shape.iter().product();
    let n_images = images.len() / image_len;
    let row_len = out.len() / (n_images * rows.len()).max(1);
    // Images with few windows go together, so that weights are read once for all.
    let is_small = n_images > 1 && height * width <= WINDOWS;
    let n_together = if is_small { n_images } else { 1 };
    let n_rows = if is_small { rows.len() } else { (WINDOWS / width).max(1) };
    let padded_len = unfold.padded_len(n_rows);
    with_scratch([n_together * padded_len], |[padded]| {
        for images in images.chunks_exact(n_together * image_len) {
            for row in rows.clone().step_by(n_rows) {
                let block = row..(row + n_rows).min(rows.end);
                for (image, padded) in
                    images.chunks_exact(image_len).zip(padded.chunks_exact_mut(padded_len))
                {
                    unfold.pad(image, block.clone(), padded);
                }
                let windows = unfold.windows(padded, block.len(), padded_len);
                let len = n_together * block.len() * row_len;
                // A shortcut comes with one image, or with images whose rows are one block.
                let at = (row - rows.start) * row_len;
                let epilogue = Epilogue {
                    shortcut: epilogue.shortcut.map(|shortcut| &shortcut[at..at + len]),
                    ..epilogue
                };
                kernels.product_of_windows(windows, weights, epilogue, out.take(len));
            }
        }
    });
}

/// The sums over all images.
struct Sums<'a> {
    /// `G`, the product of the windows and the gated gradient.
    g: &'a mut [f32],
    /// The gradient of the shift.
    db: &'a mut [f32],
}

impl Convolution {
    fn unfold(&self) -> Unfold {
        Unfold { shape: self.shape, window: self.window }
    }

    fn output_len(&self) -> usize {
        self.output_shape().iter().product()
    }

    /// Adds one image's part of `G` and `db`, and writes its gradient if `dx` is given.
    fn backward_picture(
        &self,
        pass: &Backward<'_>,
        image: usize,
        transposed: &Packed,
        sums: &mut Sums<'_>,
        mut dx: Option<&mut [f32]>,
    ) {
        let (unfold, c) = (self.unfold(), self.n_outputs);
        let k = unfold.window_len();
        let picture_len: usize = self.shape.iter().product();
        let picture = &pass.inputs[0][image * picture_len..][..picture_len];
        let [height, width, _] = self.output_shape();
        let n_rows = (WINDOWS / width).max(1);
        with_scratch([n_rows * width * k, n_rows * width * c], |[windows, dz]| {
            for row in (0..height).step_by(n_rows) {
                let block = row..(row + n_rows).min(height);
                let n_windows = block.len() * width;
                let (windows, dz) = (&mut windows[..n_windows * k], &mut dz[..n_windows * c]);
                let at = image * self.output_len() + row * width * c;
                let at = at..at + dz.len();
                let gate = pass.gate(self.activation, at.clone());
                self.kernels.gate(&pass.dy[at], gate, Some((&mut *dz).into()), sums.db);
                unfold.unfold(picture, block.clone(), windows);
                let (x, dz_columns) = (Columns::all(windows, k), Columns::all(dz, c));
                self.kernels.add_gradient(x, dz_columns, n_windows, sums.g);
                if let Some(dx) = dx.as_deref_mut() {
                    self.kernels.product(dz, transposed, Epilogue::NONE, &mut *windows);
                    unfold.fold(windows, block, dx);
                }
            }
        });
    }
}

impl Operation for Convolution {
    fn output_shape(&self) -> [usize; 3] {
        let (height, width) = self.window.output(self.shape[0], self.shape[1]);
        [height, width, self.n_outputs]
    }

    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let Affine { weights, scale, shift } = Affine::of(&inputs[1..4]);
        let packed = self.kernels.pack(weights, self.n_outputs, Some(scale));
        let (x_len, y_len) = (self.shape.iter().product(), self.output_len());
        let height = self.output_shape()[0];
        let mut y = Filling::new(n * y_len);
        let pictures: Vec<_> = y.rooms((0..n).map(|_| y_len)).into_iter().enumerate().collect();
        pictures.into_par_iter().zip(inputs[0].par_chunks_exact(x_len)).for_each(
            |((image, out), picture)| {
                let epilogue = Epilogue {
                    bias: Some(shift),
                    activation: self.activation,
                    shortcut: inputs.get(4).map(|values| &values[image * y_len..][..y_len]),
                    gate: None,
                };
                let filters = Filters { weights: &packed, epilogue };
                convolve(self.kernels, self.unfold(), picture, filters, 0..height, out);
            },
        );
        y.finish()
    }

    fn reads_output(&self) -> bool {
        self.activation != Activation::Linear
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        let affine = Affine::of(&pass.inputs[1..4]);
        let (k, c) = (self.unfold().window_len(), self.n_outputs);
        let transposed = self.kernels.pack_transposed(affine.weights, c, Some(affine.scale));
        let pieces = Pieces::new(pass.n, self.n_pieces);
        let mut parts = vec![0.0; pieces.count() * (k + 1) * c];
        let x_len: usize = self.shape.iter().product();
        let mut dx = vec![0.0; if pass.wants_input { pass.n * x_len } else { 0 }];
        let dx_len = if pass.wants_input { x_len } else { 0 };
        let tasks: Vec<_> = pieces.split_mut(&mut dx, dx_len).into_iter().collect();
        let tasks: Vec<_> = tasks.into_iter().zip(pieces.images()).collect();
        tasks.into_par_iter().zip(parts.par_chunks_mut((k + 1) * c)).for_each(
            |((dx, images), part)| {
                let (g, db) = part.split_at_mut(k * c);
                let mut sums = Sums { g, db };
                for (position, image) in images.enumerate() {
                    let dx = pass.wants_input.then(|| &mut dx[position * x_len..][..x_len]);
                    self.backward_picture(pass, image, &transposed, &mut sums, dx);
                }
            },
        );
        let mut g = tree_sum(&parts, pieces.count());
        let sums = g.split_off(k * c);
        let mut all = vec![pass.wants_input.then_some(dx)];
        all.extend(affine::gradients(g, sums, affine).map(Some));
        all.extend(pass.inputs.get(4).map(|_| Some(pass.dy.to_vec())));
        all
    }
}
