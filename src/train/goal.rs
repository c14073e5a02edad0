//! What a stage minimizes, and how it is measured, for each kind of target.

use super::number::NumberLoss;
use super::objective::{self, TrainingLoss};
use super::readout::Readout;
use super::several::{self, SeveralLoss};
use super::teacher::Teaching;
use crate::base::batch::Visit;
use crate::base::target::Target;
use crate::base::tensor::Tensor;
use crate::event::Score;
use crate::metrics::several::THRESHOLD;
use crate::spec::{LossSpec, TargetSpec, TrainSpec};
use crate::train::class_weights::class_weights;

/// The loss that is minimized.
#[derive(Clone, Debug, PartialEq)]
pub enum Loss {
    /// Of images of one class.
    Class(TrainingLoss),
    /// Of images that may have several classes.
    Several(SeveralLoss),
    /// Of images with a number.
    Number(NumberLoss),
}

/// A loss, and how the outputs of the network are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// The loss.
    pub loss: Loss,
    /// How outputs are read.
    pub readout: Readout,
}

/// The loss of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// Mean loss.
    pub loss: f64,
    /// Sum of the scores of its images.
    pub score: f64,
    /// Number of its images without a label, which have no score.
    pub n_unlabeled: f64,
    /// Gradient of the mean loss with respect to the outputs, `[n, outputs]`.
    pub slope: Tensor,
}

impl Reached {
    /// The loss of images with labels.
    fn of_labels(loss: f64, score: f64, slope: Tensor) -> Self {
        Self { loss, score, n_unlabeled: 0.0, slope }
    }

    /// The mixture of two losses for the same outputs, with this share of the first.
    #[must_use]
    pub fn mixed_with(mut self, other: &Self, share: f64) -> Self {
        let rest = 1.0 - share;
        self.loss = share * self.loss + rest * other.loss;
        self.score = share * self.score + rest * other.score;
        self.n_unlabeled = share * self.n_unlabeled + rest * other.n_unlabeled;
        let slopes = self.slope.values_mut().iter_mut().zip(other.slope.values());
        slopes.for_each(|(own, other)| {
            *own = (share * f64::from(*own) + rest * f64::from(*other)) as f32;
        });
        self
    }
}

impl Goal {
    /// What validation images are measured by: the cross-entropy, or the squared error in standard
    /// units, whatever a stage minimizes.
    pub fn validation(readout: Readout) -> Self {
        let loss = match readout {
            Readout::Softmax => Loss::Class(TrainingLoss::default()),
            Readout::Sigmoids => Loss::Several(SeveralLoss::default()),
            Readout::Number(standard) => Loss::Number(NumberLoss { standard, delta: None }),
        };
        Self { loss, readout }
    }

    /// What a stage minimizes. The training set has `n_images`, `counts` of them of each of the
    /// `classes`.
    pub fn training(
        spec: &TrainSpec,
        readout: Readout,
        classes: &[String],
        counts: &[usize],
        n_images: usize,
    ) -> Self {
        let (gamma, smoothing) = (spec.loss.gamma(), spec.label_smoothing);
        let loss = match readout {
            Readout::Softmax => Loss::Class(TrainingLoss {
                gamma,
                smoothing,
                class_weights: class_weights(&spec.class_weights, classes, counts),
            }),
            Readout::Sigmoids => Loss::Several(SeveralLoss {
                gamma,
                smoothing,
                positive_weights: several::positive_weights(
                    &spec.class_weights,
                    classes,
                    counts,
                    n_images,
                ),
            }),
            Readout::Number(standard) => {
                let delta = match spec.loss {
                    LossSpec::Huber { delta } => Some(delta),
                    _ => None,
                };
                Loss::Number(NumberLoss { standard, delta })
            }
        };
        Self { loss, readout }
    }

    /// Evaluates outputs `[n, outputs]` against the targets of the images.
    pub fn evaluate(&self, outputs: &Tensor, targets: &[Target]) -> Reached {
        let (loss, slope) = match &self.loss {
            Loss::Class(loss) => {
                let labels: Vec<usize> = targets.iter().map(Target::class).collect();
                let objective::Outcome { loss, n_correct, slope } = loss.evaluate(outputs, &labels);
                return Reached::of_labels(loss, n_correct as f64, slope);
            }
            Loss::Several(loss) => loss.evaluate(outputs, targets),
            Loss::Number(loss) => loss.evaluate(outputs, targets),
        };
        let scores = outputs.rows().zip(targets).map(|(row, target)| {
            let read = self.readout.read(row);
            match target {
                Target::Class(_) => unreachable!("it was just evaluated"),
                Target::Classes(_) => f64::from(u8::from(is_exact(&read, target))),
                Target::Number(number) => (read[0] - number).abs(),
            }
        });
        Reached::of_labels(loss, scores.sum(), slope)
    }

