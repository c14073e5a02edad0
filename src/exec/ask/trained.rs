//! Opens the model of a finished run.

use std::path::Path;

use crate::exec::prepare::base_model;
use crate::model::network::{Base, Network};
use crate::model::weights::Weights;
use crate::model::weights::error::WeightsError;
use crate::model::weights::import::WeightsFile;
use crate::onnx::error::BackboneError;
use crate::run_dir::layout;
use crate::run_dir::manifest::{Manifest, StandardRecord};
use crate::spec::{BaseModel, FromWeights, PipelineSpec, TargetSpec};
use crate::train::readout::{Readout, Standard};

/// A network with its weights and the names of its outputs.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The names of the classes in the order of the outputs, or the name of the number.
    pub classes: Vec<String>,
    /// How the outputs are read.
    pub readout: Readout,
    /// The network.
    pub network: Network,
    /// All its weights.
    pub weights: Weights,
}

/// The files of a run directory that its model is read from: the weights, and the base model if it
/// is an ONNX file.
pub fn files(which: FromWeights) -> [String; 2] {
    let weights = match which {
        FromWeights::Best => layout::BEST_WEIGHTS,
        FromWeights::Last => layout::LAST_WEIGHTS,
    };
    [weights, layout::BASE_MODEL].map(|name| format!("{}/{name}", layout::WEIGHTS))
}

/// Why the model of a run cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its weights cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Its base model cannot be read.
    #[error(transparent)]
    Base(#[from] BackboneError),
    /// Its manifest lacks the units of the number.
    #[error("the manifest does not state the units of the number (`dataset.standard`)")]
    NoStandard,
}

impl Trained {
    /// The same model as an exported file computes it, in single precision.
    #[must_use]
    pub fn in_f32(self) -> Self {
        Self { network: self.network.in_f32(), ..self }
    }

    /// Opens the model of a finished run; `spec` is that of its pipeline.
    ///
    /// # Errors
    /// When its weights or its base model cannot be read.
    pub fn open(
        directory: &Path,
        manifest: &Manifest,
        spec: &PipelineSpec,
        which: FromWeights,
    ) -> Result<Self, OpenError> {
        let [weights, base_file] = files(which).map(|name| directory.join(name));
        let file = WeightsFile::of_run(&weights)?;
        let classes = manifest.dataset.classes.clone();
        let size = spec.dataset.image_size;
        let base = match &spec.model.base {
            BaseModel::Named(named) => {
                Base::Convention(file.convention(*named, spec.model.width())?)
            }
            BaseModel::Onnx(onnx) => base_model::open(&base_file, &onnx.features, size)?.base,
        };
        let target = spec.dataset.target;
        let n_outputs = target.n_outputs(classes.len());
        let network = Network::with_outputs(&spec.model, base, size, n_outputs)
            .expect("the engines have units for every layer of the base models")
            .with_precision_of(spec);
        let weights = file.own_weights(&network.graph.parameters())?;
        let readout = match (target, manifest.dataset.standard) {
            (TargetSpec::Class, _) => Readout::Softmax,
            (TargetSpec::Classes, _) => Readout::Sigmoids,
            (TargetSpec::Number, Some(StandardRecord { mean, deviation })) => {
                Readout::Number(Standard { mean, deviation })
            }
            (TargetSpec::Number, None) => return Err(OpenError::NoStandard),
        };
        Ok(Self { classes, readout, network, weights })
    }
}
