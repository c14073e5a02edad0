//! Measures how long each layer of a network takes, and how close to the limits of the machine it is.

use std::time::Duration;

use alpaca_kernels::InstructionSet;
use alpaca_random::SeedStream;

use super::bench::{Begun, repeated};
use crate::base::batch::Batch;
use crate::base::target::Target;
use crate::engine::autodiff::{AutodiffTrainer, Layers, TrainerOptions};
use crate::engine::native::NativeExtractor;
use crate::engine::{self, LayerTime, Peak, StepRandomness, StepTimes, Trainer as _};
use crate::exec::error::RunError;
use crate::exec::prepare::Prepared;
use crate::model::cut::Cut;
use crate::spec::{PipelineSpec, StageSpec, TrainSpec};
use crate::train::goal::Goal;

/// The name for what is between layers: the loss, copies, and the graph.
const OUTSIDE: &str = "(outside layers)";

/// The times of the layers of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerReport {
    /// The instruction set of the kernels.
    pub instruction_set: &'static str,
    /// Number of threads.
    pub n_threads: usize,
    /// Images per batch.
    pub n_images: usize,
    /// Multiply-adds per second of all threads with arithmetic alone.
    pub peak: Peak,
    /// Bytes per second that all threads read from memory.
    pub bandwidth: f64,
    /// Whether the base model is an ONNX file whose layers another library runs. They are not measured.
    pub is_opaque: bool,
    /// Each pass over each layer, in the order of the network.
    pub passes: Vec<LayerPass>,
}

/// A pass over a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerPass {
    /// Name of the stage.
    pub stage: String,
    /// Name of the layer, or of the first and the last one that run together.
    pub layer: String,
    /// The pass: forward through the frozen part, forward, or backward.
    pub pass: &'static str,
    /// Seconds per image of all threads together: the median.
    pub seconds: f64,
    /// Multiply-adds per image.
    pub multiply_adds: f64,
    /// Whether they are of bytes.
    pub is_int8: bool,
    /// Bytes per image that are read and written: inputs, output, and its share of the weights.
    pub bytes: f64,
}

impl LayerPass {
    /// The rate as a fraction of the peak.
    pub fn share_of_peak(&self, peak: Peak) -> f64 {
        self.least_seconds(peak) / self.seconds
    }

    fn least_seconds(&self, peak: Peak) -> f64 {
        let of_bytes = if self.is_int8 { self.multiply_adds } else { 0.0 };
        peak.seconds(self.multiply_adds, of_bytes)
    }

    /// The rate as a fraction of what peak and bandwidth allow, if nothing were in a cache (the roofline
    /// of Williams, Waterman and Patterson 2009). Above one, caches have helped.
    pub fn share_of_roofline(&self, peak: Peak, bandwidth: f64) -> f64 {
        self.least_seconds(peak).max(self.bytes / bandwidth) / self.seconds
    }
}

/// Measures each layer of each stage for at least `least`.
///
/// # Errors
/// When the dataset has bad images, an engine fails, or the base model has no layers to measure.
pub fn layer_times(
    spec: &PipelineSpec,
    prepared: Prepared,
    n_threads: usize,
    least: Duration,
) -> Result<LayerReport, RunError> {
    let layers = prepared.layers;
    let begun = Begun::new(spec, prepared, n_threads)?;
    let mut passes = vec![];
    for stage in &spec.stages {
        let cut = begun.network.cut(begun.network.first_trainable(stage.freeze()));
        let n = begun.n_images();
        let batch = begun.loader.start(0..n, None, 0).take(n)?;
        let measured = StageLayers { stage, begun: &begun, cut, batch, least };
        passes.extend(measured.frozen()?);
        if let Some(train) = stage.train() {
            passes.extend(measured.trained(train, layers)?);
        }
    }
    Ok(LayerReport {
        instruction_set: InstructionSet::best().name(),
        n_threads,
        n_images: begun.n_images(),
        peak: Peak::measure(&begun.network, n_threads),
        bandwidth: engine::bandwidth(n_threads),
        is_opaque: begun.network.is_opaque(),
        passes,
    })
}

/// The measurements of a stage.
struct StageLayers<'a> {
    stage: &'a StageSpec,
    begun: &'a Begun,
    cut: Cut,
    batch: Batch,
    least: Duration,
}

