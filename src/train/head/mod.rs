//! Fits a head to the features of all training images at once: logistic regression, ridge regression or
//! the nearest class mean, with gradients in double precision and sums in a fixed order. Or only its
//! temperature, to the outputs of validation images.
#![expect(clippy::inline_always, reason = "loops are compiled for each instruction set")]

mod block;
mod cross_validation;
mod link;
mod newton;
mod passes;
mod prototypes;
mod rows;
mod sample;
mod strengths;
pub mod temperature;

use self::cross_validation::{Compared, compare};
pub use self::link::Link;
use self::newton::{Problem, Solution};
use self::prototypes::Prototypes;
pub use self::rows::Rows;
use self::rows::Standardized;
use self::sample::Sample;
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
/// weights of standardized features, as scikit-learn does on them with
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
    let found = match method {
        Method::Penalized(l2) => penalized(&problem, folds, n_folds, l2),
        Method::Prototypes => {
            assert!(readout == Readout::Softmax, "an image has one class");
            let Prototypes { weights, biases, held_out } =
                prototypes::fit(&problem, folds, n_folds);
            let compared = Compared { losses: vec![], held_out, solution: None };
            Found { weights, biases, l2: None, compared }
        }
    };
    let Found { weights, biases, l2, compared } = found;
    let (kernel, bias) = standardized.unstandardized(&weights, &biases);
    let Compared { losses: compared, held_out, .. } = compared;
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
    let is_large = folds.len().saturating_mul(problem.features.n_columns()) > LARGE;
    let mut compared = match l2 {
        L2::Auto => {
            let n = problem.weights.iter().filter(|weight| **weight > 0.0).count() as f64;
            let strengths: Vec<f64> = STRENGTHS.into_iter().filter(|l2| l2 * n >= 1.0).collect();
            compare(problem, (folds, n_folds), is_large, &strengths)
        }
        L2::Fixed(_) if is_large => Compared::nothing(folds.len()),
        L2::Fixed(l2) => compare(problem, (folds, n_folds), false, &[l2]),
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
    let start = compared.solution.take();
    let Solution { weights, mut biases, .. } =
        newton::solve(problem, l2, TOLERANCE * l2.min(1.0), start);
    if problem.link == Link::Softmax {
        // What all outputs have in common does not matter.
        let mean = biases.iter().sum::<f64>() / problem.n_outputs as f64;
        biases.iter_mut().for_each(|bias| *bias -= mean);
    }
    Found { weights, biases, l2: Some(l2), compared }
}
