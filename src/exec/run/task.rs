//! Performs the tasks of a run after all its stages have been trained.

use std::path::Path;
use std::sync::Arc;

use super::audience::Audience;
use super::context::RunContext;
use super::session::{FailedTask, Session};
use crate::base::fs;
use crate::base::text;
use crate::dataset::part::Part;
use crate::event::{Event, EventSink, TaskFacts};
use crate::exec::ask::evaluate::{self, EvaluationImages};
use crate::exec::ask::export::{self, Agreement, Export, Form};
use crate::exec::ask::page_content::{self, PageFacts, PageImages};
use crate::exec::ask::trained::Trained;
use crate::exec::error::RunError;
use crate::exec::plan::outcome::StageOutcome;
use crate::exec::prepare::overlap::RunImages;
use crate::metrics::Measures;
use crate::report as page;
use crate::run_dir::layout;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::measured::{self, Measured};
use crate::run_dir::recorder::Recorder;
use crate::spec::{
    EvaluateOn, EvaluateSpec, ExportSpec, FromWeights, PipelineSpec, SplitPart, TaskKind, TaskSpec,
};
use crate::train::evaluate::Prediction;

/// A run with all stages trained.
pub(crate) struct Finished<'a> {
    pub(crate) spec: &'a PipelineSpec,
    pub(crate) context: &'a RunContext,
    pub(crate) session: &'a Session,
    pub(crate) outcomes: &'a [StageOutcome],
    /// The outcome with the best epoch of the run.
    pub(crate) best: &'a StageOutcome,
}

