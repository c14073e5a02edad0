//! Classifies images outside of a dataset.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::exported_model::FileClassifier;
use super::image_files::{self, Answer};
use super::trained::Trained;
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
use crate::spec::{ImageSize, PipelineSpec, PixelSpec, Preprocessing, TargetSpec};
use crate::train::readout::Readout;

/// Number of images that are decoded and classified at once.
const BATCH: usize = 32;

/// A classifier that is ready to predict.
pub struct Predictor(Classifier);

enum Classifier {
    Network(Box<TrainedClassifier>),
    File(Box<FileClassifier>),
}

/// A trained network.
struct TrainedClassifier {
    inference: Inference,
    readout: Readout,
    preprocessing: Preprocessing,
    pixels: PixelSpec,
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
        Self::of(spec, network, weights, Readout::Softmax)
    }

    /// Creates a predictor from a trained model.
    ///
    /// # Errors
    /// When the engine cannot run it.
    pub fn of_trained(spec: &PipelineSpec, trained: &Trained) -> Result<Self, EngineError> {
        Self::of(spec, &trained.network, &trained.weights, trained.readout)
    }

    fn of(
        spec: &PipelineSpec,
        network: &Network,
        weights: &Weights,
        readout: Readout,
    ) -> Result<Self, EngineError> {
        let inference = Inference::new(network, weights)?;
        let (preprocessing, pixels) = (network.preprocessing, spec.dataset.pixels());
        let classifier = TrainedClassifier { inference, readout, preprocessing, pixels };
        Ok(Self(Classifier::Network(Box::new(classifier))))
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
            Classifier::Network(network) => {
                let resized = Resizer::of(network.pixels).resize(image);
                let values = network.values(resized);
                Ok(network.said(1, values)?.remove(0))
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
        files: &[PathBuf],
        mut tell: impl FnMut(&PathBuf, Answer) -> Result<(), E>,
    ) -> Result<(), E> {
        for files in files.chunks(BATCH) {
            let answers = match &mut self.0 {
                Classifier::Network(network) => network.answers(files)?,
                Classifier::File(file) => file.answers(files)?,
            };
            for (file, answer) in files.iter().zip(answers) {
                tell(file, answer)?;
            }
        }
        Ok(())
    }
}

impl TrainedClassifier {
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
        let logits = self.inference.logits(&batch)?;
        Ok(logits.rows().map(|row| self.readout.read(row)).collect())
    }

    fn answers(&mut self, files: &[PathBuf]) -> Result<Vec<Answer>, RunError> {
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
