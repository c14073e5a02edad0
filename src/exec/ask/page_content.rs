//! Gathers the content of the HTML report of a run.

use std::collections::BTreeMap;
use std::path::Path;

use alpaca_random::SeedStream;

use super::evaluate::EvaluationImages;
use super::trained::Trained;
use crate::base::fs::{self, FileError};
use crate::dataset::copies::{self, LookAlike};
use crate::dataset::heat_map;
use crate::dataset::loader::{Augmentation, Loader};
use crate::dataset::part::Part;
use crate::dataset::thumbnail;
use crate::engine::class_activation::{self, Explainer};
use crate::exec::error::RunError;
use crate::metrics::calibration;
use crate::report::{Loss, Place, Report, Setup};
use crate::run_dir::layout;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::measured::Measured;
use crate::run_dir::plot::check;
use crate::run_dir::plot::sheet::Tile;
use crate::run_dir::{html, table};
use crate::spec::{BaseModel, PipelineSpec, WeightsSpec};
use crate::train::evaluate::Prediction;

/// The most misclassified images on a page, and the most of those that are nearly misclassified.
const MOST_ERRORS: usize = 24;
const MOST_UNCERTAIN: usize = 8;
/// The most training images on a page.
const MOST_AUGMENTED: usize = 18;

/// A run that is reported.
pub struct PageFacts<'a> {
    /// The run directory.
    pub directory: &'a Path,
    /// Name of the run on the page.
    pub shown: String,
    /// Its manifest, as far as it is known in an unfinished run.
    pub manifest: Manifest,
    /// Spec of its pipeline.
    pub spec: &'a PipelineSpec,
    /// Where and when it ran, if the page shows that.
    pub place: Option<Place>,
}

/// The images of a run, and the predictions of its model.
pub struct PageImages<'a> {
    /// The model of the run.
    pub trained: &'a Trained,
    /// All images; the positions are those of the validation set.
    pub images: &'a EvaluationImages,
    /// Positions of the training set, to show its augmentation.
    pub training: Vec<usize>,
    /// Predictions for the validation set.
    pub predictions: &'a [Prediction],
    /// Number of threads that decode images.
    pub n_threads: usize,
}

/// Gathers the content of a report. If the images cannot be shown, `seen` is the reason.
///
/// # Errors
/// When a file of the run cannot be read, or an image changed.
pub fn gather(
    about: PageFacts<'_>,
    seen: Result<&PageImages<'_>, String>,
) -> Result<Report, RunError> {
    let PageFacts { directory, shown, manifest, spec, place } = about;
    let (losses, augmented, look_alikes, no_losses) = match &seen {
        Ok(seen) => (losses(seen, spec)?, augmented(seen, spec)?, look_alikes(seen), None),
        Err(reason) => (vec![], vec![], vec![], Some(reason.clone())),
    };
    let network = seen.map(|seen| &seen.trained.network).ok();
    Ok(Report {
        directory: shown,
        place,
        setup: setup(spec, directory, &manifest)?,
        measured: measured(directory)?,
        evaluations: evaluations(directory)?,
        plots: plots(directory, &manifest)?,
        manifest,
        losses,
        maps_use_gradients: network.is_some_and(class_activation::uses_gradients),
        no_losses,
        augmented,
        look_alikes,
    })
}

/// Whether the report reads a file of the run directory.
pub fn is_used(name: &str) -> bool {
    [layout::SPLITS, layout::METRICS, layout::METRICS_JSON].contains(&name)
        || [layout::PLOTS, layout::EVALUATIONS]
            .iter()
            .any(|folder| name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')))
}

fn look_alikes(seen: &PageImages<'_>) -> Vec<LookAlike> {
    let EvaluationImages { dataset, positions, .. } = seen.images;
    let mut parts = vec![Part::Test; dataset.samples.len()];
    positions.iter().for_each(|&position| parts[position] = Part::Validation);
    seen.training.iter().for_each(|&position| parts[position] = Part::Train);
    copies::look_alikes(dataset, &parts)
}

fn setup(spec: &PipelineSpec, directory: &Path, manifest: &Manifest) -> Result<Setup, FileError> {
    let images = counts(&directory.join(layout::SPLITS), &layout::LABEL_COLUMNS)?;
    let epochs = counts(&directory.join(layout::METRICS), &["stage"])?;
    let size = spec.dataset.image_size;
    let (classes, stages) = (&manifest.dataset.classes, &manifest.stages);
    Ok(Setup {
        network: match &spec.model.base {
            BaseModel::Named(named) => match spec.model.width {
                Some(width) => format!("{} {width}", named.title()),
                None => named.title().to_owned(),
            },
            BaseModel::Onnx(onnx) => {
                let digest = manifest.weights.digest.map_or(String::new(), |digest| {
                    format!(" (digest {})", digest.to_string().chars().take(12).collect::<String>())
                });
                format!("an ONNX file{digest}, up to {}", onnx.features)
            }
        },
        weights: match &spec.model.weights {
            // Its location is not part of the run.
            WeightsSpec::File(_) => "a file".to_owned(),
            WeightsSpec::InBase => "from the base model file".to_owned(),
            _ => manifest.weights.source.clone(),
        },
        image_size: format!("{}×{}", size.width, size.height),
        classes: classes.iter().map(|name| count(&images, name)).collect(),
        epochs: stages.iter().map(|stage| count(&epochs, &stage.name)).collect(),
        about_probabilities: (manifest.best.as_ref())
            .and_then(|best| spec.about_probabilities(&best.stage)),
    })
}

fn count(counts: &BTreeMap<String, usize>, name: &str) -> (String, usize) {
    (name.to_owned(), counts.get(name).copied().unwrap_or(0))
}

/// Number of rows of a table per value of a column, which has one of these names.
fn counts(path: &Path, names: &[&str]) -> Result<BTreeMap<String, usize>, FileError> {
    let table = table::read(path)?;
    let column = names.iter().find_map(|name| table.column(name)).unwrap_or_default();
    let mut counts = BTreeMap::new();
    for mut row in table.rows {
        *counts.entry(row.swap_remove(column)).or_insert(0) += 1;
    }
    Ok(counts)
}

fn measured(folder: &Path) -> Result<Measured, FileError> {
    let path = folder.join(layout::METRICS_JSON);
    let text = fs::read_text(&path)?;
    serde_json::from_str(&text).map_err(|error| FileError::new("read", &path, error.into()))
}

fn evaluations(directory: &Path) -> Result<Vec<(String, Measured)>, FileError> {
    let folder = directory.join(layout::EVALUATIONS);
    if !folder.is_dir() {
        return Ok(vec![]);
    }
    let named = fs::read_dir_sorted(&folder)?.into_iter().map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok((name, measured(&path)?))
    });
    named.collect()
}

