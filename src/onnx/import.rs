//! Converts ONNX files to a graph whose layers can be trained, if this program has a layer for each
//! of their operators.

use std::collections::BTreeMap;
use std::io::Cursor;

use alpaca_kernels::{Activation, Padding};
use tract_onnx::pb::{GraphProto, NodeProto};
use tract_onnx::prelude::Framework;

use super::attributes::{integer, integers, list, text, window};
use super::pads;
use super::prune::keep_what_computes;
use crate::base::tensor::Tensor;
use crate::model::backbone::{Backbone, Channels, Imported};
use crate::model::fuse;
use crate::model::graph::{Graph, LayerIdx, LayerKind, Role};
use crate::model::weights::Weights;
use crate::model::weights::import::Layout;
use crate::model::weights::import::constants::{Constants, attribute};
use crate::spec::{Convention, ImageSize};

/// Names of layers that every classifier has, and of its outputs.
const TAKEN: [&str; 5] =
    ["input", "global_average_pooling2d", "dropout", "head", super::PROBABILITIES];
/// Default of the epsilon in ONNX.
const EPSILON: f32 = 1e-5;

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
    let model = tract_onnx::onnx().proto_model_for_read(&mut Cursor::new(&backbone.file[..]));
    let mut model = model.map_err(|error| broken(error.root_cause().to_string()))?;
    pads::settle(&mut model, backbone.channels.of_one(size));
    let is_torch = model.producer_name == "pytorch";
    let mut graph = model.graph.unwrap_or_default();
    let end = end(&graph).ok_or_else(|| broken("has no output".to_owned()))?;
    keep_what_computes(&mut graph, [end.clone()]);
    let mut import = Import::new(&graph, backbone.channels, size);
    for node in &graph.node {
        import.take_up(node).map_err(|why| Obstacle {
            node: name_of(node).to_owned(),
            operator: node.op_type.clone(),
            why,
        })?;
    }
    let Import { graph: layers, weights, layer_of, .. } = import;
    if layer_of.get(end.as_str()) != Some(&(layers.layers().len() - 1)) {
        return Err(broken("does not end with its last layer".to_owned()));
    }
    fuse::fuse(&layers).map_err(|error| Obstacle {
        node: error.layer,
        operator: error.class.to_owned(),
        why: "does not follow a convolution or a sum that nothing else reads".to_owned(),
    })?;
    let convention = if is_torch { Convention::Torch } else { Convention::Keras };
    Ok(Imported { graph: layers, weights, convention })
}

/// The name of a node, or of its output if it has none.
fn name_of(node: &NodeProto) -> &str {
    let output = node.output.first().map_or("", String::as_str);
    if node.name.is_empty() { output } else { &node.name }
}

/// The feature map that a graph ends with: its output, or the input of a global average pooling.
fn end(graph: &GraphProto) -> Option<String> {
    let output = &graph.output.first()?.name;
    let constants = Constants::of(graph);
    let mut value = output;
    // Nodes follow those that they read.
    for node in graph.node.iter().rev() {
        if node.output.first() != Some(value) {
            continue;
        }
        let input = node.input.first();
        match node.op_type.as_str() {
            "Flatten" | "Reshape" | "Squeeze" | "Identity" | "Dropout" => value = input?,
            "GlobalAveragePool" => return input.cloned(),
            "ReduceMean" if is_over_places(node, &constants) => return input.cloned(),
            _ => return Some(output.clone()),
        }
    }
    None
}

fn is_over_places(node: &NodeProto, constants: &Constants<'_>) -> bool {
    list(node, "axes", constants).is_some_and(|mut axes| {
        axes.iter_mut().for_each(|axis| *axis = (*axis + 4) % 4);
        axes.sort_unstable();
        axes == [2, 3]
    })
}

/// The state of [`import`].
struct Import<'a> {
    constants: Constants<'a>,
    readers: BTreeMap<&'a str, Vec<&'a NodeProto>>,
    /// The image if its channels come last. Only a transposition reads it.
    picture: Option<&'a str>,
    /// Layer that computes each value.
    layer_of: BTreeMap<&'a str, LayerIdx>,
    graph: Graph,
    weights: Weights,
    /// Biases of convolutions that the following normalization subtracts again, by their output.
    biases: BTreeMap<&'a str, Tensor>,
}

