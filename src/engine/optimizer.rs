//! Optimizers: Adam, `AdamW` and stochastic gradient descent, as in Keras.
//!
//! They work on one parameter at a time, element by element. So results do not depend on how the
//! work is divided.

use std::collections::BTreeMap;

use alpaca_kernels::{AdamNumbers, Kernels};
use rayon::prelude::*;

use crate::base::tensor::Tensor;
use crate::model::graph::Role;
use crate::model::weights::Weights;
use crate::spec::{AdamSpec, OptimizerSpec, SgdSpec};

/// The state of an optimizer for all trained parameters.
#[derive(Clone, Debug)]
pub struct Optimizer {
    spec: OptimizerSpec,
    n_steps: u64,
    moments: BTreeMap<String, Moments>,
}

/// The running means of one parameter.
#[derive(Clone, Debug, Default)]
struct Moments {
    /// The mean of gradients; for gradient descent, the velocity.
    first: Vec<f32>,
    /// The mean of squared gradients; empty for gradient descent.
    second: Vec<f32>,
}

impl Optimizer {
    /// An optimizer before its first step.
    pub fn new(spec: OptimizerSpec) -> Self {
        Self { spec, n_steps: 0, moments: BTreeMap::new() }
    }

    /// The number of steps taken, and the running means of gradients and of their squares.
    pub fn state(&self) -> (u64, [Weights; 2]) {
        let of = |values: fn(&Moments) -> &Vec<f32>| -> Weights {
            let tensors = self.moments.iter().map(|(name, moments)| {
                let values = values(moments);
                (name.clone(), Tensor::new(&[values.len()], values.clone()))
            });
            tensors.collect()
        };
        (self.n_steps, [of(|moments| &moments.first), of(|moments| &moments.second)])
    }

    /// The number of steps taken.
    pub fn n_steps(&self) -> u64 {
        self.n_steps
    }

    /// Restores the state after `n_steps` steps.
    pub fn restore(&mut self, n_steps: u64, [first, second]: [Weights; 2]) {
        self.n_steps = n_steps;
        let moments = first.iter().map(|(name, tensor)| {
            let [first, second] = [tensor, second.get(name)].map(|tensor| tensor.values().to_vec());
            (name.to_owned(), Moments { first, second })
        });
        self.moments = moments.collect();
    }

    /// Begins the next step. Afterwards, every parameter must be updated once.
    pub fn begin_step(&mut self) {
        self.n_steps += 1;
    }

    /// Updates the values of the parameter called `name`.
    ///
    /// # Panics
    /// When the number of gradients differs from the number of values.
    pub fn update(&mut self, name: &str, values: &mut [f32], gradient: &[f32], learning_rate: f64) {
        assert_eq!(values.len(), gradient.len(), "a gradient for each value of `{name}`");
        if !self.moments.contains_key(name) {
            let zeros = || vec![0.0; values.len()];
            self.moments.insert(name.to_owned(), Moments { first: zeros(), second: zeros() });
        }
        let moments = self.moments.get_mut(name).expect("the moments were just put there");
        match self.spec {
            OptimizerSpec::Adam(spec) => {
                adam(values, gradient, moments, spec.at(self.n_steps, learning_rate));
            }
            OptimizerSpec::Adamw { weight_decay, adam: spec } => {
                if decays(name) {
                    let kept = (1.0 - learning_rate * weight_decay) as f32;
                    values.iter_mut().for_each(|value| *value *= kept);
                }
                adam(values, gradient, moments, spec.at(self.n_steps, learning_rate));
            }
            OptimizerSpec::Sgd(spec) => sgd(values, gradient, moments, spec, learning_rate),
        }
    }
}

/// Whether weight decay applies to a parameter. Scales, shifts and biases are exempt: they have few
/// values, and small ones bring no benefit.
fn decays(name: &str) -> bool {
    [Role::Kernel, Role::DepthwiseKernel]
        .iter()
        .any(|role| name.strip_suffix(role.name()).is_some_and(|layer| layer.ends_with('/')))
}

/// The number of values per task. It does not affect results.
const TASK: usize = 32 * 1024;

