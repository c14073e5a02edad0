//! Engines run parts of a network.
//!
//! Two small traits work on batches: [`FeatureExtractor`] runs the frozen part forward; [`Trainer`]
//! runs the trainable part forward and backward and updates its weights. `native` and `autodiff`
//! are named after their method and do not depend on each other. Types of the libraries they use do
//! not appear here.

pub mod autodiff;
mod backbone;
pub mod class_activation;
pub mod inference;
mod layer_time;
mod layers;
pub mod native;
pub mod optimizer;
mod peak;
pub mod share;

use std::collections::BTreeMap;
use std::time::Duration;

use alpaca_random::SeedStream;

use self::backbone::BackboneExtractor;
pub use self::layer_time::LayerTime;
use self::native::NativeExtractor;
pub use self::peak::{Peak, bandwidth};
use crate::base::batch::Batch;
use crate::base::tensor::Tensor;
use crate::model::cut::Cut;
use crate::model::fuse::UnsupportedLayer;
use crate::model::network::Network;
use crate::model::weights::Weights;

/// An engine cannot run a network.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine does not support a layer.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedLayer),
    /// The underlying library failed.
    #[error("the {engine} engine failed: {reason}")]
    Failed {
        /// The engine.
        engine: &'static str,
        /// The error message of the library.
        reason: String,
    },
}

/// The features of a batch, passed from the frozen part to the trainable part.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// One tensor `[n, …]` per value on the boundary, in the order of the cut.
    pub values: Vec<Tensor>,
}

impl Features {
    /// Writes the values of one image, one tensor after the other, into `record`.
    ///
    /// # Panics
    /// When `record` has the wrong length.
    pub fn write_record(&self, image: usize, record: &mut [f32]) {
        let mut rest = record;
        for tensor in &self.values {
            let len = tensor.shape()[1..].iter().product();
            let (place, behind) = rest.split_at_mut(len);
            place.copy_from_slice(&tensor.values()[image * len..][..len]);
            rest = behind;
        }
        assert!(rest.is_empty(), "a record holds the values of one image");
    }
}

/// Features that are assembled image by image.
pub struct FeaturesInMaking<'a> {
    /// The shape of each value, for one image.
    shapes: &'a [Vec<usize>],
    values: Vec<Vec<f32>>,
    n: usize,
}

impl<'a> FeaturesInMaking<'a> {
    /// Allocates memory for the features of `n` images.
    pub fn new(shapes: &'a [Vec<usize>], n: usize) -> Self {
        let values = shapes
            .iter()
            .map(|shape| Vec::with_capacity(n * shape.iter().product::<usize>()))
            .collect();
        Self { shapes, values, n: 0 }
    }

    /// The number of values per image.
    pub fn record_len(&self) -> usize {
        self.shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// Adds the values of an image, in the format of [`Features::write_record`].
    pub fn add(&mut self, record: &[f32]) {
        let mut rest = record;
        for (values, shape) in self.values.iter_mut().zip(self.shapes) {
            let (own, behind) = rest.split_at(shape.iter().product());
            values.extend_from_slice(own);
            rest = behind;
        }
        self.n += 1;
    }

    /// The features of all added images.
    pub fn finish(self) -> Features {
        let values = self.values.into_iter().zip(self.shapes);
        let tensors =
            values.map(|(values, shape)| Tensor::new(&[&[self.n], &shape[..]].concat(), values));
        Features { values: tensors.collect() }
    }
}

/// Runs the frozen part of a network: forward only, batch normalization folded into the weights.
pub trait FeatureExtractor: Send + Sync {
    /// The features of a batch. The features of an image depend only on that image.
    ///
    /// # Errors
    /// When the engine fails.
    fn extract(&self, batch: &Batch) -> Result<Features, EngineError>;
}

/// Creates the extractor for the frozen part of a network: the native engine, or the ONNX library
/// if the base model is a file.
///
/// # Errors
/// When the frozen part cannot be run.
pub fn extractor(
    network: &Network,
    cut: &Cut,
    weights: &Weights,
) -> Result<Box<dyn FeatureExtractor>, EngineError> {
    Ok(match network.backbone.as_ref().filter(|_| network.is_opaque()) {
        Some(backbone) => Box::new(BackboneExtractor::new(network, backbone, cut)?),
        None => Box::new(NativeExtractor::new(network, cut, weights)?),
    })
}

/// An objective that training minimizes: returns its gradient with respect to the logits
/// `[n, outputs]`.
pub type Objective<'a> = dyn FnMut(&Tensor) -> Tensor + 'a;

/// The source of randomness for one training step.
#[derive(Clone, Debug)]
pub struct StepRandomness {
    /// One random stream per image of the batch.
    pub samples: Vec<SeedStream>,
}

impl StepRandomness {
    /// The dropout factors for `n_channels` features of each image: zero with probability `rate`,
    /// otherwise scaled to preserve the mean. `None` if nothing is dropped.
    pub fn dropout_mask(&self, rate: f32, n_channels: usize) -> Option<Vec<f32>> {
        if rate == 0.0 {
            return None;
        }
        let kept = 1.0 / (1.0 - rate);
        let mut mask = Vec::with_capacity(self.samples.len() * n_channels);
        for stream in &self.samples {
            let mut generator = stream.generator();
            for _ in 0..n_channels {
                mask.push(if generator.uniform() < rate { 0.0 } else { kept });
            }
        }
        Some(mask)
    }
}

/// The durations of the parts of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTimes {
    /// The forward pass, including the objective.
    pub forward: Duration,
    /// The backward pass.
    pub backward: Duration,
    /// The weight update.
    pub optimizer: Duration,
}

/// Runs and trains the trainable part of a network.
pub trait Trainer {
    /// The logits `[n, outputs]`, without dropout. With several ranks, each has the features of some
    /// images, one rank after the other, and gets the logits of all.
    ///
    /// # Errors
    /// When the engine fails.
    fn predict(&mut self, features: Features) -> Result<Tensor, EngineError>;

    /// Runs one step: forward with dropout, the objective's gradient, backward, and a weight update
    /// with `learning_rate`. With several ranks, `features` are those of the images of this rank's
    /// micro-batches, and `randomness` and `objective` are about the images of all.
    ///
    /// # Errors
    /// When the engine fails.
    fn step(
        &mut self,
        features: Features,
        randomness: &StepRandomness,
        objective: &mut Objective<'_>,
        learning_rate: f64,
    ) -> Result<StepTimes, EngineError>;

    /// The weights that [`predict`](Self::predict) uses: the current ones or their average,
    /// including frozen layers and statistics.
    fn weights(&self) -> Weights;

    /// The state that the next steps depend on.
    fn state(&self) -> TrainerState;

    /// Resumes from a state, as if this trainer had run the steps before it.
    fn restore(&mut self, state: TrainerState);
}

/// The state of a trainer, which determines the next steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainerState {
    /// The weights of the trainable part.
    pub weights: Weights,
    /// The optimizer's running means of gradients, or the velocity, by parameter name.
    pub first_moments: Weights,
    /// The optimizer's running means of squared gradients, by parameter name.
    pub second_moments: Weights,
    /// The average of the weights, if the stage has one.
    pub average: Option<Weights>,
    /// The number of steps taken.
    pub n_steps: u64,
}

/// Gradients by the name of their parameter.
pub type Gradients = BTreeMap<String, Vec<f32>>;