impl<'a> Import<'a> {
    fn new(graph: &'a GraphProto, channels: Channels, size: ImageSize) -> Self {
        let mut readers: BTreeMap<&str, Vec<&NodeProto>> = BTreeMap::new();
        for node in &graph.node {
            for input in &node.input {
                readers.entry(input).or_default().push(node);
            }
        }
        let input = graph.input.first().map_or("", |input| input.name.as_str());
        let (picture, layer_of) = match channels {
            Channels::First => (None, BTreeMap::from([(input, 0)])),
            Channels::Last => (Some(input), BTreeMap::new()),
        };
        Self {
            constants: Constants::of(graph),
            readers,
            picture,
            layer_of,
            graph: Graph::with_input("input", [size.height, size.width, 3]),
            weights: Weights::default(),
            biases: BTreeMap::new(),
        }
    }

    /// Converts a node to a layer, or returns the reason why it cannot.
    fn take_up(&mut self, node: &'a NodeProto) -> Result<(), String> {
        let output = node.output.first().map_or("", String::as_str);
        if self.constants.has(output) {
            return Ok(());
        }
        let layer = match node.op_type.as_str() {
            "Identity" | "Dropout" => self.input(node, 0)?,
            "Transpose" => self.transposition(node)?,
            "Conv" => self.convolution(node, output)?,
            "BatchNormalization" => self.normalisation(node)?,
            "Relu" => self.add(node, LayerKind::Activation(Activation::Relu), 1)?,
            "Clip" => self.clip(node)?,
            "Add" => self.sum(node)?,
            "MaxPool" => self.max_pooling(node)?,
            "Pad" => self.padding(node, output)?,
            _ => return Err("uses an operator that cannot be trained here".to_owned()),
        };
        self.layer_of.insert(output, layer);
        Ok(())
    }

    /// The layer that an input of a node comes from.
    fn input(&self, node: &NodeProto, input: usize) -> Result<LayerIdx, String> {
        let name = node.input.get(input).map_or("", String::as_str);
        self.layer_of.get(name).copied().ok_or_else(|| {
            if self.constants.has(name) {
                format!("reads the constant `{name}`")
            } else {
                format!("reads `{name}`, which is not an image with channels first")
            }
        })
    }

    /// Adds a layer that reads the first inputs of a node.
    fn add(&mut self, node: &NodeProto, kind: LayerKind, n: usize) -> Result<LayerIdx, String> {
        let inputs = (0..n).map(|i| self.input(node, i)).collect::<Result<Vec<_>, _>>()?;
        let mut name = name_of(node).to_owned();
        while TAKEN.contains(&name.as_str()) || self.graph.find(&name).is_some() {
            name.push('_');
        }
        Ok(self.graph.add(name, kind, &inputs))
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

    /// Rows and columns of the input of a node.
    fn size(&self, node: &NodeProto) -> Result<[usize; 3], String> {
        let shape = &self.graph.layers()[self.input(node, 0)?].shape;
        shape[..].try_into().map_err(|_| "does not read an image".to_owned())
    }

    /// A transposition of an image to channels first. Here channels are always last, so it has no
    /// effect.
    fn transposition(&self, node: &NodeProto) -> Result<LayerIdx, String> {
        let is_of_picture = self.picture.is_some_and(|picture| node.input == [picture]);
        if is_of_picture && integers(node, "perm").as_deref() == Some(&[0, 3, 1, 2]) {
            return Ok(0);
        }
        Err("transposes a value that is not an image with channels last".to_owned())
    }

    fn convolution(&mut self, node: &'a NodeProto, output: &'a str) -> Result<LayerIdx, String> {
        let [height, width, n_inputs] = self.size(node)?;
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
            (kind, Role::Kernel, Layout::Convolution)
        } else if [group, n_outputs as i64] == [n_inputs as i64; 2] && n_per_group == 1 {
            if !window.fits_depthwise() {
                return Err(format!(
                    "has a window of {rows}×{columns} with stride {}, which has no depthwise kernel",
                    window.stride
                ));
            }
            let kind = LayerKind::DepthwiseConvolution { window, has_bias };
            (kind, Role::DepthwiseKernel, Layout::Depthwise)
        } else {
            return Err(format!(
                "is a convolution of {n_inputs} to {n_outputs} channels in {group} groups; only \
                 ordinary and depthwise convolutions can be trained"
            ));
        };
        let layer = self.add(node, kind, 1)?;
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
        Ok(layer)
    }

    fn normalisation(&mut self, node: &'a NodeProto) -> Result<LayerIdx, String> {
        if integer(node, "training_mode").unwrap_or(0) != 0 {
            return Err("was exported in training mode".to_owned());
        }
        let epsilon = attribute(node, "epsilon").map_or(EPSILON, |epsilon| epsilon.f);
        let layer = self.add(node, LayerKind::BatchNormalization { epsilon }, 1)?;
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
        Ok(layer)
    }

