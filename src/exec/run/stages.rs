//! Executes the stages of a run in order, and completes the run directory.

use std::collections::BTreeMap;
use std::path::Path;

use super::audience::Audience;
use super::checkpoint::{Checkpoint, Past, RunFacts};
use super::context::{self, Clock, RunContext};
use super::head;
use super::hint;
use super::session::{RunReport, Session};
use super::sources::Sources;
use super::stage::{self, Start};
use super::task::Finished;
use crate::base::clock;
use crate::base::digest::Digest;
use crate::base::fs::FileError;
use crate::base::names;
use crate::dataset::part::Part;
use crate::event::{Event, EventSink};
use crate::exec::error::RunError;
use crate::exec::plan::outcome::StageOutcome;
use crate::exec::plan::program;
use crate::exec::plan::store::Shared;
use crate::exec::plan::{Plan, PlannedStage};
use crate::exec::prepare::weights::initial_weights;
use crate::model::weights::Weights;
use crate::run_dir::layout;
use crate::run_dir::manifest::{
    self, BestRecord, DatasetRecord, Manifest, StageRecord, StandardRecord, UnlabeledRecord,
    Volatile, WeightsRecord,
};
use crate::run_dir::recorder::{self, Recorder};
use crate::run_dir::verify;
use crate::spec::{BestBy, FromWeights, PipelineSpec, StageKind, StageSpec};
use crate::train::evaluate::Prediction;
use crate::train::readout::{Readout, Standard};
use crate::train::schedule;

/// The weights files of a stage.
const WEIGHTS_FILES: [(FromWeights, &str); 2] =
    [(FromWeights::Best, layout::BEST_WEIGHTS), (FromWeights::Last, layout::LAST_WEIGHTS)];

/// A run in an existing run directory.
pub(crate) struct Run<'a> {
    pub(crate) spec: &'a PipelineSpec,
    pub(crate) context: &'a RunContext,
    pub(crate) session: &'a Session,
    /// Where the run is saved, on the first rank.
    pub(crate) checkpoint: Option<&'a Checkpoint>,
}

/// The state before a stage.
#[derive(Clone, Copy)]
struct Earlier<'a> {
    /// The outcomes of the stages before it.
    outcomes: &'a [StageOutcome],
    /// The weights that it starts from, unless it continues another stage.
    initial: &'a Weights,
}

