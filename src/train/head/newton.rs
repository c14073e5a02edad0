//! Minimizes a convex loss of linear outputs with a penalty, by Newton's method with steps from
//! conjugate gradients (Nocedal and Wright 2006, algorithm 7.1).

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use super::block::{Real, dot};
use super::link::{Link, Wanted};
use super::passes::Features;
use super::sample::{Factor, Sample};
use crate::base::cancel::Cancel;

/// Most steps of Newton's method, and of conjugate gradients in each.
const MOST_STEPS: usize = 100;
const MOST_INNER: usize = 1000;
/// Least residual of conjugate gradients in single precision, as a part of the gradient.
const SINGLE: f64 = 1e-3;

/// What is minimized: the mean loss over rows, plus the penalty.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    pub(super) features: &'a Features,
    /// Products over a sample of the rows, if there are many.
    pub(super) sample: Option<&'a Sample>,
    /// The wanted outputs of each row.
    pub(super) targets: &'a [Wanted],
    /// The weight of each row.
    pub(super) weights: &'a [f64],
    pub(super) link: Link,
    pub(super) n_outputs: usize,
    /// Ends the search early.
    pub(super) cancel: &'a Cancel,
}

/// Weights, and the outputs that they give.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Solution {
    /// `[outputs, columns]`.
    pub(super) weights: Vec<f64>,
    /// `[outputs]`.
    pub(super) biases: Vec<f64>,
    /// `[n, outputs]`.
    pub(super) outputs: Vec<f64>,
}

/// A point or direction: weights `[outputs, columns]`, then biases `[outputs]`.
type Point = Vec<f64>;

impl Problem<'_> {
    /// Whether the rows with a weight in `part` have every class of those in `others`, where a row has
    /// one class.
    pub(super) fn has_all_classes(&self, part: &[f64], others: &[f64]) -> bool {
        let class = |wanted: &Wanted| match wanted {
            Wanted::Classes(classes) if self.link == Link::Softmax => classes.first().copied(),
            Wanted::Classes(classes) if self.n_outputs == 1 => Some(classes.len() as u32),
            _ => None,
        };
        let of = |weights: &[f64]| -> BTreeSet<u32> {
            let rows = self.targets.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
            rows.filter_map(|(wanted, _)| class(wanted)).collect()
        };
        of(others).is_subset(&of(part))
    }

    /// A loss as other losses are shown: the mean over labels, and the squared error.
    pub(super) fn shown(&self, loss: f64) -> f64 {
        match self.link {
            Link::Softmax => loss,
            Link::Sigmoids => loss / self.n_outputs as f64,
            Link::Identity => 2.0 * loss,
        }
    }

    fn n_weights(&self) -> usize {
        self.n_outputs * self.features.n_columns()
    }

    /// The mean loss of outputs `[n, outputs]`.
    pub(super) fn loss(&self, outputs: &[f64]) -> f64 {
        let rows = outputs.chunks_exact(self.n_outputs).zip(self.targets).zip(self.weights);
        let losses = rows.map(|((row, wanted), weight)| match weight {
            0.0 => 0.0,
            weight => weight * self.link.loss(row, wanted),
        });
        losses.sum::<f64>() / self.weights.iter().sum::<f64>()
    }

    /// Adds the gradient of the penalty at a point.
    fn add_penalty(&self, sums: &mut Point, point: &Point, l2: f64) {
        let n_weights = self.n_weights();
        sums[..n_weights].iter_mut().zip(point).for_each(|(sum, weight)| *sum += l2 * weight);
    }

    fn penalty(&self, point: &Point, l2: f64) -> f64 {
        let weights = &point[..self.n_weights()];
        0.5 * l2 * dot(weights, weights)
    }
}

