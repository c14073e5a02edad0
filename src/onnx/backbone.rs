//! ONNX files as base models: reduced to the nodes that compute the features, and checked.

use std::collections::BTreeSet;
use std::path::Path;

use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};

use super::attributes;
use super::error::BackboneError;
use super::external;
use super::input::Input;
use super::pads;
use super::prune::keep_what_computes;
use super::run::{GraphError, Model};
use super::swish;
use crate::base::fs::{self};
use crate::base::tensor::Tensor;
use crate::base::text;
use crate::model::backbone::{Backbone, Channels};
use crate::model::weights::import::constants::{self, Constants};
use crate::spec::ImageSize;

/// Most values that are listed when an unknown one was given.
const N_LAST: usize = 5;

/// Reads a file for images of a size, and reduces it to the nodes that compute `features`, which
/// names a node or a value.
///
/// # Errors
/// When it cannot be a base model.
pub fn open(path: &Path, features: &str, size: ImageSize) -> Result<Backbone, BackboneError> {
    let format = |reason: String| BackboneError::Format { path: path.to_path_buf(), reason };
    let bytes = fs::read(path)?;
    let mut model = constants::read_model(&bytes).map_err(|error| format(error.to_string()))?;
    let graph = model.graph.as_mut().ok_or_else(|| format("it has no graph".to_owned()))?;
    let wanted = find(graph, features)?;
    keep_what_computes(graph, [wanted.clone()]);
    external::bring_in(graph, path.parent().unwrap_or(Path::new("."))).map_err(format)?;
    swish::spell_out(graph);
    check_operators(graph)?;
    check_layout(graph, &wanted)?;
    let input = Input::of(graph)?;
    let channels = input.check(size)?;
    // Shapes that are stored for another image size would contradict this one.
    graph.value_info.clear();
    graph.output = vec![ValueInfoProto { name: wanted, ..ValueInfoProto::default() }];
    model.metadata_props.clear();
    let failed = |source| BackboneError::Run { path: path.to_path_buf(), source };
    let file = model.encode_to_vec();
    let shape = check_pads(&model, channels.of_one(size), failed)
        .and_then(|()| check_shape(&features_of_black(&file, channels, size).map_err(failed)?));
    let shape = shape.map_err(|error| match (error, input.n_images()) {
        (BackboneError::Run { .. } | BackboneError::Shape(_), Some(n_images)) if n_images > 1 => {
            BackboneError::FixedBatch { path: path.to_path_buf(), n_images }
        }
        (error, _) => error,
    })?;
    Ok(Backbone { file: file.into(), channels, shape })
}

/// The values that a node computes. Unused ones have no name.
fn outputs(node: &NodeProto) -> Vec<String> {
    node.output.iter().filter(|name| !name.is_empty()).cloned().collect()
}

/// The value that the name of a node or of a value refers to.
fn find(graph: &GraphProto, wanted: &str) -> Result<String, BackboneError> {
    let values: Vec<String> = graph.node.iter().flat_map(outputs).collect();
    if values.iter().any(|name| name == wanted) {
        return Ok(wanted.to_owned());
    }
    let node = graph.node.iter().find(|node| node.name == wanted);
    if let Some(output) = node.and_then(|node| outputs(node).into_iter().next()) {
        return Ok(output);
    }
    let names = graph.node.iter().map(|node| node.name.as_str());
    let names = names.chain(values.iter().map(String::as_str)).filter(|name| !name.is_empty());
    let nearest = text::nearest(wanted, names.clone().collect::<BTreeSet<_>>(), 3);
    Err(BackboneError::UnknownNode {
        wanted: wanted.to_owned(),
        nearest: nearest.into_iter().map(str::to_owned).collect(),
        last: values.iter().rev().take(N_LAST).cloned().collect(),
    })
}

