//! The loss of images with a number.

use super::readout::Standard;
use crate::base::target::Target;
use crate::base::tensor::Tensor;

/// The loss of a number: of the difference of output and number, in standard units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberLoss {
    /// The units of the outputs.
    pub standard: Standard,
    /// The difference from which on the loss is linear (Huber 1964); `None` for the squared error.
    pub delta: Option<f64>,
}

impl NumberLoss {
    /// The mean loss of a batch and its gradient by the outputs `[n, 1]`.
    pub fn evaluate(&self, outputs: &Tensor, targets: &[Target]) -> (f64, Tensor) {
        let n = targets.len() as f64;
        let mut loss = 0.0;
        let mut slope = Vec::with_capacity(targets.len());
        for (z, target) in outputs.values().iter().zip(targets) {
            let off = f64::from(*z) - self.standard.to_standard(target.number());
            let (own, derivative) = self.of_difference(off);
            loss += own;
            slope.push((derivative / n) as f32);
        }
        (loss / n, Tensor::new(outputs.shape(), slope))
    }

    /// The loss of a difference, and its derivative.
    fn of_difference(&self, off: f64) -> (f64, f64) {
        match self.delta {
            None => (off * off, 2.0 * off),
            Some(delta) if off.abs() <= delta => (0.5 * off * off, off),
            Some(delta) => (delta * (off.abs() - 0.5 * delta), delta * off.signum()),
        }
    }
}
