//! Fully connected layers inside a base model: convolutions of one pixel.

use alpaca_kernels::{Padding, Window};
use tract_onnx::pb::NodeProto;

use super::Import;
use super::layout::Axis;
use super::value::Value;
use crate::base::tensor::Tensor;
use crate::model::graph::{LayerKind, Role};
use crate::model::weights::import::Layout as KernelLayout;
use crate::model::weights::import::constants::attribute;
use crate::onnx::attributes::integer;

impl Import<'_> {
    /// `Gemm` of one vector per image, and `MatMul` over the channels.
    pub(super) fn dense(&mut self, node: &NodeProto) -> Result<Value, String> {
        let value = self.value(node, 0)?;
        let is_gemm = node.op_type == "Gemm";
        let has_vectors = value.layout.is_vector()
            || !is_gemm
                && value.layout.place(Axis::Channels) == Some(value.layout.axes().len() - 1);
        if !has_vectors {
            return Err(format!("reads `{}`, which does not end with channels", node.input[0]));
        }
        let input = value.layer_of(&node.input[0])?;
        let tensor = |place| self.constants.tensor(node, place).map_err(|error| error.to_string());
        let kernel = tensor(1)?;
        let &[rows, columns] = kernel.shape() else {
            return Err("has no weights with two axes".to_owned());
        };
        let factor = |name: &str| attribute(node, name).map_or(1.0, |factor| factor.f);
        let is_plain = [factor("alpha"), factor("beta")] == [1.0, 1.0];
        if !is_plain || integer(node, "transA").unwrap_or(0) != 0 {
            return Err("scales or transposes its inputs".to_owned());
        }
        let is_transposed = integer(node, "transB").unwrap_or(0) != 0;
        let [n_inputs, filters] = if is_transposed { [columns, rows] } else { [rows, columns] };
        let values = kernel.into_values();
        let layout = if is_transposed { KernelLayout::Linear } else { KernelLayout::Keras };
        let values = layout.to_keras(values, &[rows, columns]);
        let bias = match node.input.get(2).filter(|name| !name.is_empty()) {
            Some(_) => Some(tensor(2)?),
            None => None,
        };
        let window = Window { kernel: 1, stride: 1, padding: Padding::default() };
        let kind = LayerKind::Convolution { filters, window, has_bias: bias.is_some() };
        let layer = self.add(node, kind, &[input]);
        self.keep(layer, Role::Kernel, Tensor::new(&[1, 1, n_inputs, filters], values))?;
        if let Some(bias) = bias {
            self.keep(layer, Role::Bias, bias)?;
        }
        Ok(Value::of(layer, value.layout))
    }
}
