//! Activations whose derivative depends on their input, as operations of their own.

use alpaca_kernels::{Activation, Kernels};
use rayon::prelude::*;

use super::{Backward, InputGradients, Operation};

/// The number of values per task. It does not affect results.
const TASK: usize = 16 * 1024;

/// A smooth activation. Input: a map `[n, h, w, c]`.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Curve {
    pub(in crate::engine) kernels: Kernels,
    /// Rows, columns and channels.
    pub(in crate::engine) shape: [usize; 3],
    pub(in crate::engine) activation: Activation,
}

impl Operation for Curve {
    fn output_shape(&self) -> [usize; 3] {
        self.shape
    }

    fn forward(&self, _n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let mut y = inputs[0].to_vec();
        y.par_chunks_mut(TASK).for_each(|y| self.kernels.activate(self.activation, y));
        y
    }

    fn reads_output(&self) -> bool {
        false
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        let gradient = pass.wants_input.then(|| {
            let mut dx = pass.dy.to_vec();
            let pieces = dx.par_chunks_mut(TASK).zip(pass.inputs[0].par_chunks(TASK));
            pieces.for_each(|(dx, z)| self.kernels.slope(self.activation, z, dx));
            dx
        });
        vec![gradient]
    }
}
