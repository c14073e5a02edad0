//! Reduces a graph to the nodes that compute some of its values.

use std::collections::BTreeSet;

use tract_onnx::pb::{GraphProto, NodeProto};

/// The values that a node reads, including those read by graphs inside it.
fn reads(node: &NodeProto) -> Vec<&str> {
    let inner =
        node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs));
    let inner = inner.flat_map(|graph| {
        graph
            .node
            .iter()
            .flat_map(reads)
            .chain(graph.output.iter().map(|output| output.name.as_str()))
    });
    node.input.iter().map(String::as_str).chain(inner).filter(|name| !name.is_empty()).collect()
}

/// Removes all nodes from a graph that do not contribute to any of some values.
pub(super) fn keep_what_computes(graph: &mut GraphProto, wanted: impl IntoIterator<Item = String>) {
    let mut needed: BTreeSet<String> = wanted.into_iter().collect();
    // Nodes follow those that they read.
    let mut kept: Vec<NodeProto> = vec![];
    for node in std::mem::take(&mut graph.node).into_iter().rev() {
        if node.output.iter().any(|output| needed.contains(output)) {
            needed.extend(reads(&node).into_iter().map(str::to_owned));
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    graph.initializer.retain(|tensor| needed.contains(&tensor.name));
    graph.sparse_initializer.clear();
    // Old files list constants among the inputs.
    let constants = &graph.initializer;
    graph.input.retain(|input| {
        needed.contains(&input.name) && constants.iter().all(|tensor| tensor.name != input.name)
    });
}
