//! How the outputs of a network are read: as probabilities, or as a number.

use super::objective;
use crate::base::target::{Target, moments};
use crate::spec::TargetSpec;

/// How the outputs of a network are read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Readout {
    /// As the probabilities of classes of which an image has one.
    Softmax,
    /// Each as the probability of a class, by its sigmoid.
    Sigmoids,
    /// As a number in standard units.
    Number(Standard),
}

/// The mean and the standard deviation of the training numbers. The network learns numbers in these
/// units, so that learning rates and losses do not depend on what is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standard {
    /// Mean of the training numbers.
    pub mean: f64,
    /// Their standard deviation, that of the population; 1 if all are the same.
    pub deviation: f64,
}

impl Standard {
    /// The units of some training numbers.
    pub fn of(numbers: &[f64]) -> Self {
        let (mean, deviation) = moments(numbers);
        Self { mean, deviation: if deviation > 0.0 { deviation } else { 1.0 } }
    }

    /// A number in these units.
    pub fn to_standard(self, number: f64) -> f64 {
        (number - self.mean) / self.deviation
    }

    /// The number that is `z` in these units.
    pub fn number(self, z: f64) -> f64 {
        self.mean + self.deviation * z
    }
}

impl Readout {
    /// The readout for a target. `training` are the targets of the training images.
    pub fn of(target: TargetSpec, training: impl Iterator<Item = Target>) -> Self {
        match target {
            TargetSpec::Class => Self::Softmax,
            TargetSpec::Classes => Self::Sigmoids,
            TargetSpec::Number => {
                let numbers: Vec<f64> = training.map(|target| target.number()).collect();
                Self::Number(Standard::of(&numbers))
            }
        }
    }

    /// What the outputs are read as.
    pub fn target(self) -> TargetSpec {
        match self {
            Self::Softmax => TargetSpec::Class,
            Self::Sigmoids => TargetSpec::Classes,
            Self::Number(_) => TargetSpec::Number,
        }
    }

    /// What a row of outputs says about an image: the probability of each class, or the number.
    pub fn read(self, row: &[f32]) -> Vec<f64> {
        match self {
            Self::Softmax => objective::probabilities(row),
            Self::Sigmoids => row.iter().map(|&z| sigmoid(f64::from(z))).collect(),
            Self::Number(standard) => row.iter().map(|&z| standard.number(f64::from(z))).collect(),
        }
    }
}

/// The sigmoid, without overflow.
pub(super) fn sigmoid(z: f64) -> f64 {
    let e = libm::exp(-z.abs());
    if z > 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_read_by_the_target() {
        let sigmoids = Readout::Sigmoids.read(&[0.0, 800.0, -800.0]);
        assert_eq!(sigmoids, [0.5, 1.0, 0.0]);
        let targets = [2.0, 4.0, 9.0].map(Target::Number);
        let readout = Readout::of(TargetSpec::Number, targets.into_iter());
        let Readout::Number(standard) = readout else { panic!("{readout:?}") };
        assert_eq!(standard.mean, 5.0);
        assert!((standard.deviation - (26.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert!((standard.number(standard.to_standard(7.25)) - 7.25).abs() < 1e-12);
        assert_eq!(Standard::of(&[3.0, 3.0]).deviation, 1.0);
    }
}
