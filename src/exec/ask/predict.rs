//! Classifies images outside of a dataset.

use std::path::Path;

use rayon::prelude::*;

use super::ensemble::{self, Ensemble, Member};
use super::exported_model::FileClassifier;
use super::image_files::{self, Answer, ImageFile};
use super::trained::Trained;
use super::views;
use crate::base::batch::Batch;
use crate::base::tensor::Tensor;
use crate::dataset::decode::RgbImage;
use crate::dataset::resize::Resizer;
use crate::engine::EngineError;
use crate::engine::inference::Inference;
use crate::exec::error::RunError;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::onnx::exported::Exported;
pub use crate::onnx::exported::ExportedError;
use crate::spec::{
    ImageSize, PipelineSpec, PixelSpec, Preprocessing, TargetSpec, TestTimeAugmentation,
};
use crate::train::readout::Readout;

/// Number of images that are decoded and classified at once.
const BATCH: usize = 32;

/// A classifier that is ready to predict.
pub struct Predictor(Classifier);

enum Classifier {
    Network(Box<TrainedClassifier>),
    File(Box<FileClassifier>),
    Ensemble(Vec<EnsembleMember>),
}

/// A network of an ensemble, and the place of each output of the ensemble among its own.
struct EnsembleMember {
    network: TrainedClassifier,
    places: Vec<usize>,
}

/// A trained network.
struct TrainedClassifier {
    inference: Inference,
    readout: Readout,
    preprocessing: Preprocessing,
    pixels: PixelSpec,
    views: TestTimeAugmentation,
    /// Whether the answers are the features that the head predicts from.
    embeds: bool,
}

impl Predictor {
    /// Creates a predictor from a network for one class an image, and its weights. Images become pixels as in the pipeline.
    ///
    /// # Errors
    /// When the engine cannot run it.
    pub fn new(
        spec: &PipelineSpec,
        network: &Network,
        weights: &Weights,
    ) -> Result<Self, EngineError> {
        let views = TestTimeAugmentation::None;
        let network = TrainedClassifier::new(spec, network, weights, Readout::Softmax, views)?;
        Ok(Self(Classifier::Network(Box::new(network))))
    }

    /// Creates a predictor from a trained model.
    ///
    /// # Errors
    /// When the engine cannot run it.
    pub fn of_trained(spec: &PipelineSpec, trained: &Trained) -> Result<Self, EngineError> {
        let network = TrainedClassifier::of(spec, trained, TestTimeAugmentation::None)?;
        Ok(Self(Classifier::Network(Box::new(network))))
    }

    /// Creates one whose answers are the features of a trained model: what its head predicts from.
    ///
    /// # Errors
    /// When the engine cannot run it.
    pub fn of_features(spec: &PipelineSpec, trained: &Trained) -> Result<Self, EngineError> {
        let network = TrainedClassifier::of(spec, trained, TestTimeAugmentation::None)?;
        Ok(Self(Classifier::Network(Box::new(TrainedClassifier { embeds: true, ..network }))))
    }

    /// Creates a predictor that averages trained models.
    ///
    /// # Errors
    /// When the engine cannot run them.
    pub fn of_ensemble(ensemble: &Ensemble) -> Result<Self, EngineError> {
        let members = ensemble.members.iter().zip(&ensemble.places);
        let members = members.map(|(Member { spec, trained, .. }, places)| {
            let network = TrainedClassifier::of(spec, trained, ensemble.views)?;
            Ok(EnsembleMember { network, places: places.clone() })
        });
        Ok(Self(Classifier::Ensemble(members.collect::<Result<_, EngineError>>()?)))
    }

    /// Opens an exported model, and returns it with the names of its outputs and what they are.
    ///
    /// # Errors
    /// When the file cannot be read or run, or was written by another program.
    pub fn of_file(path: &Path) -> Result<(Self, Vec<String>, TargetSpec), ExportedError> {
        let exported = Exported::open(path)?;
        let (classes, target) = (exported.classes.clone(), exported.target);
        Ok((Self(Classifier::File(Box::new(FileClassifier::new(exported)))), classes, target))
    }

    /// The outputs for one image: the probability of each class, or the number.
    pub(crate) fn of_image(&mut self, image: &RgbImage) -> Result<Vec<f64>, RunError> {
        match &mut self.0 {
            Classifier::Network(network) => network.of_image(image),
            Classifier::Ensemble(members) => {
                let answers = members.iter_mut().map(|EnsembleMember { network, places }| {
                    Ok(ensemble::in_order(&network.of_image(image)?, places))
                });
                Ok(mean(answers.collect::<Result<_, RunError>>()?))
            }
            Classifier::File(file) => file.answer(image).map_err(RunError::from),
        }
    }

