//! Evaluates a trained model on images.

use std::path::Path;
use std::sync::Arc;

use super::trained::Trained;
use super::views;
use crate::base::cancel::Cancel;
use crate::base::digest::Digest;
use crate::base::names;
use crate::base::tally::Tally;
use crate::base::text;
use crate::dataset::copies;
use crate::dataset::error::{self, BadImage, DatasetError};
use crate::dataset::examine::{self, Dataset, Sample};
use crate::dataset::known::KnownImages;
use crate::dataset::labels::Labels;
use crate::dataset::loader::Loader;
use crate::dataset::part::Part;
use crate::dataset::pixels::{PixelRoom, Pixels};
use crate::dataset::scan::{self, Listing};
use crate::dataset::split;
use crate::engine::inference::Inference;
use crate::exec::error::RunError;
use crate::exec::prepare::classes::check_classes;
use crate::exec::prepare::images_read::ImagesRead;
use crate::exec::prepare::overlap::RunImages;
use crate::metrics::Measures;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::measured::{PredictionRow, Predictions};
use crate::spec::{OnBadImage, PipelineSpec, SplitPart, TargetSpec, TestTimeAugmentation};
use crate::train::evaluate::Prediction;

/// Images with their classes, in the order of a model's outputs.
#[derive(Clone)]
pub struct EvaluationImages {
    /// All images of the dataset.
    pub dataset: Arc<Dataset>,
    pub(crate) pixels: Arc<Pixels>,
    /// Positions of the images to evaluate on.
    pub positions: Vec<usize>,
    /// How many of them the model was trained on.
    pub n_trained_on: usize,
    /// Warnings about the images, as sentences.
    pub warnings: Vec<String>,
    /// Counts images while they are read and classified.
    pub(crate) tally: Tally,
}

/// How images are read.
#[derive(Clone, Copy)]
pub struct ReadOptions<'a> {
    /// The cache of decoded images.
    pub room: &'a PixelRoom,
    /// Counts images while they are read and classified.
    pub tally: &'a Tally,
}

impl From<SplitPart> for Part {
    fn from(part: SplitPart) -> Self {
        match part {
            SplitPart::Validation => Self::Validation,
            SplitPart::Test => Self::Test,
        }
    }
}

impl EvaluationImages {
    /// A split of the dataset of a finished run. The images must not have changed since the run.
    ///
    /// # Errors
    /// When they cannot be read, or have changed.
    pub fn of_run(
        spec: &PipelineSpec,
        part: SplitPart,
        fingerprint: Digest,
        options: ReadOptions<'_>,
    ) -> Result<Self, RunError> {
        let (ReadOptions { room, tally }, cancel) = (options, Cancel::new());
        let listing = scan::list(&spec.dataset, room.root.as_deref())?;
        let images = ImagesRead::examine(spec, listing, (room, None), None, tally, &cancel)?;
        let (dataset, pixels) = images.dataset_and_pixels();
        if dataset.fingerprint() != fingerprint {
            let hints = vec![
                "if the same images are in another directory now, pass it: `-S dataset.directory=DIR`"
                    .to_owned(),
                "to measure on other images, use `alpaca-run evaluate RUN --data PATH`".to_owned(),
            ];
            return Err(RunError::Changed { what: "the images changed", details: vec![], hints });
        }
        let split = split::split(&dataset, &spec.dataset.split, spec.dataset.duplicates)?;
        Ok(Self::new(dataset, pixels, split.positions(part.into()), tally))
    }

    pub(crate) fn new(
        dataset: impl Into<Arc<Dataset>>,
        pixels: Arc<Pixels>,
        positions: Vec<usize>,
        tally: &Tally,
    ) -> Self {
        let (dataset, warnings, tally) = (dataset.into(), vec![], tally.clone());
        Self { dataset, pixels, positions, n_trained_on: 0, warnings, tally }
    }

    /// The images in a directory with one directory per class, in an archive of such a directory, or
    /// of a table. Class names must be those of the
    /// model, after Unicode normalization. `seen` are the images of the run.
    ///
    /// # Errors
    /// When they cannot be read, or have other classes.
    pub fn in_folder(
        folder: &Path,
        classes: &[String],
        spec: &PipelineSpec,
        on_bad_image: OnBadImage,
        options: ReadOptions<'_>,
        seen: &RunImages,
    ) -> Result<Self, RunError> {
        let target = spec.dataset.target;
        let (source, cache) = (Some(&spec.dataset.source), options.room.root.as_deref());
        let listing = scan::scan_some(folder, source, target, cache);
        let has_classes = match &listing {
            Ok(listing) => listing.labels == Labels::Class,
            Err(error) => matches!(error, DatasetError::Layout { .. }),
        };
        if target == TargetSpec::Number && has_classes {
            return Err(RunError::NoNumbers);
        }
        let mut listing = listing?;
        if target != TargetSpec::Number {
            check_classes(&listing, classes)?;
        }
        listing.may_lose_classes = on_bad_image == OnBadImage::Skip;
        let mut warnings = std::mem::take(&mut listing.warnings);
        let (mut dataset, pixels) = read(spec, listing, on_bad_image, options)?;
        relabel(&mut dataset, classes, target);
        let in_two = copies::in_two_classes(&dataset);
        warnings.extend((!in_two.is_empty()).then(|| {
            let n = text::count(in_two.len(), "image");
            format!("{n} {}:\n{}", error::in_two(target), text::first_lines(&in_two, 5))
        }));
        warnings.extend(seen.warning(&dataset));
        let positions = (0..dataset.samples.len()).collect();
        let n_trained_on = seen.count(&dataset, Part::Train);
        Ok(Self { n_trained_on, warnings, ..Self::new(dataset, pixels, positions, options.tally) })
    }