/// Finds the point at which no component of the gradient exceeds `tolerance`, from a solution of a
/// similar problem if there is one.
pub(super) fn solve(
    problem: &Problem<'_>,
    l2: f64,
    tolerance: f64,
    start: Option<Solution>,
) -> Solution {
    let total: f64 = problem.weights.iter().sum();
    let n_weights = problem.n_weights();
    let (mut point, mut outputs) = match start {
        Some(Solution { mut weights, biases, outputs }) => {
            weights.extend(biases);
            (weights, outputs)
        }
        None => (
            vec![0.0; n_weights + problem.n_outputs],
            vec![0.0; problem.targets.len() * problem.n_outputs],
        ),
    };
    let mut precision = problem.sample.map_or(Precision::Double, |_| Precision::Single);
    let mut last = f64::INFINITY;
    for _ in 0..MOST_STEPS {
        let local = Local::at(problem, &outputs, total);
        let mut gradient = problem.features.sums(&local.slopes);
        problem.add_penalty(&mut gradient, &point, l2);
        let largest = gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        if largest <= tolerance || problem.cancel.is_set() {
            break;
        }
        if largest > 0.9 * last {
            // Steps may not be exact enough.
            precision = Precision::Double;
        }
        last = largest;
        let direction = local.step(problem, &gradient, (l2, tolerance), precision);
        let along = problem.features.outputs(&direction);
        let before = local.loss + problem.penalty(&point, l2);
        let slope = dot(&gradient, &direction);
        let mut length = 1.0;
        let is_shorter = |length: f64| {
            let outputs = moved(&outputs, &along, length);
            let value =
                problem.loss(&outputs) + problem.penalty(&moved(&point, &direction, length), l2);
            value <= before + 1e-4 * length * slope
        };
        while length > 1e-8 && !is_shorter(length) {
            length /= 2.0;
        }
        if length <= 1e-8 {
            // Rounding is all that is left.
            break;
        }
        point = moved(&point, &direction, length);
        outputs = moved(&outputs, &along, length);
    }
    let biases = point.split_off(n_weights);
    Solution { weights: point, biases, outputs }
}

fn moved(from: &[f64], along: &[f64], length: f64) -> Vec<f64> {
    from.iter().zip(along).map(|(from, along)| from + length * along).collect()
}

/// The loss near a point.
struct Local {
    loss: f64,
    /// First derivatives of the mean loss with respect to the outputs, `[n, outputs]`.
    slopes: Vec<f64>,
    /// Probabilities, `[n, outputs]`.
    probabilities: Vec<f64>,
    /// The part of each row in the mean.
    shares: Vec<f64>,
}

impl Local {
    fn at(problem: &Problem<'_>, outputs: &[f64], total: f64) -> Self {
        let (k, link) = (problem.n_outputs, problem.link);
        let shares: Vec<f64> = problem.weights.iter().map(|weight| weight / total).collect();
        let mut slopes = outputs.to_vec();
        let losses: Vec<f64> = slopes
            .par_chunks_exact_mut(k)
            .zip(problem.targets)
            .zip(&shares)
            .map(|((row, wanted), share)| {
                let loss = if *share > 0.0 { link.slope(row, wanted) } else { 0.0 };
                row.iter_mut().for_each(|slope| *slope *= share);
                loss * share
            })
            .collect();
        let mut probabilities = outputs.to_vec();
        probabilities.par_chunks_exact_mut(k).for_each(|row| link.probabilities(row));
        Self { loss: losses.iter().sum(), slopes, probabilities, shares }
    }

    /// The second derivatives times a direction.
    fn curve<T: Real>(&self, problem: &Problem<'_>, direction: &Point, l2: f64) -> Point {
        let k = problem.n_outputs;
        let mut sums = problem.features.changed_sums::<T>(direction, |first, changes| {
            let probabilities = self.probabilities[first * k..].chunks_exact(k);
            let rows = changes.chunks_exact_mut(k).zip(probabilities);
            for ((row, probabilities), share) in rows.zip(&self.shares[first..]) {
                problem.link.curve(row, probabilities);
                row.iter_mut().for_each(|value| *value *= share);
            }
        });
        problem.add_penalty(&mut sums, direction, l2);
        sums
    }

