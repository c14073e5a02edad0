//! A network for prediction only.

use super::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use super::{EngineError, FeatureExtractor, Features, Trainer};
use crate::base::batch::Batch;
use crate::base::tensor::Tensor;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::spec::FreezeSpec;

/// A network that predicts. All of it except the head runs like the frozen part of a stage.
pub struct Inference {
    extractor: Box<dyn FeatureExtractor>,
    head: AutodiffTrainer,
}

impl Inference {
    /// Prepares a network.
    ///
    /// # Errors
    /// When the engine cannot run it.
    pub fn new(network: &Network, weights: &Weights) -> Result<Self, EngineError> {
        let cut = network.cut(network.first_trainable(&FreezeSpec::All));
        let extractor = super::extractor(network, &cut, weights)?;
        let options = TrainerOptions::asking(Layers::Native);
        let head = AutodiffTrainer::new(network, &cut, weights, &[], &options);
        Ok(Self { extractor, head })
    }

    /// The features of a batch, which the head predicts from.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn features(&self, batch: &Batch) -> Result<Features, EngineError> {
        self.extractor.extract(batch)
    }

    /// The logits of a batch, `[n, outputs]`.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn logits(&mut self, batch: &Batch) -> Result<Tensor, EngineError> {
        let features = self.extractor.extract(batch)?;
        self.head.predict(features)
    }
}
