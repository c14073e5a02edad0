//! A run from its spec to its manifest.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::features::Pictures;
use super::preflight::{BaseWeights, Prepared};
use super::stage::{self, StageResult, Start};
use crate::base::clock;
use crate::base::fs::FileError;
use crate::base::random::SeedStream;
use crate::base::text;
pub use crate::cache::records::Room;
use crate::dataset::error::DatasetError;
use crate::dataset::examine::{self, Dataset};
use crate::dataset::loader::{Loader, LoaderError};
pub use crate::dataset::pixels::PixelRoom;
use crate::dataset::pixels::{PixelFacts, Pixels};
use crate::dataset::split::{self, Part, Split};
use crate::engine::EngineError;
use crate::engine::autodiff::Layers;
use crate::event::{DatasetFacts, Event, EventSink, PixelsFacts};
use crate::model::initial;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::run_dir::history::History;
use crate::run_dir::layout;
use crate::run_dir::manifest::{
    self, DatasetRecord, Manifest, StageRecord, Volatile, WeightsRecord,
};
use crate::run_dir::recorder::{PredictionRow, Recorder};
use crate::spec::problem::Code;
use crate::spec::{AugmentationSpec, DatasetSpec, PipelineSpec, StageKind, StageSpec, WeightsSpec};
use crate::train::TrainError;

/// A run that did not finish.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The dataset cannot be used.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A file of the run directory cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// An engine cannot run the network.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A stage failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Pictures could not be made.
    #[error(transparent)]
    Loader(#[from] LoaderError),
    /// A frozen weight changed.
    #[error("stage `{stage}` changed {} that it should have left alone", text::count(tensors.len(), "frozen tensor"))]
    FrozenChanged {
        /// The stage.
        stage: String,
        /// The tensors.
        tensors: Vec<String>,
    },
}

impl RunError {
    /// The stable code of the problem, where it has one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Dataset(error) => Some(error.code()),
            Self::Train(TrainError::LossNotFinite { .. }) => Some(Code::LossNotFinite),
            Self::FrozenChanged { .. } => Some(Code::FrozenChanged),
            Self::File(_) | Self::Engine(_) | Self::Loader(_) | Self::Train(_) => None,
        }
    }

    /// The details and what to do about them.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Dataset(error) => error.hints(),
            Self::Train(error) => error.hints(),
            Self::FrozenChanged { tensors, .. } => {
                vec![format!(
                    "this is a bug of alpaca-run; the tensors:\n{}",
                    text::first_lines(tensors, 10)
                )]
            }
            Self::File(_) | Self::Engine(_) | Self::Loader(_) => vec![],
        }
    }
}

/// What a run needs besides its spec.
pub struct Session<'a> {
    /// The folder for run directories.
    pub runs_dir: PathBuf,
    /// The pipeline file as written.
    pub pipeline_text: &'a str,
    /// The resolved pipeline.
    pub resolved_text: &'a str,
    /// The folder that paths in the pipeline are relative to; absolute.
    pub pipeline_directory: PathBuf,
    /// How many threads compute.
    pub n_threads: usize,
    /// What may be kept, and where.
    pub caches: Caches,
}

/// What a run may keep so that it is not computed twice. Not part of any result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caches {
    /// For the pixels of pictures.
    pub pixels: PixelRoom,
    /// For the features of a stage.
    pub features: Room,
}

/// A finished run.
pub struct RunReport {
    /// The run directory.
    pub directory: PathBuf,
    /// What was measured.
    pub history: History,
}