impl Run<'_> {
    /// Runs the remaining stages, and completes the run directory. `facts` are the inputs that the run
    /// was started with.
    pub(crate) fn complete(
        &self,
        (recorder, observer): (&mut Recorder, &mut dyn EventSink),
        facts: &RunFacts,
        (plan, past): (Plan, Past),
        clock: &Clock,
    ) -> Result<RunReport, RunError> {
        let mut audience =
            Audience { recorder: Some(&mut *recorder), observer: Some(&mut *observer) };
        let (outcomes, hints) = self.stages(&mut audience, plan, past)?;
        let mut written = facts.files.clone();
        written.extend(self.ensure_weights(recorder.directory(), &outcomes)?);
        let last = outcomes.last().expect("a pipeline has at least one stage");
        let best = self.best(&outcomes);
        recorder.promote_weights(best.name(), last.name())?;
        let finished = Finished {
            spec: self.spec,
            context: self.context,
            session: self.session,
            outcomes: &outcomes,
            best,
        };
        let failed = finished.perform(recorder, observer)?;
        if let Err(error) = recorder.write_plots() {
            // A missing plot does not end the run, since it can be drawn again from metrics.csv.
            observer.receive(&Event::Warning { message: format!("{error}: {}", error.source) })?;
        }
        let records = outcomes.iter().map(|outcome| outcome.facts.record.clone()).collect();
        let mut manifest = self.manifest(records, BTreeMap::new(), self.volatile(&outcomes, clock));
        let reasons = failed.iter().map(|failed| (failed.task.clone(), failed.error.to_string()));
        manifest.failed = reasons.collect();
        let record = BestRecord {
            stage: best.name().to_owned(),
            epoch: best.facts.record.best.epoch,
            by: self.best_by().name().to_owned(),
        };
        manifest.best = Some(record.clone());
        recorder.write_report(&finished.report(recorder.directory(), manifest.clone())?)?;
        manifest.files = verify::digests(recorder.directory())?;
        // The manifest is about to certify these files.
        context::check_files(&written, &manifest.files)?;
        // The rest has not changed since, and finding the commit starts a process.
        manifest.volatile.finished = clock::now();
        manifest.volatile.seconds = clock.start.elapsed().as_secs_f64();
        recorder.finish(&manifest)?;
        if let Some(checkpoint) = self.checkpoint {
            checkpoint.remove()?;
        }
        let directory = recorder.directory().to_path_buf();
        let guess = guess(self.context, &best.facts.predictions);
        Ok(RunReport {
            directory,
            history: recorder.history().clone(),
            about_probabilities: self.spec.about_probabilities(best.name()),
            best: record,
            guess,
            hints,
            failed,
        })
    }

    /// The metric that selects the best epoch of the run.
    fn best_by(&self) -> BestBy {
        let last = self.spec.stages.last().expect("a pipeline has at least one stage");
        last.best_by()
    }

    /// The stage with the best epoch of the run. It is not always the last one.
    fn best<'o>(&self, outcomes: &'o [StageOutcome]) -> &'o StageOutcome {
        let by = self.best_by();
        let best = outcomes.iter().reduce(|best, next| {
            let is_better =
                schedule::is_better(&next.facts.record.best, &best.facts.record.best, by);
            if is_better { next } else { best }
        });
        best.expect("a pipeline has at least one stage")
    }

    /// Restores missing or damaged weights files of finished stages, such as after an interruption.
    /// Returns the digest of each file.
    fn ensure_weights(
        &self,
        directory: &Path,
        outcomes: &[StageOutcome],
    ) -> Result<BTreeMap<String, Digest>, FileError> {
        let convention = self.context.network.convention;
        let files = outcomes.iter().flat_map(|outcome| {
            WEIGHTS_FILES.map(|(which, name)| {
                let weights = outcome.weights(which);
                recorder::ensure_weights(directory, outcome.name(), name, weights, convention)
            })
        });
        let mut digests: BTreeMap<String, Digest> = files.collect::<Result<_, _>>()?;
        if let Some(backbone) = &self.context.network.backbone {
            let name = format!("{}/{}", layout::WEIGHTS, layout::BASE_MODEL);
            let digest = Digest::of(&backbone.file);
            if Digest::of_file(&directory.join(&name)).ok() != Some(digest) {
                recorder::write_base_model(directory, &backbone.file)?;
            }
            digests.insert(name, digest);
        }
        Ok(digests)
    }

    fn volatile(&self, outcomes: &[StageOutcome], clock: &Clock) -> Volatile {
        let reused = outcomes.iter().filter(|outcome| outcome.facts.is_reused);
        let reused = reused.map(|outcome| outcome.name().to_owned());
        Volatile {
            started: clock.started.clone(),
            finished: clock::now(),
            seconds: clock.start.elapsed().as_secs_f64(),
            threads: self.session.n_threads,
            platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            pipeline_directory: names::text_of_path(&self.session.pipeline_directory),
            commit: program::commit(&self.session.pipeline_directory),
            reused: reused.collect(),
        }
    }

    /// Runs the stages in order, except those that have finished. All ranks do so together.
    pub(crate) fn stages(
        &self,
        audience: &mut Audience<'_>,
        mut plan: Plan,
        mut past: Past,
    ) -> Result<(Vec<StageOutcome>, Vec<String>), RunError> {
        let RunContext { network, base_weights, .. } = self.context;
        let initial = initial_weights(self.spec, network, base_weights.as_ref());
        self.session.ranks.take_over(&mut plan, &mut past)?;
        let Past { mut outcomes, mut current, damaged: _ } = past;
        let mut hints = vec![];
        for outcome in &outcomes {
            audience.replay(outcome)?;
        }
        // Do this at once, so that an edit during the run is compared with this run.
        self.remember(&plan);
        let stages = self.spec.stages.iter().zip(plan.stages).enumerate();
        for (position, (stage, mut planned)) in stages.skip(outcomes.len()) {
            if let Some(begun) = current.take() {
                planned.begun = Some(begun);
            }
            let outcome = if planned.is_reused()
                && planned.begun.is_none()
                && let Some(outcome) = planned.outcome.take()
            {
                self.reuse(&planned, *outcome, audience)?
            } else {
                let earlier = Earlier { outcomes: &outcomes, initial: &initial };
                let (outcome, hint) = self.stage(stage, &mut planned, earlier, audience)?;
                hints.extend(hint);
                self.keep(&planned, &outcome, audience)?;
                outcome
            };
            if let Some(checkpoint) = self.checkpoint {
                checkpoint.save_outcome(position, &outcome)?;
            }
            outcomes.push(outcome);
        }
        Ok((outcomes, hints))
    }

    /// Writes the result of an earlier run as if the stage had just run.
    fn reuse(
        &self,
        planned: &PlannedStage,
        mut outcome: StageOutcome,
        audience: &mut Audience<'_>,
    ) -> Result<StageOutcome, RunError> {
        outcome.facts.is_reused = true;
        let convention = self.context.network.convention;
        if let Some(directory) = audience.directory() {
            for (which, name) in WEIGHTS_FILES {
                let weights = outcome.weights(which);
                recorder::write_weights(directory, outcome.name(), name, weights, convention)?;
            }
        }
        audience.replay(&outcome)?;
        let (facts, best) = (outcome.facts.start.clone(), outcome.facts.record.best);
        audience.observe(&Event::StageReused { facts, best })?;
        if let Some(store) = &self.session.store() {
            store.touch(&planned.key);
        }
        Ok(outcome)
    }

    /// Caches the result of a stage for later runs. A failure to do so does not end the run.
    fn keep(
        &self,
        planned: &PlannedStage,
        outcome: &StageOutcome,
        audience: &mut Audience<'_>,
    ) -> Result<(), FileError> {
        let mut warn = |message| audience.observe(&Event::Warning { message });
        if let Some(before) = &planned.outcome
            && !before.is_same(outcome)
        {
            warn(format!(
                "the result of stage {} differs from the cached one with the same key: this machine \
                 computes incorrectly, or alpaca-run has a bug",
                planned.name
            ))?;
        }
        let Some(store) = self.session.store() else { return Ok(()) };
        let name = &planned.name;
        if let Err(error) = store.write(&planned.key, outcome) {
            let source = &error.source;
            warn(format!("the result of stage {name} cannot be cached: {error}: {source}"))?;
        }
        match store.share(&planned.key, outcome) {
            Ok(Shared::No | Shared::Yes) => Ok(()),
            Ok(Shared::Different(place)) => warn(format!(
                "the result of stage {name} differs from that of another machine with the same key, \
                 `{place}`: one of the machines computes incorrectly, or alpaca-run has a bug"
            )),
            Err(error) => warn(format!("the result of stage {name} cannot be shared: {error}")),
        }
    }

    /// Stores the keys of the stages, so that a later plan can report the changes.
    fn remember(&self, plan: &Plan) {
        let Some(store) = self.session.store() else { return };
        // If the cache directory cannot be written, caching the stage results fails too, which is
        // reported.
        let _ = store.remember(
            &self.session.pipeline_directory,
            &self.spec.name,
            &plan.stages,
            &self.context.dataset,
        );
    }

    fn stage(
        &self,
        stage: &StageSpec,
        planned: &mut PlannedStage,
        earlier: Earlier<'_>,
        audience: &mut Audience<'_>,
    ) -> Result<(StageOutcome, Option<String>), RunError> {
        let RunContext { network, layers, .. } = self.context;
        let (from, which) = stage.start();
        let outcome_of = |name: &str| {
            let outcome = earlier.outcomes.iter().find(|outcome| outcome.name() == name);
            outcome.expect("stages come after those they need")
        };
        let from = from.zip(which).map(|(from, which)| {
            let outcome = outcome_of(from);
            (outcome.weights(which), outcome.n_epochs())
        });
        let soup_with: Vec<&StageOutcome> =
            stage.soup_with().iter().map(|name| outcome_of(name)).collect();
        let (weights, n_epochs_before) = from.unwrap_or((earlier.initial, 0));
        let epoch = n_epochs_before + 1;
        let sources = Sources::of(self.spec, stage, self.context, self.session, epoch)?;
        let images = sources.images(self.spec, stage, self.context);
        let start = Start {
            stage,
            network,
            weights,
            n_epochs_before,
            layers: *layers,
            seed: self.spec.seed,
            pool: &self.session.features,
            room: &self.session.caches.features,
            computed: self.session.caches.computed.as_deref().map(|computed| {
                let file = self.context.base_weights.as_ref().map(|weights| weights.digest);
                (computed, self.spec.dataset.pixels(), file)
            }),
            checkpoint: self.checkpoint,
            checkpoint_every: self.spec.checkpoint_every,
            ranks: &self.session.ranks,
            key: &planned.key,
            soup_with: &soup_with,
            teacher: self.context.teachers.get(&stage.name).map(|teacher| teacher.digest),
        };
        match &stage.kind {
            StageKind::Train(spec) => {
                let begun = planned.begun.take();
                let outcome = stage::train(&start, spec, images, audience, begun)?;
                let fits = self.spec.stages.iter().any(|stage| stage.train().is_none());
                let hints = self.session.hints && self.session.ranks.are_one();
                let hint =
                    (hints && !fits).then(|| hint::of_stage(&start, images, &outcome)).flatten();
                Ok((outcome, hint))
            }
            StageKind::Fit(spec) => Ok((head::run(&start, spec, images, audience)?, None)),
        }
    }

    fn manifest(
        &self,
        stages: Vec<StageRecord>,
        files: BTreeMap<String, Digest>,
        volatile: Volatile,
    ) -> Manifest {
        let RunContext { dataset, split, network, base_weights, .. } = self.context;
        let parts = [Part::Train, Part::Validation, Part::Test]
            .map(|part| (part.name().to_owned(), split.positions(part).len()));
        let skipped = dataset.skipped.iter().map(|bad| (bad.path.clone(), bad.reason.to_string()));
        let copies = dataset.copies.iter().map(|copy| (copy.path.clone(), copy.reason.clone()));
        let published = base_weights.as_ref().and_then(|base| base.published.as_ref());
        Manifest {
            format: manifest::FORMAT,
            name: self.spec.name.clone(),
            seed: self.spec.seed,
            versions: program::versions()
                .into_iter()
                .map(|(name, v)| (name.to_owned(), v))
                .collect(),
            dataset: DatasetRecord {
                fingerprint: dataset.fingerprint(),
                classes: dataset.classes.clone(),
                standard: match self.context.readout {
                    Readout::Number(Standard { mean, deviation }) => {
                        Some(StandardRecord { mean, deviation })
                    }
                    Readout::Softmax | Readout::Sigmoids => None,
                },
                split: parts.into(),
                unlabeled: dataset.fingerprint_of_unlabeled().map(|fingerprint| UnlabeledRecord {
                    n_images: dataset.unlabeled.len(),
                    fingerprint,
                }),
                skipped: skipped.chain(copies).collect(),
                ignored: dataset.ignored.clone(),
            },
            weights: WeightsRecord {
                source: base_weights
                    .as_ref()
                    .map_or_else(|| "none".to_owned(), |base| base.source.clone()),
                digest: base_weights.as_ref().map(|base| base.digest),
                url: published.map(|(url, _)| url.clone()),
                sha256: published.map(|(_, sha256)| sha256.to_string()),
                convention: network.convention.name().to_owned(),
            },
            stages,
            best: None,
            failed: BTreeMap::new(),
            files,
            volatile,
        }
    }
}

/// The score of a constant guess on the validation set, as a sentence: of always predicting the most
/// frequent class, or no class, or the mean of the training numbers.
fn guess(context: &RunContext, predictions: &[Prediction]) -> Option<String> {
    let n = predictions.len() as f64;
    match context.readout {
        Readout::Softmax => {
            let classes = &context.dataset.classes;
            let mut counts = vec![0_usize; classes.len()];
            for prediction in predictions {
                counts[prediction.target.class()] += 1;
            }
            let most = *counts.iter().max()?;
            let class = counts.iter().position(|count| *count == most)?;
            let share = most as f64 / n;
            (most > 0).then(|| {
                format!("always predicting `{}` would give accuracy {share:.4}", classes[class])
            })
        }
        Readout::Sigmoids => {
            let without = predictions.iter().filter(|one| one.target.classes().is_empty());
            let share = without.count() as f64 / n;
            Some(format!("always predicting no label would give subset accuracy {share:.4}"))
        }
        Readout::Number(Standard { mean, .. }) => {
            let errors = predictions.iter().map(|one| (one.target.number() - mean).abs());
            let mae = errors.sum::<f64>() / n;
            Some(format!("always predicting {mean:.4} would give mean absolute error {mae:.4}"))
        }
    }
}
