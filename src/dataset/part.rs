//! The parts that a dataset is divided into.

/// A part of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The training set, which the weights are fitted to.
    Train,
    /// The validation set, which selects the best epoch.
    Validation,
    /// The test set, which no stage uses.
    Test,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The name in splits.csv and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The part of each image, in the order of [`Dataset::samples`](super::examine::Dataset::samples).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split(Vec<Part>);

impl Split {
    pub(super) fn new(parts: Vec<Part>) -> Self {
        Self(parts)
    }

    /// Part of each image.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The positions of the images of one part, in path order.
    pub fn positions(&self, part: Part) -> Vec<usize> {
        let parts = self.0.iter().enumerate();
        parts.filter(|(_, of)| **of == part).map(|(position, _)| position).collect()
    }
}
