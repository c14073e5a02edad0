//! An ONNX graph while it is built: nodes in the order they run, tensors by name.

use std::collections::BTreeSet;

use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension as ShapeDimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, attribute_proto, tensor_proto,
    type_proto,
};

/// The version of the operators.
const OPSET: i64 = 17;
/// The version of the format that came with it.
const IR_VERSION: i64 = 8;

/// Elements of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ElementType {
    /// Of eight bits.
    Bytes,
    /// In single precision.
    Floats,
    /// Of 64 bits.
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
    /// Always as long.
    Fixed(usize),
    /// As long as whoever runs the graph likes.
    Named(&'static str),
}

/// A value of an attribute.
pub(super) enum Attribute {
    Integer(i64),
    Integers(Vec<i64>),
}

/// A graph while it is built. What is added gets the name it is given, or, where something has that
/// name already, one like it.
#[derive(Default)]
pub(super) struct Builder {
    graph: GraphProto,
    names: BTreeSet<String>,
    metadata: Vec<StringStringEntryProto>,
}

impl Builder {
    /// Adds an input.
    pub(super) fn input(&mut self, name: &str, kind: ElementType, shape: &[Dimension]) -> String {
        let name = self.unused(name);
        self.graph.input.push(value_info(&name, kind, shape));
        name
    }

    /// Makes a value an output.
    pub(super) fn output(&mut self, name: &str, shape: &[Dimension]) {
        self.graph.output.push(value_info(name, ElementType::Floats, shape));
    }

    /// Adds a node; its output has the name of the node.
    pub(super) fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> String {
        let name = self.unused(name);
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

    /// Adds a tensor of numbers.
    pub(super) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, ElementType::Floats, shape, data)
    }

    /// Adds a tensor of whole numbers.
    pub(super) fn integers(&mut self, name: &str, shape: &[usize], values: &[i64]) -> String {
        let data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, ElementType::Integers, shape, data)
    }

    /// Adds one number.
    pub(super) fn float(&mut self, name: &str, value: f32) -> String {
        self.floats(name, &[], &[value])
    }

    fn tensor(&mut self, name: &str, kind: ElementType, shape: &[usize], data: Vec<u8>) -> String {
        let name = self.unused(name);
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

    /// Notes something about the model.
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
