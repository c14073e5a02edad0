//! A batch: what the dataset hands to the engines.

use super::tensor::Tensor;

/// Images with their classes, ready for a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The images, `[n, height, width, 3]`, scaled as the base model needs them.
    pub images: Tensor,
    /// The class of each image.
    pub labels: Vec<usize>,
    /// The position of each image in its dataset.
    pub samples: Vec<usize>,
}
