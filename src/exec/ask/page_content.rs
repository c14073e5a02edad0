//! Gathers the content of the HTML report of a run.

use std::collections::BTreeMap;
use std::path::Path;

use alpaca_random::SeedStream;

use super::evaluate::EvaluationImages;
use super::trained::Trained;
use crate::base::fs::{self, FileError};
use crate::base::label_list;
use crate::base::target::Target;
use crate::dataset::copies::{self, LookAlike};
use crate::dataset::heat_map;
use crate::dataset::loader::{Augmentation, Loader};
use crate::dataset::part::Part;
use crate::dataset::thumbnail;
use crate::engine::class_activation::{self, Explainer};
use crate::exec::error::RunError;
use crate::metrics::calibration::{self, surprise};
use crate::metrics::several;
use crate::report::{Loss, Place, Report, Setup};
use crate::run_dir::layout;
use crate::run_dir::manifest::Manifest;
use crate::run_dir::measured::Measured;
use crate::run_dir::plot::check;
use crate::run_dir::plot::sheet::Tile;
use crate::run_dir::{html, table};
use crate::spec::{BaseModel, PipelineSpec, TargetSpec, WeightsSpec};
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
    let splits = directory.join(layout::SPLITS);
    let images = counts(&splits, &layout::LABEL_COLUMNS, |label| match spec.dataset.target {
        TargetSpec::Class => vec![label],
        TargetSpec::Classes => label_list::read(&label, None).unwrap_or_default(),
        TargetSpec::Number => manifest.dataset.classes.clone(),
    })?;
    let epochs = counts(&directory.join(layout::METRICS), &["stage"], |stage| vec![stage])?;
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

/// Number of rows of a table per value of a column, which has one of these names. A cell may have
/// several values.
fn counts(
    path: &Path,
    names: &[&str],
    values: impl Fn(String) -> Vec<String>,
) -> Result<BTreeMap<String, usize>, FileError> {
    let table = table::read(path)?;
    let column = names.iter().find_map(|name| table.column(name)).unwrap_or_default();
    let mut counts = BTreeMap::new();
    for mut row in table.rows {
        for value in values(row.swap_remove(column)) {
            *counts.entry(value).or_insert(0) += 1;
        }
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
    let said: Vec<Said> =
        predictions.iter().map(|prediction| Said::of(prediction, &trained.classes)).collect();
    let surprises: Vec<f64> = said.iter().map(|said| said.loss).collect();
    let order = calibration::largest(&surprises, predictions.len());
    let of_kind = |is_right: bool, most: usize| {
        let ordered = order.iter().copied();
        ordered.filter(|&at| said[at].is_right == is_right).take(most).collect::<Vec<usize>>()
    };
    let worst = [of_kind(false, MOST_ERRORS), of_kind(true, MOST_UNCERTAIN)].concat();
    if worst.is_empty() {
        return Ok(vec![]);
    }
    let explainer = Explainer::new(&trained.network, &trained.weights)?;
    let samples: Vec<usize> = worst.iter().map(|&at| predictions[at].sample).collect();
    let mut pass = seen.loader(spec).start(samples, None, 0);
    let batch = pass.take(worst.len())?;
    let shown: Vec<usize> = worst.iter().map(|&at| said[at].supported).collect();
    let maps = explainer.maps(&batch, &shown)?;
    let size = spec.dataset.image_size;
    let losses = worst.iter().zip(batch.images.rows()).zip(maps).map(|((&at, values), map)| {
        let pixels = trained.network.preprocessing.undo(values);
        let Said { is_right, loss, label, predicted, probability, support, .. } = said[at].clone();
        Loss {
            path: images.dataset.samples[predictions[at].sample].candidate.path.to_string(),
            is_right,
            label,
            predicted,
            probability,
            loss,
            support,
            image: thumbnail::encode(&pixels, size),
            map: map.has_places().then(|| heat_map::over(&pixels, size, &map.values, map.size)),
        }
    });
    Ok(losses.collect())
}

/// What a page says about the prediction for an image.
#[derive(Clone)]
struct Said {
    is_right: bool,
    loss: f64,
    label: String,
    predicted: String,
    probability: Option<f64>,
    /// What the class activation map is of, and the output for that.
    support: String,
    supported: usize,
}

impl Said {
    fn of(prediction: &Prediction, classes: &[String]) -> Self {
        let outputs = &prediction.outputs;
        match &prediction.target {
            Target::Class(label) => {
                let predicted = prediction.predicted();
                Self {
                    is_right: predicted == *label,
                    loss: surprise(outputs[*label]),
                    label: classes[*label].clone(),
                    predicted: classes[predicted].clone(),
                    probability: Some(outputs[predicted]),
                    support: classes[predicted].clone(),
                    supported: predicted,
                }
            }
            Target::Classes(labels) => {
                let scored = several::Scored { labels, probabilities: outputs };
                let of_truth = |class: usize| {
                    if scored.has(class) { outputs[class] } else { 1.0 - outputs[class] }
                };
                // The class that is most wrong.
                let all = 0..classes.len();
                let worst = all.min_by(|a, b| of_truth(*a).total_cmp(&of_truth(*b))).unwrap_or(0);
                let given = several::given(outputs, several::THRESHOLD).into_iter();
                let given = given.map(|class| format!("{} {:.2}", classes[class], outputs[class]));
                let labels = labels.iter().map(|class| classes[*class as usize].clone());
                let listed = |names: Vec<String>| {
                    if names.is_empty() { "no label".to_owned() } else { names.join(", ") }
                };
                Self {
                    is_right: scored.is_exact(),
                    loss: scored.log_loss(),
                    label: listed(labels.collect()),
                    predicted: listed(given.collect()),
                    probability: None,
                    support: classes[worst].clone(),
                    // One output alone counts for its class.
                    supported: if classes.len() == 1 { 1 } else { worst },
                }
            }
            Target::Number(number) => Self {
                is_right: false,
                loss: (outputs[0] - number).abs(),
                label: number.to_string(),
                predicted: format!("{:.4}", outputs[0]),
                probability: None,
                support: "a larger number".to_owned(),
                supported: 1,
            },
        }
    }
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
    let labels = &seen.images.dataset.labels;
    let tiles = batch.images.rows().zip(&batch.samples).map(|(values, &sample)| {
        let candidate = &samples[sample].candidate;
        let pixels = seen.trained.network.preprocessing.undo(values);
        Tile {
            data: html::jpeg(&thumbnail::encode(&pixels, spec.dataset.image_size)),
            lines: [labels.text(&seen.trained.classes, candidate.label), String::new()],
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
