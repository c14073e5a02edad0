//! Converts the units of a network to nodes, with normalizations folded into convolutions.

use alpaca_kernels::{Activation, Padding, Window};

use super::builder::{Attribute, Builder};
use crate::model::fold::{Folded, fold};
use crate::model::fuse::{Connection, ConvolutionUnit, Unit, UnitKind, Value};
use crate::model::network::Network;
use crate::model::weights::Weights;

/// Adds a network after `input`, `[n, channels, height, width]`. Returns the name of its logits.
pub(super) fn network(
    builder: &mut Builder,
    input: &str,
    network: &Network,
    weights: &Weights,
) -> String {
    let has_clipped = network.units.iter().any(|unit| match &unit.kind {
        UnitKind::Convolution(convolution) => convolution.activation == Activation::Relu6,
        UnitKind::Sum { activation, .. } => *activation == Activation::Relu6,
        _ => false,
    });
    let bounds = if has_clipped {
        [builder.float("zero", 0.0), builder.float("six", 6.0)]
    } else {
        Default::default()
    };
    let mut values: Vec<String> = vec![];
    for unit in &network.units {
        let name_of = |value: Value| match value {
            Value::Image => input.to_owned(),
            Value::Unit(unit) => values[unit].clone(),
        };
        let x = name_of(unit.input);
        let output = match &unit.kind {
            UnitKind::Convolution(convolution) => {
                let x = convolve(builder, unit, convolution, &x, weights);
                let x = match convolution.shortcut {
                    None => x,
                    Some(shortcut) => {
                        let name = format!("{}/sum", unit.name);
                        builder.node("Add", &name, &[&x, &name_of(shortcut)], &[])
                    }
                };
                activate(builder, &unit.name, x, convolution.activation, &bounds)
            }
            UnitKind::Sum { other, activation } => {
                let sum = builder.node("Add", &unit.name, &[&x, &name_of(*other)], &[]);
                activate(builder, &unit.name, sum, *activation, &bounds)
            }
            UnitKind::Scaling { by } => builder.node("Mul", &unit.name, &[&x, &name_of(*by)], &[]),
            UnitKind::MaxPooling(window) => {
                builder.node("MaxPool", &unit.name, &[&x], &slides(window))
            }
            UnitKind::Backbone => unreachable!("a base model that is a file is not written again"),
            UnitKind::GlobalAveragePooling => average(builder, unit, &x),
            UnitKind::Dropout { .. } => x,
            UnitKind::Dense => dense(builder, unit, &x, weights),
        };
        values.push(output);
    }
    values.pop().expect("a network has units")
}

/// Adds the mean over all pixels, flattened where the network flattens it.
fn average(builder: &mut Builder, unit: &Unit, x: &str) -> String {
    let pooled = builder.node("GlobalAveragePool", &unit.name, &[x], &[]);
    if unit.output_shape.len() > 1 {
        return pooled;
    }
    let name = format!("{}/flat", unit.name);
    builder.node("Flatten", &name, &[&pooled], &[("axis", Attribute::Integer(1))])
}

/// Adds a fully connected layer.
fn dense(builder: &mut Builder, unit: &Unit, x: &str, weights: &Weights) -> String {
    let [kernel, bias] = ["kernel", "bias"].map(|role| {
        let name = format!("{}/{role}", unit.name);
        let tensor = weights.get(&name);
        builder.floats(&name, tensor.shape(), tensor.values())
    });
    builder.node("Gemm", &unit.name, &[x, &kernel, &bias], &[])
}

