//! Reads ONNX files of MobileNetV2: its convolutions in the order of computation, with
//! normalizations that exporters have folded or left as they are.
//!
//! A graph has no standard names of its weights and no description of its input. So tensors get
//! torchvision's names by their position, and the padding of the first convolution tells which
//! library built the network. Only the tensors of the graph are used; it is never executed.

use std::collections::BTreeMap;

use tract_onnx::pb::{GraphProto, NodeProto};

use super::TensorFile;
use super::constants::{self, Constants, attribute};
use crate::base::tensor::Tensor;
use crate::model::weights::error::FormatError;
use crate::spec::Convention;

/// Number of convolutions of MobileNetV2: the first and the last, two in the first block and three
/// in each of sixteen others.
const N_CONVOLUTIONS: usize = 2 + 2 + 3 * 16;

/// An ONNX file.
pub(super) struct Onnx {
    shapes: BTreeMap<String, Vec<usize>>,
    tensors: BTreeMap<String, Tensor>,
    convention: Convention,
}

impl TensorFile for Onnx {
    fn shapes(&self) -> &BTreeMap<String, Vec<usize>> {
        &self.shapes
    }

    fn convention(&self) -> Option<Convention> {
        Some(self.convention)
    }

    fn read(&self, name: &str) -> Result<Vec<f32>, FormatError> {
        Ok(self.tensors[name].values().to_vec())
    }
}

impl Onnx {
    pub(super) fn open(bytes: &[u8]) -> Result<Self, FormatError> {
        let model = constants::read_model(bytes)?;
        let graph = model.graph.ok_or_else(|| FormatError::new("the ONNX file has no graph"))?;
        let constants = Constants::of(&graph);
        let convolutions: Vec<&NodeProto> =
            graph.node.iter().filter(|node| node.op_type == "Conv").collect();
        if convolutions.len() != N_CONVOLUTIONS {
            return Err(FormatError::new(format!(
                "its graph has {} convolutions; MobileNetV2 has {N_CONVOLUTIONS}",
                convolutions.len()
            )));
        }
        let convention = convention(&graph, convolutions[0]);
        let mut tensors = BTreeMap::new();
        for (place, node) in convolutions.iter().enumerate() {
            let (kernel_name, norm_name) = names(place);
            let kernel = constants.tensor(node, 1)?;
            let norm = match batch_norm_behind(&graph, node) {
                Some(norm) => batch_norm(&constants, norm, convention)?,
                None => folded(&constants, node, &kernel, convention)?,
            };
            tensors.insert(format!("{kernel_name}.weight"), kernel);
            for (role, tensor) in ["weight", "bias", "running_mean", "running_var"].iter().zip(norm)
            {
                tensors.insert(format!("{norm_name}.{role}"), tensor);
            }
        }
        if let Some([kernel, bias]) = classifier(&graph, &constants) {
            tensors.insert("classifier.1.weight".to_owned(), kernel);
            tensors.insert("classifier.1.bias".to_owned(), bias);
        }
        let shapes = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.shape().to_vec()));
        Ok(Self { shapes: shapes.collect(), tensors, convention })
    }
}

/// The names in torchvision of the convolution at a position in the order of computation, and of
/// the normalization after it.
fn names(place: usize) -> (String, String) {
    match place {
        0 => ("features.0.0".to_owned(), "features.0.1".to_owned()),
        1 => ("features.1.conv.0.0".to_owned(), "features.1.conv.0.1".to_owned()),
        2 => ("features.1.conv.1".to_owned(), "features.1.conv.2".to_owned()),
        last if last == N_CONVOLUTIONS - 1 => {
            ("features.18.0".to_owned(), "features.18.1".to_owned())
        }
        place => {
            let block = format!("features.{}.conv", 2 + (place - 3) / 3);
            match (place - 3) % 3 {
                2 => (format!("{block}.2"), format!("{block}.3")),
                part => (format!("{block}.{part}.0"), format!("{block}.{part}.1")),
            }
        }
    }
}

