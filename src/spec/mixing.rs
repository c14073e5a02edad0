//! Random mixtures of the images of a batch.

use serde::Serialize;

/// How the images of a batch are mixed. Each batch is mixed in one way, each image with the one
/// before it in the batch, and the loss is the same mixture of the losses for both targets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MixingSpec {
    /// Weighted means of two images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix_up: Option<BetaSpec>,
    /// A rectangle of one image in another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_mix: Option<BetaSpec>,
    /// Probability that a batch is mixed at all.
    pub probability: f64,
}

/// The distribution of the share that an image has of a mixture: the beta distribution with both
/// parameters `alpha`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct BetaSpec {
    /// Both parameters.
    pub alpha: f64,
}
