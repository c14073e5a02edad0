//! Measures how fast each part of a pipeline runs, and which fraction of the peak that is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alpaca_kernels::InstructionSet;
use alpaca_random::SeedStream;
use rayon::prelude::*;

use crate::base::cancel::Cancel;
use crate::base::tally::Tally;
use crate::base::target::Target;
use crate::base::tensor::Tensor;
use crate::dataset::augment::mixing::Mixture;
use crate::dataset::decode;
use crate::dataset::examine::{self, Dataset};
use crate::dataset::known::KnownImages;
use crate::dataset::loader::{Augmentation, Loader};
use crate::dataset::pixels::{PixelRoom, Pixels};
use crate::dataset::resize::Resizer;
use crate::engine::autodiff::{AutodiffTrainer, TrainerOptions};
use crate::engine::{self, Peak, StepRandomness, StepTimes, Trainer};
use crate::exec::error::RunError;
use crate::exec::prepare::Prepared;
use crate::exec::prepare::weights::initial_weights;
use crate::metrics::rates;
use crate::model::fuse::Unit;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::spec::{
    AugmentationSpec, DatasetSource, ImageSize, MixingSpec, PipelineSpec, StageSpec,
};
use crate::train::goal::Goal;
use crate::train::readout::Readout;

/// The most images that decoding is measured on.
const MOST_IMAGES: usize = 512;

/// The measurements of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct BenchReport {
    /// The instruction set of the kernels.
    pub instruction_set: &'static str,
    /// Number of threads.
    pub n_threads: usize,
    /// Images per batch.
    pub batch_size: usize,
    /// Multiply-adds per second of all threads with arithmetic alone.
    pub peak: Peak,
    /// The parts, in the order of the data.
    pub phases: Vec<Phase>,
}

/// A part of the work.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// Name of the stage; `None` for work that all stages share.
    pub stage: Option<String>,
    /// Name of the part.
    pub name: &'static str,
    /// Images per second: slowest pass, median, fastest pass.
    pub rates: [f64; 3],
    /// Multiply-adds per image, for parts that are dominated by them.
    pub multiply_adds: Option<f64>,
    /// Those of them that are of bytes.
    pub of_bytes: f64,
}

impl Phase {
    fn new(
        stage: Option<&str>,
        name: &'static str,
        n: usize,
        times: Vec<Duration>,
        multiply_adds: Option<f64>,
    ) -> Self {
        let (stage, rates) = (stage.map(str::to_owned), rates::rates(n, times));
        Self { stage, name, rates, multiply_adds, of_bytes: 0.0 }
    }

    /// The fraction of the peak at the median rate.
    pub fn share_of(&self, peak: Peak) -> Option<f64> {
        let multiply_adds = self.multiply_adds?;
        Some(peak.seconds(multiply_adds, self.of_bytes) * self.rates[1])
    }
}

/// Measures each part of a pipeline for at least `least`. Neither reads nor writes the cache.
///
/// # Errors
/// When the dataset has bad images or an engine fails.
pub fn bench(
    spec: &PipelineSpec,
    prepared: Prepared,
    n_threads: usize,
    least: Duration,
) -> Result<BenchReport, RunError> {
    let layers = prepared.layers;
    let begun = Begun::new(spec, prepared, n_threads)?;
    let Begun { dataset, pixels, loader, network, weights, readout } = &begun;
    let n = dataset.samples.len();
    let decoding = repeated(least, || {
        decode_all(dataset, pixels);
        Ok(())
    })?;
    let making = match spec.dataset.source {
        DatasetSource::Generator { .. } => "draw",
        _ => "decode and resize",
    };
    let mut phases = vec![Phase::new(None, making, n, decoding, None)];
    phases.extend(augmentation(spec, loader, n, least)?);
    for stage in &spec.stages {
        let options = match stage.train() {
            Some(train) => TrainerOptions::of(train, layers),
            None => TrainerOptions::asking(layers),
        };
        let readout = *readout;
        let bench = StageBench { stage, dataset, readout, network, weights };
        phases.extend(bench.run(&options, loader, least)?);
    }
    Ok(BenchReport {
        instruction_set: InstructionSet::best().name(),
        n_threads,
        batch_size: spec.dataset.batch_size,
        peak: Peak::measure(network, n_threads),
        phases,
    })
}

