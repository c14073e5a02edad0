//! Starts and resumes runs.

use std::path::Path;

use alpaca_kernels::InstructionSet;

use super::audience::Audience;
use super::checkpoint::{self, Checkpoint, Past, RunFacts};
use super::context::{self, Clock, RunContext};
use super::features::{self, KeptFeatures};
use super::session::{Caches, RunReport, Session, Texts};
use super::stages::Run;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::text;
use crate::dataset::copies;
use crate::dataset::examine::Dataset;
use crate::dataset::part::{Part, Split};
use crate::dataset::scan::Candidate;
use crate::event::{self, DatasetFacts, Event, EventSink, PixelsFacts};
use crate::exec::error::RunError;
use crate::exec::plan::key::{self, Inputs, StageKey};
use crate::exec::plan::program;
use crate::exec::plan::{self, Plan, PlanOptions, Reason};
use crate::exec::prepare::Prepared;
use crate::exec::prepare::images_read::ImagesRead;
use crate::exec::prepare::overlap;
use crate::exec::prepare::teacher::{self, Teacher};
use crate::run_dir::history::StageHistory;
use crate::run_dir::layout;
use crate::run_dir::lock::RunLock;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::recorder::{self, Recorder};
use crate::spec::{ModelSpec, PipelineSpec, Precision, WeightsSpec};

impl Session {
    /// Reads the images and decides what each stage will do. Images that are `known` from an
    /// earlier plan are not read again unless their files changed.
    ///
    /// # Errors
    /// When the dataset has bad images.
    pub fn plan(
        &self,
        spec: &PipelineSpec,
        mut prepared: Prepared,
        options: &PlanOptions,
        known: Option<&ImagesRead>,
    ) -> Result<Planned, RunError> {
        let clock = Clock::start();
        let known = self.examine(spec, &mut prepared, known)?;
        let context = RunContext::new(spec, prepared, &known)?;
        let plan = self.decide(spec, &context, options);
        Ok(Planned { plan, context, known, clock })
    }

    /// Reads the images, splits them, and finds the keys of the stages of a run, without looking for
    /// their results. Images that are `known` from an earlier run are not read again.
    ///
    /// # Errors
    /// When the dataset has bad images, or cannot be split.
    pub fn survey(
        &self,
        spec: &PipelineSpec,
        mut prepared: Prepared,
        known: Option<&ImagesRead>,
    ) -> Result<(ImagesRead, Vec<Digest>), RunError> {
        let known = self.examine(spec, &mut prepared, known)?;
        let context = RunContext::new(spec, prepared, &known)?;
        copies::check(&context.dataset, spec.dataset.duplicates)?;
        let keys = key::keys(spec, &Self::inputs(&context));
        Ok((known, keys.iter().map(StageKey::digest).collect()))
    }

    /// Plans again, since another run may have cached results.
    pub fn plan_again(&self, spec: &PipelineSpec, planned: &mut Planned, options: &PlanOptions) {
        planned.plan = self.decide(spec, &planned.context, options);
    }

    /// Executes a plan and writes a new run directory in `runs_dir`.
    ///
    /// # Errors
    /// When a stage fails, a file cannot be written, or the run is cancelled. The run directory then
    /// remains without a manifest.
    pub fn run(
        &self,
        spec: &PipelineSpec,
        planned: Planned,
        runs_dir: &Path,
        texts: &Texts<'_>,
        observer: &mut dyn EventSink,
    ) -> Result<RunReport, RunError> {
        planned.check_dataset(spec)?;
        self.ranks.compare(&planned.plan, planned.context.layers)?;
        let Planned { plan, context, clock, .. } = planned;
        let directory = layout::create(runs_dir, &spec.name)?;
        let _lock = RunLock::acquire(&directory)?;
        observer
            .receive(&Event::RunStarted { format: event::FORMAT, directory: directory.clone() })?;
        let running = Running { session: self, spec, context: &context, directory: &directory };
        running.conclude(&clock, observer, |observer| {
            announce(spec, &context, observer)?;
            for stage in &plan.stages {
                if let [Reason::Damaged(path)] = &stage.reasons[..] {
                    let message = format!(
                        "the cache entry `{}` is damaged, so stage {} runs again",
                        path.display(),
                        stage.name
                    );
                    observer.receive(&Event::Warning { message })?;
                }
            }
            let Texts { pipeline, resolved } = *texts;
            let target = spec.dataset.target;
            let recorder = Recorder::begin(&directory, pipeline, resolved, target)?;
            write_dataset(&recorder, &context.dataset, &context.split)?;
            if let Some(backbone) = &context.network.backbone {
                recorder::write_base_model(&directory, &backbone.file)?;
            }
            let facts = self.facts(&context, &directory)?;
            Checkpoint::of(&directory).begin(&facts)?;
            Ok(Begun { recorder, facts, plan, past: Past::default() })
        })
    }

