//! A frozen base model that is an ONNX file, run image by image.

use rayon::prelude::*;

use super::{EngineError, FeatureExtractor, Features};
use crate::base::batch::Batch;
use crate::base::tensor::{Tensor, transposed};
use crate::model::backbone::{Backbone, Channels};
use crate::model::cut::Cut;
use crate::model::fuse::UnitKind;
use crate::model::network::Network;
use crate::onnx::run::{GraphError, Model, Runnable};
use crate::spec::ImageSize;

/// Runs a backbone, and the pooling after it if that is frozen too.
pub(super) struct BackboneExtractor {
    runnable: Runnable,
    channels: Channels,
    /// The shape of an image in the input.
    input: [usize; 4],
    /// The shape of the features: rows, columns, channels.
    features: [usize; 3],
    pools: bool,
}

fn failed(error: &GraphError) -> EngineError {
    EngineError::Failed { engine: "ONNX", reason: error.to_string() }
}

impl BackboneExtractor {
    /// Prepares the backbone for the input size of a network.
    pub(super) fn new(
        network: &Network,
        backbone: &Backbone,
        cut: &Cut,
    ) -> Result<Self, EngineError> {
        let &[height, width, _] = &network.graph.layers()[0].shape[..] else {
            unreachable!("a network takes images");
        };
        let pools = network.units[cut.frozen.clone()]
            .iter()
            .any(|unit| unit.kind == UnitKind::GlobalAveragePooling);
        let input = backbone.channels.of_one(ImageSize { height, width });
        Ok(Self {
            runnable: Model::read(&backbone.file)
                .and_then(|model| model.for_numbers(input))
                .map_err(|error| failed(&error))?,
            channels: backbone.channels,
            input,
            features: backbone.shape,
            pools,
        })
    }

    /// The features of one image, channels innermost.
    fn one(&self, image: &[f32]) -> Result<Vec<f32>, EngineError> {
        let features = match self.channels {
            Channels::Last => self.runnable.numbers(self.input, image),
            Channels::First => self.runnable.numbers(self.input, &transposed(image, 3)),
        };
        let features = features.map_err(|error| failed(&error))?;
        let [rows, columns, channels] = self.features;
        let n_places = rows * columns;
        let planes = features.values();
        if planes.len() != n_places * channels {
            let reason = "the number of its features changed".to_owned();
            return Err(EngineError::Failed { engine: "ONNX", reason });
        }
        if self.pools {
            let means = planes.chunks_exact(n_places).map(|plane| {
                let sum: f64 = plane.iter().copied().map(f64::from).sum();
                (sum / n_places as f64) as f32
            });
            return Ok(means.collect());
        }
        Ok(transposed(planes, n_places))
    }
}

impl FeatureExtractor for BackboneExtractor {
    fn extract(&self, batch: &Batch) -> Result<Features, EngineError> {
        let n = batch.samples.len();
        let images = batch.images.values().par_chunks(self.input.iter().product());
        let features: Vec<Vec<f32>> =
            images.map(|image| self.one(image)).collect::<Result<_, _>>()?;
        let [rows, columns, channels] = self.features;
        let shape = if self.pools { vec![n, channels] } else { vec![n, rows, columns, channels] };
        Ok(Features { values: vec![Tensor::new(&shape, features.concat())] })
    }
}
