//! The trainable part as this crate's own layers, with blocks fused where possible. It is prepared
//! once and runs on the Flex backend.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use alpaca_kernels::{Activation, Depthwise, Kernels, Precision};
use burn::tensor::{Device, Tensor, TensorData};

use super::custom::{self, Input, SharedOperation};
use super::parameters::{Leaves, frozen_norm};
use super::statistics::{BatchStatistics, trained_norm};
use super::timed::{Clock, LayerClocks, Timed};
use crate::base::tensor::Tensor as HostTensor;
use crate::engine::layer_time::LayerTime;
use crate::engine::layers::{
    AveragePooling, Convolution, Curve, DepthwiseConvolution, InvertedResidual, MaxPooling,
    Normalisation, Pointwise, Scaling, Sum,
};
use crate::engine::share::Share;
use crate::engine::{Features, StepRandomness};
use crate::model::fuse::{self, Connection, ConvolutionUnit, Norm, Passes, Unit, UnitKind, Value};
use crate::model::graph::Role;

/// Blocks with fewer rows or columns run layer by layer over the whole batch, because a map of 5x5
/// pixels is too little work to amortize loading its weights.
const SMALLEST_BLOCK: usize = 8;

/// The trainable part, ready to run.
pub(super) struct NativeNetwork {
    steps: Vec<Step>,
}

/// A layer, or dropout.
struct Step {
    kind: StepKind,
    /// The activation after it, if it is an operation of its own.
    curve: Option<SharedOperation>,
    input: Value,
    /// The index of its output value: that of its last unit.
    output: Value,
    layer: LayerTime,
}

enum StepKind {
    Layer {
        operation: SharedOperation,
        convolutions: Vec<Names>,
        shortcut: Option<Value>,
    },
    /// A plain convolution, followed by batch-statistics normalization.
    Normalised {
        convolution: SharedOperation,
        names: Names,
        normalisation: SharedOperation,
        /// Where the normalization leaves what it found.
        statistics: Arc<Normalisation>,
        norm: Norm,
        shortcut: Option<Value>,
    },
    Dropout {
        rate: f32,
    },
}

/// The parameters of an affine convolution or fully connected layer.
struct Names {
    weights: String,
    /// The source of scale and shift: a normalization, a bias (shift only), or none.
    norm: Option<Norm>,
    bias: Option<String>,
    n_outputs: usize,
}

impl NativeNetwork {
    /// Prepares `units` for a share of the micro-batches; the first unit has position `first`.
    /// Normalizations with their scale in `by_batch` use the statistics of the batch.
    pub(super) fn new(
        units: &[Unit],
        first: usize,
        boundary: &[Value],
        share: &Arc<Share>,
        by_batch: &[String],
        precision: Precision,
    ) -> Self {
        let kernels = Kernels::best().in_precision(precision);
        let build = Build { kernels, share: Arc::clone(share) };
        // Groups use positions inside `units`, values those of the whole network. Inputs from
        // before `units` get positions after the end.
        let local = |value: Value| match value {
            Value::Unit(unit) if unit >= first => Value::Unit(unit - first),
            Value::Unit(unit) => Value::Unit(units.len() + unit),
            Value::Image => Value::Image,
        };
        let localised: Vec<Unit> = units.iter().map(|unit| localised(unit, &local)).collect();
        let kept: Vec<Value> = boundary.iter().copied().map(local).collect();
        let mut steps = vec![];
        for group in fuse::groups(&localised, 0..units.len(), &kept, Passes::Both) {
            let has_batch_norm =
                units[group.clone()].iter().any(|unit| trained_norm(unit, by_batch).is_some());
            for group in divide(units, group, has_batch_norm) {
                let input = units[group.start].input;
                let output = Value::Unit(first + group.end - 1);
                let kind = match &units[group.clone()] {
                    [unit] if trained_norm(unit, by_batch).is_some() => build.normalised(unit),
                    units => build.step(units),
                };
                let curve = build.curve(&units[group.end - 1]);
                let layer = LayerTime::of(&units[group]);
                steps.push(Step { kind, curve, input, output, layer });
            }
        }
        Self { steps }
    }

