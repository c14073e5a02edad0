//! A base model from an ONNX file: the file itself, and its layers if they can be trained here.

use std::fmt;
use std::sync::Arc;

use super::graph::Graph;
use super::weights::Weights;
use crate::spec::{Convention, ImageSize};

/// The position of the channels of an image in a tensor.
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

/// A base model that is an ONNX file, reduced to the nodes that compute the features.
#[derive(Clone, PartialEq)]
pub struct Backbone {
    /// The bytes of the file.
    pub file: Arc<[u8]>,
    /// Order of axes of its input.
    pub channels: Channels,
    /// Shape of the features of one image, `[height, width, channels]`. It is 1 by 1 pixel if the
    /// file outputs a vector.
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

/// A base model from an ONNX file, as a graph of layers that can be trained.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its layers, by the names of the nodes.
    pub graph: Graph,
    /// Their weights.
    pub weights: Weights,
    /// Convention that its running statistics follow.
    pub convention: Convention,
}
