//! Fits a head to the features of all training images at once: logistic regression or ridge
//! regression, with gradients in double precision and sums in a fixed order. Or only its temperature, to
//! the outputs of validation images.
#![expect(clippy::inline_always, reason = "loops are compiled for each instruction set")]

mod block;
mod link;
mod newton;
mod passes;
mod rows;
mod sample;
mod strengths;
pub mod temperature;

use rayon::prelude::*;

pub use self::link::Link;
use self::newton::{Problem, Solution};
pub use self::rows::Rows;
use self::rows::Standardized;
use self::sample::Sample;
use self::strengths::near_the_best;
use crate::base::cancel::Cancel;
use crate::base::target::Target;
use crate::spec::L2;
use crate::train::readout::Readout;

/// The strengths that `l2: auto` compares: half powers of ten, but none below one by the number of
/// images. That is `C = 1` of scikit-learn, and the prior that each weight is about one. With few
/// images, the parts of a cross-validation can often be separated without an error, whatever the
/// penalty, and the head would become overconfident.
const STRENGTHS: [f64; 13] = [
    1e2, 3.1623e1, 1e1, 3.1623, 1e0, 3.1623e-1, 1e-1, 3.1623e-2, 1e-2, 3.1623e-3, 1e-3, 3.1623e-4,
    1e-4,
];
/// Number of strengths without a lower loss after which no smaller one is tried.
const PATIENCE: usize = 3;
/// Number of values of the features above which one part of the images validates instead of all.
const LARGE: usize = 20_000_000;
/// Largest component of the gradient at a solution, per strength of the penalty: it bounds the
/// distance to the minimum. And largest component at a solution that is only compared with others.
const TOLERANCE: f64 = 1e-8;
const ROUGH: f64 = 1e-5;

/// What a head is fitted to.
pub struct Examples<'a> {
    /// The features of each image, or of each version of it.
    pub rows: Rows,
    /// What is true of each.
    pub targets: &'a [Target],
    /// How much the loss of each counts.
    pub weights: &'a [f64],
    /// The part of each in a cross-validation.
    pub folds: &'a [usize],
    /// Number of these parts.
    pub n_folds: usize,
    /// Ends the work early.
    pub cancel: &'a Cancel,
}

/// A head.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Weights, `[features, outputs]`.
    pub kernel: Vec<f64>,
    /// Biases, `[outputs]`.
    pub bias: Vec<f64>,
    /// The strength of the penalty.
    pub l2: f64,
    /// The strengths that were compared, with the loss of each in cross-validation. Empty if it was
    /// given.
    pub compared: Vec<(f64, f64)>,
}

/// Minimizes the mean loss plus `l2 / 2` times the sum of the squared weights of standardized
/// features, as scikit-learn does after a `StandardScaler` with `C = 1 / (n l2)`. Biases have no
/// penalty.
///
/// Returns `None` if it was canceled.
///
/// # Panics
/// When no example has a weight, or there is not one target, weight and part for each row.
pub fn fit(examples: Examples<'_>, n_outputs: usize, readout: Readout, l2: L2) -> Option<Head> {
    let Examples { rows, targets, weights, folds, n_folds, cancel } = examples;
    assert!(weights.iter().any(|weight| *weight > 0.0), "some example has a weight");
    assert!(rows.n() > 0 && [targets.len(), weights.len(), folds.len()] == [rows.n(); 3]);
    let link = Link::of(readout, n_outputs);
    let are_many = Sample::pays(rows.n(), rows.n_columns(), n_outputs);
    let standardized = Standardized::of(rows, weights, are_many);
    let features = standardized.features();
    let sample = are_many.then(|| Sample::of(features, weights));
    let problem = Problem {
        features,
        sample: sample.as_ref(),
        targets: &link.targets(targets, readout),
        weights,
        link,
        n_outputs,
        cancel,
    };
    let (compared, start) = match l2 {
        L2::Fixed(_) => (vec![], None),
        L2::Auto => compare(&problem, folds, n_folds),
    };
    let best = compared.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a });
    let l2 = match (l2, best) {
        (L2::Fixed(l2), _) | (L2::Auto, Some((l2, _))) => l2,
        (L2::Auto, None) => 1.0,
    };
    let mut solution = newton::solve(&problem, l2, TOLERANCE * l2.min(1.0), start);
    if link == Link::Softmax {
        // What all outputs have in common does not matter.
        let mean = solution.biases.iter().sum::<f64>() / n_outputs as f64;
        solution.biases.iter_mut().for_each(|bias| *bias -= mean);
    }
    let (kernel, bias) = standardized.unstandardized(&solution.weights, &solution.biases);
    (!cancel.is_set()).then_some(Head { kernel, bias, l2, compared })
}

