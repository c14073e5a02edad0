//! Exports a trained model to ONNX, and verifies that the file predicts the same as the model.

use rayon::prelude::*;

use super::ensemble::{Ensemble, Member};
use super::evaluate::EvaluationImages;
use super::predict::Predictor;
use super::trained::Trained;
use crate::base::tensor::{Tensor, transposed};
use crate::dataset::decode::{self, RgbImage};
use crate::dataset::loader::{Loader, LoaderError};
use crate::dataset::resize::Resizer;
use crate::exec::error::{EnsembleError, ExportError, RunError, TOLERANCE};
use crate::onnx::average::{Average, Part};
use crate::onnx::run::Model;
use crate::onnx::{self, Classifier, Output};
use crate::spec::{Fit, ImageSize, PipelineSpec, ResizeSpec};
use crate::train::evaluate::Prediction;
use crate::train::readout::{Readout, Standard};

/// The most images that are run through a graph that resizes. Each size takes time.
const MOST_SIZES: usize = 128;
/// The most images that are run through a graph of one input size.
const MOST_OF_ONE_SIZE: usize = 32;

/// The names of the two comparisons on the terminal.
const COMPARING: &str = "verifying the exported network";
const COMPARING_PIXELS: &str = "verifying the exported file";

/// An exported model.
pub struct Export {
    /// The bytes of the ONNX file.
    pub file: Vec<u8>,
    /// The preprocessing as JSON; `None` if the graph includes it.
    pub recipe: Option<String>,
    /// What the file gives: `probabilities` or `estimates`.
    pub outputs: &'static str,
    /// How well the file agrees with the model.
    pub agreement: Agreement,
    /// A pitfall of preprocessing outside of the graph.
    pub warning: Option<&'static str>,
}

/// How far the probabilities of a file are from those of the model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Number of images that were compared.
    pub n_images: usize,
    /// The largest difference of a probability.
    pub difference: f64,
}

/// How far the outputs of a file may be from those of the model.
#[derive(Clone, Copy)]
struct Limits {
    /// The largest difference of an output.
    absolute: f64,
    /// Steps of single precision that are added, in which files give numbers.
    n_steps: f64,
}

impl Limits {
    fn of_probabilities() -> Self {
        Self { absolute: TOLERANCE, n_steps: 0.0 }
    }

    fn for_readout(readout: Readout) -> Self {
        match readout {
            Readout::Softmax | Readout::Sigmoids => Self::of_probabilities(),
            Readout::Number(Standard { deviation, .. }) => {
                Self { absolute: TOLERANCE * deviation, n_steps: 8.0 }
            }
        }
    }

    /// The largest difference from this output.
    fn of(self, output: f64) -> f64 {
        self.absolute + self.n_steps * f64::from(f32::EPSILON) * output.abs()
    }
}

/// The input of an exported graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Images as bytes, of any size or of a fixed one.
    Pixels(Option<ImageSize>),
    /// Preprocessed values, ready for the network.
    Normalised,
}

/// Exports a model. The file must reproduce its `predictions` for some images.
///
/// # Errors
/// When the model cannot be exported, or the file does not agree with it.
pub fn export(
    trained: &Trained,
    spec: &PipelineSpec,
    images: &EvaluationImages,
    predictions: &[Prediction],
    form: Form,
    n_threads: usize,
) -> Result<Export, RunError> {
    if trained.network.is_opaque() {
        return Err(ExportError::Backbone.into());
    }
    let classifier = classifier(trained, spec);
    let bare = classifier.normalised();
    let loader = images.loader(trained, spec, n_threads);
    let limits = Limits::for_readout(trained.readout);
    let agreement = compare(&bare, &loader, images, predictions, limits)?;
    let outputs = outputs(trained.readout);
    let of_pixels = |file: &[u8], compared: Agreement| {
        let difference = agreement.difference.max(compared.difference);
        Export {
            file: file.to_vec(),
            recipe: None,
            outputs,
            agreement: Agreement { difference, ..compared },
            warning: None,
        }
    };
    match form {
        Form::Normalised => {
            let recipe = serde_json::to_string_pretty(&classifier.recipe());
            let recipe = format!("{}\n", recipe.expect("a recipe is plain data"));
            let warning = onnx::warning(classifier.resize);
            Ok(Export { file: bare, recipe: Some(recipe), outputs, agreement, warning })
        }
        Form::Pixels(None) => {
            let file = classifier.with_pixels(None)?;
            let compared = compare_pixels(&file, images, predictions, limits)?;
            Ok(of_pixels(&file, compared))
        }
        Form::Pixels(Some(size)) => {
            let file = classifier.with_pixels(Some(size))?;
            let predictor = Predictor::of_trained(spec, trained)?;
            let compared = compare_one_size((&file, size), predictor, images, predictions, limits)?;
            Ok(of_pixels(&file, compared))
        }
    }
}

