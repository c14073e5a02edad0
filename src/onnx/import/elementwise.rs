//! Nodes that compute each number from the numbers at the same place.

use alpaca_kernels::Activation;
use tract_onnx::pb::NodeProto;

use super::Import;
use super::function::Function;
use super::layout::Axis;
use super::value::Value;
use crate::base::tensor::Tensor;
use crate::model::graph::{LayerIdx, LayerKind, Role};
use crate::model::weights::import::constants::attribute;

/// The second operand of a node.
enum Operand {
    Value(Value),
    /// One number for all.
    Number(f64),
    /// A number for each channel.
    PerChannel(Vec<f64>),
}

impl Import<'_> {
    /// A function of the input of a node.
    fn apply(
        &mut self,
        node: &NodeProto,
        value: &Value,
        change: impl Fn(Function) -> Option<Function>,
    ) -> Result<Value, String> {
        if value.border.is_some() {
            return Err(
                "reads a padded map, which only convolutions and max pooling can".to_owned()
            );
        }
        let changed = value.forms().find_map(|(x, of)| change(of).map(|function| (x, function)));
        let (x, function) = changed.ok_or_else(|| {
            format!("computes a function of {} that is not an activation here", value.function)
        })?;
        Ok(self.function(node, value, x, function))
    }

    /// A function of a layer, as a layer if it is an activation.
    fn function(
        &mut self,
        node: &NodeProto,
        value: &Value,
        x: LayerIdx,
        function: Function,
    ) -> Value {
        let layer = match function.activation() {
            Some(Activation::Linear) => Some(x),
            Some(activation) => Some(self.add(node, LayerKind::Activation(activation), &[x])),
            None => None,
        };
        Value { x, function, layer, ..value.clone() }
    }

    /// A function of the output of a layer.
    pub(super) fn curve(
        &mut self,
        node: &NodeProto,
        function: Option<Function>,
    ) -> Result<Value, String> {
        let value = self.value(node, 0)?;
        self.apply(node, &value, |before| function.filter(|_| before == Function::IDENTITY))
    }

    /// `Relu`, `Clip`, `Min` and `Max` with constant bounds.
    pub(super) fn bounded(&mut self, node: &NodeProto) -> Result<Value, String> {
        let (value, [least, most]) = match node.op_type.as_str() {
            "Relu" => (self.value(node, 0)?, [Some(0.0), None]),
            "Clip" => {
                (self.value(node, 0)?, [self.bound(node, 1, "min")?, self.bound(node, 2, "max")?])
            }
            operator => match self.operands(node)? {
                (value, Operand::Number(number), _) if operator == "Min" => {
                    (value, [None, Some(number)])
                }
                (value, Operand::Number(number), _) => (value, [Some(number), None]),
                _ => return Err("compares two maps".to_owned()),
            },
        };
        let least = least.unwrap_or(f64::NEG_INFINITY);
        let most = most.unwrap_or(f64::INFINITY);
        self.apply(node, &value, |function| function.between(least, most))
    }

    /// A bound of a `Clip`: an attribute, or an input from opset 11 on.
    fn bound(&self, node: &NodeProto, input: usize, name: &str) -> Result<Option<f64>, String> {
        let of_attribute = attribute(node, name).map(|found| f64::from(found.f));
        if of_attribute.is_some() || node.input.get(input).is_none_or(String::is_empty) {
            return Ok(of_attribute);
        }
        let tensor = self.constants.tensor(node, input).map_err(|error| error.to_string())?;
        Ok(Some(f64::from(tensor.values()[0])))
    }

    /// The operands of a node with two, a value first, and whether their order was that of the
    /// node.
    fn operands(&self, node: &NodeProto) -> Result<(Value, Operand, bool), String> {
        if node.input.len() != 2 {
            return Err(format!("has {} inputs instead of two", node.input.len()));
        }
        let is_constant = |input: usize| self.constants.has(&node.input[input]);
        match [is_constant(0), is_constant(1)] {
            [false, false] => {
                Ok((self.value(node, 0)?, Operand::Value(self.value(node, 1)?), true))
            }
            [false, true] => {
                let value = self.value(node, 0)?;
                Ok((value.clone(), self.constant(node, 1, &value)?, true))
            }
            [true, false] => {
                let value = self.value(node, 1)?;
                Ok((value.clone(), self.constant(node, 0, &value)?, false))
            }
            [true, true] => Err("reads constants alone".to_owned()),
        }
    }

    /// A constant that a node combines with a value: one number, or one for each channel.
    fn constant(&self, node: &NodeProto, input: usize, value: &Value) -> Result<Operand, String> {
        let tensor = self.constants.tensor(node, input).map_err(|error| error.to_string())?;
        let n_axes = value.layout.axes().len();
        let unusual = || format!("reads `{}`, a constant of another shape", node.input[input]);
        let before = n_axes.checked_sub(tensor.shape().len()).ok_or_else(unusual)?;
        let numbers: Vec<f64> = tensor.values().iter().copied().map(f64::from).collect();
        if let [number] = numbers[..] {
            return Ok(Operand::Number(number));
        }
        // Axes are aligned at the end.
        let place = value.layout.place(Axis::Channels).and_then(|place| place.checked_sub(before));
        let place = place.ok_or_else(unusual)?;
        let [.., n_channels] = self.shape(value.x);
        let fits = |(at, n): (usize, &usize)| *n == if at == place { n_channels } else { 1 };
        if tensor.shape().iter().enumerate().all(fits) {
            Ok(Operand::PerChannel(numbers))
        } else {
            Err(unusual())
        }
    }

    /// `Add` and `Sub`: a shortcut, a part of an activation, or the bias of a convolution.
    pub(super) fn sum(&mut self, node: &NodeProto) -> Result<Value, String> {
        let (value, operand, is_in_order) = self.operands(node)?;
        let sign = if node.op_type == "Sub" { -1.0 } else { 1.0 };
        if sign < 0.0 && (!is_in_order || matches!(operand, Operand::Value(_))) {
            return Err("subtracts a map".to_owned());
        }
        match operand {
            Operand::Number(number) if value.is_image() => {
                self.scale_image(value, [1.0; 3], [sign * number; 3])
            }
            Operand::Number(number) => {
                self.apply(node, &value, |function| function.plus(sign * number))
            }
            Operand::PerChannel(numbers) if value.is_image() => {
                self.scale_image(value, [1.0; 3], [0, 1, 2].map(|at| sign * numbers[at]))
            }
            Operand::PerChannel(numbers) => {
                let layer = self.convolution_of(&value)?;
                self.shift(layer, &numbers, sign);
                Ok(value)
            }
            Operand::Value(other) => {
                let [a, b] = [self.input(node, 0)?, self.input(node, 1)?];
                if self.shape(a) != self.shape(b) || value.layout != other.layout {
                    return Err("adds values of different shapes".to_owned());
                }
                Ok(Value::of(self.add(node, LayerKind::Add, &[a, b]), value.layout))
            }
        }
    }

    /// `Mul` and `Div`: a part of an activation, factors for channels, or part of the weights of a
    /// convolution.
    pub(super) fn product(&mut self, node: &NodeProto) -> Result<Value, String> {
        let (value, operand, is_in_order) = self.operands(node)?;
        let divides = node.op_type == "Div";
        if divides && (!is_in_order || matches!(operand, Operand::Value(_))) {
            return Err("divides by a map".to_owned());
        }
        let factor = |number: f64| if divides { 1.0 / number } else { number };
        match operand {
            Operand::Number(number) if value.is_image() => {
                self.scale_image(value, [factor(number); 3], [0.0; 3])
            }
            Operand::Number(number) => {
                self.apply(node, &value, |function| function.times(factor(number)))
            }
            Operand::PerChannel(numbers) if value.is_image() => {
                self.scale_image(value, [0, 1, 2].map(|at| factor(numbers[at])), [0.0; 3])
            }
            Operand::PerChannel(numbers) => {
                let layer = self.convolution_of(&value)?;
                let factors: Vec<f64> = numbers.into_iter().map(factor).collect();
                self.scale(layer, &factors);
                Ok(value)
            }
            Operand::Value(other) => self.product_of(node, &value, &other),
        }
    }

    /// The product of two values: an activation if both are functions of one layer, or else
    /// factors for channels.
    fn product_of(
        &mut self,
        node: &NodeProto,
        value: &Value,
        other: &Value,
    ) -> Result<Value, String> {
        if value.layout != other.layout {
            return Err("multiplies values of different shapes".to_owned());
        }
        let pairs = value.forms().flat_map(|one| other.forms().map(move |two| (one, two)));
        let same = pairs.filter(|((x, _), (other, _))| x == other);
        let products: Vec<(LayerIdx, Function)> =
            same.filter_map(|((x, one), (_, two))| Some((x, one.product(two)?))).collect();
        let is_activation = |(_, function): &&(LayerIdx, Function)| function.activation().is_some();
        let product = products.iter().find(is_activation).or(products.first());
        if let (Some(&(x, function)), None, None) = (product, &value.border, &other.border) {
            return Ok(self.function(node, value, x, function));
        }
        let [a, b] = [self.input(node, 0)?, self.input(node, 1)?];
        let [of_a, of_b] = [self.shape(a), self.shape(b)];
        let one_each = |[rows, columns, _]: [usize; 3]| [rows, columns] == [1, 1];
        let inputs = match (of_a[2] == of_b[2], one_each(of_a), one_each(of_b)) {
            (true, _, true) => [a, b],
            (true, true, _) => [b, a],
            _ => return Err("multiplies two maps, neither with one factor per channel".to_owned()),
        };
        Ok(Value::of(self.add(node, LayerKind::Multiply, &inputs), value.layout.clone()))
    }

    /// Makes `factor · x + offset` of the image a part of its preprocessing.
    fn scale_image(
        &mut self,
        image: Value,
        factor: [f64; 3],
        offset: [f64; 3],
    ) -> Result<Value, String> {
        if !factor.iter().all(|factor| *factor > 0.0 && factor.is_finite()) {
            return Err("multiplies the image by numbers that are not positive".to_owned());
        }
        let scaling = &mut self.scaling;
        for at in 0..3 {
            scaling.factor[at] *= factor[at];
            scaling.offset[at] = scaling.offset[at] * factor[at] + offset[at];
        }
        Ok(image)
    }

    /// The convolution that computes a value which nothing else reads.
    fn convolution_of(&self, value: &Value) -> Result<LayerIdx, String> {
        let layer = value.layer.filter(|layer| {
            let kind = self.graph.layers()[*layer].kind;
            value.is_sole
                && value.border.is_none()
                && matches!(
                    kind,
                    LayerKind::Convolution { .. } | LayerKind::DepthwiseConvolution { .. }
                )
        });
        layer.ok_or_else(|| {
            "has a constant for each channel, but does not follow a convolution that nothing else \
             reads"
                .to_owned()
        })
    }

    /// The name of a weight of a layer.
    fn weight(&self, layer: LayerIdx, role: Role) -> String {
        format!("{}/{}", self.graph.layers()[layer].name, role.name())
    }

    /// Whether a convolution has a bias.
    fn has_bias(&self, layer: LayerIdx) -> bool {
        let parameters = self.graph.parameters_of(layer);
        self.biased_later.contains(&layer)
            || parameters.iter().any(|parameter| parameter.role == Role::Bias)
    }

    /// Multiplies each output channel of a convolution by its factor.
    fn scale(&mut self, layer: LayerIdx, factors: &[f64]) {
        let role = match self.graph.layers()[layer].kind {
            LayerKind::DepthwiseConvolution { .. } => Role::DepthwiseKernel,
            _ => Role::Kernel,
        };
        let bias = self.has_bias(layer).then_some(Role::Bias);
        for role in [Some(role), bias].into_iter().flatten() {
            let name = self.weight(layer, role);
            let mut tensor = self.weights.get(&name).clone();
            // In each of these weights, output channels are the innermost axis that is not 1.
            for (value, factor) in tensor.values_mut().iter_mut().zip(factors.iter().cycle()) {
                *value = (f64::from(*value) * factor) as f32;
            }
            self.weights.insert(name, tensor);
        }
    }

    /// Adds a number to each output channel of a convolution.
    fn shift(&mut self, layer: LayerIdx, numbers: &[f64], sign: f64) {
        let name = self.weight(layer, Role::Bias);
        let mut tensor = if self.has_bias(layer) {
            self.weights.get(&name).clone()
        } else {
            Tensor::new(&[numbers.len()], vec![0.0; numbers.len()])
        };
        for (value, number) in tensor.values_mut().iter_mut().zip(numbers) {
            *value = (f64::from(*value) + sign * number) as f32;
        }
        self.biased_later.insert(layer);
        self.weights.insert(name, tensor);
    }
}
