//! A run from its spec to its manifest: begun, or gone on with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::audience::Audience;
use super::checkpoint::{self, Checkpoint, Past, RunFacts};
pub use super::error::RunError;
use super::features;
pub use super::features::KeptFeatures;
use super::key::Inputs;
pub use super::known::Known;
use super::overlap;
use super::plan::{self, Plan, Reason, Wishes};
use super::preflight::{BaseWeights, Prepared};
use super::program;
use super::run::Run;
use super::splits;
use super::store::StageStore;
pub use super::task::FailedTask;
use crate::base::cancel::Cancel;
use crate::base::clock;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::tally::Tally;
use crate::base::text;
pub use crate::cache::records::Room;
use crate::dataset::copies;
use crate::dataset::examine::Dataset;
pub use crate::dataset::pixels::PixelRoom;
use crate::dataset::pixels::{PixelFacts, Pixels};
use crate::dataset::split::{self, Part, Split};
use crate::engine::autodiff::Layers;
use crate::event::{DatasetFacts, Event, EventSink, PixelsFacts};
use crate::model::network::Network;
use crate::run_dir::history::History;
use crate::run_dir::layout;
use crate::run_dir::lock::RunLock;
use crate::run_dir::manifest::{BestRecord, Manifest};
use crate::run_dir::recorder::{self, Recorder};
use crate::spec::{PipelineSpec, StageKind};

/// What a run needs besides its spec.
pub struct Session {
    /// The folder that paths in the pipeline are relative to; absolute.
    pub pipeline_directory: PathBuf,
    /// How many threads compute.
    pub n_threads: usize,
    /// What may be kept, and where.
    pub caches: Caches,
    /// Ends the run after the step in progress, or the image that is read; what has begun can then
    /// be resumed.
    pub cancel: Cancel,
    /// Counts the images while they are read for the first time.
    pub reading: Tally,
}

/// The texts that a new run keeps.
pub struct Texts<'a> {
    /// The pipeline file as written.
    pub pipeline: &'a str,
    /// The resolved pipeline.
    pub resolved: &'a str,
}

/// What a run may keep so that it is not computed twice. Not part of any result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caches {
    /// The root of the cache directory, for the results of stages.
    pub stages: Option<PathBuf>,
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
    /// Its best epoch.
    pub best: BestRecord,
    /// The class that most validation images have, and their share.
    pub guess: Option<(String, f64)>,
    /// What could not be done with the models once they had trained.
    pub failed: Vec<FailedTask>,
}

impl Session {
    /// Reads the pictures and decides what each stage will do. Pictures that are `known` from an
    /// earlier plan are not read again unless their files changed.
    ///
    /// # Errors
    /// When the dataset has bad pictures.
    pub fn plan(
        &self,
        spec: &PipelineSpec,
        prepared: Prepared,
        wishes: &Wishes,
        known: Option<&Known>,
    ) -> Result<Planned, RunError> {
        let clock = Clock::start();
        let known = self.examine(spec, &prepared, known)?;
        let world = World::new(spec, prepared, &known)?;
        let plan = self.decide(spec, &world, wishes);
        Ok(Planned { plan, world, known, clock })
    }

    /// Decides once more, after another run may have left results.
    pub fn plan_again(&self, spec: &PipelineSpec, planned: &mut Planned, wishes: &Wishes) {
        planned.plan = self.decide(spec, &planned.world, wishes);
    }

    /// Runs what a plan says and writes a new run directory below `runs_dir`.
    ///
    /// # Errors
    /// When a stage fails, a file cannot be written, or the run is cancelled. A run directory that
    /// was begun is left as it is, without a manifest.
    pub fn run(
        &self,
        spec: &PipelineSpec,
        planned: Planned,
        runs_dir: &Path,
        texts: &Texts<'_>,
        observer: &mut dyn EventSink,
    ) -> Result<RunReport, RunError> {
        planned.check_dataset(spec)?;
        let Planned { plan, world, clock, .. } = planned;
        let directory = layout::create(runs_dir, &spec.name)?;
        let _lock = RunLock::acquire(&directory)?;
        observer.receive(&Event::RunStarted { directory: directory.clone() })?;
        announce(&world, observer)?;
        for stage in &plan.stages {
            if let [Reason::Damaged(path)] = &stage.reasons[..] {
                let message = format!(
                    "the cache entry `{}` was damaged: stage {} runs again",
                    path.display(),
                    stage.name
                );
                observer.receive(&Event::Warning { message })?;
            }
        }
        let mut recorder = Recorder::begin(&directory, texts.pipeline, texts.resolved)?;
        write_dataset(&recorder, &world.dataset, &world.split)?;
        if let Some(backbone) = &world.network.backbone {
            recorder::write_base_model(&directory, &backbone.file)?;
        }
        let checkpoint = Checkpoint::of(&directory);
        let facts = self.facts(&world, &directory)?;
        checkpoint.begin(&facts)?;
        let run =
            Run { spec, world: &world, session: self, checkpoint: &checkpoint, facts: &facts };
        let audience = Audience { recorder: &mut recorder, observer };
        run.complete(audience, plan, Past::default(), &clock)
    }

