//! Fits a head to the features of all training images at once: logistic regression, ridge regression or
//! the nearest class mean, in double precision and a fixed order of sums. Or only its temperature, to the
//! outputs of validation images.
#![expect(clippy::inline_always, reason = "loops are compiled for each instruction set")]

mod link;
mod newton;
mod prototypes;
mod rows;
pub mod temperature;

use rayon::prelude::*;

pub use self::link::Link;
use self::newton::{Problem, Solution};
use self::prototypes::Prototypes;
pub use self::rows::Rows;
use self::rows::Standardized;
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
    /// The strength of the penalty, if there is one.
    pub l2: Option<f64>,
    /// The strengths that were compared, with the loss of each in cross-validation. Empty if it was
    /// given.
    pub compared: Vec<(f64, f64)>,
    /// The outputs for each row of the head that was fitted to the other parts. `None` for rows of
    /// parts that were left out of the cross-validation.
    pub held_out: Vec<Option<Vec<f64>>>,
}

/// How a head is fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// By minimizing the loss with a penalty of this strength.
    Penalized(L2),
    /// By the means of the classes.
    Prototypes,
}

/// Fits a head. With a penalty, it minimizes the mean loss plus `l2 / 2` times the sum of the squared
/// weights of standardized features, as scikit-learn does after a `StandardScaler` with
/// `C = 1 / (n l2)`. Biases have no penalty.
///
/// Returns `None` if it was canceled.
///
/// # Panics
/// When no example has a weight, or there is not one target, weight and part for each row. When
/// prototypes are for anything but images of one class.
pub fn fit(
    examples: Examples<'_>,
    n_outputs: usize,
    readout: Readout,
    method: Method,
) -> Option<Head> {
    let Examples { rows, targets, weights, folds, n_folds, cancel } = examples;
    assert!(weights.iter().any(|weight| *weight > 0.0), "some example has a weight");
    assert!(rows.n() > 0 && [targets.len(), weights.len(), folds.len()] == [rows.n(); 3]);
    let link = Link::of(readout, n_outputs);
    let standardized = Standardized::of(&rows, weights);
    drop(rows);
    let problem = Problem {
        features: standardized.features(),
        n_columns: standardized.n_columns(),
        targets: &link.targets(targets, readout),
        weights,
        link,
        n_outputs,
        cancel,
    };
    let found = match method {
        Method::Penalized(l2) => penalized(&problem, folds, n_folds, l2),
        Method::Prototypes => {
            assert!(readout == Readout::Softmax, "an image has one class");
            let Prototypes { weights, biases, held_out } =
                prototypes::fit(&problem, folds, n_folds);
            let compared = Compared { losses: vec![], held_out };
            Found { weights, biases, l2: None, compared }
        }
    };
    let Found { weights, biases, l2, compared } = found;
    let (kernel, bias) = standardized.unstandardized(&weights, &biases);
    let Compared { losses: compared, held_out } = compared;
    (!cancel.is_set()).then_some(Head { kernel, bias, l2, compared, held_out })
}

/// A head for standardized features: weights `[outputs, columns]` and biases `[outputs]`.
struct Found {
    weights: Vec<f64>,
    biases: Vec<f64>,
    l2: Option<f64>,
    compared: Compared,
}

/// The head with the lowest loss and a penalty.
fn penalized(problem: &Problem<'_>, folds: &[usize], n_folds: usize, l2: L2) -> Found {
    let n = problem.weights.iter().filter(|weight| **weight > 0.0).count() as f64;
    let is_large = folds.len().saturating_mul(problem.n_columns) > LARGE;
    let mut compared = match l2 {
        L2::Auto => {
            let strengths = STRENGTHS.into_iter().filter(|l2| l2 * n >= 1.0);
            compare(problem, folds, if is_large { 1 } else { n_folds }, n_folds, strengths)
        }
        L2::Fixed(_) if is_large => Compared { losses: vec![], held_out: vec![None; folds.len()] },
        L2::Fixed(l2) => compare(problem, folds, n_folds, n_folds, std::iter::once(l2)),
    };
    let best = compared.losses.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a });
    let l2 = match (l2, best) {
        (L2::Fixed(l2), _) => {
            compared.losses.clear();
            l2
        }
        (L2::Auto, Some((l2, _))) => l2,
        (L2::Auto, None) => 1.0,
    };
    let Solution { weights, mut biases, .. } =
        newton::solve(problem, l2, TOLERANCE * l2.min(1.0), None);
    if problem.link == Link::Softmax {
        // What all outputs have in common does not matter.
        let mean = biases.iter().sum::<f64>() / problem.n_outputs as f64;
        biases.iter_mut().for_each(|bias| *bias -= mean);
    }
    Found { weights, biases, l2: Some(l2), compared }
}

