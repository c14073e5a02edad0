//! Measures a trained model on pictures.

use std::path::Path;
use std::sync::Arc;

use super::session::{PixelRoom, RunError};
use super::trained::{Asker, Trained};
use crate::base::digest::Digest;
use crate::base::text;
use crate::dataset::error::BadImage;
use crate::dataset::examine::{self, Dataset, Sample};
use crate::dataset::loader::Loader;
use crate::dataset::pixels::Pixels;
use crate::dataset::scan::{self, Listing};
use crate::dataset::split::{self, Part};
use crate::metrics::{self, Metrics, Scored};
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
        let (dataset, pixels) = read(spec, listing, spec.dataset.on_bad_image, room)?;
        if dataset.fingerprint() != fingerprint {
            let details = vec![
                "where the same pictures lie elsewhere now, say so with -S dataset.directory=FOLDER"
                    .to_owned(),
                "on other pictures `alpaca-run evaluate RUN --data FOLDER` measures".to_owned(),
            ];
            return Err(RunError::Changed { what: "the pictures changed", details });
        }
        let positions = split::split(&dataset, &spec.dataset.split)?.positions(part.into());
        Ok(Self { dataset: Arc::new(dataset), pixels, positions })
    }

    /// The pictures in a folder with a folder for each class, whose names must be those of the model.
    ///
    /// # Errors
    /// When they cannot be read, or are of other classes.
    pub fn in_folder(
        folder: &Path,
        classes: &[String],
        spec: &PipelineSpec,
        on_bad_image: OnBadImage,
        room: &PixelRoom,
    ) -> Result<Self, RunError> {
        let listing = scan::scan_some(folder)?;
        let found = listing.classes.clone();
        let place = |name: &String| classes.iter().position(|class| class == name);
        let unknown: Vec<String> =
            found.iter().filter(|name| place(name).is_none()).cloned().collect();
        if !unknown.is_empty() {
            return Err(RunError::UnknownClasses { unknown, known: classes.to_vec() });
        }
        let (mut dataset, pixels) = read(spec, listing, on_bad_image, room)?;
        for Sample { candidate, .. } in &mut dataset.samples {
            candidate.class = place(&found[candidate.class]).expect("all classes are known");
        }
        dataset.classes = classes.to_vec();
        let positions = (0..dataset.samples.len()).collect();
        Ok(Self { dataset: Arc::new(dataset), pixels, positions })
    }

    /// The positions of those that train.
    ///
    /// # Errors
    /// When they cannot be divided.
    pub fn training(&self, spec: &PipelineSpec) -> Result<Vec<usize>, RunError> {
        Ok(split::split(&self.dataset, &spec.dataset.split)?.positions(Part::Train))
    }

    /// Pictures that were left out because they cannot be read.
    pub fn skipped(&self) -> &[BadImage] {
        &self.dataset.skipped
    }
}

fn read(
    spec: &PipelineSpec,
    listing: Listing,
    on_bad_image: OnBadImage,
    room: &PixelRoom,
) -> Result<(Dataset, Arc<Pixels>), RunError> {
    let pixels = Pixels::new(spec.dataset.resize, spec.dataset.image_size, room.clone());
    let dataset = examine::examine(listing, on_bad_image, &pixels)?;
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
    let Pictures { dataset, pixels, positions } = pictures;
    let mut asker = Asker::new(&trained.network, &trained.weights)?;
    let loader = Loader::new(
        Arc::clone(dataset),
        Arc::clone(pixels),
        &spec.dataset,
        trained.network.preprocessing,
        n_threads,
    );
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

/// The figures over predictions.
///
/// # Errors
/// When there is nothing to measure.
pub fn measure(classes: &[String], predictions: &[Prediction]) -> Result<Metrics, RunError> {
    if predictions.is_empty() {
        return Err(RunError::NothingToMeasure);
    }
    let scored: Vec<Scored<'_>> = predictions
        .iter()
        .map(|prediction| Scored {
            label: prediction.label,
            predicted: prediction.predicted(),
            probabilities: &prediction.probabilities,
        })
        .collect();
    Ok(metrics::measure(classes, &scored))
}

/// Predictions as rows of a table.
pub fn rows<'a>(
    dataset: &'a Dataset,
    predictions: &'a [Prediction],
) -> impl Iterator<Item = PredictionRow> + 'a {
    predictions.iter().map(|prediction| PredictionRow {
        path: dataset.samples[prediction.sample].candidate.path.clone(),
        label: prediction.label,
        predicted: prediction.predicted(),
        probabilities: prediction.probabilities.clone(),
    })
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
