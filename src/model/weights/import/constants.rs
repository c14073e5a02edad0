//! The constant tensors of an ONNX graph.

use std::collections::BTreeMap;
use std::io::Cursor;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::Framework;

use super::{Kind, numbers};
use crate::base::guard;
use crate::base::tensor::Tensor;
use crate::model::weights::error::FormatError;

/// Reads an ONNX file.
///
/// # Errors
/// When it is not one, or is cut off.
pub fn read_model(bytes: &[u8]) -> Result<ModelProto, FormatError> {
    let read = || tract_onnx::onnx().proto_model_for_read(&mut Cursor::new(bytes));
    let model = guard::catch(read).ok_or_else(|| FormatError::new("it cannot be read"))?;
    model.map_err(|error| {
        let error = error.root_cause().to_string();
        // The library reports a message that is longer than the rest of the file in these words.
        if error.contains("buffer underflow") {
            return FormatError::cut_off("a part of it is longer than the rest of the file");
        }
        FormatError::new(format!("its content is invalid: {error}"))
    })
}

/// The constant tensors of a graph by name: initializers, and values that nodes only pass on.
pub struct Constants<'a> {
    tensors: BTreeMap<&'a str, &'a TensorProto>,
}

impl<'a> Constants<'a> {
    /// The constants of a graph in which nodes follow those that they read.
    pub fn of(graph: &'a GraphProto) -> Self {
        let named = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor));
        let mut tensors: BTreeMap<&str, &TensorProto> = named.collect();
        for node in &graph.node {
            let [output] = &node.output[..] else { continue };
            let found = match (node.op_type.as_str(), &node.input[..]) {
                ("Constant", []) => attribute(node, "value").and_then(|value| value.t.as_ref()),
                ("Identity", [input]) => tensors.get(input.as_str()).copied(),
                _ => None,
            };
            if let Some(tensor) = found {
                tensors.insert(output, tensor);
            }
        }
        Self { tensors }
    }

    /// Whether a value is constant.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The constant input of a node, of floats.
    ///
    /// # Errors
    /// When it is not constant, or cannot be read.
    pub fn tensor(&self, node: &NodeProto, input: usize) -> Result<Tensor, FormatError> {
        read(self.find(node, input)?)
    }

    /// The constant input of a node, of 64-bit integers.
    ///
    /// # Errors
    /// When it is not constant, or of another type.
    pub fn integers(&self, node: &NodeProto, input: usize) -> Result<Vec<i64>, FormatError> {
        let tensor = self.find(node, input)?;
        if tensor.data_type != DataType::Int64 as i32 || !tensor.external_data.is_empty() {
            let name = &tensor.name;
            return Err(FormatError::new(format!("tensor {name} does not contain integers")));
        }
        if tensor.raw_data.is_empty() {
            return Ok(tensor.int64_data.clone());
        }
        let numbers = tensor.raw_data.as_chunks().0;
        Ok(numbers.iter().map(|bytes| i64::from_le_bytes(*bytes)).collect())
    }

    fn find(&self, node: &NodeProto, input: usize) -> Result<&'a TensorProto, FormatError> {
        let name = node.input.get(input).map(String::as_str).unwrap_or_default();
        self.tensors.get(name).copied().ok_or_else(|| {
            FormatError::new(format!(
                "input {input} of node `{}` ({}) is not a constant",
                node.name, node.op_type
            ))
        })
    }
}

/// Reads a tensor. Its values must be in the file, and their number must match its shape.
fn read(tensor: &TensorProto) -> Result<Tensor, FormatError> {
    let name = &tensor.name;
    let failed = |what: &str| Err(FormatError::new(format!("tensor {name} {what}")));
    if !tensor.external_data.is_empty() {
        return failed("is stored in another file; export the model as one file");
    }
    let kind = match tensor.data_type {
        1 => Kind::F32,
        10 => Kind::F16,
        11 => Kind::F64,
        16 => Kind::Bf16,
        _ => return failed("does not contain floats"),
    };
    let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&n| usize::try_from(n).ok()).collect();
    let n = shape
        .as_ref()
        .and_then(|shape| shape.iter().try_fold(1usize, |product, &n| product.checked_mul(n)));
    let values = match kind {
        _ if !tensor.raw_data.is_empty() => numbers(&tensor.raw_data, kind),
        Kind::F32 => tensor.float_data.clone(),
        Kind::F64 => tensor.double_data.iter().map(|&value| value as f32).collect(),
        _ => vec![],
    };
    match shape {
        Some(shape) if n == Some(values.len()) && n != Some(0) => Ok(Tensor::new(&shape, values)),
        _ => failed("does not match its shape"),
    }
}

/// An attribute of a node by its name.
pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_that_lies_about_its_size_is_refused() {
        let tensor = |dims: &[i64], n: usize| TensorProto {
            dims: dims.to_vec(),
            data_type: 1,
            float_data: vec![0.5; n],
            ..TensorProto::default()
        };
        assert_eq!(read(&tensor(&[2, 3], 6)).unwrap().shape(), [2, 3]);
        for (dims, n) in
            [(&[2, 3][..], 5), (&[i64::MAX, 3], 5), (&[-1, -6], 6), (&[0], 0), (&[1 << 62, 4], 0)]
        {
            assert!(read(&tensor(dims, n)).is_err(), "{dims:?}");
        }
        let whole = TensorProto { data_type: 7, ..tensor(&[1], 1) };
        assert!(read(&whole).is_err());
    }
}