    /// Goes on with a run that was cut short, as if it had not been.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when the run did not begin a stage, another process works on it,
    /// or what it was started with has changed.
    pub fn resume(
        &self,
        spec: &PipelineSpec,
        prepared: Prepared,
        directory: &Path,
        observer: &mut dyn EventSink,
    ) -> Result<RunReport, RunError> {
        let clock = Clock::start();
        // Before anything is written into what may be no run at all.
        checkpoint::facts(directory)?;
        let _lock = RunLock::acquire(directory)?;
        let facts = checkpoint::facts(directory)?;
        let known = self.examine(spec, &prepared, None)?;
        let world = World::new(spec, prepared, &known)?;
        check_unchanged(&facts, &self.facts(&world, directory)?, directory, &world)?;
        let checkpoint = Checkpoint::of(directory);
        let plan = self.decide(spec, &world, &Wishes::default());
        let keys: Vec<Digest> = plan.stages.iter().map(|stage| stage.key.digest()).collect();
        let past = checkpoint.load(&keys)?;
        let stages = past.outcomes.iter().map(|outcome| outcome.facts.start.stage.clone());
        let (directory, stages) = (directory.to_path_buf(), stages.collect());
        observer.receive(&Event::RunResumed { directory: directory.clone(), stages })?;
        for path in &past.damaged {
            let message =
                format!("`{}` is damaged: what it held is computed again", path.display());
            observer.receive(&Event::Warning { message })?;
        }
        announce(&world, observer)?;
        let mut recorder = Recorder::reopen(&directory)?;
        let run =
            Run { spec, world: &world, session: self, checkpoint: &checkpoint, facts: &facts };
        let audience = Audience { recorder: &mut recorder, observer };
        run.complete(audience, plan, past, &clock)
    }

    fn examine(
        &self,
        spec: &PipelineSpec,
        prepared: &Prepared,
        known: Option<&Known>,
    ) -> Result<Known, RunError> {
        let follow = (&self.reading, &self.cancel);
        Known::examine(spec, &prepared.listing, &self.caches.pixels, known, follow)
    }

    fn decide(&self, spec: &PipelineSpec, world: &World, wishes: &Wishes) -> Plan {
        let inputs = Inputs {
            program: program::identity(),
            pictures: world.dataset.fingerprint(),
            weights: world.base_weights.as_ref().map(|weights| weights.digest),
        };
        let store = self.store();
        let kept = (store.as_ref(), self.pipeline_directory.as_path());
        plan::plan(spec, &inputs, &world.dataset, kept, wishes)
    }

    /// The results of stages that earlier runs left.
    pub(super) fn store(&self) -> Option<StageStore> {
        self.caches.stages.as_deref().map(StageStore::new)
    }

    fn facts(&self, world: &World, directory: &Path) -> Result<RunFacts, FileError> {
        let names = [layout::PIPELINE, layout::RESOLVED, layout::SPLITS, layout::CLASSES];
        let digest = |name: &str| Ok((name.to_owned(), Digest::of_file(&directory.join(name))?));
        let files = names.into_iter().map(digest).collect::<Result<_, FileError>>()?;
        Ok(RunFacts::new(
            program::identity(),
            self.pipeline_directory.clone(),
            world.dataset.fingerprint(),
            world.base_weights.as_ref().map(|weights| weights.digest),
            files,
        ))
    }
}

/// A run that can start.
pub struct Planned {
    /// What its stages will do.
    pub plan: Plan,
    world: World,
    known: Known,
    clock: Clock,
}

impl Planned {
    /// Whether pictures and weights are those of the finished run in a directory.
    ///
    /// # Errors
    /// When they are not, with what changed.
    pub fn check_inputs(&self, directory: &Path, manifest: &Manifest) -> Result<(), RunError> {
        let recorded = (manifest.dataset.fingerprint, manifest.weights.digest);
        check_inputs(recorded, directory, &self.world)
    }

    /// Whether a new run may train on the pictures.
    ///
    /// # Errors
    /// When one is in two classes.
    pub fn check_dataset(&self, spec: &PipelineSpec) -> Result<(), RunError> {
        Ok(copies::check(&self.world.dataset, spec.dataset.duplicates)?)
    }

    /// The pictures, for the next plan.
    pub fn known(&self) -> Known {
        self.known.clone()
    }

    /// The dataset in numbers.
    pub fn dataset(&self) -> DatasetFacts {
        dataset_facts(&self.world)
    }

    /// What the pixels of the dataset take.
    pub fn pixels(&self) -> PixelsFacts {
        pixels_facts(&self.world)
    }

    /// What the features of each stage that runs will take where they are kept.
    pub fn features(&self, spec: &PipelineSpec, caches: &Caches) -> Vec<(String, KeptFeatures)> {
        let n = |part| self.world.split.positions(part).len();
        let counts = (n(Part::Train), n(Part::Validation));
        let stages = spec.stages.iter().zip(&self.plan.stages);
        stages
            .filter(|(_, planned)| !planned.is_reused())
            .filter_map(|(stage, _)| {
                let StageKind::Train(train) = &stage.kind;
                let network = &self.world.network;
                let kept = features::kept_features(spec, train, network, counts, &caches.features)?;
                Some((stage.name.clone(), kept))
            })
            .collect()
    }
}

