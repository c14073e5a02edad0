//! The loss function that training minimizes, and its gradient.
//!
//! One logit means two classes: binary cross-entropy of its sigmoid, the probability of the second
//! class. More logits mean as many classes: cross-entropy of their softmax. Both are computed from
//! logits in double precision, without the overflow of computing probabilities first, and averaged
//! over the batch.

use crate::base::tensor::Tensor;

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
            let probabilities = probabilities(row);
            n_correct += usize::from(predicted(&probabilities) == label);
            let wanted = self.wanted(label, probabilities.len());
            // Without weights it is one, and computing it would only round it.
            let total = self.class_weights.as_ref().map_or(1.0, |_| wanted.iter().sum());
            let losses = Losses::of(row);
            loss += if self.smoothing == 0.0 {
                wanted[label] * losses.of_class(label)
            } else {
                let parts = wanted.iter().enumerate();
                parts.map(|(class, wanted)| wanted * losses.of_class(class)).sum()
            };
            let first = usize::from(row.len() == 1);
            let parts = probabilities.into_iter().zip(wanted).skip(first);
            slope.extend(parts.map(|(p, wanted)| ((p * total - wanted) / n) as f32));
        }
        Outcome { loss: loss / n, n_correct, slope: Tensor::new(logits.shape(), slope) }
    }

    /// The label of an image: its smoothed share of each class, times the weight of that class.
    fn wanted(&self, label: usize, n_classes: usize) -> Vec<f64> {
        let share = |class: usize| {
            let is_own = f64::from(u8::from(class == label));
            (1.0 - self.smoothing) * is_own + self.smoothing / n_classes as f64
        };
        match &self.class_weights {
            None => (0..n_classes).map(share).collect(),
            Some(weights) => (0..n_classes).map(|class| weights[class] * share(class)).collect(),
        }
    }
}

/// The losses of one image for each class that could be its own.
struct Losses<'a> {
    row: &'a [f32],
    /// Logarithm of the sum that probabilities are divided by. For one logit it is that of `1 +
    /// exp(-|z|)`.
    log_sum: f64,
}

impl<'a> Losses<'a> {
    fn of(row: &'a [f32]) -> Self {
        let log_sum = if let [logit] = *row {
            libm::log1p(libm::exp(-f64::from(logit).abs()))
        } else {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 = row.iter().map(|&z| libm::exp(f64::from(z - largest))).sum();
            libm::log(sum) + f64::from(largest)
        };
        Self { row, log_sum }
    }

    fn of_class(&self, class: usize) -> f64 {
        if let [logit] = *self.row {
            let z = f64::from(logit);
            let y = f64::from(u8::from(class == 1));
            z.max(0.0) - z * y + self.log_sum
        } else {
            self.log_sum - f64::from(self.row[class])
        }
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

/// The class with the highest probability. The first class wins a tie.
pub fn predicted(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = class;
        }
    }
    best
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
                let loss = |n: usize| TrainingLoss {
                    smoothing,
                    class_weights: weights.map(|weights| weights[..n].to_vec()),
                };
                check(&[0.3, -1.2, 2.0], 1, &[1, 0, 0], &loss(2));
                check(&[0.3, -1.2, 2.0, 0.0, 0.5, -0.5], 3, &[2, 0], &loss(3));
            }
        }
    }

    /// `PyTorch` 2.15: `cross_entropy(logits, labels, torch.tensor([0.5, 2.0, 1.25]),
    /// label_smoothing=0.2, reduction="sum") / 2`, and `binary_cross_entropy_with_logits(logits,
    /// labels, weight)` with the weight of each image's class.
    #[test]
    fn weighted_losses_are_those_of_pytorch() {
        let logits = Tensor::new(&[2, 3], vec![0.3, -1.2, 2.0, 0.0, 0.5, -0.5]);
        let loss = TrainingLoss { smoothing: 0.2, class_weights: Some(vec![0.5, 2.0, 1.25]) };
        let found = loss.evaluate(&logits, &[2, 0]).loss;
        assert!((found - 0.738_798_837_720_724_5).abs() < 1e-6, "{found}");
        let logits = Tensor::new(&[3, 1], vec![0.3, -1.2, 2.0]);
        let loss = TrainingLoss { smoothing: 0.0, class_weights: Some(vec![0.5, 2.0]) };
        let found = loss.evaluate(&logits, &[1, 0, 0]).loss;
        assert!((found - 0.767_938_576_042_518_7).abs() < 1e-6, "{found}");
    }

    #[test]
    fn the_weight_of_a_class_multiplies_its_losses_and_those_of_no_other() {
        let rows = [[0.3, -1.2, 2.0], [0.0, 0.5, -0.5]];
        let of = |row: usize, label| {
            evaluate(&Tensor::new(&[1, 3], rows[row].to_vec()), &[label], 0.0).loss
        };
        let loss = TrainingLoss { smoothing: 0.0, class_weights: Some(vec![0.5, 1.0, 3.0]) };
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
    }

    #[test]
    fn one_logit_is_the_same_as_two_of_which_one_is_zero() {
        let one = evaluate(&Tensor::new(&[1, 1], vec![0.7]), &[1], 0.0);
        let two = evaluate(&Tensor::new(&[1, 2], vec![0.0, 0.7]), &[1], 0.0);
        assert!((one.loss - two.loss).abs() < 1e-12);
        assert_eq!(one.slope.values()[0], two.slope.values()[1]);
    }
}