/// The plots of a run; in a finished run, those in its manifest. A run directory may come from an
/// untrusted source, so an SVG file that does more than draw is rejected.
fn plots(directory: &Path, manifest: &Manifest) -> Result<Vec<(String, String)>, RunError> {
    let folder = directory.join(layout::PLOTS);
    let mut plots = vec![];
    for path in fs::read_dir_sorted(&folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let listed = format!("{}/{name}", layout::PLOTS);
        let is_drawn = manifest.files.is_empty() || manifest.files.contains_key(&listed);
        if is_drawn && path.extension().is_some_and(|ending| ending == "svg") {
            let svg = fs::read_text(&path)?;
            check::harmless(&svg).map_err(|source| RunError::Plot { path, source })?;
            plots.push((name, svg));
        }
    }
    Ok(plots)
}

fn losses(seen: &PageImages<'_>, spec: &PipelineSpec) -> Result<Vec<Loss>, RunError> {
    let PageImages { trained, images, predictions, .. } = seen;
    let of_labels: Vec<f64> = predictions.iter().map(of_label).collect();
    let order = calibration::most_surprising(&of_labels, predictions.len());
    let of_kind = |is_right: bool, most: usize| {
        let ordered = order.iter().map(|&position| &predictions[position]);
        let is_kind = move |one: &&Prediction| (one.predicted() == one.label) == is_right;
        ordered.filter(is_kind).take(most)
    };
    let worst: Vec<&Prediction> =
        of_kind(false, MOST_ERRORS).chain(of_kind(true, MOST_UNCERTAIN)).collect();
    if worst.is_empty() {
        return Ok(vec![]);
    }
    let explainer = Explainer::new(&trained.network, &trained.weights)?;
    let samples: Vec<usize> = worst.iter().map(|prediction| prediction.sample).collect();
    let mut pass = seen.loader(spec).start(samples, None, 0);
    let batch = pass.take(worst.len())?;
    let given: Vec<usize> = worst.iter().map(|prediction| prediction.predicted()).collect();
    let maps = explainer.maps(&batch, &given)?;
    let size = spec.dataset.image_size;
    let name = |class: usize| trained.classes[class].clone();
    let losses = worst.iter().zip(batch.images.rows()).zip(maps).map(|((one, values), map)| {
        let pixels = trained.network.preprocessing.undo(values);
        let predicted = one.predicted();
        Loss {
            path: images.dataset.samples[one.sample].candidate.path.to_string(),
            label: name(one.label),
            predicted: name(predicted),
            probability: one.probabilities[predicted],
            loss: calibration::surprise(of_label(one)),
            image: thumbnail::encode(&pixels, size),
            map: map.has_places().then(|| heat_map::over(&pixels, size, &map.values, map.size)),
        }
    });
    Ok(losses.collect())
}

/// The probability of the correct class.
fn of_label(prediction: &Prediction) -> f64 {
    prediction.probabilities[prediction.label]
}

/// Some training images, chosen by a separate random stream and augmented as in training.
fn augmented(seen: &PageImages<'_>, spec: &PipelineSpec) -> Result<Vec<Tile>, RunError> {
    let stream = SeedStream::new(spec.seed).child("sheet");
    let samples = &seen.images.dataset.samples;
    let mut order = seen.training.clone();
    order.sort_by_key(|&position| stream.child(&samples[position].candidate.path).sort_key());
    order.truncate(MOST_AUGMENTED);
    if order.is_empty() {
        return Ok(vec![]);
    }
    let changes = spec.last_augmentation().into();
    let stream = stream.child("augmentation");
    let augmentation = Augmentation { changes, stream, versions: vec![] };
    let n = order.len();
    let mut pass = seen.loader(spec).start(order, Some(&augmentation), 0);
    let batch = pass.take(n)?;
    let tiles = batch.images.rows().zip(&batch.samples).map(|(values, &sample)| {
        let candidate = &samples[sample].candidate;
        let pixels = seen.trained.network.preprocessing.undo(values);
        Tile {
            data: html::jpeg(&thumbnail::encode(&pixels, spec.dataset.image_size)),
            lines: [seen.trained.classes[candidate.class].clone(), String::new()],
            title: candidate.path.to_string(),
        }
    });
    Ok(tiles.collect())
}

impl PageImages<'_> {
    fn loader(&self, spec: &PipelineSpec) -> Loader {
        self.images.loader(self.trained, spec, self.n_threads)
    }
}