    /// The logits `[n, outputs]`, and the batch statistics that normalizations used. Dropout is
    /// active if `randomness` is given.
    pub(super) fn forward(
        &self,
        boundary: &[Value],
        leaves: &Leaves,
        features: Features,
        randomness: Option<&StepRandomness>,
        device: &Device,
    ) -> (Tensor<2>, BatchStatistics) {
        let mut found = BatchStatistics::new();
        let mut values: BTreeMap<Value, Tensor<4>> = boundary
            .iter()
            .zip(features.values)
            .map(|(value, tensor)| (*value, to_device(tensor, device)))
            .collect();
        let mut last = None;
        for Step { kind, curve, input, output, .. } in &self.steps {
            let x = values[input].clone();
            let y = match kind {
                StepKind::Layer { operation, convolutions, shortcut } => {
                    let mut inputs: Vec<Input> = vec![];
                    for names in convolutions {
                        inputs.extend(names.inputs(leaves, device));
                    }
                    inputs.extend(shortcut.map(|value| Input::Map(values[&value].clone())));
                    custom::layer(Arc::clone(operation), x, inputs)
                }
                StepKind::Normalised {
                    convolution,
                    names,
                    normalisation,
                    statistics,
                    norm,
                    shortcut,
                } => {
                    let inputs = names.inputs(leaves, device).into();
                    let x = custom::layer(Arc::clone(convolution), x, inputs);
                    let vector = |role| Input::Vector(leaves.vector(&norm.parameter(role)));
                    let mut inputs = vec![vector(Role::Gamma), vector(Role::Beta)];
                    inputs.extend(shortcut.map(|value| Input::Map(values[&value].clone())));
                    let y = custom::layer(Arc::clone(normalisation), x, inputs);
                    found.insert(norm.layer.clone(), statistics.statistics());
                    y
                }
                StepKind::Dropout { rate } => dropout(x, *rate, randomness),
            };
            let y = match curve {
                Some(curve) => custom::layer(Arc::clone(curve), y, vec![]),
                None => y,
            };
            last = Some(y.clone());
            values.insert(*output, y);
        }
        let logits = last.expect("the head is always trainable");
        let [n, _, _, n_outputs] = logits.dims();
        (logits.reshape([n, n_outputs]), found)
    }

    /// Measures the time of each layer from now on.
    pub(super) fn watch(&mut self) -> LayerClocks {
        let mut clocks = vec![];
        for Step { kind, curve, layer, .. } in &mut self.steps {
            let clock = Arc::new(Clock::default());
            let operations: Vec<&mut SharedOperation> = match kind {
                StepKind::Layer { operation, .. } => vec![operation],
                StepKind::Normalised { convolution, normalisation, .. } => {
                    vec![convolution, normalisation]
                }
                StepKind::Dropout { .. } => continue,
            };
            for operation in operations.into_iter().chain(curve) {
                *operation = Timed::wrap(operation, &clock);
            }
            clocks.push((layer.clone(), clock));
        }
        LayerClocks(clocks)
    }
}

/// A unit with the input positions mapped by `local`.
fn localised(unit: &Unit, local: &impl Fn(Value) -> Value) -> Unit {
    let unit = unit.clone();
    Unit { input: local(unit.input), kind: unit.kind.with_second(local), ..unit }
}

impl Names {
    fn inputs(&self, leaves: &Leaves, device: &Device) -> [Input; 3] {
        let n = [self.n_outputs];
        let (scale, shift) = match (&self.norm, &self.bias) {
            (Some(norm), _) => frozen_norm(norm, leaves),
            (None, Some(bias)) => (Tensor::ones(n, device), leaves.vector(bias)),
            (None, None) => (Tensor::ones(n, device), Tensor::zeros(n, device)),
        };
        [leaves.weights(&self.weights), Input::Vector(scale), Input::Vector(shift)]
    }
}

