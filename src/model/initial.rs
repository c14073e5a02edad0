//! Initial weights: random kernels and neutral normalizations.

use alpaca_kernels::Activation;
use alpaca_random::SeedStream;

use super::fuse::UnitKind;
use super::graph::{Parameter, Role};
use super::network::Network;
use super::weights::Weights;
use crate::base::tensor::Tensor;
use crate::spec::Initializer;

/// Initial values of the given parameters of a network.
///
/// With [`Initializer::HeUniform`], kernels before an activation follow He et al. 2015 (arXiv
/// 1502.01852): uniform with variance `2 / fan_in`. Linear ones and the head follow Glorot and
/// Bengio 2010: uniform with variance `2 / (fan_in + fan_out)`. With [`Initializer::GlorotUniform`]
/// all kernels do. Normalizations start neutral, biases at zero. Each tensor has a random stream of
/// its own name.
pub fn initialise(
    network: &Network,
    parameters: &[Parameter],
    initializer: Initializer,
    stream: SeedStream,
) -> Weights {
    let tensors = parameters.iter().map(|parameter| {
        let shape = &parameter.shape;
        let tensor = match parameter.role {
            Role::Gamma | Role::MovingVariance => Tensor::filled(shape, 1.0),
            Role::Beta | Role::MovingMean | Role::Bias => Tensor::zeros(shape),
            Role::Kernel | Role::DepthwiseKernel => {
                let limit = limit(network, parameter, initializer);
                uniform(shape, limit, stream.child(&parameter.name))
            }
        };
        (parameter.name.clone(), tensor)
    });
    tensors.collect()
}

fn uniform(shape: &[usize], limit: f32, stream: SeedStream) -> Tensor {
    let mut generator = stream.generator();
    let values = (0..shape.iter().product()).map(|_| generator.between(-limit, limit)).collect();
    Tensor::new(shape, values)
}

/// The bound of a uniform distribution with the wanted variance: `sqrt(3 * variance)`.
fn limit(network: &Network, parameter: &Parameter, initializer: Initializer) -> f32 {
    let is_he = initializer == Initializer::HeUniform;
    let (fan_in, fan_out) = match (parameter.role, &parameter.shape[..]) {
        (Role::DepthwiseKernel, [h, w, ..]) if is_he => (h * w, h * w),
        (_, [h, w, inputs, outputs]) => (h * w * inputs, h * w * outputs),
        (_, shape) => (shape[0], shape[shape.len() - 1]),
    };
    if is_he && feeds_relu(network, parameter) {
        (6.0 / fan_in as f32).sqrt()
    } else {
        (6.0 / (fan_in + fan_out) as f32).sqrt()
    }
}

fn feeds_relu(network: &Network, parameter: &Parameter) -> bool {
    let unit = network.units.iter().find(|unit| unit.layers.contains(&parameter.layer));
    matches!(
        unit.map(|unit| &unit.kind),
        Some(UnitKind::Convolution(convolution)) if convolution.activation != Activation::Linear
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::WeightsSpec;
    use crate::spec::{
        Architecture, BaseModel, Convention, HeadSpec, ImageSize, ModelSpec, Pooling, Precision,
        TopSpec,
    };

    /// The limits are those of `keras.initializers.GlorotUniform` (3.15) for the shapes of these
    /// layers: `compute_fans` of `(3, 3, 3, 16)`, `(3, 3, 16, 1)`, `(1, 1, 16, 8)` and `(1280, 1)`.
    #[test]
    fn kernels_of_keras_have_its_limits() {
        let spec = ModelSpec {
            base: BaseModel::Named(Architecture::MobilenetV2),
            width: Some(0.35),
            weights: WeightsSpec::Random(Initializer::GlorotUniform),
            top: TopSpec::New,
            head: HeadSpec { pooling: Pooling::Average, hidden: vec![], dropout: 0.0 },
            precision: Precision::F32,
        };
        let size = ImageSize { height: 96, width: 96 };
        let network = Network::build(&spec, Convention::Keras, size, 2).unwrap();
        let parameters = network.graph.parameters();
        let stream = SeedStream::new(1);
        let weights = initialise(&network, &parameters, Initializer::GlorotUniform, stream);
        for (name, limit) in [
            ("Conv1/kernel", 0.187_317),
            ("expanded_conv_depthwise/depthwise_kernel", 0.198_030),
            ("expanded_conv_project/kernel", 0.5),
            ("head/kernel", 0.068_439),
        ] {
            let values = weights.get(name).values();
            let most = values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
            assert!(most <= limit && most > 0.95 * limit, "{name}: {most} of {limit}");
        }
    }
}
