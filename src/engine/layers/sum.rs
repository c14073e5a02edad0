//! The sum of two maps, followed by an activation.

use alpaca_kernels::{Activation, Kernels, Out, filled};
use rayon::prelude::*;

use super::{Backward, InputGradients, Operation};

/// The number of values per task. It does not affect results.
const TASK: usize = 16 * 1024;

/// A sum. Inputs: two maps `[n, h, w, c]`.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Sum {
    pub(in crate::engine) kernels: Kernels,
    /// Rows, columns and channels.
    pub(in crate::engine) shape: [usize; 3],
    pub(in crate::engine) activation: Activation,
}

/// `out = activation(a + b)`, of an activation that clips or is none; NaN stays NaN.
pub(in crate::engine) fn add(a: &[f32], b: &[f32], activation: Activation, out: Out<'_>) {
    let sums = a.iter().zip(b).map(|(a, b)| a + b);
    match activation.ceiling() {
        None => out.fill_from(sums),
        Some(ceiling) => out.fill_from(sums.map(|sum| sum.clamp(0.0, ceiling))),
    }
}

impl Operation for Sum {
    fn output_shape(&self) -> [usize; 3] {
        self.shape
    }

    fn forward(&self, _n: usize, inputs: &[&[f32]]) -> Vec<f32> {
        let &[a, b] = inputs else { unreachable!("a sum has two inputs") };
        filled(a.len(), TASK, |task, out| {
            let at = task * TASK..task * TASK + out.len();
            add(&a[at.clone()], &b[at], self.activation, out);
        })
    }

    fn reads_output(&self) -> bool {
        self.activation != Activation::Linear
    }

    fn backward(&self, pass: &Backward<'_>) -> InputGradients {
        let mut dz = pass.dy.to_vec();
        if self.reads_output() {
            let row = self.shape[2];
            let task = (TASK / row).max(1) * row;
            dz.par_chunks_mut(task).enumerate().for_each(|(i, dz)| {
                let at = i * task..i * task + dz.len();
                let gate = pass.gate(self.activation, at);
                self.kernels.gate_in_place(dz, gate, &mut vec![0.0; row]);
            });
        }
        vec![pass.wants_input.then(|| dz.clone()), Some(dz)]
    }
}
