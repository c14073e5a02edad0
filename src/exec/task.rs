//! What is done with the models of a run once all its stages have trained.

use std::path::Path;
use std::sync::Arc;

use super::audience::Audience;
use super::evaluate::{self, Pictures};
use super::export::{self, Agreement, Export};
use super::outcome::StageOutcome;
use super::overlap::RunImages;
use super::report::{self, About, Seen};
use super::session::{RunError, Session, World};
use super::trained::Trained;
use crate::base::fs;
use crate::base::text;
use crate::dataset::split::Part;
use crate::event::{Event, EventSink, TaskFacts};
use crate::report as page;
use crate::run_dir::layout;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::measured::{self, Measured};
use crate::spec::{
    EvaluateOn, EvaluateSpec, ExportSpec, FromWeights, PipelineSpec, SplitPart, TaskKind, TaskSpec,
};
use crate::train::evaluate::Prediction;

/// A run whose stages have trained.
pub(super) struct Finished<'a> {
    pub(super) spec: &'a PipelineSpec,
    pub(super) world: &'a World,
    pub(super) session: &'a Session,
    pub(super) outcomes: &'a [StageOutcome],
}

impl Finished<'_> {
    /// Writes what the last stage's best weights said about the validation pictures, and does the
    /// tasks of the pipeline.
    pub(super) fn perform(&self, audience: &mut Audience<'_>) -> Result<(), RunError> {
        let directory = audience.recorder.directory().to_path_buf();
        let last = self.outcomes.last().expect("a pipeline has at least one stage");
        let about = Source {
            stage: last.name(),
            weights: FromWeights::Best,
            on: SplitPart::Validation.name(),
        };
        let predictions = &last.facts.predictions;
        let validation = self.pictures(Part::Validation);
        write(&directory, &about, predictions, &validation)?;
        for TaskSpec { name, kind } in &self.spec.tasks {
            match kind {
                TaskKind::Evaluate(spec) => self.evaluate(name, spec, &directory, audience)?,
                TaskKind::Export(spec) => self.export(name, spec, &directory, audience)?,
            }
        }
        Ok(())
    }

    fn evaluate(
        &self,
        name: &str,
        spec: &EvaluateSpec,
        directory: &Path,
        audience: &mut Audience<'_>,
    ) -> Result<(), RunError> {
        let trained = self.model(&spec.from, spec.from_weights);
        let room = &self.session.caches.pixels;
        let (pictures, on) = match &spec.on {
            EvaluateOn::Split(part) => (self.pictures((*part).into()), part.name()),
            EvaluateOn::Directory(folder) => {
                let (classes, rules) = (&trained.classes, self.spec.dataset.on_bad_image);
                let seen = RunImages::of(&self.world.dataset, &self.world.split);
                let known = (room, &seen);
                let pictures = Pictures::in_folder(&folder.path, classes, self.spec, rules, known)?;
                (pictures, folder.written.as_str())
            }
        };
        for warning in &pictures.warnings {
            let message = format!("{name}: {warning}");
            audience.receive(&Event::Warning { message })?;
        }
        let n_threads = self.session.n_threads;
        let predictions = evaluate::predictions(&trained, &pictures, self.spec, n_threads)?;
        let folder = directory.join(layout::EVALUATIONS).join(name);
        let about = Source { stage: &spec.from, weights: spec.from_weights, on };
        let measured = write(&folder, &about, &predictions, &pictures)?;
        audience.receive(&Event::TaskFinished(TaskFacts {
            task: name.to_owned(),
            result: format!(
                "accuracy {:.4} ({:.4} to {:.4}) on {} pictures of {on}{}",
                measured.metrics.accuracy,
                measured.metrics.accuracy_interval[0],
                measured.metrics.accuracy_interval[1],
                measured.metrics.n_images,
                match pictures.n_trained_on {
                    0 => String::new(),
                    n => format!(", of which {} trained the model", text::thousands(n)),
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
        let trained = self.model(&spec.from, spec.from_weights);
        let pictures = self.pictures(Part::Validation);
        let n_threads = self.session.n_threads;
        let predictions = evaluate::predictions(&trained, &pictures, self.spec, n_threads)?;
        let asked = (&pictures, &predictions[..]);
        let Export { file, recipe, agreement } =
            export::export(&trained, self.spec, asked, spec.normalised, n_threads)?;
        let folder = directory.join(layout::EXPORTS);
        fs::create_dir_all(&folder)?;
        fs::write_atomic(&folder.join(format!("{name}.onnx")), &file)?;
        if let Some(recipe) = recipe {
            fs::write_atomic(&folder.join(format!("{name}.json")), recipe.as_bytes())?;
        }
        let Agreement { n_images, difference } = agreement;
        let size = text::bytes(file.len() as u64);
        let result = format!(
            "{}/{name}.onnx, {size}; as the model says to {difference:.1e} on {}",
            layout::EXPORTS,
            text::count(n_images, "picture")
        );
        let task = name.to_owned();
        audience.receive(&Event::TaskFinished(TaskFacts { task, result }))?;
        Ok(())
    }

    /// A part of the run's pictures.
    fn pictures(&self, part: Part) -> Pictures {
        let World { dataset, pixels, split, .. } = self.world;
        Pictures::new(Arc::clone(dataset), Arc::clone(pixels), split.positions(part))
    }

    /// The model of a stage.
    fn model(&self, stage: &str, which: FromWeights) -> Trained {
        let outcome = self.outcomes.iter().find(|outcome| outcome.name() == stage);
        let outcome = outcome.expect("tasks take the model of a stage that trains");
        Trained {
            classes: self.world.dataset.classes.clone(),
            network: self.world.network.clone(),
            weights: outcome.weights(which).clone(),
        }
    }

    /// Writes the sheets of pictures; gives the page about the run. It says nothing about where the
    /// run lies, so that it reproduces.
    pub(super) fn report(&self, directory: &Path, manifest: Manifest) -> Result<String, RunError> {
        let last = self.outcomes.last().expect("a pipeline has at least one stage");
        let pictures = self.pictures(Part::Validation);
        let seen = Seen {
            trained: &self.model(last.name(), FromWeights::Best),
            pictures: &pictures,
            training: self.world.split.positions(Part::Train),
            predictions: &last.facts.predictions,
            n_threads: self.session.n_threads,
        };
        let about = About { directory, shown: "RUN".to_owned(), manifest, spec: self.spec };
        let report = report::gather(about, Ok(&seen))?;
        for (name, sheet) in page::sheets(&report) {
            fs::write_atomic(&directory.join(layout::PLOTS).join(name), sheet.as_bytes())?;
        }
        Ok(page::render(&report))
    }
}

/// Measures what was said about pictures, and writes it into a folder.
fn write(
    folder: &Path,
    about: &Source<'_>,
    predictions: &[Prediction],
    pictures: &Pictures,
) -> Result<Measured, RunError> {
    let rows = evaluate::rows(&pictures.dataset, predictions);
    let metrics = evaluate::measure(&pictures.dataset.classes, &rows)?;
    let measured = Measured {
        stage: about.stage.to_owned(),
        weights: about.weights.name().to_owned(),
        on: about.on.to_owned(),
        n_trained_on: pictures.n_trained_on,
        metrics,
    };
    measured::write(folder, &measured, &rows)?;
    Ok(measured)
}

/// What was measured on what.
struct Source<'a> {
    stage: &'a str,
    weights: FromWeights,
    on: &'a str,
}