impl StageLayers<'_> {
    /// A pass over a layer. `work` is its cost as a multiple of the forward pass.
    fn pass(
        &self,
        layer: &LayerTime,
        pass: &'static str,
        times: Vec<Duration>,
        work: f64,
    ) -> LayerPass {
        let n = self.begun.n_images() as f64;
        let of_weight = if layer.is_int8 { 1.0 } else { 4.0 };
        LayerPass {
            multiply_adds: work * layer.n_multiply_adds,
            is_int8: layer.is_int8,
            // Values between layers are numbers, whatever their products are of.
            bytes: work * (4.0 * layer.n_values as f64 + of_weight * layer.n_weights as f64 / n),
            ..self.without_cost(&layer.name, pass, times)
        }
    }

    /// A part of a step that is not a layer.
    fn without_cost(&self, name: &str, pass: &'static str, times: Vec<Duration>) -> LayerPass {
        LayerPass {
            stage: self.stage.name.clone(),
            layer: name.to_owned(),
            pass,
            seconds: median(times) / self.begun.n_images() as f64,
            multiply_adds: 0.0,
            is_int8: false,
            bytes: 0.0,
        }
    }

    /// The frozen part. The layers inside an ONNX file are those of its library, and not measured.
    fn frozen(&self) -> Result<Vec<LayerPass>, RunError> {
        let Begun { network, weights, .. } = self.begun;
        if self.cut.frozen.is_empty() || network.is_opaque() {
            return Ok(vec![]);
        }
        let extractor = NativeExtractor::new(network, &self.cut, weights)?;
        let mut measured = vec![];
        repeated(self.least, || {
            measured.push(extractor.layer_times(&self.batch));
            Ok(())
        })?;
        // The times of all threads are added up.
        let n_threads = rayon::current_num_threads() as u32;
        let layers = by_layer(&measured, |layer| layer.forward / n_threads);
        let layers = layers.into_iter();
        Ok(layers.map(|(layer, times)| self.pass(layer, "frozen", times, 1.0)).collect())
    }

    /// The trainable part. Ordinary operations of another device are not layers of this program, and
    /// not measured.
    fn trained(&self, train: &TrainSpec, layers: Layers) -> Result<Vec<LayerPass>, RunError> {
        let Begun { network, weights, dataset, readout, .. } = self.begun;
        let trained = network.trained_parameters(self.stage);
        let trained: Vec<String> = trained.into_iter().map(|parameter| parameter.name).collect();
        let options = TrainerOptions::of(train, layers);
        let mut trainer = AutodiffTrainer::new(network, &self.cut, weights, &trained, &options);
        let Some(clocks) = trainer.watch() else { return Ok(vec![]) };
        let features = engine::extractor(network, &self.cut, weights)?.extract(&self.batch)?;
        let samples = &self.batch.samples;
        let streams = (0..samples.len() as u64).map(SeedStream::new);
        let randomness = StepRandomness { samples: streams.collect() };
        let targets: Vec<Target> = samples.iter().map(|&at| dataset.target(at)).collect();
        let goal = Goal::validation(*readout);
        let mut objective = |logits: &_| goal.evaluate(logits, &targets).slope;
        let rate = options.optimizer.learning_rate();
        let (mut steps, mut measured) = (vec![], vec![]);
        repeated(self.least, || {
            steps.push(trainer.step(features.clone(), &randomness, &mut objective, rate)?);
            measured.push(clocks.take());
            Ok(())
        })?;
        Ok(self.passes(&steps, &measured))
    }

    /// The parts of steps in the order of their work.
    fn passes(&self, steps: &[StepTimes], measured: &[Vec<LayerTime>]) -> Vec<LayerPass> {
        let outside = |whole: fn(&StepTimes) -> Duration, time: fn(&LayerTime) -> Duration| {
            let pairs = steps.iter().zip(measured).skip(1);
            let rest = |(step, layers): (_, &Vec<LayerTime>)| {
                whole(step).saturating_sub(layers.iter().map(time).sum())
            };
            pairs.map(rest).collect()
        };
        let forward = |layer: &LayerTime| layer.forward;
        let backward = |layer: &LayerTime| layer.backward.unwrap_or_default();
        let mut passes = vec![];
        for (layer, times) in by_layer(measured, forward) {
            passes.push(self.pass(layer, "forward", times, 1.0));
        }
        let rest = outside(|step| step.forward, forward);
        passes.push(self.without_cost(OUTSIDE, "forward", rest));
        let rest = outside(|step| step.backward, backward);
        passes.push(self.without_cost(OUTSIDE, "backward", rest));
        // Two products of the size of the forward one, which read and write twice as much.
        for (layer, times) in by_layer(measured, backward).into_iter().rev() {
            passes.push(self.pass(layer, "backward", times, 2.0));
        }
        let times = steps.iter().skip(1).map(|step| step.optimizer).collect();
        passes.push(self.without_cost("optimizer", "step", times));
        passes
    }
}

/// Each layer with its times in all measurements but the first, which allocates.
fn by_layer(
    measured: &[Vec<LayerTime>],
    time: impl Fn(&LayerTime) -> Duration,
) -> Vec<(&LayerTime, Vec<Duration>)> {
    let layers = measured[0].iter().enumerate();
    let times = |at: usize| measured.iter().skip(1).map(|layers| time(&layers[at])).collect();
    layers.map(|(at, layer)| (layer, times(at))).collect()
}

/// The median in seconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64()
}