    /// The diagonal of the second derivatives.
    fn diagonal(&self, problem: &Problem<'_>, l2: f64) -> Point {
        let k = problem.n_outputs;
        let curvatures = |probabilities: &[f64], share: f64| -> Vec<f64> {
            probabilities.iter().map(|p| share * problem.link.curvature(*p)).collect()
        };
        let rows = self.probabilities.chunks_exact(k).zip(&self.shares);
        let curvatures: Vec<f64> = rows.flat_map(|(row, share)| curvatures(row, *share)).collect();
        let mut sums = problem.features.sums_of_squares(&curvatures);
        sums[..problem.n_weights()].iter_mut().for_each(|sum| *sum += l2);
        sums.iter_mut().for_each(|sum| *sum = sum.max(1e-12));
        sums
    }

    /// The step to the minimum of the quadratic approximation, by conjugate gradients.
    fn step(
        &self,
        problem: &Problem<'_>,
        gradient: &Point,
        (l2, tolerance): (f64, f64),
        precision: Precision,
    ) -> Point {
        let scaling = Scaling::of(self, problem, l2);
        let size = dot(gradient, gradient).sqrt();
        // Closer to the solution, steps are found more exactly (Eisenstat and Walker 1996).
        let forcing = size.sqrt().min(0.1);
        let forcing = if precision == Precision::Single { forcing.max(SINGLE) } else { forcing };
        let enough = (size * forcing).max(tolerance / 2.0);
        let mut step = vec![0.0; gradient.len()];
        let mut residual: Point = gradient.iter().map(|g| -g).collect();
        let mut towards = scaling.scaled(&residual);
        let mut search = towards.clone();
        let mut product = dot(&residual, &towards);
        for _ in 0..MOST_INNER {
            if dot(&residual, &residual).sqrt() <= enough || problem.cancel.is_set() {
                break;
            }
            let curved = match precision {
                Precision::Single => self.curve::<f32>(problem, &search, l2),
                Precision::Double => self.curve::<f64>(problem, &search, l2),
            };
            let curvature = dot(&search, &curved);
            if curvature <= 0.0 {
                break;
            }
            let length = product / curvature;
            step.iter_mut().zip(&search).for_each(|(step, s)| *step += length * s);
            residual.iter_mut().zip(&curved).for_each(|(r, c)| *r -= length * c);
            towards = scaling.scaled(&residual);
            let next = dot(&residual, &towards);
            let keep = next / product;
            search.iter_mut().zip(&towards).for_each(|(s, t)| *s = t + keep * *s);
            product = next;
        }
        step
    }
}

/// The precision of products with second derivatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Precision {
    Single,
    Double,
}

/// An approximation of the second derivatives, for each output alone. Conjugate gradients need fewer
/// iterations if residuals are divided by it.
enum Scaling {
    /// Their diagonal.
    Diagonal(Point),
    /// The mean curvature of each output, times the products of features with the penalty on their
    /// diagonal.
    Products { of_outputs: Vec<(f64, Arc<Factor>)>, link: Link },
}

impl Scaling {
    fn of(local: &Local, problem: &Problem<'_>, l2: f64) -> Self {
        let k = problem.n_outputs;
        let Some(sample) = problem.sample else {
            return Self::Diagonal(local.diagonal(problem, l2));
        };
        let mut curvatures = vec![0.0; k];
        for (row, share) in local.probabilities.chunks_exact(k).zip(&local.shares) {
            let pairs = curvatures.iter_mut().zip(row);
            pairs.for_each(|(sum, p)| *sum += share * problem.link.curvature(*p));
        }
        let of_output = |curvature: f64| {
            let curvature = curvature.max(1e-12);
            (curvature, sample.factor(l2 / curvature))
        };
        let of_outputs = curvatures.into_iter().map(of_output).collect();
        Self::Products { of_outputs, link: problem.link }
    }

