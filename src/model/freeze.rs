//! The freeze point: the first layer of a network that is trained.

use super::graph::{Graph, Layer, LayerIdx};
use crate::base::key_path::KeyPath;
use crate::base::text;
use crate::spec::problem::{Code, Problem};

/// The beginning of a block's name; its number follows.
const BLOCK: &str = "block_";

/// A freeze point as given by the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LayerRef<'a> {
    /// Name of a layer; of a block, as `block_12`; or of a group of layers, which is the beginning of
    /// their names, as `blocks.4`.
    Name(&'a str),
    /// Index of the layer in Keras's list. Indices differ between Keras releases, so the name of
    /// the layer is recorded.
    Index(u64),
}

/// A freeze point that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FreezeError {
    /// No layer has that name.
    #[error("the base model has no layer or block `{name}`")]
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
        LayerRef::Name(name) => {
            let found = base.find(name).or_else(|| first_of(base, name));
            found.ok_or_else(|| FreezeError::UnknownName {
                name: name.to_owned(),
                nearest: nearest_names(base, name),
            })?
        }
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

/// The first layer of a block, or of the layers whose names begin with `name`.
fn first_of(base: &Graph, name: &str) -> Option<LayerIdx> {
    let number = name.strip_prefix(BLOCK).and_then(|number| number.parse::<usize>().ok());
    if let Some(block) = number.and_then(|number| base.blocks().get(number)) {
        return Some(block.start);
    }
    base.layers().iter().position(|layer| {
        let rest = layer.name.strip_prefix(name);
        rest.is_some_and(|rest| !name.is_empty() && rest.starts_with(['.', '_', '/']))
    })
}

/// Finds the first layer of the last `n` blocks of a base model; `None` for one from a file.
///
/// # Errors
/// When it does not have so many blocks.
pub fn find_last(base: Option<&Graph>, n: usize, at: KeyPath) -> Result<&Layer, Problem> {
    let blocks = base.map_or(&[][..], Graph::blocks);
    match (base, blocks.len().checked_sub(n).and_then(|first| blocks.get(first))) {
        (Some(base), Some(block)) => Ok(&base.layers()[block.start]),
        (None, _) => {
            let message = "the blocks of a base model from a file are not known";
            let problem = Problem::new(Code::UnknownLayer, at, message);
            Err(problem.hint("write `unfreeze_from` with the name of a layer instead"))
        }
        (Some(_), None) => {
            let n = text::count(blocks.len(), "block");
            let problem =
                Problem::new(Code::UnknownLayer, at, format!("the base model has only {n}"));
            Err(problem.hint("to train all layers, write `freeze: none`"))
        }
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

/// The most similar names of layers; those of blocks if a number is too large.
fn nearest_names(base: &Graph, name: &str) -> Vec<String> {
    let is_number = |text: &str| text.parse::<usize>().is_ok();
    if name.strip_prefix(BLOCK).is_some_and(is_number)
        && let Some(last) = base.blocks().len().checked_sub(1)
    {
        return vec![format!("{BLOCK}{last}")];
    }
    let names = base.layers().iter().map(|layer| layer.name.as_str());
    text::nearest(name, names, 3).into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::architecture;
    use crate::spec::{Architecture, Convention};

    #[test]
    fn an_index_and_a_name_lead_to_the_same_layer() {
        let graph =
            architecture::build(Architecture::MobilenetV2, Convention::Keras, 1.0, [160, 160]);
        let by_index = find_layer(&graph, LayerRef::Index(120)).unwrap();
        assert_eq!(graph.layers()[by_index].name, "block_13_depthwise");
        assert_eq!(find_layer(&graph, LayerRef::Name("block_13_depthwise")), Ok(by_index));
    }

    #[test]
    fn an_unknown_layer_comes_with_similar_names() {
        let graph =
            architecture::build(Architecture::MobilenetV2, Convention::Keras, 1.0, [160, 160]);
        let nearest = |name| match find_layer(&graph, LayerRef::Name(name)) {
            Err(FreezeError::UnknownName { nearest, .. }) => nearest,
            other => panic!("{other:?}"),
        };
        assert_eq!(nearest("block_13_depthwize")[0], "block_13_depthwise");
        assert_eq!(nearest("block_17"), ["block_16"]);
    }

    #[test]
    fn a_block_or_a_group_is_found_by_its_name() {
        let lite = architecture::outline(Architecture::EfficientnetLite0, Convention::Keras, 1.0);
        let keras = architecture::outline(Architecture::MobilenetV2, Convention::Keras, 1.0);
        for (graph, name, layer) in [
            (&keras, "block_13", "block_13_expand"),
            (&keras, "block_0", "expanded_conv_depthwise"),
            (&keras, "expanded_conv", "expanded_conv_depthwise"),
            (&lite, "block_0", "blocks.0.0.conv_dw"),
            (&lite, "block_12", "blocks.5.1.conv_pw"),
            (&lite, "blocks.5", "blocks.5.0.conv_pw"),
            (&lite, "blocks.5.2", "blocks.5.2.conv_pw"),
        ] {
            let found = find_layer(graph, LayerRef::Name(name)).unwrap();
            assert_eq!(graph.layers()[found].name, layer, "{name}");
        }
        let last = |n| find_last(Some(&lite), n, KeyPath::of(&["a"])).map(|layer| &layer.name[..]);
        assert_eq!(last(1).unwrap(), "blocks.6.0.conv_pw");
        assert_eq!(last(16).unwrap(), "blocks.0.0.conv_dw");
        assert!(last(17).is_err() && find_layer(&lite, LayerRef::Name("")).is_err());
    }

    #[test]
    fn the_layers_behind_the_last_weights_cannot_be_trained() {
        let graph =
            architecture::build(Architecture::MobilenetV2, Convention::Keras, 1.0, [160, 160]);
        let error = find_layer(&graph, LayerRef::Name("out_relu")).unwrap_err();
        assert!(
            matches!(error, FreezeError::NothingToTrain { last_with_weights, .. } if last_with_weights == "Conv_1_bn")
        );
    }
}