    /// Classifies files in batches, and passes the predictions to `tell` in order.
    ///
    /// # Errors
    /// When an engine or `tell` fails.
    pub fn predict<E: From<RunError>>(
        &mut self,
        files: &[ImageFile],
        mut tell: impl FnMut(&Path, Answer) -> Result<(), E>,
    ) -> Result<(), E> {
        for files in files.chunks(BATCH) {
            let answers = match &mut self.0 {
                Classifier::Network(network) => network.answers(files)?,
                Classifier::File(file) => file.answers(files)?,
                Classifier::Ensemble(members) => of_members(members, files)?,
            };
            for (file, answer) in files.iter().zip(answers) {
                tell(file.path(), answer)?;
            }
        }
        Ok(())
    }
}

/// The mean answers of several networks. A file that cannot be read has no answer of any.
fn of_members(
    members: &mut [EnsembleMember],
    files: &[ImageFile],
) -> Result<Vec<Answer>, RunError> {
    let mut all: Vec<Vec<Answer>> = vec![vec![]; files.len()];
    for EnsembleMember { network, places } in members {
        for (answers, answer) in all.iter_mut().zip(network.answers(files)?) {
            answers.push(answer.map(|outputs| ensemble::in_order(&outputs, places)));
        }
    }
    let all =
        all.into_iter().map(|answers| answers.into_iter().collect::<Result<_, _>>().map(mean));
    Ok(all.collect())
}

/// The mean of outputs, of which there are some.
fn mean(outputs: Vec<Vec<f64>>) -> Vec<f64> {
    let n = outputs.len();
    let sum = outputs.into_iter().reduce(|mut sum, one| {
        ensemble::add(&mut sum, &one);
        sum
    });
    let mut mean = sum.expect("there is a network");
    ensemble::divide(&mut mean, n);
    mean
}

impl TrainedClassifier {
    fn of(
        spec: &PipelineSpec,
        trained: &Trained,
        views: TestTimeAugmentation,
    ) -> Result<Self, EngineError> {
        Self::new(spec, &trained.network, &trained.weights, trained.readout, views)
    }

    fn new(
        spec: &PipelineSpec,
        network: &Network,
        weights: &Weights,
        readout: Readout,
        views: TestTimeAugmentation,
    ) -> Result<Self, EngineError> {
        let inference = Inference::new(network, weights)?;
        let (preprocessing, pixels) = (network.preprocessing, spec.dataset.pixels());
        Ok(Self { inference, readout, preprocessing, pixels, views, embeds: false })
    }

    /// The outputs for an image.
    fn of_image(&mut self, image: &RgbImage) -> Result<Vec<f64>, RunError> {
        let resized = Resizer::of(self.pixels).resize(image);
        let values = self.values(resized);
        Ok(self.said(1, values)?.remove(0))
    }

    /// Preprocesses a resized image for the network.
    fn values(&self, resized: Vec<u8>) -> Vec<f32> {
        let mut values: Vec<f32> = resized.into_iter().map(f32::from).collect();
        self.preprocessing.apply(&mut values);
        values
    }

    /// The outputs for `n` images, which follow one another in `values`.
    fn said(&mut self, n: usize, values: Vec<f32>) -> Result<Vec<Vec<f64>>, RunError> {
        let ImageSize { height, width } = self.pixels.image_size;
        let images = Tensor::new(&[n, height, width, 3], values);
        let batch = Batch { images, samples: (0..n).collect() };
        if self.embeds {
            let features = self.inference.features(&batch)?;
            let len = features.values.iter().map(|one| one.values().len() / n).sum();
            let mut record = vec![0.0; len];
            let of_image = (0..n).map(|at| {
                features.write_record(at, &mut record);
                record.iter().copied().map(f64::from).collect()
            });
            return Ok(of_image.collect());
        }
        Ok(views::outputs(&mut self.inference, &batch, self.readout, self.views)?)
    }

    fn answers(&mut self, files: &[ImageFile]) -> Result<Vec<Answer>, RunError> {
        let pixels: Vec<Result<Vec<f32>, String>> = files
            .par_iter()
            .map_init(
                || Resizer::of(self.pixels),
                |resizer, file| {
                    let resize = |image| resizer.resize(&image);
                    Ok(self.values(image_files::image(file, self.pixels.alpha, resize)?))
                },
            )
            .collect();
        let readable: Vec<&Vec<f32>> =
            pixels.iter().filter_map(|pixels| pixels.as_ref().ok()).collect();
        let n = readable.len();
        let mut said = vec![];
        if n > 0 {
            said = self.said(n, readable.into_iter().flatten().copied().collect())?;
        }
        let mut said = said.into_iter();
        let mut answer = |_| said.next().expect("each readable image has an answer");
        Ok(pixels.into_iter().map(|pixels| pixels.map(&mut answer)).collect())
    }
}
