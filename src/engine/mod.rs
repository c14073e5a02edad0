//! Engines run parts of a network.
//!
//! Two small traits, spoken per batch: [`FeatureExtractor`] runs the frozen part forward,
//! [`Trainer`] runs the trainable part forward and backward and moves its weights. `native` and
//! `autodiff` are named for how they work and do not know each other; no type of a library they
//! use appears here.

pub mod autodiff;
mod backbone;
pub mod class_activation;
pub mod inference;
mod layers;
pub mod native;
pub mod optimizer;
mod peak;

use std::collections::BTreeMap;
use std::time::Duration;

use alpaca_random::SeedStream;

use self::backbone::BackboneExtractor;
use self::native::NativeExtractor;
pub use self::peak::peak;
use crate::base::batch::Batch;
use crate::base::tensor::Tensor;
use crate::model::cut::Cut;
use crate::model::fuse::UnsupportedLayer;
use crate::model::network::Network;
use crate::model::weights::Weights;

/// An engine that cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A layer that the engine has no code for.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedLayer),
    /// The library underneath failed.
    #[error("the {engine} engine failed: {reason}")]
    Failed {
        /// The engine.
        engine: &'static str,
        /// What it said.
        reason: String,
    },
}

/// What the frozen part hands to the trainable part for a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Features {
    /// One tensor for each value on the boundary, `[n, …]`, in the order of the cut.
    pub values: Vec<Tensor>,
}

impl Features {
    /// Writes the values of one image, one tensor after the other, into `record`.
    ///
    /// # Panics
    /// When `record` has another length.
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

/// Features that are put together image by image.
pub struct FeaturesInMaking<'a> {
    /// The shape of each value, for one image.
    shapes: &'a [Vec<usize>],
    values: Vec<Vec<f32>>,
    n: usize,
}

impl<'a> FeaturesInMaking<'a> {
    /// Room for the features of `n` images.
    pub fn new(shapes: &'a [Vec<usize>], n: usize) -> Self {
        let values = shapes
            .iter()
            .map(|shape| Vec::with_capacity(n * shape.iter().product::<usize>()))
            .collect();
        Self { shapes, values, n: 0 }
    }

    /// How many numbers an image has.
    pub fn record_len(&self) -> usize {
        self.shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// Adds the values of an image as [`Features::write_record`] writes them.
    pub fn add(&mut self, record: &[f32]) {
        let mut rest = record;
        for (values, shape) in self.values.iter_mut().zip(self.shapes) {
            let (own, behind) = rest.split_at(shape.iter().product());
            values.extend_from_slice(own);
            rest = behind;
        }
        self.n += 1;
    }

    /// The features of all images that were added.
    pub fn finish(self) -> Features {
        let values = self.values.into_iter().zip(self.shapes);
        let tensors =
            values.map(|(values, shape)| Tensor::new(&[&[self.n], &shape[..]].concat(), values));
        Features { values: tensors.collect() }
    }
}

/// Runs the frozen part of a network: forward only, batch normalization folded into the weights.
pub trait FeatureExtractor: Send + Sync {
    /// The features of a batch. Each image's features depend on that image alone.
    ///
    /// # Errors
    /// When the engine fails.
    fn extract(&self, batch: &Batch) -> Result<Features, EngineError>;
}

/// What runs the frozen part of a network: the native engine, or the library for the file that its
/// base model is.
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

/// A function of the logits `[n, outputs]` that training makes small: gives its gradient with
/// respect to them.
pub type Objective<'a> = dyn FnMut(&Tensor) -> Tensor + 'a;

/// Where the randomness of one training step comes from.
#[derive(Clone, Debug)]
pub struct StepRandomness {
    /// A stream for each image of the batch.
    pub samples: Vec<SeedStream>,
}

impl StepRandomness {
    /// A factor for each of `n_channels` features of each image: zero for a share of `rate`, so
    /// much for the others that the mean stays; none where nothing is dropped.
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

/// How long the parts of a step took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTimes {
    /// Forward, the objective included.
    pub forward: Duration,
    /// Backward.
    pub backward: Duration,
    /// The move of the weights.
    pub optimizer: Duration,
}

/// Runs and trains the trainable part of a network.
pub trait Trainer {
    /// The logits `[n, outputs]`, without dropout.
    ///
    /// # Errors
    /// When the engine fails.
    fn predict(&mut self, features: Features) -> Result<Tensor, EngineError>;

    /// One step: forward with dropout, the objective's gradient, backward, and a move of the
    /// weights at `learning_rate`.
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

    /// The weights that [`predict`](Self::predict) goes by: the current ones or their average, those of
    /// frozen layers and statistics included.
    fn weights(&self) -> Weights;

    /// Everything that the next steps depend on.
    fn state(&self) -> TrainerState;

    /// Goes on from a state, as if it had taken the steps to it.
    fn restore(&mut self, state: TrainerState);
}

/// Everything that the next steps of a trainer depend on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainerState {
    /// The weights of the trainable part.
    pub weights: Weights,
    /// The running means of the optimizer, under the names of their parameters: of gradients, or
    /// the velocity.
    pub first_moments: Weights,
    /// Of squared gradients.
    pub second_moments: Weights,
    /// The average of the weights, where one is kept.
    pub average: Option<Weights>,
    /// Steps taken.
    pub n_steps: u64,
}

/// Gradients by the name of their parameter.
pub type Gradients = BTreeMap<String, Vec<f32>>;
