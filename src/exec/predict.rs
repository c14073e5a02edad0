//! What a network says about pictures that belong to no dataset.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::export::ExportError;
use super::exported::FileClassifier;
use super::session::RunError;
use super::trained::Asker;
use crate::base::batch::Batch;
use crate::base::fs::{self, FileError};
use crate::base::names;
use crate::base::tensor::Tensor;
use crate::dataset::decode::{self, Picture};
use crate::dataset::resize::Resizer;
use crate::dataset::system;
use crate::engine::EngineError;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::onnx::exported::Exported;
pub use crate::onnx::exported::ExportedError;
use crate::spec::{ImageSize, PipelineSpec, Preprocessing, ResizeSpec};
use crate::train::objective;

/// Pictures that are decoded and asked about at once.
const BATCH: usize = 32;

/// What stands for the picture on standard input.
const STANDARD_INPUT: &str = "-";

/// A classifier, ready to be asked.
pub struct Predictor(Classifier);

enum Classifier {
    Network(Box<TrainedClassifier>),
    File(Box<FileClassifier>),
}

/// A trained network.
struct TrainedClassifier {
    asker: Asker,
    preprocessing: Preprocessing,
    size: ImageSize,
    resize: ResizeSpec,
}

/// The probability of each class, or why the file is no readable picture.
pub type Answer = Result<Vec<f64>, String>;

/// Files that were named, but are not there.
#[derive(Debug, thiserror::Error)]
pub enum PicturesError {
    /// A folder cannot be listed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder has no pictures in it.
    #[error("there are no pictures in `{}`", names::text_of_path(.0))]
    Empty(PathBuf),
}

/// The files named, and all files below the folders named whose names promise a picture or whose
/// content is one; hidden names and what systems leave are passed over.
///
/// # Errors
/// When a folder cannot be listed or has no pictures.
pub fn pictures(named: &[PathBuf]) -> Result<Vec<PathBuf>, PicturesError> {
    let mut files = vec![];
    for path in named {
        if path.is_dir() {
            let below = fs::files_below(path)?;
            let is_passed_over = |file: &PathBuf| {
                let below = file.strip_prefix(path).unwrap_or(file);
                below.iter().any(system::is_passed_over)
            };
            let pictures: Vec<PathBuf> = below
                .into_iter()
                .filter(|file| !is_passed_over(file) && is_picture(file))
                .collect();
            if pictures.is_empty() {
                return Err(PicturesError::Empty(path.clone()));
            }
            files.extend(pictures);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// By name, or else by content.
fn is_picture(file: &Path) -> bool {
    let name = file.to_string_lossy();
    if decode::has_image_name(&name) {
        return true;
    }
    decode::is_image_file(file)
}

impl Predictor {
    /// A network with its weights, for pictures as the pipeline brings them to size.
    ///
    /// # Errors
    /// When the engine cannot run it.
    pub fn new(
        spec: &PipelineSpec,
        network: &Network,
        weights: &Weights,
    ) -> Result<Self, EngineError> {
        let asker = Asker::new(network, weights)?;
        let (size, resize) = (spec.dataset.image_size, spec.dataset.resize);
        let preprocessing = network.preprocessing;
        let classifier = TrainedClassifier { asker, preprocessing, size, resize };
        Ok(Self(Classifier::Network(Box::new(classifier))))
    }

    /// A classifier that was exported, and the names of its classes.
    ///
    /// # Errors
    /// When the file cannot be read or run, or another program wrote it.
    pub fn of_file(path: &Path) -> Result<(Self, Vec<String>), ExportedError> {
        let exported = Exported::open(path)?;
        let classes = exported.classes.clone();
        Ok((Self(Classifier::File(Box::new(FileClassifier::new(exported)))), classes))
    }

    /// The probabilities of one image.
    pub(super) fn of_image(&mut self, image: &Picture) -> Result<Vec<f64>, RunError> {
        match &mut self.0 {
            Classifier::Network(network) => {
                let resized = Resizer::new(network.resize, network.size).resize(image);
                let values = network.values(resized);
                Ok(network.said(1, values)?.remove(0))
            }
            Classifier::File(file) => {
                file.answer(image).map_err(|error| RunError::Export(ExportError::Tract(error)))
            }
        }
    }

    /// Asks about files, a few at a time and in their order.
    ///
    /// # Errors
    /// When an engine fails, or `tell` does.
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

/// What `then` makes of the upright image in a file.
pub(super) fn picture<T>(file: &Path, then: impl FnOnce(Picture) -> T) -> Result<T, String> {
    let bytes = if file == Path::new(STANDARD_INPUT) {
        decode::read_standard_input()
    } else {
        decode::read_file(file)
    };
    let bytes = bytes.map_err(|error| error.to_string())?;
    decode::decode_then(&file.to_string_lossy(), &bytes, then).map_err(|error| error.to_string())
}

impl TrainedClassifier {
    /// What the network takes of an image at its size.
    fn values(&self, resized: Vec<u8>) -> Vec<f32> {
        let mut values: Vec<f32> = resized.into_iter().map(f32::from).collect();
        self.preprocessing.apply(&mut values);
        values
    }

    /// The probabilities of `n` images, one after the other in `values`.
    fn said(&mut self, n: usize, values: Vec<f32>) -> Result<Vec<Vec<f64>>, RunError> {
        let ImageSize { height, width } = self.size;
        let images = Tensor::new(&[n, height, width, 3], values);
        let batch = Batch { images, labels: vec![0; n], samples: (0..n).collect() };
        let logits = self.asker.logits(&batch)?;
        Ok(logits.rows().map(objective::probabilities).collect())
    }

    fn answers(&mut self, files: &[PathBuf]) -> Result<Vec<Answer>, RunError> {
        let pixels: Vec<Result<Vec<f32>, String>> = files
            .par_iter()
            .map_init(
                || Resizer::new(self.resize, self.size),
                |resizer, file| {
                    let resized = picture(file, |picture| resizer.resize(&picture))?;
                    Ok(self.values(resized))
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
        let mut answer = |_| said.next().expect("one answer a readable picture");
        Ok(pixels.into_iter().map(|pixels| pixels.map(&mut answer)).collect())
    }
}
