//! Activation functions.

/// The activation at the end of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// No activation.
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

impl Activation {
    /// The upper bound of the output, if the lower bound is zero.
    pub fn ceiling(self) -> Option<f32> {
        match self {
            Self::Linear => None,
            Self::Relu => Some(f32::INFINITY),
            Self::Relu6 => Some(6.0),
        }
    }
}