impl AdamSpec {
    /// Keras computes `lr · sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ)` once and adds epsilon to the root of the
    /// uncorrected mean: the form at the end of section 2 of Kingma and Ba 2015.
    /// `1 - β₁` and `1 - β₂` are subtracted in double precision: in single precision the second
    /// would be off by 5e-5 of itself.
    fn at(&self, step: u64, learning_rate: f64) -> AdamNumbers {
        let power = |beta: f64| libm::pow(beta, step as f64);
        let rate =
            learning_rate * libm::sqrt(1.0 - power(self.beta_2)) / (1.0 - power(self.beta_1));
        AdamNumbers {
            rate: rate as f32,
            new_share_1: (1.0 - self.beta_1) as f32,
            new_share_2: (1.0 - self.beta_2) as f32,
            epsilon: self.epsilon as f32,
        }
    }
}

fn adam(values: &mut [f32], gradient: &[f32], moments: &mut Moments, numbers: AdamNumbers) {
    let kernels = Kernels::best();
    let tasks = values.par_chunks_mut(TASK).zip(gradient.par_chunks(TASK));
    let means = moments.first.par_chunks_mut(TASK).zip(moments.second.par_chunks_mut(TASK));
    tasks.zip(means).for_each(|((values, gradient), (first, second))| {
        kernels.adam(numbers, values, gradient, first, second);
    });
}

fn sgd(
    values: &mut [f32],
    gradient: &[f32],
    moments: &mut Moments,
    spec: SgdSpec,
    learning_rate: f64,
) {
    let (rate, momentum) = (learning_rate as f32, spec.momentum as f32);
    for ((value, &g), velocity) in values.iter_mut().zip(gradient).zip(&mut moments.first) {
        *velocity = momentum * *velocity - rate * g;
        *value += if spec.nesterov { momentum * *velocity - rate * g } else { *velocity };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(spec: OptimizerSpec, n_steps: usize) -> f32 {
        run_named("x/kernel", spec, n_steps)
    }

    fn run_named(name: &str, spec: OptimizerSpec, n_steps: usize) -> f32 {
        let mut optimizer = Optimizer::new(spec);
        let mut values = [1.0];
        for _ in 0..n_steps {
            optimizer.begin_step();
            // The gradient of `x² / 2`.
            let gradient = [values[0]];
            optimizer.update(name, &mut values, &gradient, spec.learning_rate());
        }
        values[0]
    }

    const ADAM: AdamSpec =
        AdamSpec { learning_rate: 0.1, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 };

    /// Values from Keras 3.15 in the same situation (`tests/it/data/keras/make_reference.py`).
    /// Keras subtracts its powers of beta from one in single precision, a difference of 2e-6 here.
    #[test]
    fn three_steps_land_where_keras_lands() {
        let close = |value: f32, expected: f32| {
            assert!((value - expected).abs() < 3e-6, "{value}, not {expected}");
        };
        close(run(OptimizerSpec::Adam(ADAM), 3), KERAS_ADAM);
        close(run(OptimizerSpec::Adamw { weight_decay: 0.1, adam: ADAM }, 3), KERAS_ADAMW);
        let sgd = |momentum, nesterov| {
            OptimizerSpec::Sgd(SgdSpec { learning_rate: 0.1, momentum, nesterov })
        };
        close(run(sgd(0.0, false), 3), KERAS_SGD);
        close(run(sgd(0.9, false), 3), KERAS_MOMENTUM);
        close(run(sgd(0.9, true), 3), KERAS_NESTEROV);
    }

    #[test]
    fn scales_shifts_and_biases_do_not_decay() {
        let decaying = OptimizerSpec::Adamw { weight_decay: 0.1, adam: ADAM };
        let plain = run(OptimizerSpec::Adam(ADAM), 3);
        for name in ["x/gamma", "x/beta", "x/bias", "kernel"] {
            assert_eq!(run_named(name, decaying, 3), plain, "{name}");
        }
        assert!(run_named("x/depthwise_kernel", decaying, 3) < plain);
    }

    const KERAS_ADAM: f32 = 0.701_589;
    const KERAS_ADAMW: f32 = 0.675_104;
    const KERAS_SGD: f32 = 0.729;
    const KERAS_MOMENTUM: f32 = 0.486;
    const KERAS_NESTEROV: f32 = 0.327_321;
}
