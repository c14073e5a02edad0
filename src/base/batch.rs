//! A batch: the unit that the dataset passes to the engines.

use super::tensor::Tensor;

/// Images with their classes, ready for a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Images, `[n, height, width, 3]`, scaled for the base model.
    pub images: Tensor,
    /// Class of each image.
    pub labels: Vec<usize>,
    /// Position of each image in its dataset.
    pub samples: Vec<usize>,
}