    /// Does the work of a rank that is not the first one, in a run that the first one starts or resumes.
    /// Nothing is written except decoded images in the cache.
    ///
    /// # Errors
    /// When ranks differ in what they begin with, a stage fails on any of them, or the run is canceled.
    pub fn follow(&self, spec: &PipelineSpec, planned: Planned) -> Result<(), RunError> {
        let Planned { plan, context, .. } = planned;
        self.ranks.compare(&plan, context.layers)?;
        let run = Run { spec, context: &context, session: self, checkpoint: None };
        run.stages(&mut Audience::none(), plan, Past::default()).map(drop)
    }

    /// Resumes an interrupted run, with the same result as without the interruption.
    ///
    /// # Errors
    /// As [`run`](Self::run), and when the run did not begin a stage, another process is running it,
    /// or its inputs have changed.
    pub fn resume(
        &self,
        spec: &PipelineSpec,
        mut prepared: Prepared,
        directory: &Path,
        observer: &mut dyn EventSink,
    ) -> Result<RunReport, RunError> {
        let clock = Clock::start();
        // Check this before anything is written, since the directory may not be a run.
        checkpoint::facts(directory)?;
        let _lock = RunLock::acquire(directory)?;
        let facts = checkpoint::facts(directory)?;
        let known = self.examine(spec, &mut prepared, None)?;
        let context = RunContext::new(spec, prepared, &known)?;
        context::check_unchanged(&facts, &self.facts(&context, directory)?, directory, &context)?;
        let plan = self.decide(spec, &context, &PlanOptions::default());
        self.ranks.compare(&plan, context.layers)?;
        let keys: Vec<Digest> = plan.stages.iter().map(|stage| stage.key.digest()).collect();
        let past = Checkpoint::of(directory).load(&keys)?;
        let stages = past.outcomes.iter().map(|outcome| outcome.facts.start.stage.clone());
        observer.receive(&Event::RunResumed {
            format: event::FORMAT,
            directory: directory.to_path_buf(),
            stages: stages.collect(),
        })?;
        let running = Running { session: self, spec, context: &context, directory };
        running.conclude(&clock, observer, |observer| {
            for path in &past.damaged {
                let message =
                    format!("`{}` is damaged; its content is computed again", path.display());
                observer.receive(&Event::Warning { message })?;
            }
            announce(spec, &context, observer)?;
            let recorder = Recorder::reopen(directory, spec.dataset.target)?;
            Ok(Begun { recorder, facts, plan, past })
        })
    }

    fn examine(
        &self,
        spec: &PipelineSpec,
        prepared: &mut Prepared,
        known: Option<&ImagesRead>,
    ) -> Result<ImagesRead, RunError> {
        let listing = prepared.listing.take_images();
        let room = (&self.caches.pixels, self.caches.computed.as_deref());
        // The others find the images of the first rank in the cache, if they share one.
        self.ranks.after_first(|| {
            ImagesRead::examine(spec, listing, room, known, &self.tally, &self.cancel)
        })
    }

    fn decide(&self, spec: &PipelineSpec, context: &RunContext, options: &PlanOptions) -> Plan {
        let inputs = Self::inputs(context);
        let store = self.store();
        let directory = &self.pipeline_directory;
        plan::plan(spec, &inputs, &context.dataset, store.as_ref(), directory, options)
    }

    fn inputs(context: &RunContext) -> Inputs {
        Inputs {
            program: program::identity(),
            images: context.dataset.fingerprint(),
            weights: context.base_weights.as_ref().map(|weights| weights.digest),
            convention: context.network.convention,
            teachers: teacher::digests(&context.teachers),
            unlabeled: context.dataset.fingerprint_of_unlabeled(),
        }
    }

