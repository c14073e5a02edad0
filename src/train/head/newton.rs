//! Minimizes a convex loss of linear outputs with a penalty, by Newton's method with steps from
//! conjugate gradients (Nocedal and Wright 2006, algorithm 7.1).

use std::collections::BTreeSet;
use std::ops::Range;

use rayon::prelude::*;

use super::link::{Link, Wanted};
use super::rows::dot;
use crate::base::cancel::Cancel;

/// Most steps of Newton's method, and of conjugate gradients in each.
const MOST_STEPS: usize = 100;
const MOST_INNER: usize = 1000;
/// Columns whose sums over rows are computed together.
const BLOCK: usize = 64;

/// What is minimized: the mean loss over rows, plus the penalty.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    /// `[n, columns]`.
    pub(super) features: &'a [f64],
    pub(super) n_columns: usize,
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
    fn n(&self) -> usize {
        self.targets.len()
    }

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
        self.n_outputs * self.n_columns
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

    /// The outputs `[n, outputs]` at a point.
    fn outputs(&self, point: &Point) -> Vec<f64> {
        let (weights, biases) = point.split_at(self.n_weights());
        let mut outputs = vec![0.0; self.n() * self.n_outputs];
        let rows = self.features.par_chunks_exact(self.n_columns.max(1));
        outputs.par_chunks_exact_mut(self.n_outputs).zip(rows).for_each(|(outputs, row)| {
            pulp::Arch::new().dispatch(RowOutputs { row, weights, biases, outputs });
        });
        outputs
    }

    /// The sums over rows of `slopes` `[n, outputs]` times features, as a point. Rows are added in
    /// their order.
    fn sums(&self, slopes: &[f64]) -> Point {
        let (d, k) = (self.n_columns, self.n_outputs);
        let starts: Vec<usize> = (0..d).step_by(BLOCK).collect();
        let blocks: Vec<Vec<f64>> = starts
            .par_iter()
            .map(|&start| {
                let columns = start..d.min(start + BLOCK);
                let mut sums = vec![0.0; k * columns.len()];
                let (features, sums_of) = (self.features, &mut sums);
                pulp::Arch::new().dispatch(BlockSums {
                    features,
                    d,
                    columns,
                    slopes,
                    k,
                    sums: sums_of,
                });
                sums
            })
            .collect();
        let mut point = vec![0.0; k * d + k];
        for (start, sums) in starts.iter().zip(&blocks) {
            let width = BLOCK.min(d - start);
            for (output, sums) in sums.chunks_exact(width).enumerate() {
                point[output * d + start..][..width].copy_from_slice(sums);
            }
        }
        for slopes in slopes.chunks_exact(k) {
            point[k * d..].iter_mut().zip(slopes).for_each(|(sum, slope)| *sum += slope);
        }
        point
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

/// The outputs of a row.
struct RowOutputs<'a> {
    row: &'a [f64],
    weights: &'a [f64],
    biases: &'a [f64],
    outputs: &'a mut [f64],
}

impl pulp::NullaryFnOnce for RowOutputs<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let weights = self.weights.chunks_exact(self.row.len());
        for ((output, weights), bias) in self.outputs.iter_mut().zip(weights).zip(self.biases) {
            *output = dot(self.row, weights) + bias;
        }
    }
}

/// The sums over rows of some columns, for each output.
struct BlockSums<'a> {
    features: &'a [f64],
    d: usize,
    columns: Range<usize>,
    slopes: &'a [f64],
    k: usize,
    sums: &'a mut [f64],
}

impl pulp::NullaryFnOnce for BlockSums<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { features, d, columns, slopes, k, sums } = self;
        let width = columns.len();
        for (row, slopes) in features.chunks_exact(d).zip(slopes.chunks_exact(k)) {
            let row = &row[columns.clone()];
            for (sums, slope) in sums.chunks_exact_mut(width).zip(slopes) {
                sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += slope * x);
            }
        }
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
        None => {
            (vec![0.0; n_weights + problem.n_outputs], vec![0.0; problem.n() * problem.n_outputs])
        }
    };
    for _ in 0..MOST_STEPS {
        let local = Local::at(problem, &outputs, total);
        let mut gradient = problem.sums(&local.slopes);
        problem.add_penalty(&mut gradient, &point, l2);
        let largest = gradient.iter().fold(0.0_f64, |most, g| most.max(g.abs()));
        if largest <= tolerance || problem.cancel.is_set() {
            break;
        }
        let direction = local.step(problem, &gradient, l2);
        let along = problem.outputs(&direction);
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
    fn curve(&self, problem: &Problem<'_>, direction: &Point, l2: f64) -> Point {
        let k = problem.n_outputs;
        let mut change = problem.outputs(direction);
        let rows = change.par_chunks_exact_mut(k).zip(self.probabilities.par_chunks_exact(k));
        rows.zip(&self.shares).for_each(|((row, probabilities), share)| {
            problem.link.curve(row, probabilities);
            row.iter_mut().for_each(|value| *value *= share);
        });
        let mut sums = problem.sums(&change);
        problem.add_penalty(&mut sums, direction, l2);
        sums
    }

    /// The diagonal of the second derivatives.
    fn diagonal(&self, problem: &Problem<'_>, l2: f64) -> Point {
        let (d, k) = (problem.n_columns, problem.n_outputs);
        let mut sums = vec![0.0; k * d + k];
        let (of_weights, of_biases) = sums.split_at_mut(k * d);
        of_weights.par_chunks_mut(d.max(1)).zip(of_biases).enumerate().for_each(
            |(output, (sums, of_bias))| {
                let rows = problem.features.chunks_exact(d.max(1));
                for (at, (row, share)) in rows.zip(&self.shares).enumerate() {
                    let probability = self.probabilities[at * k + output];
                    let curvature = share * problem.link.curvature(probability);
                    sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += curvature * x * x);
                    *of_bias += curvature;
                }
            },
        );
        sums[..k * d].iter_mut().for_each(|sum| *sum += l2);
        sums.iter_mut().for_each(|sum| *sum = sum.max(1e-12));
        sums
    }

    /// The step to the minimum of the quadratic approximation, by conjugate gradients scaled by the
    /// diagonal.
    fn step(&self, problem: &Problem<'_>, gradient: &Point, l2: f64) -> Point {
        let diagonal = self.diagonal(problem, l2);
        let scaled = |residual: &Point| -> Point {
            residual.iter().zip(&diagonal).map(|(r, d)| r / d).collect()
        };
        let size = dot(gradient, gradient).sqrt();
        // Closer to the solution, steps are found more exactly (Eisenstat and Walker 1996).
        let enough = size * size.sqrt().min(0.1);
        let mut step = vec![0.0; gradient.len()];
        let mut residual: Point = gradient.iter().map(|g| -g).collect();
        let mut towards = scaled(&residual);
        let mut search = towards.clone();
        let mut product = dot(&residual, &towards);
        for _ in 0..MOST_INNER {
            if dot(&residual, &residual).sqrt() <= enough || problem.cancel.is_set() {
                break;
            }
            let curved = self.curve(problem, &search, l2);
            let curvature = dot(&search, &curved);
            if curvature <= 0.0 {
                break;
            }
            let length = product / curvature;
            step.iter_mut().zip(&search).for_each(|(step, s)| *step += length * s);
            residual.iter_mut().zip(&curved).for_each(|(r, c)| *r -= length * c);
            towards = scaled(&residual);
            let next = dot(&residual, &towards);
            let keep = next / product;
            search.iter_mut().zip(&towards).for_each(|(s, t)| *s = t + keep * *s);
            product = next;
        }
        step
    }
}