/// Checks that tract supports every operator.
fn check_operators(graph: &GraphProto) -> Result<(), BackboneError> {
    let known = tract_onnx::onnx().op_register.0;
    let mut unknown: Vec<(String, String)> = vec![];
    for node in &graph.node {
        let is_new = unknown.iter().all(|(operator, _)| *operator != node.op_type);
        if is_new && !known.contains_key(&node.op_type) {
            let first = node.output.first().filter(|_| node.name.is_empty());
            unknown.push((node.op_type.clone(), first.unwrap_or(&node.name).clone()));
        }
    }
    if unknown.is_empty() { Ok(()) } else { Err(BackboneError::Unsupported(unknown)) }
}

/// tract can add rows and columns but fails if some are to be cut off.
fn check_pads(
    model: &ModelProto,
    shape: [usize; 4],
    failed: impl FnOnce(GraphError) -> BackboneError,
) -> Result<(), BackboneError> {
    let Some(graph) = &model.graph else { return Ok(()) };
    let constants = Constants::of(graph);
    let computed = pads::computed(model, shape).map_err(failed)?;
    let cutting = graph.node.iter().filter(|node| node.op_type == "Pad").find(|node| {
        let pads = attributes::list(node, "pads", &constants);
        let pads = pads.or_else(|| computed.get(node.input.get(1)?).cloned());
        pads.is_some_and(|pads| pads.iter().any(|n| *n < 0))
    });
    match cutting {
        Some(node) => Err(BackboneError::Unsupported(vec![(
            "Pad with negative amounts".to_owned(),
            node.name.clone(),
        )])),
        None => Ok(()),
    }
}

/// Rejects features whose channels are known to come last, because they would be read as rows.
fn check_layout(graph: &GraphProto, wanted: &str) -> Result<(), BackboneError> {
    let mut value = wanted;
    // Nodes follow those that they read.
    for node in graph.node.iter().rev() {
        if node.output.iter().all(|output| output != value) {
            continue;
        }
        let before = node.input.first().map_or("", String::as_str);
        match node.op_type.as_str() {
            "Transpose" if attributes::integers(node, "perm").as_deref() == Some(&[0, 2, 3, 1]) => {
                let reason = format!("its features `{wanted}` have their channels last");
                let hint = format!("use `{before}`, which has them first");
                return Err(BackboneError::Input { reason, hint });
            }
            "Identity" | "Dropout" | "Relu" | "Clip" | "Add" | "Mul" | "Sigmoid" => value = before,
            _ => break,
        }
    }
    Ok(())
}

/// The features of one black image.
fn features_of_black(
    file: &[u8],
    channels: Channels,
    size: ImageSize,
) -> Result<Tensor, GraphError> {
    let shape = channels.of_one(size);
    let black = vec![0.0; shape.iter().product()];
    Model::read(file)?.for_numbers(shape)?.numbers(shape, &black)
}

/// The shape of the features of one image, `[height, width, channels]`.
fn check_shape(features: &Tensor) -> Result<[usize; 3], BackboneError> {
    if let Some(value) = features.values().iter().find(|value| !value.is_finite()) {
        return Err(BackboneError::NotFinite(*value));
    }
    match *features.shape() {
        [1, n] if n > 0 => Ok([1, 1, n]),
        [1, n, height, width] if n * height * width > 0 => Ok([height, width, n]),
        _ => Err(BackboneError::Shape(features.shape().to_vec())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::builder::{Builder, Dimension, ElementType};

    #[test]
    fn features_that_are_no_numbers_are_refused() {
        let of = |weight: f32| {
            let mut builder = Builder::default();
            let sides = [1, 3, 4, 4].map(Dimension::Fixed);
            let x = builder.input("x", ElementType::Floats, &sides);
            let weight = builder.float("weight", weight);
            let sum = builder.node("Add", "sum", &[&x, &weight], &[]);
            builder.output(&sum, &sides);
            let size = ImageSize { height: 4, width: 4 };
            check_shape(&features_of_black(&builder.encode(), Channels::First, size).unwrap())
        };
        assert_eq!(of(1.0).unwrap(), [4, 4, 3]);
        assert!(matches!(of(f32::NAN), Err(BackboneError::NotFinite(_))));
    }
}
