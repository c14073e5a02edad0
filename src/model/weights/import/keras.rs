//! How Keras built the network of a file, as far as its tensors tell.

use super::names::{Naming, keras};
use super::{FormatError, WeightsFile};
use crate::model::architecture;
use crate::model::graph::{Parameter, Role};
use crate::model::weights::error::WeightsError;
use crate::spec::{Architecture, Convention};

/// The means and variances of `ImageNet` in the layer that standardizes images. The published
/// weights have the standard deviations for variances, and Keras divides by their roots once more.
const PUBLISHED: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
/// Those of a layer that has seen no images.
const UNTRAINED: [[f32; 3]; 2] = [[0.0; 3], [1.0; 3]];
/// The convolutions of Keras's MobileNetV3 that have a bias outside of squeeze-and-excitation: the one
/// after the pooling, and the classifier.
const N_OTHER_BIASES: usize = 2;
/// Largest difference from these numbers that rounding explains.
const ROUNDING: f32 = 1e-6;

impl WeightsFile {
    /// How Keras built the network whose weights are in the file.
    ///
    /// # Errors
    /// When it has another structure than the network here, or when images were standardized in
    /// another way than in the published weights and in a new model.
    pub(super) fn convention_of_keras(
        &self,
        architecture: Architecture,
    ) -> Result<Convention, WeightsError> {
        match architecture {
            Architecture::MobilenetV3Small | Architecture::MobilenetV3Large => {
                self.of_mobilenet_v3(architecture)
            }
            Architecture::EfficientnetB0 => self.of_efficientnet(),
            _ => Ok(Convention::of_keras(architecture)),
        }
    }

    /// Keras leaves the convolution after the pooling out of models without a classifier.
    fn of_mobilenet_v3(&self, architecture: Architecture) -> Result<Convention, WeightsError> {
        let graph = architecture::outline(architecture, Convention::Keras, 1.0);
        let parameters = graph.parameters();
        let places = self.naming.places(architecture, &parameters, self.file.shapes());
        let count = |which: &dyn Fn(&Parameter) -> bool| {
            let chosen = places.iter().filter(|place| which(place.parameter));
            chosen.filter(|place| self.file.shapes().contains_key(&place.name)).count()
        };
        let is_depthwise = |parameter: &Parameter| parameter.role == Role::DepthwiseKernel;
        let n_all = parameters.iter().filter(|parameter| is_depthwise(parameter)).count();
        let is_squeeze =
            |parameter: &Parameter| parameter.name.contains(".se.") && parameter.role == Role::Bias;
        let has_squeezes = match self.naming {
            // Numbers are not names: in another network, they are those of other layers.
            Naming::Keras3 => self.n_biases() > N_OTHER_BIASES,
            _ => count(&is_squeeze) > 0,
        };
        if !has_squeezes && count(&is_depthwise) == n_all && self.n_depthwise() == n_all {
            let title = architecture.title();
            return Err(WeightsError::Unsupported {
                path: self.path.clone(),
                what: format!(
                    "Keras calls this {title} minimalistic: it has other layers than {title}"
                ),
                hint: "use weights of a model that was built with `minimalistic=False`".to_owned(),
            });
        }
        let has_head = count(&|parameter| parameter.name == "conv_head/kernel") > 0;
        Ok(if has_head { Convention::Keras } else { Convention::KerasNoTop })
    }

    /// The number of convolutions with a bias in a file that numbers layers.
    fn n_biases(&self) -> usize {
        let names = self.file.shapes().keys();
        names.filter(|name| name.starts_with("layers/conv2d") && name.ends_with("/vars/1")).count()
    }

    /// The number of depthwise convolutions in the file.
    fn n_depthwise(&self) -> usize {
        let names = self.file.shapes().keys();
        let is_depthwise = |name: &&String| {
            if self.naming == Naming::Keras3 {
                return name.starts_with("layers/depthwise_conv2d") && name.ends_with("/vars/0");
            }
            let key = keras::key(name, true);
            key.ends_with("_depthwise/depthwise_kernel") || key.ends_with("_depthwise/kernel")
        };
        names.filter(is_depthwise).count()
    }

    /// A layer of the model standardizes images, so its numbers decide.
    fn of_efficientnet(&self) -> Result<Convention, WeightsError> {
        let failed = |source| WeightsError::Format { path: self.path.clone(), source };
        let [mean, variance] = [("mean", 0), ("variance", 1)].map(|(role, number)| {
            let names = self.file.shapes().keys();
            let mut found = names.filter(|name| match self.naming {
                Naming::Keras3 => {
                    **name == format!("{}vars/{number}", keras::NUMBERED_NORMALIZATION)
                }
                _ => keras::key(name, false).rsplit_once('/').is_some_and(|(layer, variable)| {
                    keras::is_normalization(layer) && variable == role
                }),
            });
            found.next()
        });
        let Some((mean, variance)) = mean.zip(variance) else {
            return self.without_normalization();
        };
        let [mean, variance] = [mean, variance].map(|name| self.three(name).map_err(failed));
        let numbers = [mean?, variance?];
        let is = |these: [[f32; 3]; 2]| {
            let pairs = numbers.iter().flatten().zip(these.iter().flatten());
            pairs.clone().all(|(found, number)| (found - number).abs() < ROUNDING)
        };
        if is(PUBLISHED) {
            return Ok(Convention::Tensorflow);
        }
        if is(UNTRAINED) {
            return Ok(Convention::KerasZeroToOne);
        }
        let [mean, variance] = numbers;
        Err(WeightsError::Unsupported {
            path: self.path.clone(),
            what: format!(
                "its layer `normalization` has the means {mean:?} and the variances {variance:?}; those \
                 of the published weights are {:?} and {:?}",
                PUBLISHED[0], PUBLISHED[1]
            ),
            hint: "use weights of a model that was built with `weights=\"imagenet\"`, or with \
                   `weights=None` and without `adapt`"
                .to_owned(),
        })
    }

    /// Weights of another network, whose tensors do not fit, or of one that no layer standardizes
    /// images for.
    fn without_normalization(&self) -> Result<Convention, WeightsError> {
        let architecture = Architecture::EfficientnetB0;
        let convention = Convention::of_keras(architecture);
        let graph = architecture::outline(architecture, convention, 1.0);
        if !self.fits(architecture, &graph.parameters()) {
            return Ok(convention);
        }
        Err(WeightsError::Unsupported {
            path: self.path.clone(),
            what: "it has no layer `normalization`, which tells how pixel values were scaled"
                .to_owned(),
            hint: "use weights of `keras.applications.EfficientNetB0`".to_owned(),
        })
    }

    fn three(&self, name: &str) -> Result<[f32; 3], FormatError> {
        self.file.read(name)?.try_into().map_err(|_| {
            FormatError::new(format!("tensor {name} has no value for each of three channels"))
        })
    }
}
