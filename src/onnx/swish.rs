//! Spells out an operator of opset 24 that tract does not have.

use std::collections::BTreeSet;

use tract_onnx::pb::{GraphProto, NodeProto};

use crate::model::weights::import::constants::attribute;

/// Replaces each `Swish`, `x / (1 + exp(-x))`, by a `Sigmoid` and a product. One with another
/// `alpha` than 1 stays.
pub(super) fn spell_out(graph: &mut GraphProto) {
    let nodes = std::mem::take(&mut graph.node);
    let taken: BTreeSet<String> = nodes.iter().flat_map(|node| node.output.clone()).collect();
    for node in nodes {
        let is_plain = attribute(&node, "alpha").is_none_or(|alpha| alpha.f == 1.0);
        match (&node.input[..], &node.output[..]) {
            ([x], [output]) if node.op_type == "Swish" && is_plain => {
                let mut gate = format!("{output}/sigmoid");
                while taken.contains(&gate) {
                    gate.push('_');
                }
                graph.node.push(NodeProto {
                    input: vec![x.clone()],
                    output: vec![gate.clone()],
                    name: gate.clone(),
                    op_type: "Sigmoid".to_owned(),
                    ..NodeProto::default()
                });
                let input = vec![x.clone(), gate];
                let op_type = "Mul".to_owned();
                graph.node.push(NodeProto { input, op_type, attribute: vec![], ..node });
            }
            _ => graph.node.push(node),
        }
    }
}
