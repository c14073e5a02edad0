//! Rows and columns around maps, which the following layers take over.

use alpaca_kernels::{Activation, Padding};
use tract_onnx::pb::NodeProto;

use super::layout::Axis;
use super::value::{Border, Value};
use super::{Import, name_of};
use crate::model::graph::{LayerIdx, LayerKind};
use crate::model::weights::import::constants::attribute;
use crate::onnx::attributes::{list, text};

impl Import<'_> {
    /// A map with rows and columns around it.
    pub(super) fn padded(&self, node: &NodeProto) -> Result<Value, String> {
        let value = self.value(node, 0)?;
        let amounts = list(node, "pads", &self.constants);
        let amounts = amounts.ok_or_else(|| "adds amounts that depend on the image".to_owned())?;
        if amounts.iter().all(|n| *n == 0) {
            return Ok(value);
        }
        value.layer_of(&node.input[0])?;
        if text(node, "mode").is_some_and(|mode| mode != "constant") {
            return Err("repeats pixels instead of a number".to_owned());
        }
        let fill = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(_) => {
                self.constants.tensor(node, 2).map_err(|error| error.to_string())?.values()[0]
            }
            None => attribute(node, "value").map_or(0.0, |value| value.f),
        };
        let padding = self.around(node, &value, &amounts)?;
        let border = Border { name: name_of(node).to_owned(), padding, fill };
        Ok(Value { border: Some(border), ..value })
    }

    /// The rows and columns that a node adds. The node may list its axes.
    fn around(&self, node: &NodeProto, value: &Value, amounts: &[i64]) -> Result<Padding, String> {
        let axes = match node.input.get(3).filter(|name| !name.is_empty()) {
            Some(_) => {
                let listed = self.constants.integers(node, 3).map_err(|error| error.to_string())?;
                value.layout.listed(&listed)
            }
            None => Some(value.layout.axes().to_vec()),
        };
        let axes = axes.filter(|axes| amounts.len() == 2 * axes.len());
        let axes = axes.ok_or_else(|| "does not pad the axes of an image".to_owned())?;
        let mut padding = Padding::default();
        for (at, axis) in axes.iter().enumerate() {
            let amount =
                |at: usize| usize::try_from(amounts[at]).map_err(|_| "cuts off pixels".to_owned());
            match (axis, [amount(at)?, amount(at + axes.len())?]) {
                (Axis::Rows, [top, bottom]) => (padding.top, padding.bottom) = (top, bottom),
                (Axis::Columns, [left, right]) => (padding.left, padding.right) = (left, right),
                (_, [0, 0]) => {}
                _ => return Err("adds something other than rows and columns".to_owned()),
            }
        }
        Ok(padding)
    }

    /// The layer that a convolution reads, after a layer for the zeros around it.
    pub(super) fn with_zeros(&mut self, value: &Value, name: &str) -> Result<LayerIdx, String> {
        let Some(Border { name: pad, padding, fill }) = &value.border else {
            return value.layer_of(name);
        };
        match value.layer {
            Some(layer) if *fill == 0.0 => {
                Ok(self.add_named(pad, LayerKind::ZeroPadding(*padding), &[layer]))
            }
            _ => Err(format!("reads `{name}`, which is padded with {fill} instead of zeros")),
        }
    }

    /// The layer that a max pooling reads, and the padding around it. Here, a max pooling ignores
    /// places outside of the image. That is the same if they are the lowest number, or if they are
    /// zeros and no other number is negative.
    pub(super) fn without_border(
        &self,
        value: &Value,
        name: &str,
    ) -> Result<(LayerIdx, Padding), String> {
        let (Some(Border { padding, fill, .. }), Some(layer)) = (&value.border, value.layer) else {
            return Ok((value.layer_of(name)?, Padding::default()));
        };
        if *fill <= f32::MIN || *fill == 0.0 && self.is_never_negative(layer) {
            return Ok((layer, *padding));
        }
        Err(format!("reads `{name}`, which is padded with {fill} and may have lower numbers"))
    }

    /// Whether the output of a layer is never negative because of the kind of it and of layers
    /// before it.
    fn is_never_negative(&self, layer: LayerIdx) -> bool {
        let layer = &self.graph.layers()[layer];
        match layer.kind {
            LayerKind::Activation(activation) => matches!(
                activation,
                Activation::Relu
                    | Activation::Relu6
                    | Activation::HardSigmoid
                    | Activation::Sigmoid
            ),
            LayerKind::MaxPooling { .. }
            | LayerKind::GlobalAveragePooling { .. }
            | LayerKind::Add
            | LayerKind::Multiply => {
                layer.inputs.iter().all(|&input| self.is_never_negative(input))
            }
            _ => false,
        }
    }
}