/// The loss of each strength on images that it was not fitted to. And, of many images, the solution for
/// the best one: that for all images is near.
fn compare(
    problem: &Problem<'_>,
    folds: &[usize],
    n_folds: usize,
) -> (Vec<(f64, f64)>, Option<Solution>) {
    // The weights of the images for which it holds.
    let weights_where = |holds: &dyn Fn(usize) -> bool| -> Vec<f64> {
        let weights = problem.weights.iter().zip(folds);
        weights.map(|(weight, of)| if holds(*of) { *weight } else { 0.0 }).collect()
    };
    let is_some = |weights: &Vec<f64>| weights.iter().any(|weight| *weight > 0.0);
    let has_all = |[part, held_out]: &[Vec<f64>; 2]| problem.has_all_classes(part, held_out);
    let is_large = folds.len().saturating_mul(problem.features.n_columns()) > LARGE;
    // With few groups, a fold may be empty, or have all images of a class.
    let used = (0..n_folds)
        .map(|fold| [weights_where(&|of| of != fold), weights_where(&|of| of == fold)])
        .filter(|weights| weights.iter().all(is_some) && has_all(weights))
        .take(if is_large { 1 } else { n_folds });
    let (parts, held_out): (Vec<Vec<f64>>, Vec<Vec<f64>>) =
        used.map(|[part, held_out]| (part, held_out)).unzip();
    if parts.is_empty() {
        return (vec![], None);
    }
    let n = problem.weights.iter().filter(|weight| **weight > 0.0).count() as f64;
    let mut warm: Vec<Option<Solution>> = vec![None; parts.len()];
    let mut compared: Vec<(f64, f64)> = vec![];
    let mut n_worse = 0;
    let mut best = None;
    let strengths: Vec<f64> = STRENGTHS.into_iter().filter(|l2| l2 * n >= 1.0).collect();
    let n_sampled = (LARGE / problem.features.n_columns()).max(1);
    let (strengths, patience) = if folds.len() > 3 * n_sampled {
        let weights = [&parts[0][..], &held_out[0]];
        (near_the_best(problem, weights, &strengths, n_sampled, PATIENCE), 1)
    } else {
        (&strengths[..], PATIENCE)
    };
    for &l2 in strengths {
        warm = warm
            .into_par_iter()
            .zip(&parts)
            .map(|(start, weights)| {
                let part = Problem { weights, ..*problem };
                Some(newton::solve(&part, l2, ROUGH, start))
            })
            .collect();
        let losses = warm.iter().flatten().zip(&held_out).map(|(solution, weights)| {
            let sum: f64 = weights.iter().sum();
            (Problem { weights, ..*problem }.loss(&solution.outputs) * sum, sum)
        });
        let (loss, n) = losses.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        let loss = problem.shown(loss / n);
        let is_better = compared.iter().all(|(_, other)| loss < *other);
        compared.push((l2, loss));
        n_worse = if is_better { 0 } else { n_worse + 1 };
        if n_worse == patience {
            break;
        }
        if is_large && is_better {
            best.clone_from(&warm[0]);
        }
    }
    (compared, best)
}
