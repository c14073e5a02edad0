//! Measures a trained model on pictures.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::overlap::RunImages;
use super::session::{PixelRoom, RunError};
use super::trained::{Asker, Trained};
use crate::base::cancel::Cancel;
use crate::base::digest::Digest;
use crate::base::names;
use crate::base::tally::Tally;
use crate::base::text;
use crate::dataset::copies;
use crate::dataset::error::BadImage;
use crate::dataset::examine::{self, Dataset, Sample};
use crate::dataset::loader::Loader;
use crate::dataset::pixels::Pixels;
use crate::dataset::scan::{self, Listing};
use crate::dataset::split::{self, Part};
use crate::metrics::{self, Metrics, Scored};
use crate::run_dir::manifest::Manifest;
use crate::run_dir::measured::PredictionRow;
use crate::spec::{OnBadImage, PipelineSpec, SplitPart};
use crate::train::evaluate::Prediction;
use crate::train::objective;

/// Pictures with their classes, in the order of a model's outputs.
#[derive(Clone)]
pub struct Pictures {
    /// All pictures there are.
    pub dataset: Arc<Dataset>,
    pub(super) pixels: Arc<Pixels>,
    /// Those that count.
    pub positions: Vec<usize>,
    /// How many of them have trained the model that they measure.
    pub n_trained_on: usize,
    /// What is odd about them, in sentences.
    pub warnings: Vec<String>,
}

impl From<SplitPart> for Part {
    fn from(part: SplitPart) -> Self {
        match part {
            SplitPart::Validation => Self::Validation,
            SplitPart::Test => Self::Test,
        }
    }
}

impl Pictures {
    /// A part of the pictures of a finished run, which must be those that it was run with.
    ///
    /// # Errors
    /// When they cannot be read, or are others.
    pub fn of_run(
        spec: &PipelineSpec,
        part: SplitPart,
        fingerprint: Digest,
        room: &PixelRoom,
    ) -> Result<Self, RunError> {
        let listing = scan::list(&spec.dataset)?;
        let (mut dataset, pixels) = read(spec, listing, spec.dataset.on_bad_image, room)?;
        copies::settle(&mut dataset, spec.dataset.duplicates)?;
        if dataset.fingerprint() != fingerprint {
            let details = vec![
                "if the same images are in another directory now, pass it: `-S dataset.directory=DIR`"
                    .to_owned(),
                "to measure on other images, use `alpaca-run evaluate RUN --data DIR`".to_owned(),
            ];
            return Err(RunError::Changed { what: "the pictures changed", details });
        }
        let split = split::split(&dataset, &spec.dataset.split, spec.dataset.duplicates)?;
        Ok(Self::new(dataset, pixels, split.positions(part.into())))
    }

    pub(super) fn new(
        dataset: impl Into<Arc<Dataset>>,
        pixels: Arc<Pixels>,
        positions: Vec<usize>,
    ) -> Self {
        let (dataset, warnings) = (dataset.into(), vec![]);
        Self { dataset, pixels, positions, n_trained_on: 0, warnings }
    }

    /// The pictures in a folder with a folder for each class, whose names must be those of the model;
    /// two ways to write the same characters are one name. `seen` are the images of the run.
    ///
    /// # Errors
    /// When they cannot be read, or are of other classes.
    pub fn in_folder(
        folder: &Path,
        classes: &[String],
        spec: &PipelineSpec,
        on_bad_image: OnBadImage,
        (room, seen): (&PixelRoom, &RunImages),
    ) -> Result<Self, RunError> {
        let mut listing = scan::scan_some(folder)?;
        let found = listing.classes.clone();
        check_classes(&listing, classes)?;
        let normal: Vec<String> = classes.iter().map(|class| names::normal(class)).collect();
        let place = |name: &str| normal.iter().position(|class| *class == names::normal(name));
        let mut warnings = std::mem::take(&mut listing.warnings);
        let (mut dataset, pixels) = read(spec, listing, on_bad_image, room)?;
        for Sample { candidate, .. } in &mut dataset.samples {
            candidate.class = place(&found[candidate.class]).expect("all classes are known");
        }
        dataset.classes = classes.to_vec();
        let in_two = copies::in_two_classes(&dataset);
        warnings.extend((!in_two.is_empty()).then(|| {
            let n = text::count(in_two.len(), "image");
            format!("{n} in more than one class:\n{}", text::first_lines(&in_two, 5))
        }));
        warnings.extend(seen.warning(&dataset));
        let positions = (0..dataset.samples.len()).collect();
        let n_trained_on = seen.count(&dataset, Part::Train);
        Ok(Self { n_trained_on, warnings, ..Self::new(dataset, pixels, positions) })
    }

