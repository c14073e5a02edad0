//! What follows the sum of a convolution.

/// The function at the end of a convolution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// None.
    Linear,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
}

impl Activation {
    /// What it gives at most, where it gives nothing below zero.
    pub fn ceiling(self) -> Option<f32> {
        match self {
            Self::Linear => None,
            Self::Relu => Some(f32::INFINITY),
            Self::Relu6 => Some(6.0),
        }
    }
}
