//! A batch: what the dataset hands to the engines.

use super::tensor::Tensor;

/// Pictures with their classes, ready for a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The pictures, `[n, height, width, 3]`, scaled as the base model needs them.
    pub images: Tensor,
    /// The class of each picture.
    pub labels: Vec<usize>,
    /// The position of each picture in its dataset.
    pub samples: Vec<usize>,
}
