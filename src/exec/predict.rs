//! What a network says about pictures that belong to no dataset.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::session::RunError;
use super::trained::Asker;
use crate::base::batch::Batch;
use crate::base::fs::{self, FileError};
use crate::base::tensor::Tensor;
use crate::dataset::decode;
use crate::dataset::resize::Resizer;
use crate::engine::EngineError;
use crate::model::network::Network;
use crate::model::weights::Weights;
use crate::spec::{ImageSize, PipelineSpec, Preprocessing, ResizeSpec};
use crate::train::objective;

/// Pictures that are decoded and asked about at once.
const BATCH: usize = 32;

/// What stands for the picture on standard input.
const STANDARD_INPUT: &str = "-";

/// A trained network, ready to be asked.
pub struct Predictor {
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
    #[error("there are no pictures in `{}`", .0.display())]
    Empty(PathBuf),
}

/// The files named, and all files below the folders named whose names promise a picture.
///
/// # Errors
/// When a folder cannot be listed or has no pictures.
pub fn pictures(named: &[PathBuf]) -> Result<Vec<PathBuf>, PicturesError> {
    let mut files = vec![];
    for path in named {
        if path.is_dir() {
            let below = fs::files_below(path)?;
            let is_picture = |file: &PathBuf| decode::has_picture_name(&file.to_string_lossy());
            let pictures: Vec<PathBuf> = below.into_iter().filter(is_picture).collect();
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
        Ok(Self { asker, preprocessing: network.preprocessing, size, resize })
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
            let pixels: Vec<Result<Vec<f32>, String>> = files
                .par_iter()
                .map_init(
                    || Resizer::new(self.resize, self.size),
                    |resizer, file| self.read(file, resizer),
                )
                .collect();
            let readable: Vec<&Vec<f32>> =
                pixels.iter().filter_map(|pixels| pixels.as_ref().ok()).collect();
            let n = readable.len();
            let mut said = vec![];
            if n > 0 {
                let ImageSize { height, width } = self.size;
                let values = readable.into_iter().flatten().copied().collect();
                let images = Tensor::new(&[n, height, width, 3], values);
                let batch = Batch { images, labels: vec![0; n], samples: (0..n).collect() };
                let logits = self.asker.logits(&batch)?;
                said = logits.rows().map(objective::probabilities).collect();
            }
            let mut said = said.into_iter();
            for (file, pixels) in files.iter().zip(pixels) {
                let answer = pixels.map(|_| said.next().expect("one answer a readable picture"));
                tell(file, answer)?;
            }
        }
        Ok(())
    }

    /// The picture in a file as the network takes it.
    fn read(&self, file: &Path, resizer: &mut Resizer) -> Result<Vec<f32>, String> {
        let bytes = if file == Path::new(STANDARD_INPUT) {
            fs::read_standard_input().map_err(|error| error.to_string())?
        } else {
            fs::read(file).map_err(|error| error.source.to_string())?
        };
        let picture = decode::decode(&bytes).map_err(|error| error.to_string())?;
        let mut values: Vec<f32> = resizer.resize(&picture).into_iter().map(f32::from).collect();
        self.preprocessing.apply(&mut values);
        Ok(values)
    }
}