impl Session<'_> {
    /// Runs all stages of a pipeline and writes its run directory.
    ///
    /// # Errors
    /// When the dataset has bad pictures, a stage fails or a file cannot be written. A run
    /// directory that was begun is left as it is, without a manifest.
    pub fn run(
        &self,
        spec: &PipelineSpec,
        prepared: Prepared,
        observer: &mut dyn EventSink,
    ) -> Result<RunReport, RunError> {
        let (started, start) = (clock::now(), Instant::now());
        let Prepared { listing, network, base_weights, layers } = prepared;
        let DatasetSpec { resize, image_size, on_bad_image, .. } = spec.dataset;
        let pixels = Arc::new(Pixels::new(resize, image_size, self.caches.pixels.clone()));
        let dataset = Arc::new(examine::examine(listing, on_bad_image, &pixels)?);
        let split = split::split(&dataset, &spec.dataset.split)?;
        let directory = layout::create(&self.runs_dir, &spec.name)?;
        observer.receive(&Event::RunStarted { directory: directory.clone() })?;
        announce(&dataset, &split, &pixels, observer)?;
        let mut recorder = Recorder::begin(&directory, self.pipeline_text, self.resolved_text)?;
        write_dataset(&recorder, &dataset, &split)?;
        let weights = initial_weights(spec, &network, base_weights.as_ref());
        let run = Run {
            spec,
            network: &network,
            dataset: &dataset,
            split: &split,
            layers,
            room: &self.caches.features,
        };
        let loader = Loader::new(
            Arc::clone(&dataset),
            Arc::clone(&pixels),
            &spec.dataset,
            network.preprocessing,
            self.n_threads,
        );
        let results = run.stages(&loader, &weights, &mut recorder, observer)?;
        let (last, result) = results.last().expect("a pipeline has at least one stage");
        recorder.promote_weights(last)?;
        run.write_predictions(&recorder, result)?;
        if let Err(error) = recorder.write_plots() {
            // A plot can be drawn again from metrics.csv; the run is worth more than it.
            observer.receive(&Event::Warning { message: format!("{error}: {}", error.source) })?;
        }
        let volatile = Volatile {
            started,
            finished: clock::now(),
            seconds: start.elapsed().as_secs_f64(),
            threads: self.n_threads,
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            pipeline_directory: self.pipeline_directory.display().to_string(),
        };
        let records = results.into_iter().map(|(_, result)| result.record).collect();
        let history = recorder.history().clone();
        let manifest = run.manifest(base_weights.as_ref(), records, recorder.digests()?, volatile);
        recorder.finish(&manifest)?;
        Ok(RunReport { directory, history })
    }
}

/// The fixed parts of a run.
struct Run<'a> {
    spec: &'a PipelineSpec,
    network: &'a Network,
    dataset: &'a Dataset,
    split: &'a Split,
    layers: Layers,
    room: &'a Room,
}