/// The strengths of a penalty in a cross-validation.
struct Compared {
    /// Each with its loss on images that the head was not fitted to.
    losses: Vec<(f64, f64)>,
    /// The outputs for each row of the head that was fitted to the other parts, with the best strength.
    held_out: Vec<Option<Vec<f64>>>,
}

/// Compares strengths, each on images that the head was not fitted to: those of the first `most` parts
/// with which that is possible.
fn compare(
    problem: &Problem<'_>,
    folds: &[usize],
    most: usize,
    n_folds: usize,
    strengths: impl Iterator<Item = f64>,
) -> Compared {
    // The weights of the images for which it holds.
    let weights_where = |holds: &dyn Fn(usize) -> bool| -> Vec<f64> {
        let weights = problem.weights.iter().zip(folds);
        weights.map(|(weight, of)| if holds(*of) { *weight } else { 0.0 }).collect()
    };
    let is_some = |weights: &Vec<f64>| weights.iter().any(|weight| *weight > 0.0);
    let has_all = |part: &Part| problem.has_all_classes(&part.fitted, &part.held_out);
    // With few groups, a fold may be empty, or have all images of a class.
    let parts: Vec<Part> = (0..n_folds)
        .map(|fold| Part {
            fold,
            fitted: weights_where(&|of| of != fold),
            held_out: weights_where(&|of| of == fold),
        })
        .filter(|part| is_some(&part.fitted) && is_some(&part.held_out) && has_all(part))
        .take(most)
        .collect();
    let mut compared = Compared { losses: vec![], held_out: vec![None; folds.len()] };
    if parts.is_empty() {
        return compared;
    }
    let mut warm: Vec<Option<Solution>> = vec![None; parts.len()];
    let mut n_worse = 0;
    for l2 in strengths {
        warm = warm
            .into_par_iter()
            .zip(&parts)
            .map(|(start, part)| {
                let part = Problem { weights: &part.fitted, ..*problem };
                Some(newton::solve(&part, l2, ROUGH, start))
            })
            .collect();
        let losses = warm.iter().flatten().zip(&parts).map(|(solution, Part { held_out, .. })| {
            let sum: f64 = held_out.iter().sum();
            (Problem { weights: held_out, ..*problem }.loss(&solution.outputs) * sum, sum)
        });
        let (loss, n) = losses.fold((0.0, 0.0), |(a, b), (c, d)| (a + c, b + d));
        let loss = problem.shown(loss / n);
        let is_better = compared.losses.iter().all(|(_, other)| loss < *other);
        compared.losses.push((l2, loss));
        if is_better {
            for (solution, Part { fold, .. }) in warm.iter().flatten().zip(&parts) {
                let rows = solution.outputs.chunks_exact(problem.n_outputs).zip(folds).enumerate();
                for (row, (outputs, _)) in rows.filter(|(_, (_, of))| *of == fold) {
                    compared.held_out[row] = Some(outputs.to_vec());
                }
            }
        }
        n_worse = if is_better { 0 } else { n_worse + 1 };
        if n_worse == PATIENCE {
            break;
        }
    }
    compared
}

/// A part of a cross-validation, with the weights of all rows.
struct Part {
    fold: usize,
    /// Those that the head is fitted to.
    fitted: Vec<f64>,
    /// Those that are left out.
    held_out: Vec<f64>,
}
