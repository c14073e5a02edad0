//! A base model from an ONNX file: the file itself, and its layers if they can be trained here.

use std::fmt;
use std::sync::Arc;

use super::graph::Graph;
use super::weights::Weights;
use crate::spec::{Convention, ImageSize, Preprocessing};

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
    /// Scaling of the image in the file, before its first layer.
    pub scaling: InputScaling,
}

/// A map of each channel of the image, `factor · x + offset`, in a file before its first layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputScaling {
    /// Positive factor for red, green and blue.
    pub factor: [f64; 3],
    /// Offset that is added after multiplication.
    pub offset: [f64; 3],
}

impl Default for InputScaling {
    fn default() -> Self {
        Self { factor: [1.0; 3], offset: [0.0; 3] }
    }
}

impl InputScaling {
    /// The values of an image after a preprocessing and this scaling, as one preprocessing.
    pub fn after(&self, preprocessing: Preprocessing) -> Preprocessing {
        if *self == Self::default() {
            return preprocessing;
        }
        let (mean, deviation) = preprocessing.statistics();
        let deviation: [f64; 3] =
            std::array::from_fn(|at| f64::from(deviation[at]) / self.factor[at]);
        let mean: [f64; 3] =
            std::array::from_fn(|at| f64::from(mean[at]) - self.offset[at] * deviation[at]);
        Preprocessing::of_statistics(mean.map(|of| of as f32), deviation.map(|of| of as f32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_follows_preprocessing() {
        let scaling = InputScaling { factor: [2.0, 0.5, 1.0], offset: [-1.0, 0.0, 3.0] };
        let cases = [
            Preprocessing::ZeroToOne,
            Preprocessing::ZeroTo255,
            Preprocessing::MinusOneToOne,
            Preprocessing::ImagenetStatistics,
        ];
        for preprocessing in cases {
            assert_eq!(InputScaling::default().after(preprocessing), preprocessing);
            for white in [0.0, 17.0, 255.0] {
                let [mut one, mut two] = [[white; 3]; 2];
                scaling.after(preprocessing).apply(&mut one);
                preprocessing.apply(&mut two);
                for at in 0..3 {
                    let wanted = f64::from(two[at]) * scaling.factor[at] + scaling.offset[at];
                    let off = (f64::from(one[at]) - wanted).abs() / wanted.abs().max(1.0);
                    assert!(off < 1e-6, "{preprocessing:?}: {one:?}");
                }
            }
        }
    }
}
