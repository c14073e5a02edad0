//! A batch: the unit that the dataset passes to the engines; and the visits of an epoch that batches
//! are made of.

use super::tensor::Tensor;

/// One visit to an image in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Position of the image in its dataset.
    pub sample: usize,
    /// How many visits to the image come before it in the epoch.
    pub repeat: usize,
}

impl From<usize> for Visit {
    /// The first visit to an image.
    fn from(sample: usize) -> Self {
        Self { sample, repeat: 0 }
    }
}

/// Images, ready for a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Images, `[n, height, width, 3]`, scaled for the base model.
    pub images: Tensor,
    /// Position of each image in its dataset.
    pub samples: Vec<usize>,
}
