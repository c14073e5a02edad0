//! Converts ONNX files to a graph whose layers can be trained, if this program has a layer for each
//! of their operators.

mod dense;
mod elementwise;
mod function;
mod layout;
mod padding;
mod shapes;
mod value;

use std::collections::{BTreeMap, BTreeSet};

use alpaca_kernels::Padding;
use tract_onnx::pb::{GraphProto, NodeProto};

use self::function::Function;
use self::layout::{Axis, Layout};
use self::value::Value;
use super::attributes::{integer, integers, list, window};
use super::pads;
use super::prune::keep_what_computes;
use crate::base::tensor::Tensor;
use crate::model::backbone::{Backbone, Channels, Imported, InputScaling};
use crate::model::fuse;
use crate::model::graph::{Graph, Layer, LayerIdx, LayerKind, Role};
use crate::model::weights::Weights;
use crate::model::weights::import::Layout as KernelLayout;
use crate::model::weights::import::constants::{self, Constants, attribute};
use crate::spec::{Convention, ImageSize};

/// Names of layers that every classifier has, and of its outputs.
const TAKEN: [&str; 5] =
    ["input", "global_average_pooling2d", "dropout", "head", super::PROBABILITIES];
/// Default of the epsilon in ONNX.
const EPSILON: f32 = 1e-5;
/// Defaults of the slope and the offset of a `HardSigmoid` in ONNX.
const HARD_SIGMOID: [f32; 2] = [0.2, 0.5];

/// The reason why the layers of a file cannot be trained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {why}", subject(node, operator))]
pub struct Obstacle {
    /// Name of the node; empty for the graph as a whole.
    pub node: String,
    /// Operator of the node.
    pub operator: String,
    /// Reason, as a predicate.
    pub why: String,
}

fn subject(node: &str, operator: &str) -> String {
    if node.is_empty() { "graph".to_owned() } else { format!("node `{node}` ({operator})") }
}

/// An obstacle that concerns the graph as a whole.
fn broken(why: String) -> Obstacle {
    Obstacle { node: String::new(), operator: String::new(), why }
}

/// Converts the nodes of a base model to layers. A global average pooling at its end is left to the
/// head.
///
/// # Errors
/// With the first node that cannot be converted.
pub fn import(backbone: &Backbone, size: ImageSize) -> Result<Imported, Obstacle> {
    let mut model =
        constants::read_model(&backbone.file).map_err(|error| broken(error.to_string()))?;
    pads::settle(&mut model, backbone.channels.of_one(size));
    let is_torch = model.producer_name == "pytorch";
    let mut graph = model.graph.unwrap_or_default();
    let end = graph.output.first().map(|output| output.name.clone());
    let end = end.ok_or_else(|| broken("has no output".to_owned()))?;
    keep_what_computes(&mut graph, [end.clone()]);
    let mut import = Import::new(&graph, backbone.channels, size);
    for node in &graph.node {
        import.take_up(node).map_err(|why| of_node(node, why))?;
    }
    let last = graph.node.iter().rfind(|node| node.output.contains(&end));
    let end = import.end(&end).map_err(|why| match last {
        Some(node) => of_node(node, why),
        None => broken(why),
    })?;
    let scaling = import.scaling;
    let (layers, weights) = import.up_to(end);
    fuse::fuse(&layers).map_err(|error| Obstacle {
        node: error.layer,
        operator: error.class.to_owned(),
        why: "does not follow a convolution or a sum that nothing else reads".to_owned(),
    })?;
    let convention = if is_torch { Convention::Torch } else { Convention::Keras };
    Ok(Imported { graph: layers, weights, convention, scaling })
}

/// An obstacle that concerns a node.
fn of_node(node: &NodeProto, why: String) -> Obstacle {
    Obstacle { node: name_of(node).to_owned(), operator: node.op_type.clone(), why }
}

/// The name of a node, or of its output if it has none.
fn name_of(node: &NodeProto) -> &str {
    let output = node.output.first().map_or("", String::as_str);
    if node.name.is_empty() { output } else { &node.name }
}

/// The function of a `HardSigmoid`.
fn hard_sigmoid(node: &NodeProto) -> Option<Function> {
    let [scale, offset] = [("alpha", HARD_SIGMOID[0]), ("beta", HARD_SIGMOID[1])]
        .map(|(name, default)| f64::from(attribute(node, name).map_or(default, |of| of.f)));
    Function::hard_sigmoid(scale, offset)
}

