//! The mean over all pixels.

use rayon::prelude::*;

use super::{Backward, InputGradients, Operation};

/// Global average pooling. Input: `[n, h, w, c]`; the output is `[n, 1, 1, c]`.
#[derive(Clone, Debug)]
pub(in crate::engine) struct AveragePooling {
    /// Rows, columns and channels of the input.
    pub(in crate::engine) shape: [usize; 3],
}

/// The mean over all pixels of `[h · w, c]`, into `out` `[c]`.
pub(in crate::engine) fn average(pixels: &[f32], out: &mut [f32]) {
    let n_pixels = (pixels.len() / out.len()) as f32;
    out.fill(0.0);
    for pixel in pixels.chunks_exact(out.len()) {
        out.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
    }
    out.iter_mut().for_each(|sum| *sum /= n_pixels);
}

impl Operation for AveragePooling {
    fn output_shape(&self) -> [usize; 3] {
        [1, 1, self.shape[2]]
    }

    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let [height, width, channels] = self.shape;
        let mut means = vec![0.0; n * channels];
        let pictures = inputs[0].par_chunks_exact(height * width * channels);
        pictures.zip(means.par_chunks_exact_mut(channels)).for_each(|(x, out)| average(x, out));
        means
    }

    fn reads_output(&self) -> bool {
        false
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        let [height, width, channels] = self.shape;
        let n_pixels = height * width;
        let gradients = pass.wants_input.then(|| {
            let mut dx = vec![0.0; pass.n * n_pixels * channels];
            let pictures = dx.par_chunks_exact_mut(n_pixels * channels);
            pictures.zip(pass.dy.par_chunks_exact(channels)).for_each(|(dx, dy)| {
                for pixel in dx.chunks_exact_mut(channels) {
                    pixel.iter_mut().zip(dy).for_each(|(dx, dy)| *dx = dy / n_pixels as f32);
                }
            });
            dx
        });
        vec![gradients]
    }
}
