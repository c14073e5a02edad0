//! The inputs of a run, and checks that they have not changed since it was started.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::checkpoint::RunFacts;
use crate::base::clock;
use crate::base::digest::Digest;
use crate::base::target::moments;
use crate::base::text;
use crate::dataset::examine::Dataset;
use crate::dataset::labels::Labels;
use crate::dataset::loader::Loader;
use crate::dataset::part::{Part, Split};
use crate::dataset::pixels::{PixelFacts, Pixels};
use crate::dataset::scan::Listing;
use crate::dataset::split;
use crate::engine::autodiff::Layers;
use crate::event::{DatasetFacts, PixelsFacts};
use crate::exec::error::RunError;
use crate::exec::plan::splits;
use crate::exec::prepare::Prepared;
use crate::exec::prepare::images_read::ImagesRead;
use crate::exec::prepare::teacher::{self, Teachers};
use crate::exec::prepare::weights::BaseWeights;
use crate::model::network::Network;
use crate::run_dir::layout;
use crate::spec::{PipelineSpec, StageSpec};
use crate::train::readout::Readout;

/// The inputs of a run, ready to use.
pub(crate) struct RunContext {
    pub(crate) dataset: Arc<Dataset>,
    /// The dataset with its images without labels, which are the last ones, if there are some.
    all: Option<Arc<Dataset>>,
    pub(crate) split: Split,
    /// How the outputs of the network are read.
    pub(crate) readout: Readout,
    pub(crate) pixels: Arc<Pixels>,
    pub(crate) network: Network,
    pub(crate) base_weights: Option<BaseWeights>,
    pub(crate) layers: Layers,
    /// The models that stages learn from.
    pub(crate) teachers: Teachers,
    /// Warnings about the dataset directory.
    pub(super) warnings: Vec<String>,
    /// What decides the parts of the split, if the dataset is split already.
    pub(super) split_by: Option<String>,
}

impl RunContext {
    pub(super) fn new(
        spec: &PipelineSpec,
        prepared: Prepared,
        known: &ImagesRead,
    ) -> Result<Self, RunError> {
        let Prepared { listing, network, base_weights, layers, teachers } = prepared;
        let (dataset, pixels) = known.dataset_and_pixels();
        let split = split::split(&dataset, &spec.dataset.split, spec.dataset.duplicates)?;
        let training = split.positions(Part::Train).into_iter();
        let targets = training.map(|position| dataset.target(position));
        let readout = Readout::of(spec.dataset.target, targets);
        let Listing { warnings, split_by, .. } = listing;
        let all = (!dataset.unlabeled.is_empty()).then(|| Arc::new(dataset.with_unlabeled()));
        Ok(Self {
            dataset,
            all,
            split,
            readout,
            pixels,
            network,
            base_weights,
            layers,
            teachers,
            warnings,
            split_by,
        })
    }
}

impl RunContext {
    /// The images of a stage: with a teacher, those without labels are the last ones.
    pub(super) fn dataset_of(&self, stage: &StageSpec) -> &Arc<Dataset> {
        let has_teacher = self.teachers.contains_key(&stage.name);
        self.all.as_ref().filter(|_| has_teacher).unwrap_or(&self.dataset)
    }

    /// Number of images that a stage trains on.
    pub(super) fn n_train(&self, stage: &StageSpec) -> usize {
        let n_unlabeled = self.dataset_of(stage).samples.len() - self.dataset.samples.len();
        self.split.positions(Part::Train).len() + n_unlabeled
    }

    /// Prepares the images of a stage.
    pub(super) fn loader(
        &self,
        spec: &PipelineSpec,
        stage: &StageSpec,
        n_threads: usize,
    ) -> Loader {
        Loader::new(
            Arc::clone(self.dataset_of(stage)),
            Arc::clone(&self.pixels),
            &spec.dataset,
            self.network.preprocessing,
            n_threads,
        )
    }
}

/// The time at which a run was started or resumed.
pub(crate) struct Clock {
    pub(crate) started: String,
    pub(crate) start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { started: clock::now(), start: Instant::now() }
    }
}

/// Checks that the inputs, files and program of a run have not changed.
pub(super) fn check_unchanged(
    before: &RunFacts,
    now: &RunFacts,
    directory: &Path,
    context: &RunContext,
) -> Result<(), RunError> {
    check_inputs(before.dataset, before.weights, directory, context)?;
    check_teachers(&before.teachers, context)?;
    check_unlabeled(before.unlabeled, context)?;
    check_files(&before.files, &now.files)?;
    if before.program != now.program {
        let (then, now) = (&before.program, &now.program);
        let details = vec![format!("it was started with {then}, but this is {now}")];
        let hints = vec!["run the pipeline again".to_owned()];
        return Err(RunError::Changed { what: "the program changed", details, hints });
    }
    Ok(())
}

