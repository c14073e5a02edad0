//! Cuts a network into a frozen part, which only runs forward, and a trainable part.

use std::ops::Range;

use super::fuse::{Unit, UnitKind, Value};
use super::graph::{Graph, LayerIdx};

/// A list of units in two parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Units that only run forward.
    pub frozen: Range<usize>,
    /// Units from the first one with trained weights onwards.
    pub trainable: Range<usize>,
    /// Values that the trainable part reads from the frozen part, in order.
    pub boundary: Vec<Value>,
}

/// Cuts a list of units before the first unit that is trained or random in training.
pub fn before_layer(units: &[Unit], graph: &Graph, first_trainable: LayerIdx) -> Cut {
    let at = units.iter().position(|unit| {
        matches!(unit.kind, UnitKind::Dropout { .. })
            || unit
                .layers
                .iter()
                .any(|&layer| layer >= first_trainable && !graph.parameters_of(layer).is_empty())
    });
    before_unit(units, at.unwrap_or(units.len()))
}

/// Cuts a list of units before the unit with position `at`.
pub fn before_unit(units: &[Unit], at: usize) -> Cut {
    let reads = units[at..].iter().flat_map(Unit::reads);
    let mut boundary: Vec<Value> = reads
        .filter(|value| match *value {
            Value::Image => true,
            Value::Unit(unit) => unit < at,
        })
        .collect();
    boundary.sort();
    boundary.dedup();
    Cut { frozen: 0..at, trainable: at..units.len(), boundary }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::architecture;
    use crate::model::fuse;
    use crate::spec::{Architecture, Convention};

    #[test]
    fn a_cut_inside_a_residual_block_passes_the_shortcut_too() {
        let graph =
            architecture::build(Architecture::MobilenetV2, Convention::Keras, 1.0, [160, 160]);
        let units = fuse::fuse(&graph).unwrap();
        let boundary = |layer: &str| {
            let cut = before_layer(&units, &graph, graph.find(layer).unwrap());
            let name = |value: &Value| match *value {
                Value::Image => "image".to_owned(),
                Value::Unit(unit) => units[unit].name.clone(),
            };
            cut.boundary.iter().map(name).collect::<Vec<_>>()
        };
        assert_eq!(boundary("block_13_depthwise"), ["block_13_expand"]);
        assert_eq!(boundary("block_14_depthwise"), ["block_13_project", "block_14_expand"]);
        assert_eq!(boundary("Conv1"), ["image"]);
    }
}
