//! Class activation maps: the areas of an image that support a class.

use super::{EngineError, FeatureExtractor};
use crate::base::batch::Batch;
use crate::model::graph::LayerKind;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::spec::ImageSize;

/// Makes class activation maps (Zhou et al. 2016, arXiv 1512.04150): the feature maps before
/// pooling, weighted by the head. The mean of a map plus the bias is the logit, so a map attributes
/// the logit to places.
pub struct Explainer {
    extractor: Box<dyn FeatureExtractor>,
    /// The head's weights, `[features, outputs]`.
    kernel: Vec<f32>,
    n_outputs: usize,
}

/// The support of each place for a class: `[height, width]`, from 0 to 1 (strongest).
pub struct Map {
    /// The values, row by row.
    pub values: Vec<f32>,
    /// The number of rows and columns.
    pub size: ImageSize,
}

impl Explainer {
    /// Creates an explainer for a network.
    ///
    /// # Errors
    /// When the engine cannot run it.
    pub fn new(network: &Network, weights: &Weights) -> Result<Self, EngineError> {
        let extractor = super::extractor(network, &network.cut_before_pooling(), weights)?;
        let head = network.graph.layers().last().expect("a classifier has a head");
        let LayerKind::Dense { units } = head.kind else {
            unreachable!("the head is one dense layer");
        };
        let kernel = weights.get(&format!("{}/kernel", head.name)).values().to_vec();
        Ok(Self { extractor, kernel, n_outputs: units })
    }

    /// The map of each image of a batch, for the class given with it.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn maps(&self, batch: &Batch, classes: &[usize]) -> Result<Vec<Map>, EngineError> {
        let (speaking, size) = self.speaking(batch, classes)?;
        Ok(speaking.into_iter().map(|values| Map { values: positive(values), size }).collect())
    }

    /// The support of each place for the class given with its image; negative if against it.
    fn speaking(
        &self,
        batch: &Batch,
        classes: &[usize],
    ) -> Result<(Vec<Vec<f32>>, ImageSize), EngineError> {
        let mut features = self.extractor.extract(batch)?;
        let features = features.values.pop().expect("pooling has one input");
        let (size, n_channels) = match features.shape() {
            [_, height, width, channels] => {
                (ImageSize { height: *height, width: *width }, *channels)
            }
            other => unreachable!("pooling takes maps, not {other:?}"),
        };
        let maps = features.rows().zip(classes).map(|(row, &class)| {
            row.chunks_exact(n_channels)
                .map(|place| place.iter().enumerate().map(|(k, f)| f * self.weight(k, class)).sum())
                .collect()
        });
        Ok((maps.collect(), size))
    }

    /// The weight of a feature for a class. With two classes and one output, the output supports
    /// the second class and counts against the first.
    fn weight(&self, feature: usize, class: usize) -> f32 {
        let at = |output: usize| self.kernel[feature * self.n_outputs + output];
        match (self.n_outputs, class) {
            (1, 0) => -at(0),
            (1, _) => at(0),
            (_, class) => at(class),
        }
    }
}

/// The positive support, scaled to a maximum of 1.
fn positive(values: Vec<f32>) -> Vec<f32> {
    let most = values.iter().copied().fold(0.0, f32::max);
    values.into_iter().map(|value| if most > 0.0 { value.max(0.0) / most } else { 0.0 }).collect()
}

impl Map {
    /// Whether the map is not uniform.
    pub fn has_places(&self) -> bool {
        self.values.len() > 1
    }
}

#[cfg(test)]
mod tests {
    use alpaca_random::SeedStream;

    use super::*;
    use crate::base::tensor::Tensor;
    use crate::engine::inference::Inference;
    use crate::model::initial;
    use crate::spec::{
        Architecture, BaseModel, Convention, HeadSpec, Initializer, ModelSpec, Pooling, TopSpec,
        WeightsSpec,
    };

    /// The mean over all places plus the bias is the logit. With two classes and one logit, the
    /// logit of the first class is its negative.
    #[test]
    fn maps_divide_the_answer_among_places() {
        let spec = ModelSpec {
            base: BaseModel::Named(Architecture::MobilenetV2),
            width: Some(0.35),
            weights: WeightsSpec::Random(Initializer::HeUniform),
            top: TopSpec::New,
            head: HeadSpec { pooling: Pooling::Average, dropout: 0.2 },
        };
        let size = ImageSize { height: 64, width: 96 };
        let stream = SeedStream::new(3);
        for n_classes in [2, 3] {
            let network = Network::build(&spec, Convention::Keras, size, n_classes).unwrap();
            let parameters = network.graph.parameters();
            let mut weights =
                initial::initialise(&network, &parameters, Initializer::HeUniform, stream);
            let n_outputs = weights.get("head/bias").values().len();
            let bias: Vec<f32> = (0..n_outputs).map(|output| 0.3 - output as f32).collect();
            weights.insert("head/bias", Tensor::new(&[n_outputs], bias.clone()));
            let mut generator = stream.child("pictures").generator();
            let values = (0..2 * 64 * 96 * 3).map(|_| generator.between(-1.0, 1.0)).collect();
            let images = Tensor::new(&[2, 64, 96, 3], values);
            let batch = Batch { images, labels: vec![0; 2], samples: vec![0, 1] };
            let logits = Inference::new(&network, &weights).unwrap().logits(&batch).unwrap();
            let explainer = Explainer::new(&network, &weights).unwrap();
            for class in 0..n_classes {
                let (speaking, size) = explainer.speaking(&batch, &[class; 2]).unwrap();
                assert_eq!((size.height, size.width), (2, 3));
                for (places, logits) in speaking.iter().zip(logits.rows()) {
                    let mean = places.iter().sum::<f32>() / places.len() as f32;
                    let (found, expected) = match (n_outputs, class) {
                        (1, 0) => (mean - bias[0], -logits[0]),
                        (1, _) => (mean + bias[0], logits[0]),
                        _ => (mean + bias[class], logits[class]),
                    };
                    assert!((found - expected).abs() < 1e-4, "{class}: {found}, {expected}");
                    assert!(places.iter().any(|place| place.abs() > 1e-3), "the map is zero");
                }
            }
        }
    }
}