/// Exports several models, or several views of an image, as one file. It must reproduce their mean
/// `predictions` for some images.
///
/// # Errors
/// When they cannot be exported as one, or the file does not agree with them.
pub fn export_ensemble(
    ensemble: &Ensemble,
    images: &EvaluationImages,
    predictions: &[Prediction],
    form: Form,
) -> Result<Export, RunError> {
    let members = || ensemble.members.iter();
    if members().any(|member| member.trained.network.is_opaque()) {
        return Err(ExportError::Backbone.into());
    }
    let alpha = ensemble.first().spec.dataset.alpha;
    if members().any(|member| member.spec.dataset.alpha != alpha) {
        return Err(EnsembleError::Alpha.into());
    }
    let Form::Pixels(size) = form else {
        return Err(EnsembleError::Preprocessing.into());
    };
    let parts = members().zip(&ensemble.places).map(|(Member { spec, trained, .. }, places)| {
        Part { classifier: classifier(trained, spec), places: places.clone() }
    });
    let file = Average { parts: parts.collect(), views: ensemble.views }.with_pixels(size)?;
    let limits = members().map(|member| Limits::for_readout(member.trained.readout));
    let limits = limits.reduce(|a, b| if b.absolute > a.absolute { b } else { a });
    let limits = limits.expect("there is a model");
    let agreement = match size {
        None => compare_pixels(&file, images, predictions, limits)?,
        Some(size) => {
            let predictor = Predictor::of_ensemble(ensemble)?;
            compare_one_size((&file, size), predictor, images, predictions, limits)?
        }
    };
    let outputs = outputs(ensemble.first().trained.readout);
    Ok(Export { file, recipe: None, outputs, agreement, warning: None })
}

/// A trained model as it is exported.
fn classifier<'a>(trained: &'a Trained, spec: &PipelineSpec) -> Classifier<'a> {
    Classifier {
        classes: &trained.classes,
        output: match trained.readout {
            Readout::Softmax => Output::Softmax,
            Readout::Sigmoids => Output::Sigmoids,
            Readout::Number(Standard { mean, deviation }) => Output::Number { mean, deviation },
        },
        network: &trained.network,
        weights: &trained.weights,
        size: spec.dataset.image_size,
        resize: spec.dataset.resize,
        alpha: spec.dataset.alpha,
    }
}

/// What a file gives.
fn outputs(readout: Readout) -> &'static str {
    match readout {
        Readout::Softmax | Readout::Sigmoids => "probabilities",
        Readout::Number(_) => "estimates",
    }
}

/// Runs all images through the graph without preprocessing.
fn compare(
    file: &[u8],
    loader: &Loader,
    images: &EvaluationImages,
    predictions: &[Prediction],
    limits: Limits,
) -> Result<Agreement, RunError> {
    let model = Model::read(file)?;
    let ImageSize { height, width } = images.pixels.spec().image_size;
    let samples: Vec<usize> = predictions.iter().map(|prediction| prediction.sample).collect();
    let mut pass = loader.start(samples, None, 0);
    let one = [1, 3, height, width];
    let runnable = model.for_numbers(one)?;
    let mut agreement = Agreement { n_images: predictions.len(), difference: 0.0 };
    let counting = images.tally.begin(COMPARING, "images", predictions.len());
    for prediction in predictions {
        let batch = pass.take(1)?;
        let numbers = transposed(batch.images.values(), 3);
        let said = runnable.numbers(one, &numbers)?;
        agreement.add(&said, prediction, limits, images)?;
        pass.give_back(batch);
        images.tally.add();
    }
    drop(counting);
    Ok(agreement)
}

/// Runs some of the images through the graph that resizes them.
fn compare_pixels(
    file: &[u8],
    images: &EvaluationImages,
    predictions: &[Prediction],
    limits: Limits,
) -> Result<Agreement, RunError> {
    let model = Model::read(file)?;
    let chosen = spread(predictions, MOST_SIZES);
    let counting = images.tally.begin(COMPARING_PIXELS, "images", chosen.len());
    let compared = chosen.par_iter().map(|prediction| {
        let (shape, bytes) = upright(prediction, images)?;
        let said = model.for_pixels(shape)?.pixels(shape, &bytes)?;
        let mut agreement = Agreement { n_images: 1, difference: 0.0 };
        agreement.add(&said, prediction, limits, images)?;
        images.tally.add();
        Ok(agreement)
    });
    let compared: Vec<Result<Agreement, RunError>> = compared.collect();
    drop(counting);
    let mut all = Agreement { n_images: 0, difference: 0.0 };
    for one in compared {
        let Agreement { n_images, difference } = one?;
        all.n_images += n_images;
        all.difference = all.difference.max(difference);
    }
    Ok(all)
}