/// Adds an activation after `x`. `bounds` are the names of the bounds of a `ReLU6`.
fn activate(
    builder: &mut Builder,
    unit: &str,
    x: String,
    activation: Activation,
    bounds: &[String; 2],
) -> String {
    match activation {
        Activation::Linear => x,
        Activation::Relu => builder.node("Relu", &format!("{unit}/relu"), &[&x], &[]),
        Activation::Relu6 => {
            let [zero, six] = bounds;
            builder.node("Clip", &format!("{unit}/relu6"), &[&x, zero, six], &[])
        }
        Activation::HardSigmoid => hard_sigmoid(builder, unit, &x),
        Activation::Sigmoid => builder.node("Sigmoid", &format!("{unit}/sigmoid"), &[&x], &[]),
        Activation::HardSwish => {
            let gate = hard_sigmoid(builder, unit, &x);
            builder.node("Mul", &format!("{unit}/hard_swish"), &[&x, &gate], &[])
        }
        Activation::Silu => {
            let gate = builder.node("Sigmoid", &format!("{unit}/sigmoid"), &[&x], &[]);
            builder.node("Mul", &format!("{unit}/silu"), &[&x, &gate], &[])
        }
    }
}

/// Adds `min(max(x + 3, 0), 6) / 6`.
fn hard_sigmoid(builder: &mut Builder, unit: &str, x: &str) -> String {
    let attributes = [("alpha", Attribute::Float(1.0 / 6.0)), ("beta", Attribute::Float(0.5))];
    builder.node("HardSigmoid", &format!("{unit}/hard_sigmoid"), &[x], &attributes)
}

/// The attributes of a sliding window.
fn slides(window: &Window) -> [(&'static str, Attribute); 3] {
    let Padding { top, bottom, left, right } = window.padding;
    [
        ("kernel_shape", integers(&[window.kernel; 2])),
        ("pads", integers(&[top, left, bottom, right])),
        ("strides", integers(&[window.stride; 2])),
    ]
}

fn integers(numbers: &[usize]) -> Attribute {
    Attribute::Integers(numbers.iter().map(|&n| n as i64).collect())
}

fn convolve(
    builder: &mut Builder,
    unit: &Unit,
    convolution: &ConvolutionUnit,
    x: &str,
    weights: &Weights,
) -> String {
    let role = convolution.kernel_role().name();
    let kernel = weights.get(&format!("{}/{role}", unit.name));
    let Folded { kernel: values, bias } = fold(unit, convolution, kernel, weights);
    let n_inputs = unit.input_shape[2];
    let n_outputs = unit.output_shape[2];
    let side = convolution.window.kernel;
    // Kernels here are height, width, inputs, outputs. ONNX has the output channels outermost.
    let (group, n_per_group) = match convolution.connection {
        Connection::Full => (1, n_inputs),
        Connection::Depthwise => (n_outputs, 1),
    };
    let mut turned = Vec::with_capacity(values.len());
    for output in 0..n_outputs {
        for input in 0..n_per_group {
            for place in 0..side * side {
                turned.push(values[(place * n_per_group + input) * n_outputs + output]);
            }
        }
    }
    let shape = [n_outputs, n_per_group, side, side];
    let kernel = builder.floats(&format!("{}/kernel", unit.name), &shape, &turned);
    let bias = builder.floats(&format!("{}/bias", unit.name), &[n_outputs], &bias);
    let mut attributes = vec![("group", Attribute::Integer(group as i64))];
    attributes.extend(slides(&convolution.window));
    builder.node("Conv", &unit.name, &[x, &kernel, &bias], &attributes)
}

/// Adds the nodes that convert logits to the probability of each class. One logit stands for two
/// classes. Returns the name of the probabilities.
pub(super) fn probabilities(
    builder: &mut Builder,
    logits: &str,
    n_classes: usize,
    name: &str,
) -> String {
    if n_classes > 2 {
        return builder.node("Softmax", name, &[logits], &[("axis", Attribute::Integer(1))]);
    }
    let second = builder.node("Sigmoid", "second", &[logits], &[]);
    let one = builder.float("one", 1.0);
    let first = builder.node("Sub", "first", &[&one, &second], &[]);
    builder.node("Concat", name, &[&first, &second], &[("axis", Attribute::Integer(1))])
}
