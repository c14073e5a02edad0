//! Random mixtures of the images of a batch, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::defaults;

/// Train on random mixtures: each image of a batch is mixed with the one before it, and the loss is
/// the same mixture of the losses for both targets. With `mix_up` and `cut_mix`, each batch is mixed
/// in one of the two ways, chosen at random. Mixing comes after `augmentation`. It makes features new in
/// every epoch, so those of training images are not cached.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawMixing {
    /// Weighted means of two images (Zhang et al. 2018).
    pub(in crate::pipeline) mix_up: Option<RawMixUp>,
    /// A rectangle of one image is pasted into the other (Yun et al. 2019). The image's share is the
    /// area that is left of it.
    pub(in crate::pipeline) cut_mix: Option<RawCutMix>,
    /// Probability that a batch is mixed.
    #[serde(default = "defaults::mixing_probability")]
    #[schemars(extend("exclusiveMinimum" = 0, "maximum" = 1))]
    pub(in crate::pipeline) probability: f64,
}

/// Weighted means of two images.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawMixUp {
    /// Both parameters of the beta distribution of an image's share. The smaller it is, the more one
    /// image prevails.
    #[serde(default = "defaults::mix_up_alpha")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) alpha: f64,
}

/// A rectangle of one image in another.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::pipeline) struct RawCutMix {
    /// Both parameters of the beta distribution of an image's share. With 1, all shares are equally
    /// likely.
    #[serde(default = "defaults::cut_mix_alpha")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub(in crate::pipeline) alpha: f64,
}
