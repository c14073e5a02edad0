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
    /// The derivative at `x`, before the activation. At a bound it is zero.
    pub fn derivative(self, x: f32) -> f32 {
        let is_inside = match self {
            Self::Linear => true,
            Self::Relu => x > 0.0,
            Self::Relu6 => x > 0.0 && x < 6.0,
        };
        f32::from(u8::from(is_inside))
    }

    /// The upper bound of the output, if the lower bound is zero.
    pub fn ceiling(self) -> Option<f32> {
        match self {
            Self::Linear => None,
            Self::Relu => Some(f32::INFINITY),
            Self::Relu6 => Some(6.0),
        }
    }
}