/// What all measurements begin with.
pub(super) struct Begun {
    pub(super) dataset: Arc<Dataset>,
    pixels: Arc<Pixels>,
    pub(super) loader: Loader,
    pub(super) network: Network,
    pub(super) weights: Weights,
    pub(super) readout: Readout,
}

impl Begun {
    /// Reads some images of the dataset.
    pub(super) fn new(
        spec: &PipelineSpec,
        prepared: Prepared,
        n_threads: usize,
    ) -> Result<Self, RunError> {
        let Prepared { mut listing, network, base_weights, .. } = prepared;
        thin_out(&mut listing.candidates);
        let room = PixelRoom { memory: u64::MAX, disk: 0, root: None };
        let pixels = Arc::new(Pixels::new(spec.dataset.pixels(), room));
        let dataset = Arc::new(examine::examine(
            listing,
            spec.dataset.on_bad_image,
            &pixels,
            &KnownImages::none(),
            &Tally::default(),
            &Cancel::new(),
        )?);
        let loader = Loader::new(
            Arc::clone(&dataset),
            Arc::clone(&pixels),
            &spec.dataset,
            network.preprocessing,
            n_threads,
        );
        let weights = initial_weights(spec, &network, base_weights.as_ref());
        let targets = (0..dataset.samples.len()).map(|position| dataset.target(position));
        let readout = Readout::of(spec.dataset.target, targets);
        Ok(Self { dataset, pixels, loader, network, weights, readout })
    }

    /// The number of images of a batch.
    pub(super) fn n_images(&self) -> usize {
        self.loader.batch_size().min(self.loader.n_samples())
    }
}

/// Keeps images from the whole dataset, so that all classes occur.
fn thin_out<T>(candidates: &mut Vec<T>) {
    let step = candidates.len().div_ceil(MOST_IMAGES).max(1);
    let mut position = 0;
    candidates.retain(|_| {
        position += 1;
        (position - 1) % step == 0
    });
}

/// Durations of `work`, repeated for at least `least` and at least three times.
pub(super) fn repeated(
    least: Duration,
    mut work: impl FnMut() -> Result<(), RunError>,
) -> Result<Vec<Duration>, RunError> {
    work()?;
    let mut times = vec![];
    let start = Instant::now();
    while times.len() < 3 || start.elapsed() < least {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    Ok(times)
}

fn decode_all(dataset: &Dataset, pixels: &Pixels) {
    let resizer = || Resizer::of(pixels.spec());
    dataset.samples.par_iter().for_each_init(resizer, |resizer, sample| {
        if let Some((generator, number)) = sample.candidate.drawn() {
            std::hint::black_box(generator.draw(sample.candidate.label, number));
            return;
        }
        let bytes = sample.candidate.read();
        if let Ok(image) = bytes.and_then(|bytes| decode::decode(&bytes, pixels.spec().alpha)) {
            std::hint::black_box(resizer.resize(&image));
        }
    });
}

/// Measures the augmentation of `n` images, and each change if there are several.
fn augmentation(
    spec: &PipelineSpec,
    loader: &Loader,
    n: usize,
    least: Duration,
) -> Result<Vec<Phase>, RunError> {
    let stream = SeedStream::new(spec.seed).child("bench");
    let measure = |name, changes: &[AugmentationSpec]| -> Result<Phase, RunError> {
        let augmentation = Augmentation { changes: changes.into(), stream, versions: vec![] };
        let times = repeated(least, || augment_all(&augmentation, loader, n))?;
        Ok(Phase::new(None, name, n, times, None))
    };
    let changes = spec.last_augmentation();
    let mut phases = vec![measure("augment and scale", changes)?];
    if changes.len() > 1 {
        for change in changes {
            phases.push(measure(change.name(), std::slice::from_ref(change))?);
        }
    }
    Ok(phases)
}

fn augment_all(augmentation: &Augmentation, loader: &Loader, n: usize) -> Result<(), RunError> {
    let mut pass = loader.start(0..n, Some(augmentation), 0);
    for first in (0..n).step_by(loader.batch_size()) {
        let batch = pass.take(loader.batch_size().min(n - first)).map_err(RunError::from)?;
        pass.give_back(batch);
    }
    Ok(())
}

struct StageBench<'a> {
    stage: &'a StageSpec,
    dataset: &'a Dataset,
    readout: Readout,
    network: &'a Network,
    weights: &'a Weights,
}