/// Checks that files of a run directory have not changed.
pub(crate) fn check_files(
    written: &BTreeMap<String, Digest>,
    found: &BTreeMap<String, Digest>,
) -> Result<(), RunError> {
    let changed: Vec<String> = written
        .iter()
        .filter(|(name, digest)| found.get(*name) != Some(*digest))
        .map(|(name, _)| name.clone())
        .collect();
    if changed.is_empty() {
        return Ok(());
    }
    let details = vec![format!("these files:\n{}", text::first_lines(&changed, 10))];
    let hints = vec!["run the pipeline again; finished stages are reused".to_owned()];
    Err(RunError::Changed { what: "files of the run directory changed", details, hints })
}

/// Checks that images and weights are those of the run in a directory.
pub(super) fn check_inputs(
    dataset: Digest,
    weights: Option<Digest>,
    directory: &Path,
    context: &RunContext,
) -> Result<(), RunError> {
    if dataset != context.dataset.fingerprint() {
        let recorded = splits::read(&directory.join(layout::SPLITS))?;
        let mut details = splits::differences(&recorded, &context.dataset);
        details.push(format!("{} lists the original images", layout::SPLITS));
        return Err(RunError::Changed { what: "images changed", details, hints: vec![] });
    }
    let now = context.base_weights.as_ref().map(|weights| weights.digest);
    if weights != now {
        let (key, what) = match context.network.backbone {
            Some(_) => ("model.base.onnx", "the base model changed"),
            None => ("model.weights", "the weights file changed"),
        };
        let details =
            vec![format!("its digest was {}, and is now {}", text_of(weights), text_of(now))];
        let hints =
            vec![format!("if the original file has moved, pass its location: `-S {key}=FILE`")];
        return Err(RunError::Changed { what, details, hints });
    }
    Ok(())
}

/// Checks that the images without labels are those that there were.
pub(super) fn check_unlabeled(
    before: Option<Digest>,
    context: &RunContext,
) -> Result<(), RunError> {
    let now = context.dataset.fingerprint_of_unlabeled();
    if before == now {
        return Ok(());
    }
    let [then, now] = [before, now].map(text_of);
    let details = vec![format!("their fingerprint was {then}, and is now {now}")];
    let hints = vec![
        "if the same images are in another directory now, pass it: `-S dataset.unlabeled=DIR`"
            .to_owned(),
    ];
    Err(RunError::Changed { what: "the unlabeled images changed", details, hints })
}

/// Checks that the teachers of stages are those that they had.
pub(super) fn check_teachers(
    before: &BTreeMap<String, Digest>,
    context: &RunContext,
) -> Result<(), RunError> {
    let now = teacher::digests(&context.teachers);
    let changed = before.iter().find(|(stage, digest)| now.get(*stage) != Some(digest));
    let Some((stage, digest)) = changed else { return Ok(()) };
    let now = text_of(now.get(stage).copied());
    let details =
        vec![format!("the digest of the teacher of stage {stage} was {digest}, and is now {now}")];
    let key = teacher::place(stage);
    let hints =
        vec![format!("if the original model has moved, pass its location: `-S {key}=PATH`")];
    Err(RunError::Changed { what: "a teacher changed", details, hints })
}

fn text_of(digest: Option<Digest>) -> String {
    digest.map_or("none".to_owned(), |digest| digest.to_string())
}

pub(super) fn dataset_facts(context: &RunContext) -> DatasetFacts {
    let RunContext { dataset, split, split_by, .. } = context;
    DatasetFacts {
        classes: dataset.classes.iter().cloned().zip(dataset.class_counts()).collect(),
        n_without_label: n_without_label(dataset),
        numbers: numbers(dataset),
        n_train: split.positions(Part::Train).len(),
        n_validation: split.positions(Part::Validation).len(),
        n_test: split.positions(Part::Test).len(),
        n_unlabeled: dataset.unlabeled.len(),
        split_by: split_by.clone(),
    }
}

/// The number of images without a label, if images may have several.
fn n_without_label(dataset: &Dataset) -> Option<usize> {
    let Labels::Classes(sets) = &dataset.labels else { return None };
    let samples = dataset.samples.iter();
    Some(samples.filter(|sample| sets[sample.candidate.label].is_empty()).count())
}

/// The smallest number, the mean and the largest number.
fn numbers(dataset: &Dataset) -> Option<[f64; 3]> {
    let Labels::Number(all) = &dataset.labels else { return None };
    let numbers: Vec<f64> =
        dataset.samples.iter().map(|sample| all[sample.candidate.label]).collect();
    let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Some([least, moments(&numbers).0, most])
}

pub(super) fn pixels_facts(context: &RunContext) -> PixelsFacts {
    let PixelFacts { bytes_each, n_in_memory, n_on_disk, folder } = context.pixels.facts();
    PixelsFacts { bytes_each, n_in_memory, n_on_disk, directory: folder }
}