/// The state of [`import`].
struct Import<'a> {
    constants: Constants<'a>,
    readers: BTreeMap<&'a str, Vec<&'a NodeProto>>,
    /// What is known of each value.
    values: BTreeMap<&'a str, Value>,
    graph: Graph,
    weights: Weights,
    /// Biases of convolutions that the following normalization subtracts again, by their output.
    biases: BTreeMap<&'a str, Tensor>,
    /// Convolutions that have a bias only because of a node after them.
    biased_later: BTreeSet<LayerIdx>,
    /// Scaling of the image before the first layer.
    scaling: InputScaling,
}

impl<'a> Import<'a> {
    fn new(graph: &'a GraphProto, channels: Channels, size: ImageSize) -> Self {
        let mut readers: BTreeMap<&str, Vec<&NodeProto>> = BTreeMap::new();
        for node in &graph.node {
            for input in &node.input {
                readers.entry(input).or_default().push(node);
            }
        }
        let layout = match channels {
            Channels::First => Layout::channels_first(),
            Channels::Last => Layout::channels_last(),
        };
        let input = graph.input.first().map(|input| {
            let name = input.name.as_str();
            let is_sole = readers.get(name).is_some_and(|readers| readers.len() == 1);
            (name, Value { is_sole, ..Value::of(0, layout) })
        });
        Self {
            constants: Constants::of(graph),
            readers,
            values: input.into_iter().collect(),
            graph: Graph::with_input("input", [size.height, size.width, 3]),
            weights: Weights::default(),
            biases: BTreeMap::new(),
            biased_later: BTreeSet::new(),
            scaling: InputScaling::default(),
        }
    }

    /// Converts a node to a layer, or returns the reason why it cannot.
    fn take_up(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let output = node.output.first().map_or("", String::as_str);
        if self.constants.has(output) {
            return Ok(());
        }
        let mut value = match node.op_type.as_str() {
            "Identity" | "Dropout" => self.value(node, 0)?,
            "Transpose" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => self.turned(node)?,
            "Conv" => self.convolution(node, output)?,
            "Gemm" | "MatMul" => self.dense(node)?,
            "BatchNormalization" => self.normalisation(node)?,
            "Relu" | "Clip" | "Min" | "Max" => self.bounded(node)?,
            "HardSigmoid" => self.curve(node, hard_sigmoid(node))?,
            "HardSwish" => self.curve(node, Some(Function::HARD_SWISH))?,
            "Sigmoid" => self.curve(node, Some(Function::Sigmoid))?,
            "Add" | "Sub" => self.sum(node)?,
            "Mul" | "Div" => self.product(node)?,
            "MaxPool" => self.max_pooling(node)?,
            "GlobalAveragePool" | "ReduceMean" => self.mean(node)?,
            "Pad" => self.padded(node)?,
            _ => return Err("uses an operator that cannot be trained here".to_owned()),
        };
        value.is_sole &= self.readers.get(output).is_some_and(|readers| readers.len() == 1);
        self.values.insert(output, value);
        Ok(())
    }

    /// What is known of an input of a node.
    fn value(&self, node: &NodeProto, input: usize) -> Result<Value, String> {
        let name = node.input.get(input).map_or("", String::as_str);
        self.values.get(name).cloned().ok_or_else(|| {
            let what = if self.constants.has(name) { "the constant " } else { "" };
            format!("reads {what}`{name}`, which no layer computes")
        })
    }

    /// The layer that an input of a node comes from.
    fn input(&self, node: &NodeProto, input: usize) -> Result<LayerIdx, String> {
        self.value(node, input)?.layer_of(node.input.get(input).map_or("", String::as_str))
    }

    /// The first input of a node that reads maps with channels first.
    fn map(&self, node: &NodeProto) -> Result<Value, String> {
        let value = self.value(node, 0)?;
        if value.layout == Layout::channels_first() {
            return Ok(value);
        }
        Err(format!("reads `{}`, which is not an image with channels first", node.input[0]))
    }

    /// Adds a layer that is named after a node.
    fn add(&mut self, node: &NodeProto, kind: LayerKind, inputs: &[LayerIdx]) -> LayerIdx {
        self.add_named(name_of(node), kind, inputs)
    }