    /// Evaluates outputs like [`evaluate`](Self::evaluate), where the loss of each image has a weight.
    /// The sum over the batch is divided by the number of images, as in Keras. Weights do not affect
    /// scores.
    pub fn evaluate_weighted(
        &self,
        outputs: &Tensor,
        targets: &[Target],
        weights: impl Iterator<Item = f32>,
    ) -> Reached {
        let n = targets.len() as f64;
        let (mut loss, mut score) = (0.0, 0.0);
        let mut slope = Vec::with_capacity(outputs.values().len());
        for ((row, target), weight) in outputs.rows().zip(targets).zip(weights) {
            let row = Tensor::new(&[1, row.len()], row.to_vec());
            let one = self.evaluate(&row, std::slice::from_ref(target));
            let weight = f64::from(weight);
            loss += weight * one.loss;
            score += one.score;
            slope.extend(
                one.slope.values().iter().map(|&slope| (f64::from(slope) * weight / n) as f32),
            );
        }
        Reached::of_labels(loss / n, score, Tensor::new(outputs.shape(), slope))
    }

    /// Evaluates outputs like [`evaluate_weighted`](Self::evaluate_weighted), of images that a teacher
    /// has seen. Its part of the target of an image is the teacher's, and only the rest is that of the
    /// label, so class weights, smoothed labels and the kind of loss affect that rest alone. `weights`
    /// are those of all images of the dataset, if they are not all 1.
    pub fn evaluate_taught(
        &self,
        teaching: &Teaching,
        outputs: &Tensor,
        targets: &[Target],
        visits: &[Visit],
        weights: Option<&[f32]>,
    ) -> Reached {
        let n = targets.len() as f64;
        let (mut loss, mut score, mut n_unlabeled) = (0.0, 0.0, 0.0);
        let mut slope = Vec::with_capacity(outputs.values().len());
        for ((row, target), visit) in outputs.rows().zip(targets).zip(visits) {
            let weight = f64::from(weights.map_or(1.0, |weights| weights[visit.sample]));
            let share = teaching.share_of_label(visit.sample);
            let one = Tensor::new(&[1, row.len()], row.to_vec());
            let own = self.evaluate(&one, std::slice::from_ref(target));
            let (taught, slopes) = teaching.of_image(self.readout, row, visit.sample);
            loss += weight * (share * own.loss + (1.0 - share) * taught);
            if teaching.is_labeled(visit.sample) {
                score += own.score;
            } else {
                n_unlabeled += 1.0;
            }
            slope.extend(own.slope.values().iter().zip(slopes).map(|(own, taught)| {
                (weight / n * (share * f64::from(*own) + (1.0 - share) * taught)) as f32
            }));
        }
        let slope = Tensor::new(outputs.shape(), slope);
        Reached { loss: loss / n, score, n_unlabeled, slope }
    }

    /// The mean score of images.
    pub fn score(&self, mean: f64) -> Score {
        match self.readout.target() {
            TargetSpec::Class => Score::Accuracy(mean),
            TargetSpec::Classes => Score::SubsetAccuracy(mean),
            TargetSpec::Number => Score::MeanAbsoluteError(mean),
        }
    }
}

