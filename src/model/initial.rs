//! Weights before training: random kernels, neutral normalisations.

use super::fuse::{Activation, UnitKind};
use super::graph::{Parameter, Role};
use super::network::Network;
use super::weights::Weights;
use crate::base::random::SeedStream;
use crate::base::tensor::Tensor;

/// Initial values of the given parameters of a network.
///
/// Kernels in front of a `ReLU6` follow He et al. 2015 (arXiv 1502.01852), uniform with variance
/// `2 / fan_in`; linear ones and the head follow Glorot and Bengio 2010, uniform with variance
/// `2 / (fan_in + fan_out)`. Normalisations start neutral, biases at zero. Each tensor has a
/// random stream of its own name.
pub fn initialise(network: &Network, parameters: &[Parameter], stream: SeedStream) -> Weights {
    let tensor = |parameter: &Parameter| {
        let shape = &parameter.shape;
        let tensor = match parameter.role {
            Role::Gamma | Role::MovingVariance => Tensor::filled(shape, 1.0),
            Role::Beta | Role::MovingMean | Role::Bias => Tensor::zeros(shape),
            Role::Kernel | Role::DepthwiseKernel => {
                uniform(shape, limit(network, parameter), stream.child(&parameter.name))
            }
        };
        (parameter.name.clone(), tensor)
    };
    parameters.iter().map(tensor).collect()
}

fn uniform(shape: &[usize], limit: f32, stream: SeedStream) -> Tensor {
    let mut generator = stream.generator();
    let values = (0..shape.iter().product()).map(|_| generator.between(-limit, limit)).collect();
    Tensor::new(shape, values)
}

/// The bound of a uniform distribution with the wanted variance: `sqrt(3 * variance)`.
fn limit(network: &Network, parameter: &Parameter) -> f32 {
    let (fan_in, fan_out) = match (parameter.role, &parameter.shape[..]) {
        (Role::DepthwiseKernel, [h, w, ..]) => (h * w, h * w),
        (_, [h, w, inputs, outputs]) => (h * w * inputs, h * w * outputs),
        (_, shape) => (shape[0], shape[shape.len() - 1]),
    };
    if feeds_relu6(network, parameter) {
        (6.0 / fan_in as f32).sqrt()
    } else {
        (6.0 / (fan_in + fan_out) as f32).sqrt()
    }
}

fn feeds_relu6(network: &Network, parameter: &Parameter) -> bool {
    let unit = network.units.iter().find(|unit| unit.layers.contains(&parameter.layer));
    matches!(
        unit.map(|unit| &unit.kind),
        Some(UnitKind::Convolution(convolution)) if convolution.activation == Activation::Relu6
    )
}