    fn facts(&self, context: &RunContext, directory: &Path) -> Result<RunFacts, FileError> {
        let names = [layout::PIPELINE, layout::RESOLVED, layout::SPLITS, layout::CLASSES];
        let files = names
            .into_iter()
            .map(|name| Ok((name.to_owned(), Digest::of_file(&directory.join(name))?)))
            .collect::<Result<_, FileError>>()?;
        Ok(RunFacts {
            format: checkpoint::FORMAT,
            program: program::identity(),
            pipeline_directory: self.pipeline_directory.clone(),
            dataset: context.dataset.fingerprint(),
            weights: context.base_weights.as_ref().map(|weights| weights.digest),
            teachers: teacher::digests(&context.teachers),
            unlabeled: context.dataset.fingerprint_of_unlabeled(),
            files,
        })
    }
}

/// A run that can start.
pub struct Planned {
    /// The planned stages and tasks.
    pub plan: Plan,
    pub(super) context: RunContext,
    known: ImagesRead,
    clock: Clock,
}

impl Planned {
    /// Checks that images and weights are those of the finished run in a directory.
    ///
    /// # Errors
    /// When they have changed.
    pub fn check_inputs(&self, directory: &Path, manifest: &Manifest) -> Result<(), RunError> {
        let (dataset, weights) = (manifest.dataset.fingerprint, manifest.weights.digest);
        let stages = manifest.stages.iter();
        let teachers = stages.filter_map(|stage| Some((stage.name.clone(), stage.teacher?)));
        context::check_inputs(dataset, weights, directory, &self.context)?;
        context::check_teachers(&teachers.collect(), &self.context)?;
        let unlabeled = manifest.dataset.unlabeled.as_ref().map(|record| record.fingerprint);
        context::check_unlabeled(unlabeled, &self.context)
    }

    /// Checks that a new run may train on the images.
    ///
    /// # Errors
    /// When an image is in two classes.
    pub fn check_dataset(&self, spec: &PipelineSpec) -> Result<(), RunError> {
        Ok(copies::check(&self.context.dataset, spec.dataset.duplicates)?)
    }

    /// The images, for the next plan.
    pub fn known(&self) -> ImagesRead {
        self.known.clone()
    }

    /// The sizes of the dataset.
    pub fn dataset(&self) -> DatasetFacts {
        context::dataset_facts(&self.context)
    }

    /// The space taken by the decoded images.
    pub fn pixels(&self) -> PixelsFacts {
        context::pixels_facts(&self.context)
    }

    /// The space that the cached features of each running stage will take.
    pub fn features(&self, spec: &PipelineSpec, caches: &Caches) -> Vec<(String, KeptFeatures)> {
        let n_validation = self.context.split.positions(Part::Validation).len();
        let stages = spec.stages.iter().zip(&self.plan.stages);
        stages
            .filter(|(_, planned)| !planned.is_reused())
            .filter_map(|(stage, _)| {
                let network = &self.context.network;
                let kept = features::kept_features(
                    spec,
                    stage,
                    network,
                    self.context.n_train(stage),
                    n_validation,
                    &caches.features,
                )?;
                Some((stage.name.clone(), kept))
            })
            .collect()
    }
}

/// A run whose directory exists.
struct Running<'a> {
    session: &'a Session,
    spec: &'a PipelineSpec,
    context: &'a RunContext,
    directory: &'a Path,
}

/// A run that is ready for its stages.
struct Begun {
    recorder: Recorder,
    facts: RunFacts,
    plan: Plan,
    past: Past,
}

impl Running<'_> {
    /// Begins the run and completes it, and sends the event of its end.
    fn conclude(
        &self,
        clock: &Clock,
        observer: &mut dyn EventSink,
        begin: impl FnOnce(&mut dyn EventSink) -> Result<Begun, RunError>,
    ) -> Result<RunReport, RunError> {
        let result = begin(observer).and_then(|begun| self.complete(begun, clock, observer));
        let directory = self.directory.to_path_buf();
        match &result {
            Ok(RunReport { history, best, failed, .. }) => {
                let stage = history.stage(&best.stage).and_then(StageHistory::best_metrics);
                observer.receive(&Event::RunFinished {
                    directory,
                    stage: best.stage.clone(),
                    best: *stage.expect("the best epoch is one of a stage"),
                    best_by: best.by.clone(),
                    failed: failed.iter().map(|failed| failed.task.clone()).collect(),
                    seconds: clock.start.elapsed().as_secs_f64(),
                })?;
            }
            Err(error) => {
                let (is_interrupted, message) = (error.is_cancelled(), error.to_string());
                // The error itself is reported, whether or not it can be logged.
                let _ = observer.receive(&Event::RunStopped { directory, is_interrupted, message });
            }
        }
        result
    }

    fn complete(
        &self,
        begun: Begun,
        clock: &Clock,
        observer: &mut dyn EventSink,
    ) -> Result<RunReport, RunError> {
        let Self { session, spec, context, directory } = *self;
        let Begun { mut recorder, facts, plan, past } = begun;
        let checkpoint = Some(&Checkpoint::of(directory));
        let run = Run { spec, context, session, checkpoint };
        run.complete((&mut recorder, observer), &facts, (plan, past), clock)
    }
}