/// Resizes some images to the input size of the graph, and compares its predictions with those of
/// the model.
fn compare_one_size(
    (file, of): (&[u8], ImageSize),
    mut predictor: Predictor,
    images: &EvaluationImages,
    predictions: &[Prediction],
    limits: Limits,
) -> Result<Agreement, RunError> {
    let shape = [1, of.height, of.width, 3];
    let runnable = Model::read(file)?.for_pixels(shape)?;
    let resize = images.pixels.spec().resize;
    let mut resizer = Resizer::new(ResizeSpec { fit: Fit::Stretch, ..resize }, of);
    let mut agreement = Agreement { n_images: 0, difference: 0.0 };
    let chosen = spread(predictions, MOST_OF_ONE_SIZE);
    let counting = images.tally.begin(COMPARING_PIXELS, "images", chosen.len());
    for prediction in chosen {
        let ([_, height, width, _], bytes) = upright(prediction, images)?;
        let image = RgbImage::from_raw(width as u32, height as u32, bytes)
            .expect("an upright image has three bytes a pixel");
        let bytes = resizer.resize(&image);
        let said = runnable.pixels(shape, &bytes)?;
        let image = RgbImage::from_raw(of.width as u32, of.height as u32, bytes)
            .expect("a resized image has three bytes a pixel");
        let outputs = predictor.of_image(&image)?;
        agreement.n_images += 1;
        agreement.add(&said, &Prediction { outputs, ..prediction.clone() }, limits, images)?;
        images.tally.add();
    }
    drop(counting);
    Ok(agreement)
}

/// At most `most` of the predictions, evenly spread.
fn spread(predictions: &[Prediction], most: usize) -> Vec<&Prediction> {
    let step = predictions.len().div_ceil(most).max(1);
    predictions.iter().step_by(step).collect()
}

/// The pixels of an image before preprocessing, and their shape. Drawn images have the input size
/// of the network.
fn upright(
    prediction: &Prediction,
    images: &EvaluationImages,
) -> Result<([usize; 4], Vec<u8>), RunError> {
    let candidate = &images.dataset.samples[prediction.sample].candidate;
    if let Some((generator, number)) = candidate.drawn() {
        let size = images.pixels.spec().image_size;
        let shape = [1, size.height, size.width, 3];
        return Ok((shape, generator.draw(candidate.label, number)));
    }
    let decoded =
        candidate.read().and_then(|bytes| decode::decode(&bytes, images.pixels.spec().alpha));
    let image =
        decoded.map_err(|source| LoaderError::Decode { path: candidate.place(), source })?;
    let shape = [1, image.height() as usize, image.width() as usize, 3];
    Ok((shape, image.into_raw()))
}

impl Agreement {
    fn add(
        &mut self,
        said: &Tensor,
        prediction: &Prediction,
        limits: Limits,
        images: &EvaluationImages,
    ) -> Result<(), RunError> {
        let expected = &prediction.outputs;
        let differences = || {
            let pairs = said.values().iter().zip(expected);
            pairs.map(|(said, expected)| (f64::from(*said) - expected).abs())
        };
        let is_alike = said.values().len() == expected.len()
            // NaN is not agreement.
            && differences().zip(expected).all(|(off, expected)| off <= limits.of(*expected));
        let difference = differences().fold(0.0, f64::max);
        if !is_alike {
            let path = images.dataset.samples[prediction.sample].candidate.path.clone();
            let limit = expected.iter().map(|output| limits.of(*output)).fold(0.0, f64::max);
            return Err(ExportError::Disagreement { difference, limit, path: path.into() }.into());
        }
        self.difference = self.difference.max(difference);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::digest::Digest;
    use crate::base::tally::Tally;
    use crate::base::target::Target;
    use crate::dataset::examine::{Dataset, Sample};
    use crate::dataset::likeness::Likeness;
    use crate::dataset::pixels::{PixelRoom, Pixels};
    use crate::dataset::scan::Candidate;
    use crate::spec::{Alpha, Interpolation, PixelSpec};

    fn images() -> EvaluationImages {
        let candidate = Candidate::of_file("a.png", 0);
        let (digest, likeness) = (Digest::of(b"a"), Likeness::default());
        let samples = vec![Sample { candidate, digest, likeness }];
        let (classes, image_size) = (vec!["a".to_owned()], ImageSize { height: 8, width: 8 });
        let dataset = Dataset { classes, samples, ..Dataset::default() };
        let interpolation = Interpolation::Bilinear;
        let resize = ResizeSpec { interpolation, antialias: true, fit: Fit::Stretch };
        let room = PixelRoom { memory: 0, disk: 0, root: None };
        let pixels = Pixels::new(PixelSpec { image_size, resize, alpha: Alpha::Drop }, room);
        EvaluationImages::new(dataset, pixels.into(), vec![0], &Tally::default())
    }

    #[test]
    fn what_is_far_off_too_short_or_no_number_is_no_agreement() {
        let (target, outputs) = (Target::Class(0), vec![0.25, 0.75]);
        let prediction = Prediction { sample: 0, target, outputs };
        let add = |said: &[f32]| {
            let mut agreement = Agreement { n_images: 1, difference: 0.0 };
            let said = Tensor::new(&[1, said.len()], said.to_vec());
            agreement
                .add(&said, &prediction, Limits::of_probabilities(), &images())
                .map(|()| agreement.difference)
        };
        assert!(add(&[0.250_05, 0.749_95]).unwrap() < 1e-4);
        for other in [&[0.26, 0.74][..], &[0.25], &[f32::NAN, 0.75], &[0.25, f32::NAN]] {
            assert!(
                matches!(add(other), Err(RunError::Export(ExportError::Disagreement { .. }))),
                "{other:?}"
            );
        }
    }
}
