//! Builds an ONNX graph: nodes in the order in which they run, and tensors by name.

use std::collections::BTreeSet;

use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension as ShapeDimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto, tensor_proto,
    type_proto,
};

/// Version of the operators.
const OPSET: i64 = 17;
/// Version of the file format that was published with it.
const IR_VERSION: i64 = 8;

/// Element type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementType {
    /// Unsigned 8-bit integers.
    Bytes,
    /// 32-bit floats.
    Floats,
    /// 64-bit integers.
    Integers,
}

impl ElementType {
    pub(super) fn number(self) -> i32 {
        let kind = match self {
            Self::Bytes => tensor_proto::DataType::Uint8,
            Self::Floats => tensor_proto::DataType::Float,
            Self::Integers => tensor_proto::DataType::Int64,
        };
        kind as i32
    }
}

/// An axis of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dimension {
    /// Fixed length.
    Fixed(usize),
    /// Length that the caller of the graph chooses.
    Named(&'static str),
}

/// The value of an attribute.
pub(super) enum Attribute {
    Integer(i64),
    Integers(Vec<i64>),
    Float(f32),
}

/// A graph that is being built. Names that are already taken are made unique.
#[derive(Default)]
pub(super) struct Builder {
    graph: GraphProto,
    names: BTreeSet<String>,
    /// What the names of nodes and tensors begin with.
    prefix: String,
    metadata: Vec<StringStringEntryProto>,
}

impl Builder {
    /// Adds an input.
    pub(super) fn input(&mut self, name: &str, kind: ElementType, shape: &[Dimension]) -> String {
        let name = self.unused(name);
        self.graph.input.push(value_info(&name, kind, shape));
        name
    }

    /// Declares a value as an output.
    pub(super) fn output(&mut self, name: &str, shape: &[Dimension]) {
        self.graph.output.push(value_info(name, ElementType::Floats, shape));
    }

    /// Adds a node. Its output has the name of the node.
    pub(super) fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> String {
        let name = self.unused(&format!("{}{name}", self.prefix));
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.clone()],
            name: name.clone(),
            op_type: operator.to_owned(),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            ..NodeProto::default()
        });
        name
    }

    /// Adds a tensor of floats.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, ElementType::Floats, shape, data)
    }

    /// Adds a tensor of integers.
    pub(super) fn integers(&mut self, name: &str, shape: &[usize], values: &[i64]) -> String {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, ElementType::Integers, shape, data)
    }

    /// Adds a scalar.
    pub(super) fn float(&mut self, name: &str, value: f32) -> String {
        self.floats(name, &[], &[value])
    }

    fn tensor(&mut self, name: &str, kind: ElementType, shape: &[usize], data: Vec<u8>) -> String {
        let name = self.unused(&format!("{}{name}", self.prefix));
        self.graph.initializer.push(TensorProto {
            dims: shape.iter().map(|&n| n as i64).collect(),
            data_type: kind.number(),
            name: name.clone(),
            raw_data: data,
            ..TensorProto::default()
        });
        name
    }

    fn unused(&mut self, name: &str) -> String {
        let mut name = name.to_owned();
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    /// Begins the names of all further nodes and tensors with a text.
    pub(super) fn set_prefix(&mut self, prefix: String) {
        self.prefix = prefix;
    }

    /// Adds an entry to the metadata.
    pub(super) fn metadata(&mut self, key: &str, value: &str) {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.metadata.push(StringStringEntryProto { key, value });
    }

    /// The bytes of the file.
    pub(super) fn encode(self) -> Vec<u8> {
        let Self { mut graph, metadata, .. } = self;
        "classifier".clone_into(&mut graph.name);
        let model = ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: "alpaca-run".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph),
            metadata_props: metadata,
            ..ModelProto::default()
        };
        model.encode_to_vec()
    }
}

fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let mut attribute = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
    match value {
        Attribute::Integer(value) => {
            attribute.i = *value;
            attribute.r#type = attribute_proto::AttributeType::Int as i32;
        }
        Attribute::Integers(values) => {
            attribute.ints.clone_from(values);
            attribute.r#type = attribute_proto::AttributeType::Ints as i32;
        }
        Attribute::Float(value) => {
            attribute.f = *value;
            attribute.r#type = attribute_proto::AttributeType::Float as i32;
        }
    }
    attribute
}

fn value_info(name: &str, kind: ElementType, shape: &[Dimension]) -> ValueInfoProto {
    let dim = shape.iter().map(|dimension| ShapeDimension {
        value: Some(match dimension {
            Dimension::Fixed(n) => dimension::Value::DimValue(*n as i64),
            Dimension::Named(name) => dimension::Value::DimParam((*name).to_owned()),
        }),
        ..ShapeDimension::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: kind.number(),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: name.to_owned(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_given_once() {
        let mut builder = Builder::default();
        let input = builder.input("x", ElementType::Floats, &[]);
        let number = builder.float("x", 1.0);
        let sum = builder.node("Add", "x", &[&input, &number], &[]);
        assert_eq!([input, number, sum], ["x", "x_", "x__"]);
    }
}