/// Whether the classes with at least one half are those of the image.
fn is_exact(probabilities: &[f64], target: &Target) -> bool {
    let mut all = probabilities.iter().enumerate();
    all.all(|(class, probability)| (*probability >= THRESHOLD) == target.has(class))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::readout::Standard;

    /// Compares the gradient with central differences of the loss.
    #[track_caller]
    fn check(loss: &Loss, readout: Readout, outputs: &[f32], targets: &[Target]) {
        let goal = Goal { loss: loss.clone(), readout };
        let n_outputs = outputs.len() / targets.len();
        let outputs = Tensor::new(&[targets.len(), n_outputs], outputs.to_vec());
        let slope = goal.evaluate(&outputs, targets).slope;
        for i in 0..outputs.values().len() {
            let at = |change: f32| {
                let mut moved = outputs.clone();
                moved.values_mut()[i] += change;
                goal.evaluate(&moved, targets).loss
            };
            let difference = (at(1e-2) - at(-1e-2)) / 2e-2;
            let error = (f64::from(slope.values()[i]) - difference).abs();
            assert!(error < 2e-5, "{loss:?}, {i}: {} against {difference}", slope.values()[i]);
        }
    }

    #[test]
    fn gradients_are_the_slopes_of_the_loss() {
        let targets =
            [vec![0, 2], vec![], vec![1]].map(|set: Vec<u32>| Target::Classes(set.into()));
        let outputs = [0.3, -1.2, 2.0, 0.0, 0.5, -0.5, 1.5, 0.25, -3.0];
        for positive_weights in [None, Some(vec![0.5, 2.0, 1.25])] {
            for (gamma, smoothing) in [(0.0, 0.0), (0.0, 0.2), (2.0, 0.0), (1.5, 0.1)] {
                let positive_weights = positive_weights.clone();
                let loss = Loss::Several(SeveralLoss { gamma, smoothing, positive_weights });
                check(&loss, Readout::Sigmoids, &outputs, &targets);
            }
        }
        let standard = Standard { mean: 30.0, deviation: 8.0 };
        let targets = [12.0, 33.5, 60.0].map(Target::Number);
        for delta in [None, Some(1.0), Some(0.3)] {
            let loss = Loss::Number(NumberLoss { standard, delta });
            check(&loss, Readout::Number(standard), &[0.5, 0.5, -1.0], &targets);
        }
    }

    #[test]
    fn scores_are_exact_matches_and_absolute_errors() {
        let goal = Goal::validation(Readout::Sigmoids);
        let targets = [vec![0], vec![]].map(|set: Vec<u32>| Target::Classes(set.into()));
        let outputs = Tensor::new(&[2, 2], vec![1.0, -1.0, -1.0, 0.0]);
        assert_eq!(goal.evaluate(&outputs, &targets).score, 1.0);
        let standard = Standard { mean: 10.0, deviation: 2.0 };
        let goal = Goal::validation(Readout::Number(standard));
        let reached = goal.evaluate(&Tensor::new(&[1, 1], vec![1.0]), &[Target::Number(9.0)]);
        assert_eq!((reached.score, reached.loss), (3.0, 2.25));
    }

    /// The cross-entropy with soft targets: the sum over the classes of `-share log p`.
    #[test]
    fn a_mixture_of_losses_is_the_loss_of_mixed_targets() {
        let goal = Goal::validation(Readout::Softmax);
        let row = [0.3, -1.2, 0.8];
        let outputs = Tensor::new(&[1, 3], row.to_vec());
        let of = |class| goal.evaluate(&outputs, &[Target::Class(class)]);
        let mixed = of(2).mixed_with(&of(0), 0.7);
        let total: f64 = row.iter().map(|&z| f64::from(z).exp()).sum();
        let p = row.map(|z| f64::from(z).exp() / total);
        assert!((mixed.loss - (-0.7 * p[2].ln() - 0.3 * p[0].ln())).abs() < 1e-7);
        for (slope, expected) in mixed.slope.values().iter().zip([p[0] - 0.3, p[1], p[2] - 0.7]) {
            assert!((f64::from(*slope) - expected).abs() < 1e-6, "{:?}", mixed.slope);
        }
        // The third class is the likeliest one, which is right to 0.7.
        assert!((mixed.score - 0.7).abs() < 1e-12);
    }

    #[test]
    fn a_weight_multiplies_the_loss_of_its_image_and_its_gradient() {
        let goal = Goal::validation(Readout::Softmax);
        let rows = [vec![0.3, -1.2, 0.8], vec![-0.5, 2.0, 0.1]];
        let outputs = Tensor::new(&[2, 3], rows.concat());
        let targets = [Target::Class(0), Target::Class(2)];
        let whole = goal.evaluate(&outputs, &targets);
        let ones = goal.evaluate_weighted(&outputs, &targets, [1.0, 1.0].into_iter());
        assert!((whole.loss - ones.loss).abs() < 1e-12);
        let pairs = whole.slope.values().iter().zip(ones.slope.values());
        assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-7));
        let one = |i: usize| goal.evaluate(&Tensor::new(&[1, 3], rows[i].clone()), &targets[i..=i]);
        let found = goal.evaluate_weighted(&outputs, &targets, [0.0, 3.0].into_iter());
        assert!((found.loss - 3.0 * one(1).loss / 2.0).abs() < 1e-12);
        assert_eq!(found.slope.values()[..3], [0.0; 3]);
        let expected = one(1).slope.values()[1] * 1.5;
        assert!((found.slope.values()[4] - expected).abs() < 1e-7);
    }
}