    /// The positions of those that train.
    ///
    /// # Errors
    /// When they cannot be divided.
    pub fn training(&self, spec: &PipelineSpec) -> Result<Vec<usize>, RunError> {
        let split = split::split(&self.dataset, &spec.dataset.split, spec.dataset.duplicates)?;
        Ok(split.positions(Part::Train))
    }

    /// Makes batches of them for a model.
    pub(super) fn loader(
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

    /// Pictures that were left out because they cannot be read.
    pub fn skipped(&self) -> &[BadImage] {
        &self.dataset.skipped
    }
}

/// The validation pictures of a finished run, and what its model says about them.
///
/// # Errors
/// When they cannot be read, are others, or an engine fails.
pub fn validation(
    trained: &Trained,
    manifest: &Manifest,
    spec: &PipelineSpec,
    room: &PixelRoom,
    n_threads: usize,
) -> Result<(Pictures, Vec<Prediction>), RunError> {
    let fingerprint = manifest.dataset.fingerprint;
    let pictures = Pictures::of_run(spec, SplitPart::Validation, fingerprint, room)?;
    let predictions = predictions(trained, &pictures, spec, n_threads)?;
    Ok((pictures, predictions))
}

fn read(
    spec: &PipelineSpec,
    listing: Listing,
    on_bad_image: OnBadImage,
    room: &PixelRoom,
) -> Result<(Dataset, Arc<Pixels>), RunError> {
    let pixels = Pixels::new(spec.dataset.resize, spec.dataset.image_size, room.clone());
    let dataset =
        examine::examine(listing, on_bad_image, &pixels, (&Tally::default(), &Cancel::new()))?;
    Ok((dataset, Arc::new(pixels)))
}

/// What a model says about each picture, in their order.
///
/// # Errors
/// When a picture changed or an engine fails.
pub fn predictions(
    trained: &Trained,
    pictures: &Pictures,
    spec: &PipelineSpec,
    n_threads: usize,
) -> Result<Vec<Prediction>, RunError> {
    let positions = &pictures.positions;
    let mut asker = Asker::new(&trained.network, &trained.weights)?;
    let loader = pictures.loader(trained, spec, n_threads);
    let mut pass = loader.start(positions.clone(), None, 0);
    let mut predictions = vec![];
    while predictions.len() < positions.len() {
        let n = loader.batch_size().min(positions.len() - predictions.len());
        let batch = pass.take(n)?;
        let logits = asker.logits(&batch)?;
        for ((row, &sample), &label) in logits.rows().zip(&batch.samples).zip(&batch.labels) {
            predictions.push(Prediction {
                sample,
                label,
                probabilities: objective::probabilities(row),
            });
        }
        pass.give_back(batch);
    }
    Ok(predictions)
}

/// What was said about pictures of a dataset, as rows of a table.
pub fn rows(dataset: &Dataset, predictions: &[Prediction]) -> Vec<PredictionRow> {
    let row = |prediction: &Prediction| PredictionRow {
        path: dataset.samples[prediction.sample].candidate.path.clone(),
        label: prediction.label,
        predicted: prediction.predicted(),
        probabilities: prediction.probabilities.clone(),
    };
    predictions.iter().map(row).collect()
}

/// The figures over such rows.
///
/// # Errors
/// When there is nothing to measure.
pub fn measure(classes: &[String], rows: &[PredictionRow]) -> Result<Metrics, RunError> {
    if rows.is_empty() {
        return Err(RunError::NothingToMeasure);
    }
    let scored: Vec<Scored<'_>> = rows.iter().map(PredictionRow::scored).collect();
    Ok(metrics::measure(classes, &scored))
}

/// Whether a model knows the classes of a folder.
pub(super) fn check_classes(listing: &Listing, known: &[String]) -> Result<(), RunError> {
    let normal: BTreeSet<String> = known.iter().map(|name| names::normal(name)).collect();
    let unknown = listing.classes.iter().filter(|name| !normal.contains(&names::normal(name)));
    let unknown: Vec<String> = unknown.cloned().collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(RunError::UnknownClasses { unknown, known: known.to_vec() })
    }
}

/// What is said about classes that a model does not know.
pub(super) fn unknown_classes(unknown: &[String], known: &[String]) -> Vec<String> {
    let known = || known.iter().map(String::as_str);
    let mut hints: Vec<String> = unknown
        .iter()
        .filter_map(|name| match text::nearest(name, known(), 1)[..] {
            [nearest] => Some(format!("`{name}`: did you mean `{nearest}`?")),
            _ => None,
        })
        .collect();
    hints.push(format!("the model knows {}", text::all_of(known())));
    hints
}
