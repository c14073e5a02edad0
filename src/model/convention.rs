//! The parts of a [`Convention`] that decide layers: padding and epsilon.

use alpaca_kernels::Padding;

use crate::spec::{Architecture, Convention};

impl Convention {
    /// How torchvision builds a network.
    pub fn of_torchvision(architecture: Architecture) -> Self {
        match architecture {
            Architecture::MobilenetV3Small | Architecture::MobilenetV3Large => {
                Self::TorchvisionMobilenetV3
            }
            _ => Self::Torch,
        }
    }

    /// How `keras.applications` builds a network with published weights.
    pub fn of_keras(architecture: Architecture) -> Self {
        match architecture {
            Architecture::EfficientnetB0 => Self::Tensorflow,
            Architecture::Resnet50 => Self::KerasCaffe,
            _ => Self::Keras,
        }
    }

    /// The epsilon of every batch normalization.
    pub fn epsilon(self) -> f32 {
        match self {
            Self::Torch | Self::TorchInception => 1e-5,
            Self::KerasCaffe => 1.001e-5,
            Self::Keras
            | Self::KerasNoTop
            | Self::KerasZeroToOne
            | Self::TorchvisionMobilenetV3
            | Self::Tensorflow
            | Self::EfficientnetLite => 1e-3,
        }
    }

    /// The zeros around the input of a convolution. With stride two and an even input, TensorFlow
    /// adds the odd ones at the bottom and the right, while PyTorch adds the same number on all
    /// sides.
    pub(super) fn padding(
        self,
        [height, width]: [usize; 2],
        kernel: usize,
        stride: usize,
    ) -> Padding {
        if self.pads_evenly() {
            Padding::around_all((kernel - 1) / 2)
        } else {
            Padding::same(height, width, kernel, stride)
        }
    }
}
