//! Class activation maps: the areas of an image that support a class.

use alpaca_kernels::Activation;

use super::{EngineError, FeatureExtractor};
use crate::base::batch::Batch;
use crate::model::fold;
use crate::model::fuse::{ConvolutionUnit, Unit, UnitKind};
use crate::model::graph::LayerKind;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::spec::ImageSize;

/// Makes class activation maps (Zhou et al. 2016, arXiv 1512.04150): the feature maps before
/// pooling, weighted by the head. The mean of a map plus the bias is the logit, so a map attributes
/// the logit to places. Where a network has a convolution after the pooling, weights are the gradient
/// of the logit instead, which is the same where there is none (Grad-CAM, Selvaraju et al. 2017,
/// arXiv 1610.02391, section 3.1).
pub struct Explainer {
    extractor: Box<dyn FeatureExtractor>,
    /// The convolutions after the pooling, in order.
    after_pooling: Vec<AfterPooling>,
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

/// Whether the maps of a network are weighted by gradients (Grad-CAM), because a convolution follows
/// its pooling.
pub fn uses_gradients(network: &Network) -> bool {
    let mut units = network.units[network.cut_before_pooling().trainable].iter();
    units.any(|unit| matches!(unit.kind, UnitKind::Convolution(_)))
}

impl Explainer {
    /// Creates an explainer for a network.
    ///
    /// # Errors
    /// When the engine cannot run it.
    pub fn new(network: &Network, weights: &Weights) -> Result<Self, EngineError> {
        let cut = network.cut_before_pooling();
        let extractor = super::extractor(network, &cut, weights)?;
        let units = network.units[cut.trainable].iter();
        let after_pooling = units.filter_map(|unit| match &unit.kind {
            UnitKind::Convolution(convolution) => {
                Some(AfterPooling::new(unit, convolution, weights))
            }
            _ => None,
        });
        let after_pooling = after_pooling.collect();
        let head = network.graph.layers().last().expect("a classifier has a head");
        let LayerKind::Dense { units } = head.kind else {
            unreachable!("the head ends with a dense layer");
        };
        let kernel = weights.get(&format!("{}/kernel", head.name)).values().to_vec();
        Ok(Self { extractor, after_pooling, kernel, n_outputs: units })
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
            let weights = self.weights(row, n_channels, class);
            row.chunks_exact(n_channels)
                .map(|place| place.iter().zip(&weights).map(|(f, weight)| f * weight).sum())
                .collect()
        });
        Ok((maps.collect(), size))
    }

    /// The weights of the channels of an image's maps for a class.
    fn weights(&self, maps: &[f32], n_channels: usize, class: usize) -> Vec<f32> {
        let n = self.after_pooling.last().map_or(n_channels, |last| last.bias.len());
        let of_head: Vec<f32> = (0..n).map(|feature| self.weight(feature, class)).collect();
        gradient(&self.after_pooling, maps, n_channels, of_head)
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

/// A pointwise convolution after the pooling, with its normalization folded in.
struct AfterPooling {
    /// `[inputs, outputs]`.
    kernel: Vec<f32>,
    bias: Vec<f32>,
    activation: Activation,
}

impl AfterPooling {
    fn new(unit: &Unit, convolution: &ConvolutionUnit, weights: &Weights) -> Self {
        let kernel = weights.get(&unit.parameter(convolution.kernel_role()));
        let folded = fold::fold(unit, convolution, kernel, weights);
        Self { kernel: folded.kernel, bias: folded.bias, activation: convolution.activation }
    }

    /// Its outputs before the activation.
    fn outputs(&self, inputs: &[f32]) -> Vec<f32> {
        let mut outputs = self.bias.clone();
        for (row, input) in self.kernel.chunks_exact(outputs.len()).zip(inputs) {
            outputs.iter_mut().zip(row).for_each(|(output, weight)| *output += input * weight);
        }
        outputs
    }

    /// The gradient with respect to its inputs of what gives its activated outputs these weights.
    fn gradient(&self, outputs: &[f32], weights: &[f32]) -> Vec<f32> {
        let slopes: Vec<f32> = outputs
            .iter()
            .zip(weights)
            .map(|(output, weight)| weight * self.activation.derivative(f64::from(*output)) as f32)
            .collect();
        let rows = self.kernel.chunks_exact(outputs.len());
        rows.map(|row| row.iter().zip(&slopes).map(|(weight, slope)| weight * slope).sum())
            .collect()
    }
}

/// The gradient with respect to the means of maps, `[places, channels]`, of what gives the outputs of
/// the layers after the pooling these weights.
fn gradient(
    layers: &[AfterPooling],
    maps: &[f32],
    n_channels: usize,
    weights: Vec<f32>,
) -> Vec<f32> {
    let n_places = (maps.len() / n_channels) as f32;
    let mut values = vec![0.0; n_channels];
    for place in maps.chunks_exact(n_channels) {
        values.iter_mut().zip(place).for_each(|(mean, value)| *mean += value / n_places);
    }
    // Each layer with its outputs before the activation.
    let mut passed = vec![];
    for layer in layers {
        let outputs = layer.outputs(&values);
        let activated = outputs.iter().map(|&x| layer.activation.value(f64::from(x)) as f32);
        values = activated.collect();
        passed.push((layer, outputs));
    }
    passed.iter().rev().fold(weights, |weights, (layer, outputs)| layer.gradient(outputs, &weights))
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
        Architecture, BaseModel, Convention, HeadSpec, Initializer, ModelSpec, Pooling, Precision,
        TopSpec, WeightsSpec,
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
            head: HeadSpec { pooling: Pooling::Average, hidden: vec![], dropout: 0.2 },
            precision: Precision::F32,
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
            let batch = Batch { images, samples: vec![0, 1] };
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

    #[test]
    fn weights_behind_convolutions_after_the_pooling_are_a_gradient() {
        let mut generator = SeedStream::new(5).generator();
        let mut numbers = |n: usize| (0..n).map(|_| generator.between(-1.0, 1.0)).collect();
        let activation = Activation::Relu;
        let layers = [
            AfterPooling { kernel: numbers(12), bias: numbers(4), activation },
            AfterPooling { kernel: numbers(20), bias: vec![0.5; 5], activation },
        ];
        // Two places of three channels.
        let (maps, weights): (Vec<f32>, Vec<f32>) = (numbers(6), numbers(5));
        let logit = |maps: &[f32]| -> f32 {
            let mut values: Vec<f32> =
                (0..3).map(|k| f32::midpoint(maps[k], maps[3 + k])).collect();
            for layer in &layers {
                let mut outputs = layer.bias.clone();
                for (row, value) in layer.kernel.chunks_exact(outputs.len()).zip(&values) {
                    outputs
                        .iter_mut()
                        .zip(row)
                        .for_each(|(output, weight)| *output += value * weight);
                }
                values = outputs.iter().map(|output| output.max(0.0)).collect();
            }
            values.iter().zip(&weights).map(|(value, weight)| value * weight).sum()
        };
        let found = gradient(&layers, &maps, 3, weights.clone());
        assert!(found.iter().any(|value| value.abs() > 0.1), "{found:?}");
        for (k, found) in found.iter().enumerate() {
            let mut nudged = maps.clone();
            nudged[k] += 0.02;
            // A mean of two places changes by half as much.
            let expected = (logit(&nudged) - logit(&maps)) / 0.01;
            assert!((found - expected).abs() < 1e-3, "{k}: {found}, {expected}");
        }
    }
}
