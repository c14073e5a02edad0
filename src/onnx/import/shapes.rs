//! Nodes that change the order or number of axes. Layers always have their channels last, so these
//! nodes have no effect.

use tract_onnx::pb::NodeProto;

use super::Import;
use super::value::Value;
use crate::onnx::attributes::{integer, integers, list};

impl Import<'_> {
    /// The input of a node with its axes in another order. All but transpositions require that the
    /// value has one number for each channel.
    pub(super) fn turned(&self, node: &NodeProto) -> Result<Value, String> {
        let value = self.value(node, 0)?;
        let [rows, columns, n_channels] = self.shape(value.x);
        let is_point = [rows, columns] == [1, 1] && value.border.is_none();
        let layout = &value.layout;
        let axes = || list(node, "axes", &self.constants);
        let turned = match node.op_type.as_str() {
            "Transpose" => {
                integers(node, "perm").and_then(|order| layout.transposed(&order, is_point))
            }
            _ if !is_point => {
                return Err(format!("changes the axes of a map of {rows}×{columns} pixels"));
            }
            "Flatten" => match integer(node, "axis").unwrap_or(1) {
                1 => layout.reshaped(&[0, -1], n_channels),
                _ => None,
            },
            "Squeeze" => axes().and_then(|axes| layout.without(&axes)),
            "Unsqueeze" => axes().and_then(|axes| layout.with(&axes)),
            _ => {
                let lengths = list(node, "shape", &self.constants);
                // Then, zeros are not the lengths before.
                let is_literal = integer(node, "allowzero").unwrap_or(0) != 0;
                let lengths = lengths.filter(|lengths| !is_literal || !lengths.contains(&0));
                lengths.and_then(|lengths| layout.reshaped(&lengths, n_channels))
            }
        };
        let layout = turned.ok_or_else(|| "gives a value axes that no layer has".to_owned())?;
        Ok(Value { layout, ..value })
    }
}
