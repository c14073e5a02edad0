//! Amounts of padding that a file computes from the size of its input.
//!
//! Exporters write TensorFlow's "same" padding as dozens of nodes before each `Pad`. For images of
//! one size they always compute the same amounts. tract needs these before it can run the file, so
//! it finds them here too.

use std::collections::BTreeMap;

use prost::Message;
use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto, ValueInfoProto, attribute_proto};

use super::attributes::list;
use super::prune::keep_what_computes;
use super::run::{GraphError, Model};
use crate::model::weights::import::constants::Constants;

/// Name of the attribute with the amounts.
const PADS: &str = "pads";
/// Input with the amounts. It takes the place of the attribute from opset 11 on.
const INPUT: usize = 1;

/// Replaces the computed amounts of each `Pad` by its attribute, for one image. `shape` is that of
/// the image. Amounts that depend on pixels stay as they are.
pub(super) fn settle(model: &mut ModelProto, shape: [usize; 4]) {
    // A file that tract cannot read has been refused before.
    let Ok(found) = computed(model, shape) else { return };
    for node in model.graph.iter_mut().flat_map(|graph| &mut graph.node) {
        let Some(name) = node.input.get_mut(INPUT).filter(|_| node.op_type == "Pad") else {
            continue;
        };
        if let Some(amounts) = found.get(name) {
            name.clear();
            node.attribute.push(AttributeProto {
                name: PADS.to_owned(),
                r#type: attribute_proto::AttributeType::Ints as i32,
                ints: amounts.clone(),
                ..AttributeProto::default()
            });
        }
    }
}

/// The amounts of paddings that nodes compute from the shape of an image, by the name of the value.
///
/// # Errors
/// When tract cannot read the nodes.
pub(super) fn computed(
    model: &ModelProto,
    shape: [usize; 4],
) -> Result<BTreeMap<String, Vec<i64>>, GraphError> {
    let Some(graph) = &model.graph else { return Ok(BTreeMap::new()) };
    let constants = Constants::of(graph);
    let is_open =
        |node: &&NodeProto| node.op_type == "Pad" && list(node, PADS, &constants).is_none();
    let amounts = graph.node.iter().filter(is_open).filter_map(|node| node.input.get(INPUT));
    let mut names: Vec<String> = amounts.cloned().collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut part = model.clone();
    if let Some(graph) = &mut part.graph {
        keep_what_computes(graph, names.clone());
        let output = |name| ValueInfoProto { name, ..ValueInfoProto::default() };
        graph.output = names.iter().cloned().map(output).collect();
    }
    let values = Model::read(&part.encode_to_vec())?.fixed_integers(shape)?;
    Ok(names.into_iter().zip(values).filter_map(|(name, found)| Some((name, found?))).collect())
}

#[cfg(test)]
mod tests {
    use tract_onnx::prelude::Framework;

    use super::*;
    use crate::onnx::builder::{Attribute, Builder, Dimension, ElementType};

    const SHAPE: [usize; 4] = [1, 2, 2, 2];

    /// A file with a `Pad` whose amounts `build` computes from the image.
    fn file(build: impl FnOnce(&mut Builder) -> String) -> ModelProto {
        let mut builder = Builder::default();
        builder.input("x", ElementType::Floats, &SHAPE.map(Dimension::Fixed));
        let amounts = build(&mut builder);
        let padded = builder.node("Pad", "pad", &["x", &amounts], &[]);
        builder.output(&padded, &[]);
        let bytes = builder.encode();
        tract_onnx::onnx().proto_model_for_read(&mut &bytes[..]).unwrap()
    }

    #[test]
    fn amounts_are_known_if_they_depend_on_the_shape_alone() {
        let of_shape = file(|builder| {
            let shape = builder.node("Shape", "shape", &["x"], &[]);
            let less = builder.integers("less", &[4], &[1, 2, 0, 5]);
            let rest = builder.node("Sub", "rest", &[&shape, &less], &[]);
            builder.node("Concat", "amounts", &[&rest, &less], &[("axis", Attribute::Integer(0))])
        });
        let found = computed(&of_shape, SHAPE).unwrap();
        assert_eq!(found["amounts"], [0, 0, 2, -3, 1, 2, 0, 5]);
        let mut settled = of_shape;
        settle(&mut settled, SHAPE);
        assert!(computed(&settled, SHAPE).unwrap().is_empty());
        let of_pixels = file(|builder| {
            let shape = builder.integers("eight", &[1], &[8]);
            let row = builder.node("Reshape", "row", &["x", &shape], &[]);
            builder.node("Cast", "amounts", &[&row], &[("to", Attribute::Integer(7))])
        });
        assert!(computed(&of_pixels, SHAPE).unwrap().is_empty());
        let of_constants = file(|builder| {
            let less = builder.integers("less", &[8], &[0, 0, 0, 0, 0, 0, 1, 2]);
            builder.node("Add", "amounts", &[&less, &less], &[])
        });
        assert_eq!(computed(&of_constants, SHAPE).unwrap()["amounts"], [0, 0, 0, 0, 0, 0, 2, 4]);
    }
}
