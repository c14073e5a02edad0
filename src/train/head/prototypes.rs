//! Nearest class mean: a head whose logits are the negative squared distances of an image to the mean
//! features of each class, as in prototypical networks (Snell, Swersky and Zemel 2017, arXiv 1703.05175,
//! section 2.3). Distances are divided by one number that fits images the means were made without.

use super::block::dot;
use super::cross_validation;
use super::link::{Link, Wanted};
use super::newton::Problem;

/// The least and the greatest number that squared distances are divided by, as powers of ten.
const RANGE: [f64; 2] = [-3.0, 6.0];
/// Number of steps of the search for it: each narrows the range to 0.618 of it.
const STEPS: usize = 60;

/// Weights `[outputs, columns]`, biases `[outputs]`, and the outputs `[n, outputs]` for each row by the
/// means of the rows outside of its fold; `None` if these have no image of some class.
pub(super) struct Prototypes {
    pub(super) weights: Vec<f64>,
    pub(super) biases: Vec<f64>,
    pub(super) held_out: Vec<Option<Vec<f64>>>,
}

/// Makes the means of all classes. Squared distances are linear in the features, but for a part that all
/// classes have in common. With one output, it is the difference of the two classes.
pub(super) fn fit(problem: &Problem<'_>, folds: &[usize], n_folds: usize) -> Prototypes {
    let means = Means::of(problem, problem.weights);
    let mut held_out = vec![None; folds.len()];
    for part in cross_validation::parts(problem, (folds, n_folds), n_folds) {
        let (mut point, biases) = Means::of(problem, &part.fitted).linear(1.0);
        point.extend(biases);
        part.keep(&mut held_out, &problem.features.outputs(&point), folds);
    }
    let squares = means.centers.chunks_exact(means.n_columns).map(|mean| dot(mean, mean));
    let spread = squares.fold(0.0, f64::max);
    let scale = scale(problem, &held_out, &means.counts, spread);
    held_out.iter_mut().flatten().flatten().for_each(|z| *z /= scale);
    let (weights, biases) = means.linear(scale);
    Prototypes { weights, biases, held_out }
}

/// The mean features of each class.
struct Means {
    /// `[classes, columns]`.
    centers: Vec<f64>,
    /// The weight of the images of each class.
    counts: Vec<f64>,
    n_columns: usize,
    /// Whether the two classes share one output.
    is_single: bool,
}

impl Means {
    fn of(problem: &Problem<'_>, weights: &[f64]) -> Self {
        let (d, is_single) = (problem.features.n_columns(), problem.n_outputs == 1);
        let k = problem.n_outputs.max(2);
        let mut slopes = vec![0.0; weights.len() * k];
        for (row, slopes) in slopes.chunks_exact_mut(k).enumerate() {
            slopes[class(&problem.targets[row], is_single)] = weights[row];
        }
        let mut centers = problem.features.sums(&slopes);
        let counts = centers.split_off(k * d);
        for (center, n) in centers.chunks_exact_mut(d).zip(&counts).filter(|(_, n)| **n > 0.0) {
            center.iter_mut().for_each(|sum| *sum /= n);
        }
        Self { centers, counts, n_columns: d, is_single }
    }

    /// Weights and biases that give half the negative squared distances, divided by `scale`, but for
    /// what all classes have in common. A class without images is at the mean of all images.
    fn linear(&self, scale: f64) -> (Vec<f64>, Vec<f64>) {
        let means = self.centers.chunks_exact(self.n_columns);
        let biases: Vec<f64> = means.map(|mean| -0.5 * dot(mean, mean) / scale).collect();
        let weights: Vec<f64> = self.centers.iter().map(|mean| mean / scale).collect();
        if !self.is_single {
            return (weights, biases);
        }
        let (first, second) = weights.split_at(self.n_columns);
        let weights = second.iter().zip(first).map(|(second, first)| second - first).collect();
        (weights, vec![biases[1] - biases[0]])
    }
}

/// The class of a row.
fn class(wanted: &Wanted, is_single: bool) -> usize {
    match wanted {
        Wanted::Classes(classes) if is_single => classes.len(),
        Wanted::Classes(classes) => classes[0] as usize,
        Wanted::Number(_) => unreachable!("numbers have no classes"),
    }
}

/// The scale with the lowest mean loss of held-out outputs. So that it is not 0 where every image is right,
/// the label of an image counts as (n + 1) / (n + k) of its class, which has n images, and 1 / (n + k) of
/// each of the other k - 1 (Platt 1999, section 2.2). Golden-section search: the loss is convex in the
/// inverse of the scale.
///
/// Without held-out outputs, it is the `spread` of the means.
fn scale(problem: &Problem<'_>, held_out: &[Option<Vec<f64>>], counts: &[f64], spread: f64) -> f64 {
    let (is_single, k) = (problem.n_outputs == 1, counts.len() as f64);
    let loss = |exponent: f64| -> f64 {
        let scale = libm::pow(10.0, exponent);
        let rows = held_out.iter().enumerate().filter_map(|(row, z)| Some((row, z.as_ref()?)));
        let losses = rows.map(|(row, outputs)| {
            let first = if is_single { &[0.0][..] } else { &[] };
            let logits: Vec<f64> = first.iter().chain(outputs).map(|z| z / scale).collect();
            let own = class(&problem.targets[row], is_single);
            let of_own = Link::Softmax.loss(&logits, &Wanted::Classes(vec![own as u32]));
            let of_all = k * (of_own + logits[own]) - logits.iter().sum::<f64>();
            problem.weights[row] * (counts[own] * of_own + of_all) / (counts[own] + k)
        });
        losses.sum()
    };
    if held_out.iter().all(Option::is_none) {
        // Logits are then about as large as 1.
        return spread.max(f64::MIN_POSITIVE);
    }
    let ratio = (5.0_f64.sqrt() - 1.0) / 2.0;
    let [mut low, mut high] = RANGE;
    let [mut a, mut b] = [high - ratio * (high - low), low + ratio * (high - low)];
    let [mut at_a, mut at_b] = [loss(a), loss(b)];
    for _ in 0..STEPS {
        if at_a <= at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = loss(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = loss(b);
        }
    }
    libm::pow(10.0, f64::midpoint(low, high))
}
