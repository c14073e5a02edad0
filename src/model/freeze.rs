//! The freeze point: the first layer of a network that is trained.

use super::graph::{Graph, Layer, LayerIdx};
use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::spec::problem::{Code, Problem};

/// A freeze point as given by the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerRef<'a> {
    /// Name of the layer.
    Name(&'a str),
    /// Index of the layer in Keras's list. Indices differ between Keras releases, so the name of
    /// the layer is recorded.
    Index(u64),
}

/// A freeze point that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FreezeError {
    /// No layer has that name.
    #[error("the base model has no layer `{name}`")]
    UnknownName {
        /// Layer that was given.
        name: String,
        /// Layers with similar names.
        nearest: Vec<String>,
    },
    /// No layer has that index.
    #[error("the base model has no layer {index}; its {n_layers} layers are numbered from 0")]
    UnknownIndex {
        /// Layer that was given.
        index: u64,
        /// Number of layers.
        n_layers: usize,
    },
    /// No layer from there onwards has weights.
    #[error("no layer of the base model from `{name}` onwards has weights to train")]
    NothingToTrain {
        /// Layer that was given.
        name: String,
        /// Last layer that has weights.
        last_with_weights: String,
    },
}

/// Finds the layer of a base model that a freeze point refers to.
///
/// # Errors
/// When there is no such layer, or no layer from it onwards has weights.
pub fn find_layer(base: &Graph, layer: LayerRef<'_>) -> Result<LayerIdx, FreezeError> {
    let layers = base.layers();
    let idx = match layer {
        LayerRef::Name(name) => base.find(name).ok_or_else(|| FreezeError::UnknownName {
            name: name.to_owned(),
            nearest: nearest_names(base, name),
        })?,
        LayerRef::Index(index) => usize::try_from(index)
            .ok()
            .filter(|&idx| idx < layers.len())
            .ok_or(FreezeError::UnknownIndex { index, n_layers: layers.len() })?,
    };
    match (0..layers.len()).rev().find(|&idx| !base.parameters_of(idx).is_empty()) {
        Some(last) if last < idx => Err(FreezeError::NothingToTrain {
            name: layers[idx].name.clone(),
            last_with_weights: layers[last].name.clone(),
        }),
        _ => Ok(idx),
    }
}

/// Finds the layer of a base model that a freeze point in the pipeline refers to.
///
/// # Errors
/// When there is no such layer, or nothing from it onwards can be trained.
pub fn find_at<'a>(
    base: &'a Graph,
    layer: LayerRef<'_>,
    at: KeyPath,
) -> Result<&'a Layer, Problem> {
    let found = find_layer(base, layer).map_err(|error| problem(&error, at))?;
    Ok(&base.layers()[found])
}

fn problem(error: &FreezeError, at: KeyPath) -> Problem {
    let (code, hint) = match error {
        FreezeError::UnknownName { nearest, .. } if nearest.is_empty() => {
            (Code::UnknownLayer, "`alpaca-run layers` lists all layers".to_owned())
        }
        FreezeError::UnknownName { nearest, .. } => {
            let names = text::any_of(nearest.iter().map(String::as_str));
            (
                Code::UnknownLayer,
                format!("did you mean {names}? `alpaca-run layers` lists all layers"),
            )
        }
        FreezeError::UnknownIndex { .. } => {
            (Code::UnknownLayer, "`alpaca-run layers` lists all layers".to_owned())
        }
        FreezeError::NothingToTrain { last_with_weights, .. } => (
            Code::NothingToTrain,
            format!(
                "the last layer with weights is `{last_with_weights}`; to train only the head, write `freeze: all`"
            ),
        ),
    };
    Problem::new(code, at, error.to_string()).hint(hint)
}

/// The most similar layer names. Those of the same block come first, as `block_13` refers to all of
/// its layers.
fn nearest_names(base: &Graph, name: &str) -> Vec<String> {
    let names = || base.layers().iter().map(|layer| layer.name.as_str());
    let prefix = format!("{}_", name.trim_end_matches('_'));
    let in_block: Vec<&str> =
        names().filter(|candidate| candidate.starts_with(&prefix)).take(3).collect();
    let chosen = if in_block.is_empty() { text::nearest(name, names(), 3) } else { in_block };
    chosen.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::mobilenet_v2;
    use crate::spec::Convention;

    #[test]
    fn an_index_and_a_name_lead_to_the_same_layer() {
        let graph = mobilenet_v2::build(Convention::Keras, 1.0, 160, 160);
        let by_index = find_layer(&graph, LayerRef::Index(120)).unwrap();
        assert_eq!(graph.layers()[by_index].name, "block_13_depthwise");
        assert_eq!(find_layer(&graph, LayerRef::Name("block_13_depthwise")), Ok(by_index));
    }

    #[test]
    fn an_unknown_layer_comes_with_similar_names() {
        let graph = mobilenet_v2::build(Convention::Keras, 1.0, 160, 160);
        let nearest = |name| match find_layer(&graph, LayerRef::Name(name)) {
            Err(FreezeError::UnknownName { nearest, .. }) => nearest,
            other => panic!("{other:?}"),
        };
        assert_eq!(nearest("block_13_depthwize")[0], "block_13_depthwise");
        assert_eq!(nearest("block_13")[0], "block_13_expand");
    }

    #[test]
    fn the_layers_behind_the_last_weights_cannot_be_trained() {
        let graph = mobilenet_v2::build(Convention::Keras, 1.0, 160, 160);
        let error = find_layer(&graph, LayerRef::Name("out_relu")).unwrap_err();
        assert!(
            matches!(error, FreezeError::NothingToTrain { last_with_weights, .. } if last_with_weights == "Conv_1_bn")
        );
    }
}