/// What a run works on.
pub(super) struct World {
    pub(super) dataset: Arc<Dataset>,
    pub(super) split: Split,
    pub(super) pixels: Arc<Pixels>,
    pub(super) network: Network,
    pub(super) base_weights: Option<BaseWeights>,
    pub(super) layers: Layers,
    /// What is odd about the dataset directory.
    warnings: Vec<String>,
}

impl World {
    fn new(spec: &PipelineSpec, prepared: Prepared, known: &Known) -> Result<Self, RunError> {
        let Prepared { listing, network, base_weights, layers } = prepared;
        let (dataset, pixels) = known.pictures();
        let split = split::split(&dataset, &spec.dataset.split, spec.dataset.duplicates)?;
        let warnings = listing.warnings;
        Ok(Self { dataset, split, pixels, network, base_weights, layers, warnings })
    }
}

/// When a run started, or went on.
pub(super) struct Clock {
    pub(super) started: String,
    pub(super) start: Instant,
}

impl Clock {
    fn start() -> Self {
        Self { started: clock::now(), start: Instant::now() }
    }
}

/// A run goes on only with what it was started with.
fn check_unchanged(
    before: &RunFacts,
    now: &RunFacts,
    directory: &Path,
    world: &World,
) -> Result<(), RunError> {
    check_inputs((before.dataset, before.weights), directory, world)?;
    check_files(&before.files, &now.files)?;
    if before.program != now.program {
        let details = vec![format!(
            "it was started with {}, and this is {}: the rest would not fit; run the pipeline again",
            before.program, now.program
        )];
        return Err(RunError::Changed { what: "the program changed", details });
    }
    Ok(())
}

/// Whether files of a run directory are still those that were written.
pub(super) fn check_files(
    written: &BTreeMap<String, Digest>,
    found: &BTreeMap<String, Digest>,
) -> Result<(), RunError> {
    let is_other = |(name, digest): &(&String, &Digest)| found.get(*name) != Some(*digest);
    let changed: Vec<String> =
        written.iter().filter(is_other).map(|(name, _)| name.clone()).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let details = vec![
        text::first_lines(&changed, 10),
        "run the pipeline again: stages that are finished are reused".to_owned(),
    ];
    Err(RunError::Changed { what: "files of the run directory changed", details })
}

/// Whether pictures and weights are those of the run in a directory.
fn check_inputs(
    (dataset, weights): (Digest, Option<Digest>),
    directory: &Path,
    world: &World,
) -> Result<(), RunError> {
    let changed = |what, details| Err(RunError::Changed { what, details });
    if dataset != world.dataset.fingerprint() {
        let recorded = splits::read(&directory.join(layout::SPLITS))?;
        let mut details = splits::differences(&recorded, &world.dataset);
        details.push(format!("{} says which they were", layout::SPLITS));
        return changed("pictures changed", details);
    }
    let now = world.base_weights.as_ref().map(|weights| weights.digest);
    if weights != now {
        let (key, what) = match world.network.backbone {
            Some(_) => ("model.base.onnx", "the base model changed"),
            None => ("model.weights", "the file of weights changed"),
        };
        let text = |digest: Option<Digest>| digest.map_or("none".to_owned(), |d| d.to_string());
        let details = vec![
            format!("it had the digest {}, and now has {}", text(weights), text(now)),
            format!("-S {key}=FILE names the right one where it lies elsewhere"),
        ];
        return changed(what, details);
    }
    Ok(())
}

fn dataset_facts(World { dataset, split, .. }: &World) -> DatasetFacts {
    DatasetFacts {
        classes: dataset.classes.iter().cloned().zip(dataset.class_counts()).collect(),
        n_train: split.positions(Part::Train).len(),
        n_validation: split.positions(Part::Validation).len(),
        n_test: split.positions(Part::Test).len(),
    }
}

fn pixels_facts(world: &World) -> PixelsFacts {
    let PixelFacts { bytes_each, n_in_memory, n_on_disk, folder } = world.pixels.facts();
    PixelsFacts { bytes_each, n_in_memory, n_on_disk, folder }
}

fn announce(world: &World, observer: &mut dyn EventSink) -> Result<(), FileError> {
    observer.receive(&Event::DatasetReady(dataset_facts(world)))?;
    observer.receive(&Event::PixelsReady(pixels_facts(world)))?;
    let World { dataset, pixels, split, warnings, .. } = world;
    let odd = warnings.iter().cloned().chain(overlap::warnings(dataset, split, pixels));
    for message in pixels.warnings().into_iter().chain(odd) {
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
    warn("left out as bad images", dataset.skipped.iter().map(ToString::to_string).collect())?;
    warn("left out as copies", dataset.copies.iter().map(ToString::to_string).collect())?;
    warn("passed over: not images by name or content", dataset.ignored.clone())
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
