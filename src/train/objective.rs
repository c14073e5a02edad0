//! The loss function that training minimizes, and its gradient.
//!
//! One logit means two classes: its sigmoid is the probability of the second class. More logits mean
//! as many classes, and probabilities by their softmax. Losses are the cross-entropy or the focal
//! loss. They are computed from logits in double precision, without the overflow of computing
//! probabilities first, and averaged over the batch.

use crate::base::tensor::Tensor;
use crate::metrics;

/// The loss of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Mean loss.
    pub loss: f64,
    /// Number of images that are classified correctly.
    pub n_correct: usize,
    /// Gradient of the mean loss with respect to the logits, `[n, outputs]`.
    pub slope: Tensor,
}

/// The loss that a stage minimizes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingLoss {
    /// The exponent of the focal loss (Lin et al. 2017, arXiv 1708.02002); 0 for the cross-entropy.
    pub gamma: f64,
    /// Part of each label that is spread evenly over all classes (Szegedy et al. 2016, arXiv
    /// 1512.00567, section 7).
    pub smoothing: f64,
    /// Weight of each class; `None` if all have the weight 1. With smoothed labels each class's part
    /// of the loss has the weight of that class, as in PyTorch's `CrossEntropyLoss`.
    pub class_weights: Option<Vec<f64>>,
}

/// Evaluates logits `[n, outputs]` against the classes of the images: the mean cross-entropy with
/// label smoothing.
pub fn evaluate(logits: &Tensor, labels: &[usize], smoothing: f64) -> Outcome {
    TrainingLoss { smoothing, ..TrainingLoss::default() }.evaluate(logits, labels)
}

impl TrainingLoss {
    /// Evaluates logits `[n, outputs]` against the classes of the images. The sum over the batch is
    /// divided by the number of images, not by the sum of their weights, as in Keras: a step then
    /// counts each image alike, whatever else is in its batch.
    pub fn evaluate(&self, logits: &Tensor, labels: &[usize]) -> Outcome {
        let n = labels.len() as f64;
        let mut loss = 0.0;
        let mut n_correct = 0;
        let mut slope = Vec::with_capacity(logits.values().len());
        for (row, &label) in logits.rows().zip(labels) {
            let row = Row::of(row);
            n_correct += usize::from(metrics::predicted(&row.probabilities) == label);
            let (own, slopes) = self.of_row(&row, label);
            loss += own;
            slope.extend(slopes.into_iter().map(|value| (value / n) as f32));
        }
        Outcome { loss: loss / n, n_correct, slope: Tensor::new(logits.shape(), slope) }
    }

    /// The loss of one image with these logits, and its derivative by each logit.
    pub(super) fn of_image(&self, logits: &[f32], label: usize) -> (f64, Vec<f64>) {
        self.of_row(&Row::of(logits), label)
    }

    fn of_row(&self, row: &Row<'_>, label: usize) -> (f64, Vec<f64>) {
        match self.gamma {
            0.0 => self.cross_entropy(row, label),
            _ if row.logits.len() == 1 => self.focal_of_sigmoid(row, label),
            _ => self.focal_of_softmax(row, label),
        }
    }

    /// The smoothed label of an image: its share of each class.
    fn shares(&self, label: usize, n_classes: usize) -> impl Iterator<Item = f64> {
        let Self { smoothing, .. } = *self;
        (0..n_classes).map(move |class| {
            (1.0 - smoothing) * f64::from(u8::from(class == label)) + smoothing / n_classes as f64
        })
    }

    /// The shares of an image, times the weights of their classes.
    fn wanted(&self, label: usize, n_classes: usize) -> Vec<f64> {
        let shares = self.shares(label, n_classes);
        match &self.class_weights {
            None => shares.collect(),
            Some(weights) => shares.zip(weights).map(|(share, weight)| share * weight).collect(),
        }
    }