impl Finished<'_> {
    /// Writes the predictions of the best weights on the validation set, and performs the tasks of
    /// the pipeline. Returns the failed tasks, which do not end the run.
    ///
    /// # Errors
    /// When a file of the run directory cannot be written. The run can then be resumed.
    pub(crate) fn perform(
        &self,
        recorder: &mut Recorder,
        observer: &mut dyn EventSink,
    ) -> Result<Vec<FailedTask>, RunError> {
        let directory = recorder.directory().to_path_buf();
        let audience = &mut Audience { recorder: Some(recorder), observer: Some(observer) };
        let about = MeasuredOn {
            stage: self.best.name(),
            weights: FromWeights::Best,
            on: SplitPart::Validation.name(),
        };
        let predictions = &self.best.facts.predictions;
        let validation = self.images(Part::Validation);
        write(&directory, &about, predictions, &validation)?;
        let of_stages = self.outcomes.iter().rev().map(|outcome| &outcome.facts.out_of_fold);
        if let Some(predictions) = of_stages.into_iter().find(|all| !all.is_empty()) {
            let rows = evaluate::rows(&validation.dataset, predictions);
            measured::write_predictions(&directory.join(layout::OUT_OF_FOLD), &rows)?;
        }
        let mut failed = vec![];
        for TaskSpec { name, kind } in &self.spec.tasks {
            let done = match kind {
                TaskKind::Evaluate(spec) => self.evaluate(name, spec, &directory, audience),
                TaskKind::Export(spec) => self.export(name, spec, &directory, audience),
            };
            match done {
                Ok(()) => {}
                Err(error @ RunError::File(_)) => return Err(error),
                Err(error) => {
                    let message =
                        format!("`{name}` failed, and the run continues without it: {error}");
                    audience.receive(&Event::Warning { message })?;
                    failed.push(FailedTask { task: name.clone(), error });
                }
            }
        }
        Ok(failed)
    }

    fn evaluate(
        &self,
        name: &str,
        spec: &EvaluateSpec,
        directory: &Path,
        audience: &mut Audience<'_>,
    ) -> Result<(), RunError> {
        let trained = self.model(&spec.from, spec.from_weights);
        let Session { caches, tally, .. } = self.session;
        let options = evaluate::ReadOptions { room: &caches.pixels, tally };
        let (images, on) = match &spec.on {
            EvaluateOn::Split(part) => (self.images((*part).into()), part.name()),
            EvaluateOn::Directory(folder) => {
                let (classes, rules) = (&trained.classes, self.spec.dataset.on_bad_image);
                let seen = RunImages::of(&self.context.dataset, &self.context.split);
                let images = EvaluationImages::in_folder(
                    &folder.path,
                    classes,
                    self.spec,
                    rules,
                    options,
                    &seen,
                )?;
                (images, folder.written.as_str())
            }
        };
        for warning in &images.warnings {
            let message = format!("{name}: {warning}");
            audience.receive(&Event::Warning { message })?;
        }
        let n_threads = self.session.n_threads;
        let predictions = evaluate::predictions(&trained, &images, self.spec, n_threads)?;
        let folder = directory.join(layout::EVALUATIONS).join(name);
        let about = MeasuredOn { stage: &spec.from, weights: spec.from_weights, on };
        let measured = write(&folder, &about, &predictions, &images)?;
        audience.receive(&Event::TaskFinished(TaskFacts {
            task: name.to_owned(),
            result: format!(
                "{} on {} images of {on}{}",
                headline(&measured.metrics),
                measured.metrics.n_images(),
                match images.n_trained_on {
                    0 => String::new(),
                    n => format!(", {} of which the model was trained on", text::thousands(n)),
                },
            ),
        }))?;
        Ok(())
    }

    fn export(
        &self,
        name: &str,
        spec: &ExportSpec,
        directory: &Path,
        audience: &mut Audience<'_>,
    ) -> Result<(), RunError> {
        let trained = self.model(&spec.from, spec.from_weights).in_f32();
        let images = self.images(Part::Validation);
        let n_threads = self.session.n_threads;
        let predictions = evaluate::predictions(&trained, &images, self.spec, n_threads)?;
        let form = if spec.normalised { Form::Normalised } else { Form::Pixels(None) };
        let Export { file, recipe, outputs, agreement, warning } =
            export::export(&trained, self.spec, &images, &predictions, form, n_threads)?;
        let folder = directory.join(layout::EXPORTS);
        fs::create_dir_all(&folder)?;
        fs::write_atomic(&folder.join(format!("{name}.onnx")), &file)?;
        if let Some(recipe) = recipe {
            fs::write_atomic(&folder.join(format!("{name}.json")), recipe.as_bytes())?;
        }
        if let Some(warning) = warning {
            audience.receive(&Event::Warning { message: format!("{name}: {warning}") })?;
        }
        let Agreement { n_images, difference } = agreement;
        let size = text::bytes(file.len() as u64);
        let result = format!(
            "{}/{name}.onnx, {size}; {outputs} differ from the model by at most {difference:.1e} on {}",
            layout::EXPORTS,
            text::count(n_images, "image")
        );
        let task = name.to_owned();
        audience.receive(&Event::TaskFinished(TaskFacts { task, result }))?;
        Ok(())
    }

    /// The images of a split of the run.
    fn images(&self, part: Part) -> EvaluationImages {
        let RunContext { dataset, pixels, split, .. } = self.context;
        EvaluationImages::new(
            Arc::clone(dataset),
            Arc::clone(pixels),
            split.positions(part),
            &self.session.tally,
        )
    }

    /// The model of a stage.
    fn model(&self, stage: &str, which: FromWeights) -> Trained {
        let outcome = self.outcomes.iter().find(|outcome| outcome.name() == stage);
        let outcome = outcome.expect("tasks use the model of a training stage");
        Trained {
            classes: self.context.dataset.classes.clone(),
            readout: self.context.readout,
            network: self.context.network.clone(),
            weights: outcome.weights(which).clone(),
        }
    }

    /// Writes the sheets of images, and returns the report. It does not contain the location of the
    /// run, so that it can be reproduced.
    pub(crate) fn report(&self, directory: &Path, manifest: Manifest) -> Result<String, RunError> {
        let images = self.images(Part::Validation);
        let seen = PageImages {
            trained: &self.model(self.best.name(), FromWeights::Best),
            images: &images,
            training: self.context.split.positions(Part::Train),
            predictions: &self.best.facts.predictions,
            n_threads: self.session.n_threads,
        };
        let about = |manifest| PageFacts {
            directory,
            shown: "RUN".to_owned(),
            manifest,
            spec: self.spec,
            place: None,
        };
        let report = match page_content::gather(about(manifest.clone()), Ok(&seen)) {
            // A report without images does not end the run; they may be gone by now.
            Err(error) if !matches!(error, RunError::File(_)) => page_content::gather(
                about(manifest),
                Err(format!("the images cannot be shown: {error}")),
            )?,
            report => report?,
        };
        for (name, sheet) in page::sheets(&report) {
            fs::write_atomic(&directory.join(layout::PLOTS).join(name), sheet.as_bytes())?;
        }
        Ok(page::render(&report))
    }
}

/// Computes the metrics of predictions, and writes both to a directory.
fn write(
    folder: &Path,
    about: &MeasuredOn<'_>,
    predictions: &[Prediction],
    images: &EvaluationImages,
) -> Result<Measured, RunError> {
    let predictions = evaluate::rows(&images.dataset, predictions);
    let metrics = evaluate::measure(&predictions)?;
    let measured = Measured {
        stage: about.stage.to_owned(),
        weights: about.weights.name().to_owned(),
        on: about.on.to_owned(),
        n_trained_on: images.n_trained_on,
        ensemble: vec![],
        test_time_augmentation: None,
        metrics,
    };
    measured::write(folder, &measured, &predictions)?;
    Ok(measured)
}

/// The first metric with its interval.
fn headline(metrics: &Measures) -> String {
    let (what, value, [low, high]) = match metrics {
        Measures::Class(of) => ("accuracy", of.accuracy, of.accuracy_interval),
        Measures::Several(of) => {
            ("subset accuracy", of.subset_accuracy, of.subset_accuracy_interval)
        }
        Measures::Number(of) => ("mean absolute error", of.mae, of.mae_interval),
    };
    format!("{what} {value:.4} ({low:.4} to {high:.4})")
}

/// Which weights were evaluated on which images.
struct MeasuredOn<'a> {
    stage: &'a str,
    weights: FromWeights,
    on: &'a str,
}
