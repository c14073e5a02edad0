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
    /// `x · min(max(x + 3, 0), 6) / 6` (Howard et al. 2019, arXiv 1905.02244, section 5.2).
    HardSwish,
    /// `min(max(x + 3, 0), 6) / 6`.
    HardSigmoid,
    /// `x / (1 + exp(-x))`, also called "swish".
    Silu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Activation {
    /// The upper bound of the output, if the activation clips and its lower bound is zero.
    pub fn ceiling(self) -> Option<f32> {
        match self {
            Self::Relu => Some(f32::INFINITY),
            Self::Relu6 => Some(6.0),
            _ => None,
        }
    }

    /// Whether its derivative depends on its input, so that its output does not tell it.
    pub fn is_curve(self) -> bool {
        self.curve().is_some()
    }

    /// Its value at `x`.
    pub fn value(self, x: f64) -> f64 {
        let hard_sigmoid = (x + 3.0).clamp(0.0, 6.0) / 6.0;
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        match self {
            Self::Linear => x,
            Self::Relu => x.max(0.0),
            Self::Relu6 => x.clamp(0.0, 6.0),
            Self::HardSwish => x * hard_sigmoid,
            Self::HardSigmoid => hard_sigmoid,
            Self::Silu => x * sigmoid,
            Self::Sigmoid => sigmoid,
        }
    }

    /// Its derivative at `x`. At a bound that it clips at it is zero.
    pub fn derivative(self, x: f64) -> f64 {
        let inside = |low: f64, high: f64| f64::from(u8::from(x > low && x < high));
        let sigmoid = 1.0 / (1.0 + (-x).exp());
        match self {
            Self::Linear => 1.0,
            Self::Relu => inside(0.0, f64::INFINITY),
            Self::Relu6 => inside(0.0, 6.0),
            Self::HardSwish => inside(-3.0, 3.0) * (x / 3.0 + 0.5) + inside(3.0, f64::INFINITY),
            Self::HardSigmoid => inside(-3.0, 3.0) / 6.0,
            Self::Silu => sigmoid * (1.0 + x * (1.0 - sigmoid)),
            Self::Sigmoid => sigmoid * (1.0 - sigmoid),
        }
    }
}
