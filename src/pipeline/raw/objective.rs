//! The images, the loss and the class weights of a stage, as written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// Which training images an epoch visits.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawSampling {
    /// Each image once, in random order.
    Shuffled,
    /// As many images as the training set has, each class equally often, in random order. Images of
    /// small classes are visited several times in an epoch, each time with another augmentation, and
    /// some images of large classes are left out of it.
    Balanced,
}

/// Loss of a training image.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawLoss {
    /// Cross-entropy: the negative logarithm of the probability of the class.
    CrossEntropy,
    /// Focal loss (Lin et al. 2017), as in Keras: the cross-entropy times `(1 - p)^gamma`, where `p`
    /// is the probability of the class. Images that are classified well count less.
    Focal(RawFocal),
    /// Mean squared error, for numbers: the squared difference from the number, in standard
    /// deviations of the training numbers.
    Mse,
    /// Huber loss (Huber 1964), for numbers: half the squared difference up to `delta`, and linear
    /// beyond, so that outliers count less. As in PyTorch.
    Huber(RawHuber),
}

/// Huber loss.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawHuber {
    /// Difference from which on the loss is linear, in standard deviations of the training numbers.
    #[serde(default = "defaults::huber_delta")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) delta: f64,
}

/// Focal loss.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawFocal {
    /// Exponent: the larger it is, the less images count that are classified well. 0 is the
    /// cross-entropy. The "alpha" of the focal loss is `class_weights`.
    #[serde(default = "defaults::focal_gamma")]
    #[schemars(extend("minimum" = 0))]
    pub(in crate::pipeline) gamma: f64,
}

/// Weight of each class in the training loss.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(in crate::pipeline) enum RawClassWeights {
    /// A rule that computes the weights from the training set.
    Rule(RawClassWeightsRule),
    /// A weight for each class, by the name of the class.
    ByName(BTreeMap<String, RawClassWeight>),
    /// Weights by the effective number of images, with `beta`.
    Effective(RawEffectiveWeights),
}

/// A rule that computes class weights from the training set.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::pipeline) enum RawClassWeightsRule {
    /// All classes have the weight 1.
    None,
    /// The number of images divided by the number of classes and by the number of images of the
    /// class, as in scikit-learn. All classes then contribute equally to the loss.
    Balanced,
    /// In proportion to `(1 - beta) / (1 - beta^n)` for a class of `n` images (Cui et al. 2019), with
    /// a mean of 1 over the classes. `beta` is 0.999. The largest classes are closer to each other than
    /// with `balanced`.
    Effective,
}

/// The weight of a class.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(extend("exclusiveMinimum" = 0))]
pub(in crate::pipeline) struct RawClassWeight(pub(in crate::pipeline) f64);

/// Class weights by the effective number of images.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawEffectiveWeights {
    /// In proportion to `(1 - beta) / (1 - beta^n)` for a class of `n` images (Cui et al. 2019).
    pub(in crate::pipeline) effective: RawEffective,
}

/// The effective number of images.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawEffective {
    /// Between 0 (all classes weigh the same) and 1 (the proportions of `balanced`). The number of images in
    /// a class beyond which more of them hardly count is about `1 / (1 - beta)`.
    #[serde(default = "defaults::effective_beta")]
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 1))]
    pub(in crate::pipeline) beta: f64,
}
