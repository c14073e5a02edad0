//! The frozen part of a network, ready to run.

use rayon::prelude::*;

use super::convolution::{self, Map};
use super::fold::{self, Folded};
use crate::base::batch::Batch;
use crate::base::tensor::Tensor;
use crate::engine::{EngineError, FeatureExtractor, Features};
use crate::model::fuse::{
    Connection, ConvolutionUnit, Cut, Unit, UnitKind, UnsupportedLayer, Value,
};
use crate::model::graph::Role;
use crate::model::network::Network;
use crate::model::weights::Weights;

/// Runs the units in front of a cut.
pub struct NativeExtractor {
    steps: Vec<Step>,
    /// The values to hand out, with their shapes for one picture.
    boundary: Vec<(Value, Vec<usize>)>,
}

struct Step {
    unit: Unit,
    kind: StepKind,
    /// Values that no later step reads and that are not handed out.
    finished: Vec<Value>,
}

enum StepKind {
    Convolution(ConvolutionUnit, Folded),
    GlobalAveragePooling,
}

impl NativeExtractor {
    /// Folds and stores the weights of the frozen part.
    ///
    /// # Errors
    /// When the frozen part has a unit that this engine has no code for.
    pub fn new(network: &Network, cut: &Cut, weights: &Weights) -> Result<Self, EngineError> {
        let units = &network.units[cut.frozen.clone()];
        let mut steps = vec![];
        for (position, unit) in units.iter().enumerate() {
            let kind = match &unit.kind {
                UnitKind::Convolution(convolution) => {
                    let role = match convolution.connection {
                        Connection::Full => Role::Kernel,
                        Connection::Depthwise => Role::DepthwiseKernel,
                    };
                    let kernel = weights.get(&unit.parameter(role));
                    StepKind::Convolution(
                        convolution.clone(),
                        fold::fold(unit, convolution, kernel, weights),
                    )
                }
                UnitKind::GlobalAveragePooling => StepKind::GlobalAveragePooling,
                UnitKind::Dropout { .. } | UnitKind::Dense => {
                    let layer = unit.name.clone();
                    return Err(UnsupportedLayer { layer, class: "a layer of the head" }.into());
                }
            };
            let is_needed = |value: &Value| {
                cut.boundary.contains(value)
                    || units[position + 1..]
                        .iter()
                        .any(|later| later.reads().any(|read| read == *value))
            };
            let finished = unit.reads().filter(|value| !is_needed(value)).collect();
            steps.push(Step { unit: unit.clone(), kind, finished });
        }
        let shape = |value: &Value| match *value {
            Value::Image => network.graph.layers()[0].shape.clone(),
            Value::Unit(unit) => network.units[unit].output_shape.clone(),
        };
        let boundary = cut.boundary.iter().map(|value| (*value, shape(value))).collect();
        Ok(Self { steps, boundary })
    }

    /// The boundary values of one picture, in order.
    fn run(&self, image: &[f32]) -> Vec<Vec<f32>> {
        let mut values: Vec<Vec<f32>> = vec![];
        let mut scratch = vec![];
        for step in &self.steps {
            let out = step.run(image, &values, &mut scratch);
            values.push(out);
            for value in &step.finished {
                if let Value::Unit(unit) = *value {
                    values[unit] = vec![];
                }
            }
        }
        let take = |(value, _): &(Value, _)| match *value {
            Value::Image => image.to_vec(),
            Value::Unit(unit) => std::mem::take(&mut values[unit]),
        };
        self.boundary.iter().map(take).collect()
    }
}

impl Step {
    fn run(&self, image: &[f32], values: &[Vec<f32>], scratch: &mut Vec<f32>) -> Vec<f32> {
        let read = |value: Value| match value {
            Value::Image => image,
            Value::Unit(unit) => &values[unit],
        };
        let [height, width, channels] = self.unit.input_shape[..] else {
            unreachable!("the frozen part reads pictures, not {:?}", self.unit.input_shape)
        };
        let input = Map { values: read(self.unit.input), height, width, channels };
        let mut out = vec![0.0; self.unit.output_shape.iter().product()];
        match &self.kind {
            StepKind::Convolution(convolution, weights) => {
                match convolution.connection {
                    Connection::Full => {
                        convolution::full(input, &convolution.window, weights, scratch, &mut out);
                    }
                    Connection::Depthwise => {
                        convolution::depthwise(input, &convolution.window, weights, &mut out);
                    }
                }
                let shortcut = convolution.shortcut.map(read);
                convolution::finish(&mut out, &weights.bias, convolution.activation, shortcut);
            }
            StepKind::GlobalAveragePooling => average(input.values, &mut out),
        }
        out
    }
}

/// The mean over all pixels of `[h · w, c]`.
fn average(values: &[f32], out: &mut [f32]) {
    let n_pixels = (values.len() / out.len()) as f32;
    for pixel in values.chunks_exact(out.len()) {
        out.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
    }
    out.iter_mut().for_each(|sum| *sum /= n_pixels);
}

impl FeatureExtractor for NativeExtractor {
    fn extract(&self, batch: &Batch) -> Result<Features, EngineError> {
        let n = batch.samples.len();
        let size = batch.images.values().len() / n.max(1);
        let pictures: Vec<Vec<Vec<f32>>> =
            batch.images.values().par_chunks_exact(size).map(|image| self.run(image)).collect();
        let gather = |(position, (_, shape)): (usize, &(Value, Vec<usize>))| {
            let values: Vec<f32> =
                pictures.iter().flat_map(|values| &values[position]).copied().collect();
            Tensor::new(&[&[n], &shape[..]].concat(), values)
        };
        Ok(Features { values: self.boundary.iter().enumerate().map(gather).collect() })
    }
}
