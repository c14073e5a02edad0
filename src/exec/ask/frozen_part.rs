//! The frozen part of a stage, for images outside of a run.

use std::path::Path;

use rayon::prelude::*;

use super::image_files::{self, ImageFile};
use crate::base::batch::Batch;
use crate::base::key_path::KeyPath;
use crate::base::tensor::Tensor;
use crate::cache::feature_file::{FeatureKeys, ImageFeatures};
use crate::dataset::likeness::Likeness;
use crate::dataset::resize::Resizer;
use crate::engine::{self, EngineError, FeatureExtractor};
use crate::exec::prepare::computed;
use crate::exec::prepare::network;
use crate::exec::prepare::weights::initial_weights;
use crate::spec::problem::{Code, Problem};
use crate::spec::{ImageSize, PipelineSpec, PixelSpec, Preprocessing};

/// Number of images that are decoded and run at once.
const BATCH: usize = 32;

/// The part of a network that a stage does not train.
pub struct FrozenPart {
    extractor: Box<dyn FeatureExtractor>,
    preprocessing: Preprocessing,
    pixels: PixelSpec,
    /// What decides its features.
    pub keys: FeatureKeys,
}

impl FrozenPart {
    /// The frozen part of the first stage of a pipeline. The images of the pipeline are not needed.
    ///
    /// # Errors
    /// When the weights cannot be used, nothing is frozen, or training images are augmented.
    pub fn of_first_stage(spec: &PipelineSpec, cache: Option<&Path>) -> Result<Self, Problem> {
        let (network, base) = network::without_images(spec, cache)?;
        let stage = &spec.stages[0];
        let at = KeyPath::of(&["stages", &stage.name]);
        let cut = network.cut(network.first_trainable(stage.freeze()));
        if cut.frozen.is_empty() {
            let message = "this stage freezes no layers, so its features are the images";
            let problem = Problem::new(Code::Conflict, at, message);
            return Err(problem.hint("write `freeze: all`, or `fit` in place of `train`"));
        }
        if !spec.augmentation_of(stage).0.is_empty() {
            let message = "this stage augments its training images, so they have no features that \
                           could be computed in advance";
            let problem = Problem::new(Code::Conflict, at, message);
            return Err(problem.hint("leave out `augmentation` of this stage, here and in the run"));
        }
        let weights = initial_weights(spec, &network, base.as_ref());
        let (pixels, file) = (spec.dataset.pixels(), base.as_ref().map(|base| base.digest));
        let keys = computed::keys(&network, &cut, &weights, pixels, file);
        let extractor = engine::extractor(&network, &cut, &weights)
            .map_err(|error| Problem::caused(Code::Conflict, at, &error))?;
        Ok(Self { extractor, preprocessing: network.preprocessing, pixels, keys })
    }

    /// The features of image files, or why a file cannot be read as an image.
    ///
    /// # Errors
    /// When the engine fails.
    pub fn features(
        &self,
        files: &[ImageFile],
    ) -> Result<Vec<Result<ImageFeatures, String>>, EngineError> {
        let batches = files.chunks(BATCH).map(|files| self.of_batch(files));
        Ok(batches.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    fn of_batch(
        &self,
        files: &[ImageFile],
    ) -> Result<Vec<Result<ImageFeatures, String>>, EngineError> {
        let read = |resizer: &mut Resizer, file: &ImageFile| {
            let make = |image| (resizer.resize(&image), Likeness::of(&image));
            let ((resized, likeness), digest) =
                image_files::image_and_digest(file, self.pixels.alpha, make)?;
            let mut values: Vec<f32> = resized.into_iter().map(f32::from).collect();
            self.preprocessing.apply(&mut values);
            Ok((values, ImageFeatures { digest, note: likeness.to_bytes(), values: vec![] }))
        };
        let read: Vec<Result<(Vec<f32>, ImageFeatures), String>> =
            files.par_iter().map_init(|| Resizer::of(self.pixels), read).collect();
        let readable = read.iter().filter_map(|image| image.as_ref().ok());
        let (n, values) = (readable.clone().count(), readable.flat_map(|(values, _)| values));
        let ImageSize { height, width } = self.pixels.image_size;
        let images = Tensor::new(&[n, height, width, 3], values.copied().collect());
        let features = match n {
            0 => None,
            _ => Some(self.extractor.extract(&Batch { images, samples: (0..n).collect() })?),
        };
        let mut at = 0;
        let mut with_values = |(_, mut image): (_, ImageFeatures)| {
            let features = features.as_ref().expect("there is an image");
            let len = features.values.iter().map(|one| one.values().len() / n).sum();
            image.values.resize(len, 0.0);
            features.write_record(at, &mut image.values);
            at += 1;
            image
        };
        Ok(read.into_iter().map(|image| image.map(&mut with_values)).collect())
    }
}