    /// The cross-entropy of one image, and its derivative by each logit.
    fn cross_entropy(&self, row: &Row<'_>, label: usize) -> (f64, Vec<f64>) {
        let wanted = self.wanted(label, row.probabilities.len());
        // Without weights it is one, and computing it would only round it.
        let total = self.class_weights.as_ref().map_or(1.0, |_| wanted.iter().sum());
        let loss = if self.smoothing == 0.0 {
            wanted[label] * row.loss_of(label)
        } else {
            let parts = wanted.iter().enumerate();
            parts.map(|(class, wanted)| wanted * row.loss_of(class)).sum()
        };
        let first = usize::from(row.logits.len() == 1);
        let parts = row.probabilities.iter().zip(wanted).skip(first);
        (loss, parts.map(|(p, wanted)| p * total - wanted).collect())
    }

    /// The focal loss of one image with several logits, and its derivatives, as Keras's
    /// `CategoricalFocalCrossentropy`: the sum of `a (1 - p)^gamma (-log p)` over the classes, where
    /// `a` is the weighted share of the class. By the logit of class `k` its derivative is `p_k s -
    /// s_k`, where `s_k` is `a (1 - p)^gamma (1 - gamma p log p / (1 - p))` of class `k`, and `s`
    /// the sum of all of them.
    fn focal_of_softmax(&self, row: &Row<'_>, label: usize) -> (f64, Vec<f64>) {
        let mut loss = 0.0;
        let wanted = self.wanted(label, row.probabilities.len());
        let parts = wanted.into_iter().enumerate().map(|(class, wanted)| {
            if wanted == 0.0 {
                return 0.0;
            }
            let (p, others) = (row.probabilities[class], row.other_than(class));
            // The difference of logarithms has few digits if it is small.
            let own = if others < 0.5 { -libm::log1p(-others) } else { row.loss_of(class) };
            let factor = wanted * libm::pow(others, self.gamma);
            loss += factor * own;
            let ratio = if others == 0.0 { 1.0 } else { own / others };
            factor * (1.0 + self.gamma * p * ratio)
        });
        let parts: Vec<f64> = parts.collect();
        let total: f64 = parts.iter().sum();
        let slopes = row.probabilities.iter().zip(parts).enumerate();
        // With the digits of the other classes' probability, where `p` is nearly one.
        let slopes =
            slopes.map(|(class, (p, part))| p * (total - part) - row.other_than(class) * part);
        (loss, slopes.collect())
    }

    /// The focal loss of one image with one logit, and its derivative, as Keras's
    /// `BinaryFocalCrossentropy` and torchvision's `sigmoid_focal_loss`: `w (1 - p)^gamma` times the
    /// cross-entropy, where `w` and `p` are the means of weight and probability over the shares of
    /// the label. If a label is not smoothed, this is the same as the form of several logits.
    fn focal_of_sigmoid(&self, row: &Row<'_>, label: usize) -> (f64, Vec<f64>) {
        let shares: Vec<f64> = self.shares(label, 2).collect();
        let (p0, p1) = (row.probabilities[0], row.probabilities[1]);
        let weight =
            self.class_weights.as_ref().map_or(1.0, |w| shares[0] * w[0] + shares[1] * w[1]);
        let entropy = shares[0] * row.loss_of(0) + shares[1] * row.loss_of(1);
        let missed = shares[0] * p1 + shares[1] * p0;
        let factor = weight * libm::pow(missed, self.gamma);
        let ratio = if missed == 0.0 { 1.0 } else { p0 * p1 / missed };
        let focus = self.gamma * (shares[1] - shares[0]) * ratio * entropy;
        // The probability less the label, with the digits of a small one.
        let difference = shares[0] * p1 - shares[1] * p0;
        (factor * entropy, vec![factor * (difference - focus)])
    }
}

/// The logits of one image, and the losses for each class that could be its own.
struct Row<'a> {
    logits: &'a [f32],
    probabilities: Vec<f64>,
    /// Logarithm of the sum that probabilities are divided by. For one logit it is that of `1 +
    /// exp(-|z|)`.
    log_sum: f64,
}

