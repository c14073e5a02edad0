//! Maps multiplied by one factor per image and channel: the end of a squeeze-and-excitation.

use alpaca_kernels::{Filling, Out};
use rayon::prelude::*;

use super::{Backward, InputGradients, Operation};

/// A scaling. Inputs: a map `[n, h, w, c]` and factors `[n, 1, 1, c]`.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Scaling {
    /// Rows, columns and channels.
    pub(in crate::engine) shape: [usize; 3],
}

/// The pixels of an image times its factors, into `out`.
pub(in crate::engine) fn scale(pixels: &[f32], factors: &[f32], out: Out<'_>) {
    for (pixel, out) in pixels.chunks_exact(factors.len()).zip(out.chunks(factors.len())) {
        out.fill_from(pixel.iter().zip(factors).map(|(value, factor)| value * factor));
    }
}

impl Operation for Scaling {
    fn output_shape(&self) -> [usize; 3] {
        self.shape
    }

    fn forward(&self, n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let &[x, factors] = inputs else { unreachable!("a scaling has two inputs") };
        let len: usize = self.shape.iter().product();
        let mut y = Filling::new(n * len);
        let rooms = y.rooms((0..n).map(|_| len));
        let images = x.par_chunks_exact(len).zip(factors.par_chunks_exact(self.shape[2]));
        rooms.into_par_iter().zip(images).for_each(|(out, (x, factors))| scale(x, factors, out));
        y.finish()
    }

    fn reads_output(&self) -> bool {
        false
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        let &[x, factors] = pass.inputs else { unreachable!("a scaling has two inputs") };
        let (len, channels) = (self.shape.iter().product(), self.shape[2]);
        let dx = pass.wants_input.then(|| self.forward(pass.n, &[pass.dy, factors]));
        let mut gradient = vec![0.0; pass.n * channels];
        let images = x.par_chunks_exact(len).zip(pass.dy.par_chunks_exact(len));
        gradient.par_chunks_exact_mut(channels).zip(images).for_each(|(sums, (x, dy))| {
            for (x, dy) in x.chunks_exact(channels).zip(dy.chunks_exact(channels)) {
                sums.iter_mut().zip(x.iter().zip(dy)).for_each(|(sum, (x, dy))| *sum += x * dy);
            }
        });
        vec![dx, Some(gradient)]
    }
}
