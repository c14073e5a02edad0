//! Classifies images with an exported ONNX file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use super::image_files;
use super::image_files::{Answer, ImageFile};
use crate::dataset::decode::RgbImage;
use crate::dataset::examine::Sample;
use crate::dataset::loader;
use crate::dataset::resize::Resizer;
use crate::exec::error::RunError;
use crate::onnx::Size;
use crate::onnx::exported::{Exported, ExportedInput, ReadRecipe};
use crate::onnx::run::{self, Runnable};
use crate::spec::ImageSize;

/// Image sizes with a cached graph. Preparing a graph takes longer than a prediction.
const MOST_SIZES: usize = 64;

/// A classifier in a file.
pub(crate) struct FileClassifier {
    exported: Exported,
    /// Prepared graphs by the shape of the input.
    ready: Mutex<BTreeMap<[usize; 4], Arc<Runnable>>>,
}

impl FileClassifier {
    pub(crate) fn new(exported: Exported) -> Self {
        Self { exported, ready: Mutex::default() }
    }

    /// The size of the images that it takes, if it takes no other.
    pub(crate) fn only_size(&self) -> Option<Size> {
        match self.exported.input {
            ExportedInput::Pixels(size) => size,
            ExportedInput::Normalised(_) => None,
        }
    }

    /// The outputs for an image of a dataset, which must not have changed.
    pub(crate) fn of_sample(&self, sample: &Sample) -> Result<Vec<f64>, RunError> {
        let image = loader::whole_image(sample, self.exported.alpha)?;
        Ok(self.answer(&image)?)
    }

    pub(crate) fn answers(&self, files: &[ImageFile]) -> Result<Vec<Answer>, RunError> {
        files
            .par_iter()
            .map(|file| match image_files::image(file, self.exported.alpha, |image| image) {
                Ok(image) => match self.obstacle(&image) {
                    Some(reason) => Ok(Err(reason)),
                    None => Ok(Ok(self.answer(&image)?)),
                },
                Err(reason) => Ok(Err(reason)),
            })
            .collect()
    }

    /// Why the file cannot classify an image.
    fn obstacle(&self, image: &RgbImage) -> Option<String> {
        let size = self.only_size()?;
        let found = [image.height() as usize, image.width() as usize];
        (found != [size.height, size.width]).then(|| {
            format!(
                "the image has {}x{} pixels, but the model was exported for {}x{} (height x width)",
                found[0], found[1], size.height, size.width
            )
        })
    }

    /// The probabilities of an image.
    pub(crate) fn answer(&self, image: &RgbImage) -> Result<Vec<f64>, run::GraphError> {
        match self.exported.input {
            ExportedInput::Pixels(_) => self.of_pixels(image),
            ExportedInput::Normalised(recipe) => self.of_numbers(image, &recipe),
        }
    }

    fn of_pixels(&self, image: &RgbImage) -> Result<Vec<f64>, run::GraphError> {
        let shape = [1, image.height() as usize, image.width() as usize, 3];
        let runnable = self.ready(shape, |shape| self.exported.model.for_pixels(shape))?;
        Ok(probabilities(runnable.pixels(shape, image.as_raw())?.values()))
    }

    fn of_numbers(
        &self,
        image: &RgbImage,
        recipe: &ReadRecipe,
    ) -> Result<Vec<f64>, run::GraphError> {
        let size = ImageSize { height: recipe.size.height, width: recipe.size.width };
        let pixels = Resizer::new(recipe.resize, size).resize(image);
        let numbers = recipe.numbers(&pixels);
        let shape = [1, 3, size.height, size.width];
        let runnable = self.ready(shape, |shape| self.exported.model.for_numbers(shape))?;
        Ok(probabilities(runnable.numbers(shape, &numbers)?.values()))
    }

    /// The graph, prepared for inputs of a shape.
    fn ready(
        &self,
        shape: [usize; 4],
        make: impl FnOnce([usize; 4]) -> Result<Runnable, run::GraphError>,
    ) -> Result<Arc<Runnable>, run::GraphError> {
        let kept = || self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runnable) = kept().get(&shape) {
            return Ok(Arc::clone(runnable));
        }
        let runnable = Arc::new(make(shape)?);
        let mut kept = kept();
        if kept.len() == MOST_SIZES {
            kept.clear();
        }
        kept.insert(shape, Arc::clone(&runnable));
        Ok(runnable)
    }
}

fn probabilities(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}
