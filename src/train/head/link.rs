//! Losses of a row of outputs, with their first and second derivatives.

use crate::base::target::Target;
use crate::train::readout::{Readout, sigmoid};

/// How outputs become a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The cross-entropy of their softmax, for images of one of several classes.
    Softmax,
    /// The sum of the cross-entropies of their sigmoids.
    Sigmoids,
    /// Half of the squared error.
    Identity,
}

impl Link {
    /// The link of a network with `n_outputs`. For two classes, a single output is the logit of the
    /// second.
    pub fn of(readout: Readout, n_outputs: usize) -> Self {
        match readout {
            Readout::Softmax if n_outputs > 1 => Self::Softmax,
            Readout::Softmax | Readout::Sigmoids => Self::Sigmoids,
            Readout::Number(_) => Self::Identity,
        }
    }

    /// The wanted outputs of each image: 1 for its classes, or its number in standard units.
    pub(super) fn targets(self, targets: &[Target], readout: Readout) -> Vec<Wanted> {
        let wanted = |target: &Target| match (target, readout) {
            (Target::Number(number), Readout::Number(standard)) => {
                Wanted::Number(standard.to_standard(*number))
            }
            (Target::Class(class), _) if self == Self::Sigmoids => {
                Wanted::Classes(if *class == 1 { vec![0] } else { vec![] })
            }
            (Target::Class(class), _) => Wanted::Classes(vec![*class as u32]),
            (Target::Classes(classes), _) => Wanted::Classes(classes.to_vec()),
            (Target::Number(_), _) => unreachable!("numbers are read as numbers"),
        };
        targets.iter().map(wanted).collect()
    }

    /// The loss of a row of outputs. Its first derivatives replace the outputs.
    pub(super) fn slope(self, outputs: &mut [f64], wanted: &Wanted) -> f64 {
        let loss = self.loss(outputs, wanted);
        match (self, wanted) {
            (Self::Identity, Wanted::Number(number)) => {
                outputs.iter_mut().for_each(|z| *z -= number);
            }
            (_, Wanted::Classes(classes)) => {
                self.probabilities(outputs);
                classes.iter().for_each(|class| outputs[*class as usize] -= 1.0);
            }
            _ => unreachable!("targets are made for the link"),
        }
        loss
    }

    /// The loss of a row of outputs.
    pub(super) fn loss(self, outputs: &[f64], wanted: &Wanted) -> f64 {
        match (self, wanted) {
            (Self::Identity, Wanted::Number(number)) => {
                outputs.iter().map(|z| 0.5 * (z - number) * (z - number)).sum()
            }
            (Self::Softmax, Wanted::Classes(classes)) => {
                let most = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = outputs.iter().map(|z| libm::exp(z - most)).sum();
                libm::log(sum) + most - outputs[classes[0] as usize]
            }
            (Self::Sigmoids, Wanted::Classes(classes)) => {
                let all: f64 = outputs.iter().map(|z| soft_plus(*z)).sum();
                all - classes.iter().map(|class| outputs[*class as usize]).sum::<f64>()
            }
            _ => unreachable!("targets are made for the link"),
        }
    }

    /// Replaces outputs by their probabilities; leaves numbers as they are.
    pub(super) fn probabilities(self, outputs: &mut [f64]) {
        match self {
            Self::Identity => {}
            Self::Sigmoids => outputs.iter_mut().for_each(|z| *z = sigmoid(*z)),
            Self::Softmax => {
                let most = outputs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                outputs.iter_mut().for_each(|z| *z = libm::exp(*z - most));
                let sum: f64 = outputs.iter().sum();
                outputs.iter_mut().for_each(|p| *p /= sum);
            }
        }
    }

    /// Multiplies a change of the outputs by the second derivatives of the loss. `probabilities` are
    /// those of the outputs.
    pub(super) fn curve(self, change: &mut [f64], probabilities: &[f64]) {
        match self {
            Self::Identity => {}
            Self::Sigmoids => {
                change.iter_mut().zip(probabilities).for_each(|(d, p)| *d *= p * (1.0 - p));
            }
            Self::Softmax => {
                let pairs = || change.iter().zip(probabilities);
                let mean: f64 = pairs().map(|(d, p)| d * p).sum();
                change.iter_mut().zip(probabilities).for_each(|(d, p)| *d = p * (*d - mean));
            }
        }
    }

    /// The second derivative with respect to one output alone.
    pub(super) fn curvature(self, probability: f64) -> f64 {
        match self {
            Self::Identity => 1.0,
            Self::Sigmoids | Self::Softmax => probability * (1.0 - probability),
        }
    }
}

/// What the outputs of an image should be.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Wanted {
    /// High for these outputs.
    Classes(Vec<u32>),
    /// This number in standard units.
    Number(f64),
}

/// `log(1 + exp(z))` without overflow.
fn soft_plus(z: f64) -> f64 {
    z.max(0.0) + libm::log1p(libm::exp(-z.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_those_of_the_loss() {
        let outputs = [0.3, -1.2, 2.0];
        let h = 1e-5;
        for (link, wanted) in [
            (Link::Softmax, Wanted::Classes(vec![1])),
            (Link::Sigmoids, Wanted::Classes(vec![0, 2])),
            (Link::Identity, Wanted::Number(0.7)),
        ] {
            let at = |k: usize, step: f64| {
                let mut moved = outputs;
                moved[k] += step;
                moved
            };
            let mut slope = outputs;
            link.slope(&mut slope, &wanted);
            let mut probabilities = outputs;
            link.probabilities(&mut probabilities);
            for k in 0..3 {
                let loss = |step: f64| link.loss(&at(k, step), &wanted);
                let difference = (loss(h) - loss(-h)) / (2.0 * h);
                assert!((slope[k] - difference).abs() < 1e-9, "{link:?} {k}");
                let mut change = [0.0; 3];
                change[k] = 1.0;
                link.curve(&mut change, &probabilities);
                assert!((change[k] - link.curvature(probabilities[k])).abs() < 1e-12);
                let [mut above, mut below] = [at(k, h), at(k, -h)];
                link.slope(&mut above, &wanted);
                link.slope(&mut below, &wanted);
                for j in 0..3 {
                    let difference = (above[j] - below[j]) / (2.0 * h);
                    assert!((change[j] - difference).abs() < 1e-8, "{link:?} {k} {j}");
                }
            }
        }
    }
}
