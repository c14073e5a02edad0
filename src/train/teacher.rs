//! Learning from another model: the outputs of a teacher as targets.

use super::readout::{Readout, Standard, sigmoid};
use crate::spec::TeacherSpec;

/// The outputs of a teacher, and how much they count (Hinton, Vinyals and Dean 2015, arXiv
/// 1503.02531).
#[derive(Clone, Debug, PartialEq)]
pub struct Teaching {
    share: f64,
    temperature: f64,
    n_labeled: usize,
    /// The outputs for each image by its position; empty if the stage does not train on it.
    outputs: Vec<Vec<f32>>,
}

impl Teaching {
    /// A teacher's `outputs` for the images of a dataset by their positions, each the probability of
    /// every class or the one number. Those of images that are not trained on may be empty. The first
    /// `n_labeled` images have labels.
    pub fn new(spec: &TeacherSpec, outputs: Vec<Vec<f32>>, n_labeled: usize) -> Self {
        Self { share: spec.share, temperature: spec.temperature, n_labeled, outputs }
    }

    /// Whether the image at a position has a label.
    pub(super) fn is_labeled(&self, position: usize) -> bool {
        position < self.n_labeled
    }

    /// The part of the target of the image at a position that its label is.
    pub(super) fn share_of_label(&self, position: usize) -> f64 {
        if self.is_labeled(position) { 1.0 - self.share } else { 0.0 }
    }

    /// The loss of the image at a position by the teacher's outputs for it, and its derivative by each
    /// logit: the square of the temperature times the cross-entropy of both models' probabilities at
    /// that temperature, its mean over the classes if there may be several, and the squared error of a
    /// number in standard units.
    pub(super) fn of_image(
        &self,
        readout: Readout,
        logits: &[f32],
        position: usize,
    ) -> (f64, Vec<f64>) {
        let (t, outputs) = (self.temperature, &self.outputs[position][..]);
        match readout {
            Readout::Softmax if logits.len() > 1 => of_softmax(logits, &softened(outputs, t), t),
            // One logit is that of the second class.
            Readout::Softmax => {
                let (loss, slope) = of_sigmoid(logits[0], softened(outputs, t)[1], t);
                (loss, vec![slope])
            }
            Readout::Sigmoids => {
                let n = logits.len() as f64;
                let each = logits.iter().zip(outputs).map(|(&logit, &p)| {
                    let (loss, slope) = of_sigmoid(logit, softened(&[1.0 - p, p], t)[1], t);
                    (loss / n, slope / n)
                });
                let (losses, slopes): (Vec<f64>, Vec<f64>) = each.unzip();
                (losses.into_iter().sum(), slopes)
            }
            Readout::Number(standard) => of_number(standard, logits[0], outputs[0]),
        }
    }
}

/// Probabilities at a temperature: to the power of its inverse, with a sum of 1.
fn softened(probabilities: &[f32], temperature: f64) -> Vec<f64> {
    // Without the division, all powers could be zero.
    let largest = f64::from(probabilities.iter().copied().fold(0.0, f32::max));
    let powers = probabilities.iter().map(|&p| match temperature {
        1.0 => f64::from(p),
        _ => libm::pow(f64::from(p) / largest, temperature.recip()),
    });
    let powers: Vec<f64> = powers.collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / sum).collect()
}

/// The loss of an image of one class, and its derivatives.
fn of_softmax(logits: &[f32], wanted: &[f64], t: f64) -> (f64, Vec<f64>) {
    let scaled: Vec<f64> = logits.iter().map(|&z| f64::from(z) / t).collect();
    let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scaled.iter().map(|z| libm::exp(z - largest)).collect();
    let sum: f64 = powers.iter().sum();
    let log_sum = libm::log(sum) + largest;
    let loss: f64 = wanted.iter().zip(&scaled).map(|(wanted, z)| wanted * (log_sum - z)).sum();
    let slopes = powers.iter().zip(wanted).map(|(power, wanted)| t * (power / sum - wanted));
    (t * t * loss, slopes.collect())
}