    fn scaled(&self, residual: &Point) -> Point {
        match self {
            Self::Diagonal(diagonal) => residual.iter().zip(diagonal).map(|(r, d)| r / d).collect(),
            Self::Products { of_outputs, link } => {
                let k = of_outputs.len();
                let d = residual.len() / k - 1;
                let mut scaled = residual.clone();
                // Outputs with equal factors are divided together. Two searches may each have computed
                // one, so they are not always the same object.
                let mut first = 0;
                while first < k {
                    let power = of_outputs[first].1.power;
                    let rest = of_outputs[first..].iter();
                    let n = rest.take_while(|(_, other)| other.power == power).count();
                    let range = first * d..(first + n) * d;
                    scaled[range.clone()]
                        .copy_from_slice(&of_outputs[first].1.divide(&residual[range]));
                    first += n;
                }
                let (weights, biases) = scaled.split_at_mut(k * d);
                for ((weights, bias), (curvature, _)) in
                    weights.chunks_exact_mut(d).zip(&mut *biases).zip(of_outputs)
                {
                    weights.iter_mut().for_each(|value| *value /= curvature);
                    *bias /= curvature;
                }
                if *link == Link::Softmax {
                    center(weights, d);
                    center(biases, 1);
                }
                scaled
            }
        }
    }
}

/// Subtracts from rows of `d` numbers their mean. What all outputs of a softmax have in common has no
/// curvature, which the approximation does not know.
fn center(rows: &mut [f64], d: usize) {
    let k = (rows.len() / d) as f64;
    let mut means = vec![0.0; d];
    for row in rows.chunks_exact(d) {
        means.iter_mut().zip(row).for_each(|(sum, value)| *sum += value / k);
    }
    for row in rows.chunks_exact_mut(d) {
        row.iter_mut().zip(&means).for_each(|(value, mean)| *value -= mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sample and single precision change the way to the solution, and a start near it; not the
    /// solution. The number of threads changes no bit.
    #[test]
    fn all_ways_lead_to_the_same_solution() {
        let (n, d, k) = (500, 24, 4);
        let number = |i: usize| (i * 7919 % 1009) as f64 / 504.5 - 1.0;
        let features = &Features::ready((0..n * d).map(number).collect(), d);
        let weights: Vec<f64> = (0..n).map(|row| 1.0 + (row % 3) as f64).collect();
        let targets: Vec<Wanted> =
            (0..n).map(|row| Wanted::Classes(vec![(row * row % 7 % k) as u32])).collect();
        let (sample, cancel) = (Sample::of(features, &weights), Cancel::new());
        let plain = Problem {
            features,
            sample: None,
            targets: &targets,
            weights: &weights,
            link: Link::Softmax,
            n_outputs: k,
            cancel: &cancel,
        };
        let l2 = 1e-3;
        let expected = solve(&plain, l2, 1e-12, None);
        let sampled = Problem { sample: Some(&sample), ..plain };
        for problem in [&plain, &sampled] {
            let [one, three] = [1, 3].map(|n_threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
                pool.install(|| solve(problem, l2, 1e-6, None))
            });
            assert_eq!(one, three);
        }
        let rough = solve(&sampled, l2, 1e-4, None);
        for found in [solve(&sampled, l2, 1e-12, None), solve(&sampled, l2, 1e-12, Some(rough))] {
            for (a, b) in found.weights.iter().zip(&expected.weights) {
                assert!((a - b).abs() < 1e-8, "{a} {b}");
            }
            // Outputs are those of the weights.
            let point = [&found.weights[..], &found.biases].concat();
            for (a, b) in features.outputs(&point).iter().zip(&found.outputs) {
                assert!((a - b).abs() < 1e-9, "{a} {b}");
            }
        }
    }
}