impl StageBench<'_> {
    fn run(
        &self,
        options: &TrainerOptions,
        loader: &Loader,
        least: Duration,
    ) -> Result<Vec<Phase>, RunError> {
        let first = self.network.first_trainable(self.stage.freeze());
        let cut = self.network.cut(first);
        let trained = self.network.trained_parameters(self.stage);
        let trained: Vec<String> = trained.into_iter().map(|parameter| parameter.name).collect();
        let extractor = engine::extractor(self.network, &cut, self.weights)?;
        let mut trainer = AutodiffTrainer::new(self.network, &cut, self.weights, &trained, options);
        let n = loader.batch_size().min(loader.n_samples());
        let batch = loader.start(0..n, None, 0).take(n)?;
        let mut features = extractor.extract(&batch)?;
        let phase = |name, times, multiply_adds| {
            Phase::new(Some(&self.stage.name), name, n, times, multiply_adds)
        };
        let n_int8 = self.network.n_int8_units.min(cut.frozen.end);
        let of_bytes = multiply_adds(&self.network.units[..n_int8]);
        let mut phases = vec![];
        if let Some(mixing) = self.stage.train().and_then(|train| train.mixing) {
            phases.push(phase("mixing", mixing_times(mixing, &batch.images, least)?, None));
        }
        if !cut.frozen.is_empty() {
            let times = repeated(least, || {
                features = extractor.extract(&batch)?;
                Ok(())
            })?;
            let cost = multiply_adds(&self.network.units[cut.frozen.clone()]);
            let frozen = phase("frozen part, forward", times, Some(cost));
            phases.push(Phase { of_bytes, ..frozen });
        }
        if self.stage.train().is_none() {
            // A head is fitted once, in less time than the features take.
            return Ok(phases);
        }
        let samples = (0..n as u64).map(SeedStream::new).collect();
        let randomness = StepRandomness { samples };
        let targets: Vec<Target> =
            batch.samples.iter().map(|&at| self.dataset.target(at)).collect();
        let goal = Goal::validation(self.readout);
        let mut objective = |logits: &_| goal.evaluate(logits, &targets).slope;
        let mut times: Vec<StepTimes> = vec![];
        let rate = options.optimizer.learning_rate();
        repeated(least, || {
            let features = features.clone();
            times.push(trainer.step(features, &randomness, &mut objective, rate)?);
            Ok(())
        })?;
        let cost = multiply_adds(&self.network.units[cut.trainable.clone()]);
        let of = |part: fn(&StepTimes) -> Duration| times.iter().skip(1).map(part).collect();
        phases.push(phase("trainable part, forward", of(|times| times.forward), Some(cost)));
        // Two products of the size of the forward one: for the weights and for the inputs.
        phases.push(phase(
            "trainable part, backward",
            of(|times| times.backward),
            Some(2.0 * cost),
        ));
        phases.push(phase("optimizer", of(|times| times.optimizer), None));
        let times = repeated(least, || {
            let features = extractor.extract(&batch)?;
            trainer.step(features, &randomness, &mut objective, rate)?;
            Ok(())
        })?;
        let all = multiply_adds(&self.network.units) + 2.0 * cost;
        phases.push(Phase { of_bytes, ..phase("whole step", times, Some(all)) });
        Ok(phases)
    }
}

/// The durations of mixing a batch of images, each time in another way.
fn mixing_times(
    spec: MixingSpec,
    images: &Tensor,
    least: Duration,
) -> Result<Vec<Duration>, RunError> {
    let always = MixingSpec { probability: 1.0, ..spec };
    let &[_, height, width, _] = images.shape() else { unreachable!("images have four axes") };
    let (size, stream) = (ImageSize { height, width }, SeedStream::new(0));
    let mut images = images.clone();
    let mut version = 0;
    repeated(least, || {
        version += 1;
        let mixture = Mixture::draw(&always, size, stream.at(version));
        mixture.iter().for_each(|mixture| mixture.apply(&mut images));
        Ok(())
    })
}

fn multiply_adds(units: &[Unit]) -> f64 {
    units.iter().map(Unit::n_multiply_adds).sum()
}