/// The loss of a choice between two, and its derivative by the logit of the second. `wanted` is the
/// probability of the second.
fn of_sigmoid(logit: f32, wanted: f64, t: f64) -> (f64, f64) {
    let z = f64::from(logit) / t;
    let loss = z.max(0.0) - z * wanted + libm::log1p(libm::exp(-z.abs()));
    (t * t * loss, t * (sigmoid(z) - wanted))
}

/// The squared error of a number in standard units, and its derivative.
fn of_number(standard: Standard, output: f32, number: f32) -> (f64, Vec<f64>) {
    let off = f64::from(output) - standard.to_standard(f64::from(number));
    (off * off, vec![2.0 * off])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::batch::Visit;
    use crate::base::target::Target;
    use crate::base::tensor::Tensor;
    use crate::spec::Location;
    use crate::train::goal::{Goal, Reached};

    fn teaching(share: f64, temperature: f64, outputs: &[&[f32]], n_labeled: usize) -> Teaching {
        let model = Location { written: String::new(), path: "".into() };
        let spec = TeacherSpec { model, share, temperature };
        Teaching::new(&spec, outputs.iter().map(|row| row.to_vec()).collect(), n_labeled)
    }

    /// Evaluates the first images of a dataset.
    fn reached(
        (goal, teaching): (&Goal, &Teaching),
        logits: &[f32],
        targets: &[Target],
        weights: Option<&[f32]>,
    ) -> Reached {
        let n = targets.len();
        let logits = Tensor::new(&[n, logits.len() / n], logits.to_vec());
        let visits: Vec<Visit> = (0..n).map(Visit::from).collect();
        goal.evaluate_taught(teaching, &logits, targets, &visits, weights)
    }

    /// A readout, logits, targets, and the outputs of a teacher.
    type Case = (Readout, Vec<f32>, Vec<Target>, Vec<&'static [f32]>);

    /// Every kind of target.
    fn cases() -> Vec<Case> {
        let sets = [vec![0], vec![]].map(|set: Vec<u32>| Target::Classes(set.into()));
        let standard = Standard { mean: 30.0, deviation: 8.0 };
        vec![
            (
                Readout::Softmax,
                vec![0.3, -1.2, 2.0, 0.0, 0.5, -0.5],
                vec![Target::Class(2), Target::Class(0)],
                vec![&[0.1, 0.2, 0.7], &[0.0, 1.0, 0.0]],
            ),
            (
                Readout::Softmax,
                vec![0.3, -1.2],
                vec![Target::Class(1), Target::Class(0)],
                vec![&[0.25, 0.75], &[1.0, 0.0]],
            ),
            (
                Readout::Sigmoids,
                vec![0.3, -1.2, 2.0, 0.5],
                sets.to_vec(),
                vec![&[0.9, 0.4], &[0.0, 1.0]],
            ),
            (
                Readout::Number(standard),
                vec![0.5, -1.0],
                vec![Target::Number(33.5), Target::Number(12.0)],
                vec![&[31.0], &[20.0]],
            ),
        ]
    }

    #[test]
    fn gradients_are_the_slopes_of_the_loss() {
        for (readout, logits, targets, outputs) in cases() {
            for (share, temperature, n_labeled) in [(0.3, 1.0, 2), (0.5, 2.5, 1), (1.0, 0.5, 2)] {
                let teaching = teaching(share, temperature, &outputs, n_labeled);
                let both = (&Goal::validation(readout), &teaching);
                let weights = Some(&[2.0, 0.5][..]);
                let slope = reached(both, &logits, &targets, weights).slope;
                for i in 0..logits.len() {
                    let at = |change: f32| {
                        let mut moved = logits.clone();
                        moved[i] += change;
                        reached(both, &moved, &targets, weights).loss
                    };
                    let difference = (at(5e-3) - at(-5e-3)) / 1e-2;
                    let error = (f64::from(slope.values()[i]) - difference).abs();
                    assert!(
                        error < 2e-4,
                        "{readout:?}, {i}: {:?}, {difference}",
                        slope.values()[i]
                    );
                }
            }
        }
    }

    /// `PyTorch`: `0.4 * cross_entropy(z, y) + 0.6 * 9 * cross_entropy(z / 3, softmax(log(p) / 3))`.
    #[test]
    fn the_loss_is_the_sum_of_both_parts_by_hand() {
        let (z, p) = ([0.3_f32, -1.2, 2.0], [0.1_f32, 0.2, 0.7]);
        let goal = Goal::validation(Readout::Softmax);
        let taught = teaching(0.6, 3.0, &[&p], 1);
        let found = reached((&goal, &taught), &z, &[Target::Class(0)], None).loss;
        let log_softmax = |z: [f64; 3]| {
            let log_sum = z.iter().map(|z| z.exp()).sum::<f64>().ln();
            z.map(|z| z - log_sum)
        };
        let z = z.map(f64::from);
        let soft = p.map(|p| f64::from(p).powf(1.0 / 3.0));
        let sum: f64 = soft.iter().sum();
        let parts = soft.iter().zip(log_softmax(z.map(|z| z / 3.0)));
        let of_teacher: f64 = parts.map(|(soft, log)| -soft / sum * log).sum();
        let expected = 0.4 * -log_softmax(z)[0] + 0.6 * 9.0 * of_teacher;
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }

    #[test]
    fn one_logit_is_the_same_as_two_of_which_one_is_zero() {
        let goal = Goal::validation(Readout::Softmax);
        let taught = teaching(0.5, 2.0, &[&[0.2, 0.8]], 1);
        let of = |logits: &[f32]| reached((&goal, &taught), logits, &[Target::Class(0)], None);
        let (one, two) = (of(&[0.7]), of(&[0.0, 0.7]));
        assert!((one.loss - two.loss).abs() < 1e-9);
        assert!((one.slope.values()[0] - two.slope.values()[1]).abs() < 1e-6);
    }

    #[test]
    fn at_the_outputs_of_the_teacher_there_is_nothing_left_to_learn() {
        let goal = Goal::validation(Readout::Softmax);
        let logits = [1.0_f32, -0.5, 0.25];
        let outputs = Readout::Softmax.read(&logits);
        let outputs: Vec<f32> = outputs.iter().map(|p| *p as f32).collect();
        for temperature in [0.01, 1.0, 4.0] {
            let taught = teaching(1.0, temperature, &[&outputs], 1);
            let slope = reached((&goal, &taught), &logits, &[Target::Class(1)], None).slope;
            assert!(slope.values().iter().all(|slope| slope.abs() < 1e-5), "{slope:?}");
        }
    }

    #[test]
    fn images_without_labels_have_the_target_of_the_teacher_and_no_score() {
        for (readout, logits, targets, outputs) in cases() {
            let goal = Goal::validation(readout);
            let half = teaching(0.5, 1.0, &outputs, 1);
            let found = reached((&goal, &half), &logits, &targets, None);
            let n = logits.len() / 2;
            let first = reached((&goal, &half), &logits[..n], &targets[..1], None);
            let whole = teaching(1.0, 1.0, &outputs[1..], 1);
            let second = reached((&goal, &whole), &logits[n..], &targets[1..], None);
            assert!((2.0 * found.loss - first.loss - second.loss).abs() < 1e-9, "{readout:?}");
            assert_eq!((found.n_unlabeled, found.score), (1.0, first.score), "{readout:?}");
        }
    }

    #[test]
    fn settings_of_labels_do_not_change_what_a_teacher_says() {
        let (readout, logits, targets, outputs) = cases().swap_remove(0);
        let taught = teaching(1.0, 1.0, &outputs, 2);
        let plain = Goal::validation(readout);
        let mut focal = plain.clone();
        let crate::train::goal::Loss::Class(loss) = &mut focal.loss else { panic!() };
        (loss.gamma, loss.smoothing, loss.class_weights) = (2.0, 0.1, Some(vec![3.0, 1.0, 2.0]));
        let of = |goal: &Goal| reached((goal, &taught), &logits, &targets, None);
        assert_eq!(of(&plain), of(&focal));
    }
}
