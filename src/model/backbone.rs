//! A base model that another program wrote: as the file that it is, and as layers of our own where
//! it is made of such.

use std::fmt;
use std::sync::Arc;

use super::graph::Graph;
use super::weights::Weights;
use crate::spec::{Convention, ImageSize};

/// Where the channels of an image stand in a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// `[n, channels, height, width]`.
    First,
    /// `[n, height, width, channels]`.
    Last,
}

impl Channels {
    /// The shape of one image in a tensor.
    pub fn of_one(self, ImageSize { height, width }: ImageSize) -> [usize; 4] {
        match self {
            Self::First => [1, 3, height, width],
            Self::Last => [1, height, width, 3],
        }
    }
}

/// A base model that is an ONNX file, cut down to what computes the features.
#[derive(Clone, PartialEq)]
pub struct Backbone {
    /// The bytes of the file.
    pub file: Arc<[u8]>,
    /// How it takes images.
    pub channels: Channels,
    /// The features of one image, `[height, width, channels]`; of 1 by 1 pixel where the file gives
    /// a vector.
    pub shape: [usize; 3],
}

impl fmt::Debug for Backbone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, channels, shape } = self;
        let file = format_args!("{} bytes", file.len());
        f.debug_struct("Backbone")
            .field("file", &file)
            .field("channels", channels)
            .field("shape", shape)
            .finish()
    }
}

/// A base model that is an ONNX file, as a graph of our own layers.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its layers, by the names of the nodes.
    pub graph: Graph,
    /// Their weights.
    pub weights: Weights,
    /// Whose rules its running means follow.
    pub convention: Convention,
}