impl Run<'_> {
    /// Runs the stages in order.
    fn stages(
        &self,
        loader: &Loader,
        initial: &Weights,
        recorder: &mut Recorder,
        observer: &mut dyn EventSink,
    ) -> Result<Vec<(String, StageResult)>, RunError> {
        let train = self.split.positions(Part::Train);
        let validation = self.split.positions(Part::Validation);
        let changes: Arc<[AugmentationSpec]> = self.spec.augmentation.clone().into();
        let mut results: Vec<(String, StageResult)> = vec![];
        for StageSpec { name, kind: StageKind::Train(stage_spec) } in &self.spec.stages {
            let pictures = Pictures {
                dataset: self.dataset,
                loader,
                train: &train,
                validation: &validation,
                changes: &changes,
                views: self.spec.augmentation_views,
            };
            let from = stage_spec.from.as_ref().zip(stage_spec.from_weights);
            let earlier = from.map(|(from, which)| {
                let result = results.iter().find(|(name, _)| name == from);
                let (_, result) = result.expect("stages come after those they start from");
                (result.weights(which), result.n_epochs())
            });
            let (weights, n_epochs_before) = earlier.unwrap_or((initial, 0));
            let start = Start {
                name,
                spec: stage_spec,
                network: self.network,
                weights,
                n_epochs_before,
                layers: self.layers,
                seed: self.spec.seed,
                room: self.room,
            };
            let result = stage::run(&start, pictures, recorder, observer)?;
            results.push((name.clone(), result));
        }
        Ok(results)
    }

    fn write_predictions(
        &self,
        recorder: &Recorder,
        result: &StageResult,
    ) -> Result<(), FileError> {
        let rows = result.predictions.iter().map(|prediction| PredictionRow {
            path: self.dataset.samples[prediction.sample].candidate.path.clone(),
            label: prediction.label,
            predicted: prediction.predicted(),
            probabilities: prediction.probabilities.clone(),
        });
        recorder.write_predictions(&self.dataset.classes, rows)
    }

    fn manifest(
        &self,
        base_weights: Option<&BaseWeights>,
        stages: Vec<StageRecord>,
        files: BTreeMap<String, crate::base::digest::Digest>,
        volatile: Volatile,
    ) -> Manifest {
        let part = |part: Part| (part.name(), self.split.positions(part).len());
        let skipped = self.dataset.skipped.iter();
        Manifest {
            format: manifest::FORMAT,
            name: self.spec.name.clone(),
            seed: self.spec.seed,
            versions: BTreeMap::from([
                ("alpaca-run", env!("CARGO_PKG_VERSION")),
                ("burn", "0.22.1"),
            ]),
            dataset: DatasetRecord {
                fingerprint: self.dataset.fingerprint(),
                classes: self.dataset.classes.clone(),
                split: [Part::Train, Part::Validation, Part::Test].map(part).into(),
                skipped: skipped.map(|bad| (bad.path.clone(), bad.reason.to_string())).collect(),
                ignored: self.dataset.ignored.clone(),
            },
            weights: WeightsRecord {
                source: match &self.spec.model.weights {
                    WeightsSpec::None => "none".to_owned(),
                    WeightsSpec::File(location) => location.written.clone(),
                },
                digest: base_weights.map(|weights| weights.digest),
            },
            stages,
            files,
            volatile,
        }
    }
}

/// The weights before the first stage: those of the file, and random ones for the rest.
pub(super) fn initial_weights(
    spec: &PipelineSpec,
    network: &Network,
    base: Option<&BaseWeights>,
) -> Weights {
    let stream = SeedStream::new(spec.seed).child("weights");
    let mut weights = initial::initialise(network, &network.graph.parameters(), stream);
    if let Some(base) = base {
        weights.extend(base.weights.clone());
    }
    weights
}

fn announce(
    dataset: &Dataset,
    split: &Split,
    pixels: &Pixels,
    observer: &mut dyn EventSink,
) -> Result<(), FileError> {
    let counts = dataset.class_counts();
    observer.receive(&Event::DatasetReady(DatasetFacts {
        classes: dataset.classes.iter().cloned().zip(counts).collect(),
        n_train: split.positions(Part::Train).len(),
        n_validation: split.positions(Part::Validation).len(),
        n_test: split.positions(Part::Test).len(),
    }))?;
    let PixelFacts { bytes_each, n_in_memory, n_on_disk, folder } = pixels.facts();
    observer.receive(&Event::PixelsReady(PixelsFacts {
        bytes_each,
        n_in_memory,
        n_on_disk,
        folder,
    }))?;
    for message in pixels.warnings() {
        observer.receive(&Event::Warning { message })?;
    }
    let mut warn = |what: &str, lines: Vec<String>| {
        if lines.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} {what}:\n{}",
            text::count(lines.len(), "file"),
            text::first_lines(&lines, 20)
        );
        observer.receive(&Event::Warning { message })
    };
    warn("left out as bad pictures", dataset.skipped.iter().map(ToString::to_string).collect())?;
    warn("passed over: not pictures by name or content", dataset.ignored.clone())
}

fn write_dataset(recorder: &Recorder, dataset: &Dataset, split: &Split) -> Result<(), FileError> {
    let rows = dataset.samples.iter().zip(split.parts()).map(|(sample, part)| {
        let class = &dataset.classes[sample.candidate.class];
        [
            sample.candidate.path.clone(),
            class.clone(),
            part.name().to_owned(),
            sample.digest.to_string(),
        ]
    });
    recorder.write_splits(rows)?;
    recorder.write_classes(&dataset.classes)
}