fn announce(
    spec: &PipelineSpec,
    context: &RunContext,
    observer: &mut dyn EventSink,
) -> Result<(), FileError> {
    observer.receive(&Event::DatasetReady(context::dataset_facts(context)))?;
    observer.receive(&Event::PixelsReady(context::pixels_facts(context)))?;
    let RunContext { dataset, pixels, split, warnings, .. } = context;
    let odd = warnings.iter().cloned().chain(overlap::warnings(dataset, split));
    let of_teacher = |(stage, teacher): (&String, &Teacher)| teacher.warning(stage, dataset, split);
    let odd = odd.chain(context.teachers.iter().filter_map(of_teacher));
    let odd = odd.chain(overlap::warning_of_unlabeled(dataset, split));
    let odd = odd.chain(about_precision(spec.model.precision, InstructionSet::best()));
    let odd = odd.chain(about_random_ranges(&spec.model));
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
    warn("skipped: bad images", dataset.skipped.iter().map(ToString::to_string).collect())?;
    warn("skipped: copies", dataset.copies.iter().map(ToString::to_string).collect())?;
    warn("ignored: not images by name or content", dataset.ignored.clone())
}

fn write_dataset(recorder: &Recorder, dataset: &Dataset, split: &Split) -> Result<(), FileError> {
    let has_groups = dataset.samples.iter().any(|sample| sample.candidate.group.is_some());
    let has_weights = dataset.weights().is_some();
    let rows = dataset.samples.iter().zip(split.parts()).map(|(sample, part)| {
        let Candidate { path, label, group, weight, .. } = &sample.candidate;
        let label = dataset.labels.text(&dataset.classes, *label);
        let mut row =
            vec![path.to_string(), label, part.name().to_owned(), sample.digest.to_string()];
        row.extend(has_groups.then(|| group.as_deref().unwrap_or_default().to_owned()));
        row.extend(has_weights.then(|| weight.number().to_string()));
        row
    });
    let more = [has_groups.then_some("group"), has_weights.then_some("sample_weight")];
    recorder.write_splits(more.into_iter().flatten(), rows)?;
    recorder.write_classes(&dataset.classes)
}

/// A warning if a precision makes this processor slower.
fn about_precision(precision: Precision, set: InstructionSet) -> Option<String> {
    let is_fast = match precision {
        Precision::F32 => true,
        Precision::Bf16 => set.has_bf16(),
        Precision::Int8 => set.has_int8(),
    };
    (!is_fast).then(|| {
        let name = precision.name();
        format!(
            "this processor has no instructions for `precision: {name}` ({set}), so `f32` would be faster"
        )
    })
}

/// A warning if nothing tells the range of the values that are stored as bytes.
fn about_random_ranges(model: &ModelSpec) -> Option<String> {
    let is_random = matches!(model.weights, WeightsSpec::Random(_));
    (is_random && model.precision == Precision::Int8).then(|| {
        "with `precision: int8`, batch normalizations tell the range of values, and those of random \
         weights do not: features can be far off"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_precision_that_makes_a_processor_slower_is_said() {
        assert_eq!(about_precision(Precision::F32, InstructionSet::Portable), None);
        for precision in [Precision::Bf16, Precision::Int8] {
            let said = about_precision(precision, InstructionSet::Portable).unwrap();
            assert!(said.contains("(portable), so `f32` would be faster"), "{said}");
            for &set in InstructionSet::available().iter().filter(|set| set.has_bf16()) {
                assert_eq!(about_precision(precision, set), None);
            }
        }
    }
}
