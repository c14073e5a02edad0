//! Opens base models in ONNX files, and converts them to trainable layers where possible.

use std::path::Path;
use std::sync::Arc;

use crate::base::digest::Digest;
use crate::base::key_path::KeyPath;
use crate::model::freeze::{self, LayerRef};
use crate::model::network::Base;
use crate::model::weights::Weights;
use crate::onnx::backbone;
use crate::onnx::error::BackboneError;
use crate::onnx::import::{self, Obstacle};
use crate::spec::problem::{Code, Problem};
use crate::spec::{FreezeSpec, ImageSize, OnnxSpec, PipelineSpec};

/// An opened ONNX file.
pub(crate) struct Opened {
    /// The base that a network is built on.
    pub(crate) base: Base,
    /// The weights of its layers; empty if it can only be run frozen.
    pub(crate) weights: Weights,
    /// The digest of the used part of the file.
    pub(crate) digest: Digest,
    /// Why it can only be run frozen.
    obstacle: Option<Obstacle>,
}

/// Opens a file for images of a size.
///
/// # Errors
/// When it cannot be used as a base model.
pub(crate) fn open(path: &Path, features: &str, size: ImageSize) -> Result<Opened, BackboneError> {
    let backbone = backbone::open(path, features, size)?;
    let digest = Digest::of(&backbone.file);
    Ok(match import::import(&backbone, size) {
        Ok(layers) => Opened {
            base: Base::Layers(Arc::new(backbone), layers.graph, layers.convention, layers.scaling),
            weights: layers.weights,
            digest,
            obstacle: None,
        },
        Err(obstacle) => Opened {
            base: Base::Backbone(Arc::new(backbone)),
            weights: Weights::default(),
            digest,
            obstacle: Some(obstacle),
        },
    })
}

/// Opens the base model of a pipeline, and checks the layers that its stages train from.
///
/// # Errors
/// When it cannot be used as a base model, or cannot be trained as the stages require.
pub(crate) fn of_pipeline(onnx: &OnnxSpec, spec: &PipelineSpec) -> Result<Opened, Problem> {
    let opened = open(&onnx.onnx.path, &onnx.features, spec.dataset.image_size);
    let opened = opened.map_err(|error| {
        let key = if error.code() == Code::UnknownNode { "features" } else { "onnx" };
        let at = KeyPath::of(&["model", "base", key]);
        Problem::caused(error.code(), at, &error).notes(error.notes()).hints(error.hints())
    })?;
    for stage in &spec.stages {
        let at = KeyPath::of(&["stages", &stage.name, stage.key()]);
        check_freeze(stage.freeze(), &opened, &at)?;
    }
    Ok(opened)
}

fn check_freeze(freeze: &FreezeSpec, opened: &Opened, at: &KeyPath) -> Result<(), Problem> {
    let (key, layer) = match freeze {
        FreezeSpec::All => return Ok(()),
        FreezeSpec::None => ("freeze", None),
        FreezeSpec::Before { layer } => ("unfreeze_from", Some(layer)),
    };
    if let Some(obstacle) = &opened.obstacle {
        let message = format!("this base model can only be run frozen: its {obstacle}");
        return Err(Problem::new(Code::Conflict, at.key(key), message)
            .hint("write `freeze: all` to train only the head")
            .hint("docs/onnx.md lists the layers of base models that can be trained"));
    }
    match (layer, &opened.base) {
        (Some(layer), Base::Layers(_, graph, ..)) => {
            freeze::find_at(graph, LayerRef::Name(layer), at.key(key)).map(drop)
        }
        _ => Ok(()),
    }
}