fn dropout(x: Tensor<4>, rate: f32, randomness: Option<&StepRandomness>) -> Tensor<4> {
    let [n, _, _, n_channels] = x.dims();
    match randomness.and_then(|randomness| randomness.dropout_mask(rate, n_channels)) {
        Some(mask) => {
            let mask = TensorData::new(mask, [n, 1, 1, n_channels]);
            let mask = Tensor::<4>::from_data(mask, &x.device());
            x * mask
        }
        None => x,
    }
}

/// Reshapes vectors to maps of one pixel.
fn to_device(tensor: HostTensor, device: &Device) -> Tensor<4> {
    let shape = match *tensor.shape() {
        [n, c] => [n, 1, 1, c],
        [n, h, w, c] => [n, h, w, c],
        ref shape => unreachable!("features have two or four axes, not {}", shape.len()),
    };
    Tensor::from_data(TensorData::new(tensor.into_values(), shape), device)
}

/// Splits a group into single operations: layer by layer if a normalization uses batch statistics,
/// because those need the whole batch.
fn divide(units: &[Unit], group: Range<usize>, has_batch_norm: bool) -> Vec<Range<usize>> {
    if group.len() == 1 {
        return vec![group];
    }
    if has_batch_norm {
        return group.map(|unit| unit..unit + 1).collect();
    }
    let depthwise = &units[group.end - 2];
    if depthwise.input_shape[..2].iter().any(|side| *side < SMALLEST_BLOCK) {
        return group.map(|unit| unit..unit + 1).collect();
    }
    if group.len() == 3 && !convolution(&units[group.start]).window.is_pointwise() {
        let (first, rest) = (group.start..group.start + 1, group.start + 1..group.end);
        return vec![first, rest];
    }
    vec![group]
}

/// The settings that all operations of a network share.
struct Build {
    kernels: Kernels,
    share: Arc<Share>,
}

impl Build {
    fn step(&self, units: &[Unit]) -> StepKind {
        let shortcut = if let [unit] = units { unit.kind.second() } else { None };
        let (operation, convolutions): (SharedOperation, Vec<Names>) = match units {
            [unit] => match &unit.kind {
                UnitKind::Dropout { rate } => return StepKind::Dropout { rate: *rate },
                UnitKind::Convolution(convolution) => {
                    (self.single(unit, convolution), vec![names(unit)])
                }
                &UnitKind::Sum { activation, .. } => {
                    let shape = map_shape(&unit.output_shape);
                    let activation = clipping(activation);
                    (Arc::new(Sum { kernels: self.kernels, shape, activation }), vec![])
                }
                UnitKind::Scaling { .. } => {
                    (Arc::new(Scaling { shape: map_shape(&unit.output_shape) }), vec![])
                }
                &UnitKind::MaxPooling(window) => {
                    (Arc::new(MaxPooling { shape: map_shape(&unit.input_shape), window }), vec![])
                }
                UnitKind::Backbone => unreachable!("nothing in a backbone trains"),
                UnitKind::GlobalAveragePooling => {
                    (Arc::new(AveragePooling { shape: map_shape(&unit.input_shape) }), vec![])
                }
                UnitKind::Dense => (Arc::new(self.dense(unit)), vec![names(unit)]),
            },
            block => (Arc::new(self.block(block)), block.iter().map(names).collect()),
        };
        StepKind::Layer { operation, convolutions, shortcut }
    }

    /// A convolution, followed by normalization with batch statistics.
    fn normalised(&self, unit: &Unit) -> StepKind {
        let mut bare = convolution(unit).clone();
        let activation = std::mem::replace(&mut bare.activation, Activation::Linear);
        let shortcut = bare.shortcut.take();
        let norm = bare.norm.take().expect("the caller found a normalization");
        let names = Names {
            weights: unit.parameter(bare.kernel_role()),
            norm: None,
            bias: None,
            n_outputs: n_outputs(unit),
        };
        let normalisation = Normalisation {
            kernels: self.kernels,
            shape: map_shape(&unit.output_shape),
            epsilon: norm.epsilon,
            activation: clipping(activation),
            share: Arc::clone(&self.share),
            statistics: Mutex::default(),
        };
        let convolution = self.single(unit, &bare);
        let statistics = Arc::new(normalisation);
        let normalisation: SharedOperation = Arc::<Normalisation>::clone(&statistics);
        StepKind::Normalised { convolution, names, normalisation, statistics, norm, shortcut }
    }