    /// The positions of the training set.
    ///
    /// # Errors
    /// When the dataset cannot be split.
    pub fn training(&self, spec: &PipelineSpec) -> Result<Vec<usize>, RunError> {
        let split = split::split(&self.dataset, &spec.dataset.split, spec.dataset.duplicates)?;
        Ok(split.positions(Part::Train))
    }

    /// Creates a loader of batches for a model.
    pub(crate) fn loader(
        &self,
        trained: &Trained,
        spec: &PipelineSpec,
        n_threads: usize,
    ) -> Loader {
        Loader::new(
            Arc::clone(&self.dataset),
            Arc::clone(&self.pixels),
            &spec.dataset,
            trained.network.preprocessing,
            n_threads,
        )
    }

    /// Images that were left out because they cannot be read.
    pub fn skipped(&self) -> &[BadImage] {
        &self.dataset.skipped
    }
}

/// The validation set of a finished run, and the predictions of its model.
///
/// # Errors
/// When the images cannot be read or have changed, or an engine fails.
pub fn validation(
    trained: &Trained,
    manifest: &Manifest,
    spec: &PipelineSpec,
    options: ReadOptions<'_>,
    n_threads: usize,
) -> Result<(EvaluationImages, Vec<Prediction>), RunError> {
    let fingerprint = manifest.dataset.fingerprint;
    let images = EvaluationImages::of_run(spec, SplitPart::Validation, fingerprint, options)?;
    let predictions = predictions(trained, &images, spec, n_threads)?;
    Ok((images, predictions))
}

/// Gives the images of a dataset labels among the classes of a model, all of whose names are known to
/// it.
fn relabel(dataset: &mut Dataset, classes: &[String], target: TargetSpec) {
    let found = std::mem::replace(&mut dataset.classes, classes.to_vec());
    if target == TargetSpec::Number {
        return;
    }
    let normal: Vec<String> = classes.iter().map(|class| names::normal(class)).collect();
    let place = |name: &String| {
        let name = names::normal(name);
        normal.iter().position(|class| *class == name).expect("all classes are known")
    };
    let mut places: Vec<usize> = found.iter().map(place).collect();
    let is_of_directories = matches!(dataset.labels, Labels::Class);
    if let Labels::Classes(sets) = &dataset.labels {
        let set =
            |set: &Arc<[u32]>| set.iter().map(|class| places[*class as usize] as u32).collect();
        let (labels, of_sets) = Labels::of_sets(sets.iter().map(set).collect());
        (dataset.labels, places) = (labels, of_sets);
    }
    for Sample { candidate, .. } in &mut dataset.samples {
        candidate.label = places[candidate.label];
    }
    if target == TargetSpec::Classes && is_of_directories {
        dataset.labels = Labels::of_single_classes(classes.len());
        copies::unite(dataset);
    }
}

fn read(
    spec: &PipelineSpec,
    listing: Listing,
    on_bad_image: OnBadImage,
    ReadOptions { room, tally }: ReadOptions<'_>,
) -> Result<(Dataset, Arc<Pixels>), RunError> {
    let pixels = Pixels::new(spec.dataset.pixels(), room.clone());
    let (known, cancel) = (KnownImages::none(), Cancel::new());
    let dataset = examine::examine(listing, on_bad_image, &pixels, &known, tally, &cancel)?;
    Ok((dataset, Arc::new(pixels)))
}

/// The prediction of a model for each image, in their order.
///
/// # Errors
/// When an image changed or an engine fails.
pub fn predictions(
    trained: &Trained,
    images: &EvaluationImages,
    spec: &PipelineSpec,
    n_threads: usize,
) -> Result<Vec<Prediction>, RunError> {
    predictions_of_views(trained, images, spec, TestTimeAugmentation::None, n_threads)
}

/// The prediction of a model for each image, in their order: the mean over views of the image.
///
/// # Errors
/// When an image changed or an engine fails.
pub(super) fn predictions_of_views(
    trained: &Trained,
    images: &EvaluationImages,
    spec: &PipelineSpec,
    views: TestTimeAugmentation,
    n_threads: usize,
) -> Result<Vec<Prediction>, RunError> {
    let positions = &images.positions;
    let mut inference = Inference::new(&trained.network, &trained.weights)?;
    let loader = images.loader(trained, spec, n_threads);
    let mut pass = loader.start(positions.clone(), None, 0);
    let mut predictions = vec![];
    let counting = images.tally.begin("predicting", "images", positions.len());
    while predictions.len() < positions.len() {
        let n = loader.batch_size().min(positions.len() - predictions.len());
        let batch = pass.take(n)?;
        let outputs = views::outputs(&mut inference, &batch, trained.readout, views)?;
        predictions.extend(outputs.into_iter().zip(&batch.samples).map(|(outputs, &sample)| {
            Prediction { sample, target: images.dataset.target(sample), outputs }
        }));
        pass.give_back(batch);
        images.tally.add_many(n);
    }
    drop(counting);
    Ok(predictions)
}

/// Predictions as rows of a table.
pub fn rows(dataset: &Dataset, predictions: &[Prediction]) -> Predictions {
    let rows = predictions.iter().map(|prediction| PredictionRow {
        path: dataset.samples[prediction.sample].candidate.path.to_string(),
        target: prediction.target.clone(),
        outputs: prediction.outputs.clone(),
    });
    let (target, classes) = (dataset.labels.target(), dataset.classes.clone());
    Predictions { target, classes, rows: rows.collect() }
}

/// The metrics of predictions.
///
/// # Errors
/// When there are no rows.
pub fn measure(predictions: &Predictions) -> Result<Measures, RunError> {
    if predictions.rows.is_empty() {
        return Err(RunError::NothingToMeasure);
    }
    Ok(predictions.measure())
}
