//! The units of the trainable part as ordinary tensor operations, one after the other. Every device
//! can run them, and faster implementations are tested against them.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};

use super::host::host_values;
use super::operations;
use super::parameters::{Leaves, frozen_norm};
use super::statistics::{BatchStatistics, trained_norm};
use crate::base::tensor::Tensor as HostTensor;
use crate::engine::layers::Statistics;
use crate::engine::{EngineError, Features, StepRandomness};
use crate::model::fuse::{Connection, ConvolutionUnit, Norm, Unit, UnitKind, Value};
use crate::model::graph::Role;

/// Activations on a device.
#[derive(Clone)]
enum Activations {
    /// Maps `[n, h, w, c]`.
    Maps(Tensor<4>),
    /// Vectors `[n, c]`.
    Vectors(Tensor<2>),
}

/// The trainable part of a network.
#[derive(Clone, Copy)]
pub(super) struct LearningPart<'a> {
    /// The units of the part.
    pub(super) units: &'a [Unit],
    /// The position of the first unit in the network.
    pub(super) first: usize,
    /// The values that enter the part.
    pub(super) boundary: &'a [Value],
}

/// Runs units on features. Returns the logits `[n, outputs]` and the batch statistics of the
/// normalizations with their scale in `by_batch`. Dropout is active if `randomness` is given.
pub(super) fn forward(
    part: LearningPart<'_>,
    leaves: &Leaves,
    features: Features,
    randomness: Option<&StepRandomness>,
    by_batch: &[String],
    device: &Device,
) -> Result<(Tensor<2>, BatchStatistics), EngineError> {
    let LearningPart { units, first, boundary } = part;
    let mut statistics = BatchStatistics::new();
    let mut values: BTreeMap<Value, Activations> = boundary
        .iter()
        .zip(features.values)
        .map(|(value, tensor)| (*value, to_device(tensor, device)))
        .collect();
    let mut last = None;
    for (offset, unit) in units.iter().enumerate() {
        let input = values[&unit.input].clone();
        let output = match &unit.kind {
            UnitKind::Convolution(convolution) => {
                let shortcut = convolution.shortcut.map(|value| maps(values[&value].clone()));
                let x = convolve(unit, convolution, maps(input), leaves);
                let x = match (&convolution.norm, trained_norm(unit, by_batch)) {
                    (_, Some(norm)) => {
                        let (x, of_batch) = by_statistics(x, norm, leaves)?;
                        statistics.insert(norm.layer.clone(), of_batch);
                        x
                    }
                    (Some(norm), None) => {
                        let (scale, shift) = frozen_norm(norm, leaves);
                        operations::affine(x, scale, shift)
                    }
                    (None, None) => x,
                };
                let x = match shortcut {
                    Some(shortcut) => x + shortcut,
                    None => x,
                };
                Activations::Maps(operations::activate(x, convolution.activation))
            }
            UnitKind::Sum { other, activation } => {
                let sum = maps(input) + maps(values[other].clone());
                Activations::Maps(operations::activate(sum, *activation))
            }
            UnitKind::Scaling { by } => Activations::Maps(maps(input) * maps(values[by].clone())),
            UnitKind::MaxPooling(window) => {
                Activations::Maps(operations::max_pooling(maps(input), window))
            }
            UnitKind::Backbone => unreachable!("nothing in a backbone trains"),
            UnitKind::GlobalAveragePooling => average(unit, maps(input)),
            UnitKind::Dropout { rate } => match randomness {
                Some(randomness) => {
                    Activations::Vectors(dropout(vectors(input), *rate, randomness))
                }
                None => input,
            },
            UnitKind::Dense => {
                let kernel = leaves.matrix(&unit.parameter(Role::Kernel));
                let bias = leaves.vector(&unit.parameter(Role::Bias));
                Activations::Vectors(operations::dense(vectors(input), kernel, bias))
            }
        };
        last = Some(output.clone());
        values.insert(Value::Unit(first + offset), output);
    }
    Ok((vectors(last.expect("the head is always trainable")), statistics))
}

/// Normalizes by the mean and variance of the batch, and returns both.
fn by_statistics(
    x: Tensor<4>,
    norm: &Norm,
    leaves: &Leaves,
) -> Result<(Tensor<4>, Statistics), EngineError> {
    let [n, h, w, c] = x.dims();
    let rows = x.reshape([n * h * w, c]);
    let mean = rows.clone().mean_dim(0);
    let distance = rows - mean.clone();
    let variance = distance.clone().powi_scalar(2).mean_dim(0);
    let by_column = |role| leaves.vector(&norm.parameter(role)).reshape([1, c]);
    let scale = by_column(Role::Gamma) / (variance.clone() + norm.epsilon).sqrt();
    let y = (distance * scale + by_column(Role::Beta)).reshape([n, h, w, c]);
    let statistics = Statistics { mean: values(mean)?, variance: values(variance)?, n: n * h * w };
    Ok((y, statistics))
}

/// The values of a tensor, detached from its graph.
fn values(tensor: Tensor<2>) -> Result<Vec<f32>, EngineError> {
    let plain = if tensor.device().is_autodiff() { tensor.inner() } else { tensor };
    host_values(plain.into_data())
}

fn convolve(
    unit: &Unit,
    convolution: &ConvolutionUnit,
    x: Tensor<4>,
    leaves: &Leaves,
) -> Tensor<4> {
    let y = match convolution.connection {
        Connection::Full => operations::convolution(
            x,
            leaves.kernel(&unit.parameter(Role::Kernel)),
            &convolution.window,
        ),
        Connection::Depthwise => operations::depthwise(
            x,
            leaves.kernel(&unit.parameter(Role::DepthwiseKernel)),
            &convolution.window,
        ),
    };
    if convolution.has_bias {
        operations::shifted(y, leaves.vector(&unit.parameter(Role::Bias)))
    } else {
        y
    }
}

/// The mean over all pixels, as a vector, or as a map of one pixel if the unit keeps its axes.
fn average(unit: &Unit, maps: Tensor<4>) -> Activations {
    let means = operations::global_average(maps);
    if unit.output_shape.len() == 1 {
        return Activations::Vectors(means);
    }
    let [n, c] = means.dims();
    Activations::Maps(means.reshape([n, 1, 1, c]))
}

fn dropout(x: Tensor<2>, rate: f32, randomness: &StepRandomness) -> Tensor<2> {
    let [n, n_channels] = x.dims();
    match randomness.dropout_mask(rate, n_channels) {
        Some(mask) => {
            let mask = TensorData::new(mask, [n, n_channels]);
            let mask = Tensor::<2>::from_data(mask, &x.device());
            x * mask
        }
        None => x,
    }
}

fn to_device(tensor: HostTensor, device: &Device) -> Activations {
    let shape = tensor.shape().to_vec();
    let n_axes = shape.len();
    let data = TensorData::new(tensor.into_values(), shape);
    match n_axes {
        4 => Activations::Maps(Tensor::from_data(data, device)),
        2 => Activations::Vectors(Tensor::from_data(data, device)),
        axes => unreachable!("features have two or four axes, not {axes}"),
    }
}

fn maps(activations: Activations) -> Tensor<4> {
    match activations {
        Activations::Maps(tensor) => tensor,
        Activations::Vectors(_) => unreachable!("shapes were inferred when the graph was built"),
    }
}

fn vectors(activations: Activations) -> Tensor<2> {
    match activations {
        Activations::Vectors(tensor) => tensor,
        Activations::Maps(_) => unreachable!("shapes were inferred when the graph was built"),
    }
}
