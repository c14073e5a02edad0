//! Lists the layers of a pipeline's model, and which of them each stage trains.

use crate::dataset::scan;
use crate::exec::prepare::network;
use crate::model::graph::Parameter;
use crate::spec::PipelineSpec;
use crate::spec::problem::Problem;

/// A layer in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerRow {
    /// Index of the layer; in the base model, that of Keras.
    pub idx: usize,
    /// Index of its block in the base model; `None` outside of blocks.
    pub block: Option<usize>,
    /// Name of the layer.
    pub name: String,
    /// Its Keras class.
    pub class: &'static str,
    /// Output shape for one image.
    pub shape: Vec<usize>,
    /// Number of weights, including batch statistics.
    pub n_weights: usize,
    /// Whether each stage trains it, in the order of the stages.
    pub in_stages: Vec<InStage>,
}

/// Whether a stage trains a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InStage {
    /// The layer has no weights.
    WithoutWeights,
    /// Its weights are frozen.
    Frozen,
    /// Its weights are trained.
    Trained,
}

/// The layers of a model and the stages they are shown for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayersReport {
    /// The names of the stages with the number of weights that each trains.
    pub stages: Vec<(String, usize)>,
    /// The layers in order.
    pub rows: Vec<LayerRow>,
}

/// Describes the model of a pipeline. The number of classes determines the last layer; if the
/// dataset cannot be read, two classes are assumed.
///
/// # Errors
/// When the base model is a file that cannot be used as one.
pub fn describe(spec: &PipelineSpec) -> Result<LayersReport, Problem> {
    let n_classes = scan::list(&spec.dataset, None).map_or(2, |listing| listing.classes.len());
    let network = network::outline(spec, n_classes)?;
    let firsts: Vec<usize> =
        spec.stages.iter().map(|stage| network.first_trainable(stage.freeze())).collect();
    let rows = network.graph.layers().iter().enumerate().map(|(idx, layer)| {
        let n_weights = n_values(&network.graph.parameters_of(idx));
        let in_stages = firsts.iter().map(|first| match n_weights {
            0 => InStage::WithoutWeights,
            _ if idx < *first => InStage::Frozen,
            _ => InStage::Trained,
        });
        LayerRow {
            idx,
            block: network.graph.blocks().iter().position(|block| block.contains(&idx)),
            name: layer.name.clone(),
            class: layer.kind.keras_class(),
            shape: layer.shape.clone(),
            n_weights,
            in_stages: in_stages.collect(),
        }
    });
    let trained = firsts.iter().map(|&first| n_values(&network.trainable_parameters(first)));
    Ok(LayersReport {
        stages: spec.stages.iter().map(|stage| stage.name.clone()).zip(trained).collect(),
        rows: rows.collect(),
    })
}

fn n_values(parameters: &[Parameter]) -> usize {
    parameters.iter().map(Parameter::n_values).sum()
}
