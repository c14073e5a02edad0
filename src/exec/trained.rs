//! The model that a run left, ready to be asked.

use std::path::Path;

use super::base;
use super::session::RunError;
use crate::base::batch::Batch;
use crate::base::tensor::Tensor;
use crate::engine::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use crate::engine::{self, EngineError, FeatureExtractor, Trainer};
use crate::model::network::{Base, Network};
use crate::model::weights::Weights;
use crate::model::weights::file::WeightsError;
use crate::model::weights::import::WeightsFile;
use crate::onnx::backbone::BackboneError;
use crate::run_dir::layout;
use crate::run_dir::manifest::Manifest;
use crate::spec::{BaseModel, FreezeSpec, FromWeights, PipelineSpec};

/// A network with its weights and the names of its outputs.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The names of the classes in the order of the outputs.
    pub classes: Vec<String>,
    /// The network.
    pub network: Network,
    /// All its weights.
    pub weights: Weights,
}

/// The files of a run directory that its model is read from: weights, and a base model where that is
/// a file.
pub fn files(which: FromWeights) -> [String; 2] {
    let weights = match which {
        FromWeights::Best => layout::BEST_WEIGHTS,
        FromWeights::Last => layout::LAST_WEIGHTS,
    };
    [weights, layout::BASE_MODEL].map(|name| format!("{}/{name}", layout::WEIGHTS))
}

/// A model that a run left, but that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Its weights cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Its base model cannot.
    #[error(transparent)]
    Base(#[from] BackboneError),
}

impl Trained {
    /// The model of a finished run, of whose pipeline this is the spec.
    ///
    /// # Errors
    /// When its weights or its base model cannot be read.
    pub fn open(
        directory: &Path,
        manifest: &Manifest,
        spec: &PipelineSpec,
        which: FromWeights,
    ) -> Result<Self, OpenError> {
        let [weights, base_model] = files(which).map(|name| directory.join(name));
        let file = WeightsFile::of_run(&weights)?;
        let classes = manifest.dataset.classes.clone();
        let size = spec.dataset.image_size;
        let base = match &spec.model.base {
            BaseModel::MobilenetV2 => Base::Convention(file.convention()),
            BaseModel::Onnx(onnx) => base::open(&base_model, &onnx.features, size)?.base,
        };
        let network = Network::build(&spec.model, base, size, classes.len())
            .expect("the engines have units for every layer of the base models");
        let weights = file.weights(&network.graph.parameters())?;
        Ok(Self { classes, network, weights })
    }
}

/// Asks a network: everything but the head is run as the frozen part of a stage is.
pub struct Asker {
    extractor: Box<dyn FeatureExtractor>,
    head: AutodiffTrainer,
}

impl Asker {
    /// Makes a network ready.
    ///
    /// # Errors
    /// When the engine cannot run it.
    pub fn new(network: &Network, weights: &Weights) -> Result<Self, EngineError> {
        let cut = network.cut(network.first_trainable(&FreezeSpec::All));
        let extractor = engine::extractor(network, &cut, weights)?;
        let options = TrainerOptions::asking(Layers::Native);
        let head = AutodiffTrainer::new(network, &cut, weights, &[], &options);
        Ok(Self { extractor, head })
    }

    /// The logits of a batch, `[n, outputs]`.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn logits(&mut self, batch: &Batch) -> Result<Tensor, RunError> {
        let features = self.extractor.extract(batch)?;
        Ok(self.head.predict(features)?)
    }
}