    fn clip(&mut self, node: &NodeProto) -> Result<LayerIdx, String> {
        let bound = |place: usize, name: &str| {
            let of_attribute = attribute(node, name).map(|found| found.f);
            if of_attribute.is_some() || node.input.get(place).is_none_or(String::is_empty) {
                return Ok(of_attribute);
            }
            let tensor = self.constants.tensor(node, place);
            tensor.map(|tensor| Some(tensor.values()[0])).map_err(|error| error.to_string())
        };
        let kind = match (bound(1, "min")?, bound(2, "max")?) {
            (Some(0.0), Some(6.0)) => LayerKind::Activation(Activation::Relu6),
            (Some(0.0), None) => LayerKind::Activation(Activation::Relu),
            _ => return Err("has bounds other than 0 and 6".to_owned()),
        };
        self.add(node, kind, 1)
    }

    fn sum(&mut self, node: &NodeProto) -> Result<LayerIdx, String> {
        let [a, b] = [self.input(node, 0)?, self.input(node, 1)?];
        let layers = self.graph.layers();
        if layers[a].shape != layers[b].shape {
            return Err("adds values of different shapes".to_owned());
        }
        self.add(node, LayerKind::Add, 2)
    }

    fn max_pooling(&mut self, node: &NodeProto) -> Result<LayerIdx, String> {
        let [height, width, _] = self.size(node)?;
        let sides = integers(node, "kernel_shape").unwrap_or_default();
        let sides: Vec<usize> = sides.into_iter().filter_map(|n| usize::try_from(n).ok()).collect();
        let &[rows, columns] = &sides[..] else { return Err("has no window".to_owned()) };
        let window = window(node, [height, width], [rows, columns])?;
        if integer(node, "ceil_mode").unwrap_or(0) != 0 {
            return Err("counts windows that reach outside (`ceil_mode`)".to_owned());
        }
        let Padding { top, bottom, left, right } = window.padding;
        if [top, bottom, left, right].iter().any(|n| *n >= window.kernel) {
            return Err("has windows outside the image".to_owned());
        }
        self.add(node, LayerKind::MaxPooling { window }, 1)
    }

    /// A padding with zeros, which the following convolution takes over.
    fn padding(&mut self, node: &'a NodeProto, output: &str) -> Result<LayerIdx, String> {
        let amounts = list(node, "pads", &self.constants);
        let amounts = amounts.ok_or_else(|| "adds amounts that depend on the image".to_owned())?;
        if amounts.iter().all(|n| *n == 0) {
            return self.input(node, 0);
        }
        let readers = self.readers.get(output).map_or(&[][..], Vec::as_slice);
        if readers.is_empty() || !readers.iter().all(|reader| reader.op_type == "Conv") {
            return Err("is not followed by a convolution".to_owned());
        }
        let value = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(_) => {
                self.constants.tensor(node, 2).map_err(|error| error.to_string())?.values()[0]
            }
            None => attribute(node, "value").map_or(0.0, |value| value.f),
        };
        let is_constant = text(node, "mode").is_none_or(|mode| mode == "constant");
        match self.of_four_axes(node, &amounts)? {
            [0, 0, top, left, 0, 0, bottom, right] if value == 0.0 && is_constant => {
                let padding = Padding { top, bottom, left, right };
                self.add(node, LayerKind::ZeroPadding(padding), 1)
            }
            _ => Err("adds something other than rows and columns of zeros".to_owned()),
        }
    }

    /// The amounts of a padding before and after each of four axes. The node may list its axes.
    fn of_four_axes(&self, node: &NodeProto, amounts: &[i64]) -> Result<[usize; 8], String> {
        let unusual = || "does not pad the axes of an image".to_owned();
        let axes = match node.input.get(3).filter(|name| !name.is_empty()) {
            Some(_) => self.constants.integers(node, 3).map_err(|error| error.to_string())?,
            None => vec![0, 1, 2, 3],
        };
        if amounts.len() != 2 * axes.len() {
            return Err(unusual());
        }
        let mut all = [0; 8];
        for (place, axis) in axes.iter().enumerate() {
            let axis = if *axis < 0 { axis + 4 } else { *axis };
            let axis = usize::try_from(axis).ok().filter(|axis| *axis < 4).ok_or_else(unusual)?;
            for (at, from) in [(axis, place), (axis + 4, place + axes.len())] {
                all[at] =
                    usize::try_from(amounts[from]).map_err(|_| "cuts off pixels".to_owned())?;
            }
        }
        Ok(all)
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