/// The library that built the network, by its first convolution. PyTorch pads one pixel on all
/// sides; Keras pads in a separate layer, or below and to the right.
fn convention(graph: &GraphProto, first: &NodeProto) -> Convention {
    let pads = attribute(first, "pads").map(|pads| &pads.ints[..]);
    let is_padded_before = graph
        .node
        .iter()
        .any(|node| node.op_type == "Pad" && node.output.first() == first.input.first());
    if pads == Some(&[1, 1, 1, 1][..]) && !is_padded_before {
        Convention::Torch
    } else {
        Convention::Keras
    }
}

fn batch_norm_behind<'a>(graph: &'a GraphProto, node: &NodeProto) -> Option<&'a NodeProto> {
    let output = node.output.first()?;
    graph
        .node
        .iter()
        .find(|norm| norm.op_type == "BatchNormalization" && norm.input.first() == Some(output))
}

/// Scale, shift, mean and variance of a normalization. The variance is adjusted by the difference
/// of its epsilon from that of the convention.
fn batch_norm(
    constants: &Constants<'_>,
    node: &NodeProto,
    convention: Convention,
) -> Result<[Tensor; 4], FormatError> {
    let epsilon = attribute(node, "epsilon").map_or(1e-5, |epsilon| epsilon.f);
    let mut variance = constants.tensor(node, 4)?;
    for value in variance.values_mut() {
        *value += epsilon - convention.epsilon();
    }
    let [scale, shift, mean] = [1, 2, 3].map(|input| constants.tensor(node, input));
    Ok([scale?, shift?, mean?, variance])
}

/// A neutral normalization, except for the shift that an exporter folded into the convolution.
fn folded(
    constants: &Constants<'_>,
    node: &NodeProto,
    kernel: &Tensor,
    convention: Convention,
) -> Result<[Tensor; 4], FormatError> {
    let n_outputs = kernel.shape()[0];
    let filled = |value| Tensor::filled(&[n_outputs], value);
    let shift = if node.input.len() > 2 { constants.tensor(node, 2)? } else { filled(0.0) };
    Ok([filled(1.0), shift, filled(0.0), filled(1.0 - convention.epsilon())])
}

/// Kernel (`[classes, features]`) and bias of the last dense layer.
fn classifier(graph: &GraphProto, constants: &Constants<'_>) -> Option<[Tensor; 2]> {
    let mut last_first = graph.node.iter().rev();
    let node = last_first.find(|node| matches!(node.op_type.as_str(), "Gemm" | "MatMul"))?;
    let mut kernel = constants.tensor(node, 1).ok()?;
    let &[rows, columns] = kernel.shape() else { return None };
    if attribute(node, "transB").is_none_or(|transposed| transposed.i != 1) {
        let turned = (0..columns)
            .flat_map(|column| (0..rows).map(move |row| row * columns + column))
            .map(|place| kernel.values()[place]);
        kernel = Tensor::new(&[columns, rows], turned.collect());
    }
    let bias = if node.op_type == "Gemm" {
        constants.tensor(node, 2).ok()?
    } else {
        let output = node.output.first()?;
        let mut nodes = graph.node.iter();
        let add = nodes.find(|node| node.op_type == "Add" && node.input.contains(output))?;
        let other = add.input.iter().position(|input| input != output)?;
        constants.tensor(add, other).ok()?
    };
    Some([kernel, bias])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_the_names_of_torchvision() {
        for (place, convolution, norm) in [
            (0, "features.0.0", "features.0.1"),
            (2, "features.1.conv.1", "features.1.conv.2"),
            (3, "features.2.conv.0.0", "features.2.conv.0.1"),
            (4, "features.2.conv.1.0", "features.2.conv.1.1"),
            (5, "features.2.conv.2", "features.2.conv.3"),
            (50, "features.17.conv.2", "features.17.conv.3"),
            (51, "features.18.0", "features.18.1"),
        ] {
            assert_eq!(names(place), (convolution.to_owned(), norm.to_owned()));
        }
    }
}