impl<'a> Row<'a> {
    fn of(logits: &'a [f32]) -> Self {
        let log_sum = if let [logit] = *logits {
            libm::log1p(libm::exp(-f64::from(logit).abs()))
        } else {
            let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = logits.iter().map(|&z| libm::exp(f64::from(z - largest))).sum();
            libm::log(sum) + f64::from(largest)
        };
        Self { logits, probabilities: probabilities(logits), log_sum }
    }

    /// The cross-entropy if the image is of this class.
    fn loss_of(&self, class: usize) -> f64 {
        if let [logit] = *self.logits {
            let z = f64::from(logit);
            let y = f64::from(u8::from(class == 1));
            z.max(0.0) - z * y + self.log_sum
        } else {
            self.log_sum - f64::from(self.logits[class])
        }
    }

    /// The probability of all other classes, with all its digits if it is small.
    fn other_than(&self, class: usize) -> f64 {
        let p = self.probabilities[class];
        if p < 0.5 {
            return 1.0 - p;
        }
        let others = self.probabilities.iter().enumerate().filter(|(other, _)| *other != class);
        others.map(|(_, p)| p).sum()
    }
}

/// The probability of each class.
pub fn probabilities(row: &[f32]) -> Vec<f64> {
    if let [logit] = *row {
        let e = libm::exp(-f64::from(logit).abs());
        let (likely, unlikely) = (1.0 / (1.0 + e), e / (1.0 + e));
        if logit > 0.0 { vec![unlikely, likely] } else { vec![likely, unlikely] }
    } else {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f64> = row.iter().map(|&z| libm::exp(f64::from(z - largest))).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares the gradient with central differences of the loss.
    fn check(logits: &[f32], outputs: usize, labels: &[usize], loss: &TrainingLoss) {
        let logits = Tensor::new(&[labels.len(), outputs], logits.to_vec());
        let slope = loss.evaluate(&logits, labels).slope;
        for i in 0..logits.values().len() {
            let at = |change: f32| {
                let mut moved = logits.clone();
                moved.values_mut()[i] += change;
                loss.evaluate(&moved, labels).loss
            };
            let difference = (at(1e-2) - at(-1e-2)) / 2e-2;
            let error = (f64::from(slope.values()[i]) - difference).abs();
            assert!(error < 1e-4, "entry {i}: {} against {difference}", slope.values()[i]);
        }
    }

    #[test]
    fn gradients_are_the_slopes_of_the_loss() {
        for smoothing in [0.0, 0.2] {
            for weights in [None, Some([0.5, 2.0, 1.25])] {
                for gamma in [0.0, 0.5, 2.0, 3.5] {
                    let loss = |n: usize| TrainingLoss {
                        gamma,
                        smoothing,
                        class_weights: weights.map(|weights| weights[..n].to_vec()),
                    };
                    check(&[0.3, -1.2, 2.0], 1, &[1, 0, 0], &loss(2));
                    check(&[0.3, -1.2, 2.0, 0.0, 0.5, -0.5], 3, &[2, 0], &loss(3));
                }
            }
        }
    }

    /// `PyTorch` 2.15: `cross_entropy(logits, labels, torch.tensor([0.5, 2.0, 1.25]),
    /// label_smoothing=0.2, reduction="sum") / 2`, and `binary_cross_entropy_with_logits(logits,
    /// labels, weight)` with the weight of each image's class.
    #[test]
    fn weighted_losses_are_those_of_pytorch() {
        let logits = Tensor::new(&[2, 3], vec![0.3, -1.2, 2.0, 0.0, 0.5, -0.5]);
        let loss =
            TrainingLoss { gamma: 0.0, smoothing: 0.2, class_weights: Some(vec![0.5, 2.0, 1.25]) };
        let found = loss.evaluate(&logits, &[2, 0]).loss;
        assert!((found - 0.738_798_837_720_724_5).abs() < 1e-6, "{found}");
        let logits = Tensor::new(&[3, 1], vec![0.3, -1.2, 2.0]);
        let loss = TrainingLoss { gamma: 0.0, smoothing: 0.0, class_weights: Some(vec![0.5, 2.0]) };
        let found = loss.evaluate(&logits, &[1, 0, 0]).loss;
        assert!((found - 0.767_938_576_042_518_7).abs() < 1e-6, "{found}");
    }

    #[test]
    fn the_weight_of_a_class_multiplies_its_losses_and_those_of_no_other() {
        let rows = [[0.3, -1.2, 2.0], [0.0, 0.5, -0.5]];
        let of = |row: usize, label| {
            evaluate(&Tensor::new(&[1, 3], rows[row].to_vec()), &[label], 0.0).loss
        };
        let loss =
            TrainingLoss { gamma: 0.0, smoothing: 0.0, class_weights: Some(vec![0.5, 1.0, 3.0]) };
        let found = loss.evaluate(&Tensor::new(&[2, 3], rows.concat()), &[2, 0]).loss;
        assert!((2.0 * found - 3.0 * of(0, 2) - 0.5 * of(1, 0)).abs() < 1e-12);
    }

    /// Computed by hand: the mean of the losses of all classes counts for a fifth.
    #[test]
    fn a_smoothed_label_is_shared_among_all_classes() {
        let logits = Tensor::new(&[1, 3], vec![0.3, -1.2, 2.0]);
        let loss = |label| evaluate(&logits, &[label], 0.0).loss;
        let expected = 0.8 * loss(1) + 0.2 * (loss(0) + loss(1) + loss(2)) / 3.0;
        assert!((evaluate(&logits, &[1], 0.2).loss - expected).abs() < 1e-12);
    }

    #[test]
    fn extreme_logits_give_finite_losses() {
        let outcome = evaluate(&Tensor::new(&[2, 1], vec![1000.0, -1000.0]), &[0, 0], 0.0);
        assert_eq!((outcome.loss, outcome.n_correct), (500.0, 1));
        let outcome = evaluate(&Tensor::new(&[1, 3], vec![1000.0, -1000.0, 0.0]), &[1], 0.0);
        assert_eq!(outcome.loss, 2000.0);
        for gamma in [0.3, 1.0, 2.0] {
            let loss = TrainingLoss { gamma, ..TrainingLoss::default() };
            for (label, expected) in [(0, [0.0, 0.0]), (1, [2000.0, 1.0])] {
                let softmax = Tensor::new(&[1, 3], vec![1000.0, -1000.0, 0.0]);
                let found = loss.evaluate(&softmax, &[label]);
                assert_eq!([found.loss, f64::from(found.slope.values()[0])], expected);
                let sigmoid = Tensor::new(&[1, 1], vec![-2000.0]);
                let found = loss.evaluate(&sigmoid, &[label]);
                assert_eq!([found.loss, f64::from(-found.slope.values()[0])], expected);
            }
        }
    }

    /// Both are `(1 - p)^gamma (1 - p)` to the first order.
    #[test]
    fn losses_of_near_certain_images_have_all_their_digits() {
        let loss = TrainingLoss { gamma: 1.0, ..TrainingLoss::default() };
        let rest = libm::exp(-30.0);
        for logits in [vec![30.0], vec![0.0, 30.0]] {
            let outcome = loss.evaluate(&Tensor::new(&[1, logits.len()], logits), &[1]);
            assert!((outcome.loss / (rest * rest) - 1.0).abs() < 1e-9, "{}", outcome.loss);
            let slope = -f64::from(*outcome.slope.values().last().unwrap());
            assert!((slope / (2.0 * rest * rest) - 1.0).abs() < 1e-6, "{slope}");
        }
    }

    #[test]
    fn one_logit_is_the_same_as_two_of_which_one_is_zero() {
        for gamma in [0.0, 1.5] {
            let loss = TrainingLoss { gamma, ..TrainingLoss::default() };
            let one = loss.evaluate(&Tensor::new(&[1, 1], vec![0.7]), &[1]);
            let two = loss.evaluate(&Tensor::new(&[1, 2], vec![0.0, 0.7]), &[1]);
            assert!((one.loss - two.loss).abs() < 1e-12);
            assert!((one.slope.values()[0] - two.slope.values()[1]).abs() < 1e-7);
        }
    }
}