    fn single(&self, unit: &Unit, convolution: &ConvolutionUnit) -> SharedOperation {
        let (kernels, share) = (self.kernels, Arc::clone(&self.share));
        let shape @ [height, width, n_inputs] = map_shape(&unit.input_shape);
        let n_outputs = n_outputs(unit);
        let window = convolution.window;
        let activation = clipping(convolution.activation);
        match convolution.connection {
            Connection::Depthwise => Arc::new(DepthwiseConvolution {
                kernels,
                shape: Depthwise::new(shape, window),
                activation,
                share,
            }),
            Connection::Full if window.is_pointwise() => Arc::new(Pointwise {
                kernels,
                size: [height, width],
                n_inputs,
                n_outputs,
                activation,
                share,
            }),
            Connection::Full => {
                Arc::new(Convolution { kernels, shape, window, n_outputs, activation, share })
            }
        }
    }

    /// The activation of a unit as an operation of its own, if its derivative depends on its input.
    fn curve(&self, unit: &Unit) -> Option<SharedOperation> {
        let activation = match &unit.kind {
            UnitKind::Convolution(convolution) => convolution.activation,
            UnitKind::Sum { activation, .. } => *activation,
            _ => return None,
        };
        let (kernels, shape) = (self.kernels, map_shape(&unit.output_shape));
        activation.is_curve().then(|| {
            let operation: SharedOperation = Arc::new(Curve { kernels, shape, activation });
            operation
        })
    }

    fn dense(&self, unit: &Unit) -> Pointwise {
        Pointwise {
            // Stages that fit it do so in single precision, and it is small.
            kernels: self.kernels.in_precision(Precision::F32),
            size: [1, 1],
            n_inputs: unit.input_shape.iter().product(),
            n_outputs: n_outputs(unit),
            activation: Activation::Linear,
            share: Arc::clone(&self.share),
        }
    }

    fn block(&self, units: &[Unit]) -> InvertedResidual {
        let [.., depthwise, project] = units else { unreachable!("a block has two units or more") };
        InvertedResidual {
            kernels: self.kernels,
            shape: Depthwise::new(map_shape(&depthwise.input_shape), convolution(depthwise).window),
            n_inputs: map_shape(&units[0].input_shape)[2],
            n_outputs: n_outputs(project),
            has_expansion: units.len() == 3,
            has_shortcut: convolution(project).shortcut.is_some(),
            activation: convolution(depthwise).activation,
            share: Arc::clone(&self.share),
        }
    }
}

/// An activation as the end of an operation; none if it is an operation of its own.
fn clipping(activation: Activation) -> Activation {
    if activation.is_curve() { Activation::Linear } else { activation }
}

fn names(unit: &Unit) -> Names {
    let (role, norm, bias) = match &unit.kind {
        UnitKind::Convolution(convolution) => {
            let bias = convolution.has_bias.then(|| unit.parameter(Role::Bias));
            (convolution.kernel_role(), convolution.norm.clone(), bias)
        }
        _ => (Role::Kernel, None, Some(unit.parameter(Role::Bias))),
    };
    Names { weights: unit.parameter(role), norm, bias, n_outputs: n_outputs(unit) }
}

fn convolution(unit: &Unit) -> &ConvolutionUnit {
    match &unit.kind {
        UnitKind::Convolution(convolution) => convolution,
        _ => unreachable!("groups of several units are convolutions"),
    }
}

fn n_outputs(unit: &Unit) -> usize {
    unit.output_shape.last().copied().unwrap_or_default()
}

fn map_shape(shape: &[usize]) -> [usize; 3] {
    shape.try_into().expect("convolutions and pooling read maps")
}
