//! Folds batch normalization with fixed statistics into the preceding convolution.

use crate::base::tensor::Tensor;
use crate::model::fuse::{ConvolutionUnit, Unit};
use crate::model::graph::Role;
use crate::model::weights::Weights;

/// A convolution's weights with its normalization folded in, channels of the output innermost.
pub struct Folded {
    /// `[kh · kw · inputs, outputs]`, or `[kh · kw, channels]` for a depthwise convolution.
    pub kernel: Vec<f32>,
    /// `[outputs]`
    pub bias: Vec<f32>,
}

/// Folds `y = gamma · (x W - mean) / sqrt(variance + epsilon) + beta` into `y = x W' + b`.
pub fn fold(
    unit: &Unit,
    convolution: &ConvolutionUnit,
    kernel: &Tensor,
    weights: &Weights,
) -> Folded {
    let n_channels = unit.output_shape.last().copied().unwrap_or_default();
    let mut kernel = kernel.values().to_vec();
    let Some(norm) = &convolution.norm else {
        let bias = if convolution.has_bias {
            weights.get(&unit.parameter(Role::Bias)).values().to_vec()
        } else {
            vec![0.0; n_channels]
        };
        return Folded { kernel, bias };
    };
    let values = |role| weights.get(&norm.parameter(role)).values();
    // Folding is done once and in double precision, so that each folded weight is rounded only
    // once.
    let scale: Vec<f64> = values(Role::Gamma)
        .iter()
        .zip(values(Role::MovingVariance))
        .map(|(&gamma, &variance)| {
            f64::from(gamma) / (f64::from(variance) + f64::from(norm.epsilon)).sqrt()
        })
        .collect();
    let shift = values(Role::Beta).iter().zip(values(Role::MovingMean)).zip(&scale);
    let bias = shift
        .map(|((&beta, &mean), scale)| (f64::from(beta) - f64::from(mean) * scale) as f32)
        .collect();
    for row in kernel.chunks_exact_mut(n_channels) {
        row.iter_mut()
            .zip(&scale)
            .for_each(|(weight, scale)| *weight = (f64::from(*weight) * scale) as f32);
    }
    Folded { kernel, bias }
}
