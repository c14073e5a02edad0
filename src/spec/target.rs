//! What a model learns about an image.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// What a model learns about an image. It is written as `labels` and `target` of the dataset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TargetSpec {
    /// Which one of the classes it is of.
    #[default]
    Class,
    /// Which of the classes it is of: several, one or none.
    Classes,
    /// A number.
    Number,
}

impl TargetSpec {
    /// The number of outputs of a network for these classes. Two classes of which an image has one
    /// need one output.
    pub fn n_outputs(self, n_classes: usize) -> usize {
        match self {
            Self::Class if n_classes == 2 => 1,
            Self::Class | Self::Classes => n_classes,
            Self::Number => 1,
        }
    }
}

impl Serialize for TargetSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            Self::Class => {}
            Self::Classes => map.serialize_entry("labels", "many")?,
            Self::Number => map.serialize_entry("target", "number")?,
        }
        map.end()
    }
}