    fn add_named(&mut self, name: &str, kind: LayerKind, inputs: &[LayerIdx]) -> LayerIdx {
        let mut name = name.to_owned();
        while TAKEN.contains(&name.as_str()) || self.graph.find(&name).is_some() {
            name.push('_');
        }
        self.graph.add(name, kind, inputs)
    }

    /// Stores a weight of a layer.
    fn keep(&mut self, layer: LayerIdx, role: Role, tensor: Tensor) -> Result<(), String> {
        let parameters = self.graph.parameters_of(layer);
        let parameter = parameters.into_iter().find(|parameter| parameter.role == role);
        let parameter = parameter.filter(|parameter| parameter.shape == tensor.shape());
        let parameter = parameter.ok_or_else(|| "has weights of an unexpected shape".to_owned())?;
        self.weights.insert(parameter.name, tensor);
        Ok(())
    }

    /// Rows, columns and channels of the output of a layer.
    fn shape(&self, layer: LayerIdx) -> [usize; 3] {
        self.graph.layers()[layer].shape[..].try_into().expect("a base model passes on images")
    }

    fn convolution(&mut self, node: &'a NodeProto, output: &'a str) -> Result<Value, String> {
        let value = self.map(node)?;
        let input = self.with_zeros(&value, &node.input[0])?;
        let [height, width, n_inputs] = self.shape(input);
        let kernel = self.constants.tensor(node, 1).map_err(|error| error.to_string())?;
        let &[n_outputs, n_per_group, rows, columns] = kernel.shape() else {
            return Err("has no kernel with four axes".to_owned());
        };
        let window = window(node, [height, width], [rows, columns])?;
        let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(_) => Some(self.constants.tensor(node, 2).map_err(|error| error.to_string())?),
            None => None,
        };
        let is_normalised = self.readers.get(output).is_some_and(
            |readers| matches!(readers[..], [reader] if reader.op_type == "BatchNormalization"),
        );
        let has_bias = bias.is_some() && !is_normalised;
        let group = integer(node, "group").unwrap_or(1);
        let (kind, role, layout) = if group == 1 {
            let kind = LayerKind::Convolution { filters: n_outputs, window, has_bias };
            (kind, Role::Kernel, KernelLayout::Convolution)
        } else if [group, n_outputs as i64] == [n_inputs as i64; 2] && n_per_group == 1 {
            if !window.fits_depthwise() {
                return Err(format!(
                    "has a window of {rows}×{columns} with stride {}, which has no depthwise kernel",
                    window.stride
                ));
            }
            let kind = LayerKind::DepthwiseConvolution { window, has_bias };
            (kind, Role::DepthwiseKernel, KernelLayout::Depthwise)
        } else {
            return Err(format!(
                "is a convolution of {n_inputs} to {n_outputs} channels in {group} groups; only \
                 ordinary and depthwise convolutions can be trained"
            ));
        };
        let layer = self.add(node, kind, &[input]);
        let channels = if group == 1 { [n_per_group, n_outputs] } else { [n_outputs, 1] };
        let shape = [rows, columns, channels[0], channels[1]];
        let written = kernel.shape().to_vec();
        let values = layout.to_keras(kernel.into_values(), &written);
        self.keep(layer, role, Tensor::new(&shape, values))?;
        match bias {
            Some(bias) if has_bias => self.keep(layer, Role::Bias, bias)?,
            Some(bias) => drop(self.biases.insert(output, bias)),
            None => {}
        }
        Ok(Value::of(layer, value.layout))
    }

    fn normalisation(&mut self, node: &'a NodeProto) -> Result<Value, String> {
        if integer(node, "training_mode").unwrap_or(0) != 0 {
            return Err("was exported in training mode".to_owned());
        }
        let value = self.value(node, 0)?;
        if value.layout.place(Axis::Channels) != Some(1) {
            return Err(format!("reads `{}`, which has its channels last", node.input[0]));
        }
        let input = value.layer_of(&node.input[0])?;
        let epsilon = attribute(node, "epsilon").map_or(EPSILON, |epsilon| epsilon.f);
        let layer = self.add(node, LayerKind::BatchNormalization { epsilon }, &[input]);
        let roles = [Role::Gamma, Role::Beta, Role::MovingMean, Role::MovingVariance];
        for (place, role) in roles.into_iter().enumerate() {
            let tensor = self.constants.tensor(node, place + 1);
            let mut tensor = tensor.map_err(|error| error.to_string())?;
            let bias = self.biases.get(node.input[0].as_str());
            if let (Role::MovingMean, Some(bias)) = (role, bias) {
                let means = tensor.values_mut().iter_mut();
                means.zip(bias.values()).for_each(|(mean, bias)| *mean -= bias);
            }
            self.keep(layer, role, tensor)?;
        }
        Ok(Value::of(layer, value.layout))
    }

    fn max_pooling(&mut self, node: &NodeProto) -> Result<Value, String> {
        let value = self.map(node)?;
        let (input, around) = self.without_border(&value, &node.input[0])?;
        let [height, width, _] = self.shape(input);
        let height = height + around.top + around.bottom;
        let width = width + around.left + around.right;
        let sides = integers(node, "kernel_shape").unwrap_or_default();
        let sides: Vec<usize> = sides.into_iter().filter_map(|n| usize::try_from(n).ok()).collect();
        let &[rows, columns] = &sides[..] else { return Err("has no window".to_owned()) };
        let mut window = window(node, [height, width], [rows, columns])?;
        if integer(node, "ceil_mode").unwrap_or(0) != 0 {
            return Err("counts windows that reach outside (`ceil_mode`)".to_owned());
        }
        window.padding = window.padding.around(around);
        let Padding { top, bottom, left, right } = window.padding;
        if [top, bottom, left, right].iter().any(|n| *n >= window.kernel) {
            return Err("has windows outside the image".to_owned());
        }
        let layer = self.add(node, LayerKind::MaxPooling { window }, &[input]);
        Ok(Value::of(layer, value.layout))
    }

    /// A mean over rows and columns.
    fn mean(&mut self, node: &NodeProto) -> Result<Value, String> {
        let value = self.value(node, 0)?;
        let mut keeps_axes = true;
        if node.op_type == "ReduceMean" {
            let axes = list(node, "axes", &self.constants).unwrap_or_default();
            if !value.layout.is_over_places(&axes) {
                return Err("is over axes other than rows and columns".to_owned());
            }
            keeps_axes = integer(node, "keepdims").unwrap_or(1) != 0;
        } else {
            self.map(node)?;
        }
        let input = value.layer_of(&node.input[0])?;
        let pooling = LayerKind::GlobalAveragePooling { keeps_axes: true };
        let layer = self.add(node, pooling, &[input]);
        let layout = value.layout.of_means(keeps_axes);
        Ok(Value::of(layer, layout))
    }

    /// The layer that the features come from. A mean at the end is left to the head.
    fn end(&self, name: &str) -> Result<LayerIdx, String> {
        let value = self.values.get(name).ok_or("is a constant")?;
        let layer = value.layer_of(name).map_err(|_| {
            if value.border.is_some() {
                "is not followed by a convolution or a max pooling".to_owned()
            } else {
                format!("computes {}, which is not an activation here", value.function)
            }
        })?;
        if value.layout != Layout::channels_first() && !value.layout.is_vector() {
            return Err("has its channels last".to_owned());
        }
        let Layer { kind, inputs, .. } = &self.graph.layers()[layer];
        let is_mean = matches!(kind, LayerKind::GlobalAveragePooling { .. });
        Ok(if is_mean { inputs[0] } else { layer })
    }

    /// The layers that a layer needs, with their weights. Activations that are only part of others
    /// are dropped.
    fn up_to(self, end: LayerIdx) -> (Graph, Weights) {
        let layers = self.graph.layers();
        let mut is_needed = vec![false; layers.len()];
        is_needed[end] = true;
        for idx in (0..=end).rev() {
            if is_needed[idx] {
                layers[idx].inputs.iter().for_each(|&input| is_needed[input] = true);
            }
        }
        let mut graph = Graph::with_input("input", self.shape(0));
        let mut places = vec![0; layers.len()];
        for (idx, layer) in layers.iter().enumerate().skip(1).filter(|(idx, _)| is_needed[*idx]) {
            let mut kind = layer.kind;
            if let LayerKind::Convolution { has_bias, .. }
            | LayerKind::DepthwiseConvolution { has_bias, .. } = &mut kind
            {
                *has_bias |= self.biased_later.contains(&idx);
            }
            let inputs: Vec<LayerIdx> = layer.inputs.iter().map(|&input| places[input]).collect();
            places[idx] = graph.add(layer.name.clone(), kind, &inputs);
        }
        (graph, self.weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::builder::{Attribute, Builder, Dimension, ElementType};

    const SIZE: ImageSize = ImageSize { height: 8, width: 8 };

    /// The layers of a graph that `build` creates after its input `x`.
    fn imported(build: impl FnOnce(&mut Builder) -> String) -> Result<Imported, String> {
        let mut builder = Builder::default();
        let sides = [3, 8, 8].map(Dimension::Fixed);
        builder.input("x", ElementType::Floats, &[&[Dimension::Named("n")], &sides[..]].concat());
        let end = build(&mut builder);
        builder.output(&end, &[]);
        let backbone =
            Backbone { file: builder.encode().into(), channels: Channels::First, shape: [1, 1, 1] };
        import(&backbone, SIZE).map_err(|obstacle| obstacle.to_string())
    }

    /// A convolution of three channels with three, each output `2 · x + bias`.
    fn convolution(builder: &mut Builder, name: &str, x: &str) -> String {
        let twice: Vec<f32> = (0..9).map(|i| if i % 4 == 0 { 2.0 } else { 0.0 }).collect();
        let kernel = builder.floats(&format!("{name}/k"), &[3, 3, 1, 1], &twice);
        let bias = builder.floats(&format!("{name}/b"), &[3], &[1.0, 2.0, 3.0]);
        builder.node("Conv", name, &[x, &kernel, &bias], &[])
    }

    fn pad(builder: &mut Builder, x: &str) -> String {
        let amounts = builder.integers("amounts", &[8], &[0, 0, 1, 0, 0, 0, 2, 0]);
        builder.node("Pad", "pad", &[x, &amounts], &[])
    }

    #[test]
    fn a_bias_in_front_of_a_normalisation_becomes_part_of_its_mean() {
        let imported = imported(|builder| {
            let x = convolution(builder, "c", "x");
            let mut inputs = vec![x];
            for (name, value) in [("gamma", 1.0), ("beta", 0.5), ("mean", 4.0), ("variance", 9.0)] {
                inputs.push(builder.floats(name, &[3], &[value; 3]));
            }
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            builder.node("BatchNormalization", "norm", &inputs, &[])
        });
        let Imported { graph, weights, .. } = imported.unwrap();
        let names: Vec<String> = graph.parameters().into_iter().map(|p| p.name).collect();
        assert_eq!(names[..2], ["c/kernel", "norm/gamma"]);
        assert_eq!(weights.get("norm/moving_mean").values(), [3.0, 2.0, 1.0]);
        assert_eq!(weights.get("c/kernel").shape(), [1, 1, 3, 3]);
    }

    #[test]
    fn zeros_are_layers_in_front_of_convolutions_alone() {
        let in_front = imported(|builder| {
            let x = pad(builder, "x");
            convolution(builder, "c", &x)
        });
        let graph = in_front.unwrap().graph;
        let classes: Vec<_> = graph.layers().iter().map(|layer| layer.kind.keras_class()).collect();
        assert_eq!(classes, ["InputLayer", "ZeroPadding2D", "Conv2D"]);
        assert_eq!(graph.layers()[2].shape, [11, 8, 3]);
        let at_the_end = imported(|builder| {
            let x = convolution(builder, "c", "x");
            pad(builder, &x)
        });
        assert!(at_the_end.unwrap_err().contains("not followed by a convolution"));
    }

    #[test]
    fn what_something_else_reads_too_is_not_joined() {
        let said = imported(|builder| {
            let x = convolution(builder, "c", "x");
            let active = builder.node("Relu", "active", &[&x], &[]);
            builder.node("Add", "sum", &[&active, &x], &[])
        });
        assert!(said.unwrap_err().contains("nothing else reads"));
    }

    #[test]
    fn windows_that_no_layer_has_are_named() {
        for (name, numbers, expected) in
            [("strides", vec![1, 2], "different strides"), ("dilations", vec![2, 2], "gaps")]
        {
            let said = imported(|builder| {
                let kernel = builder.floats("k", &[3, 3, 3, 3], &[0.1; 81]);
                let attributes = [(name, Attribute::Integers(numbers))];
                builder.node("Conv", "c", &["x", &kernel], &attributes)
            });
            assert!(said.unwrap_err().contains(expected));
        }
    }
}
