//! Strengths of a penalty, each on images that the head was not fitted to.

use rayon::prelude::*;

use super::newton::{self, Problem, Solution};
use super::strengths::near_the_best;
use super::{LARGE, PATIENCE, ROUGH};

/// The strengths of a penalty in a cross-validation.
pub(super) struct Compared {
    /// Each with its loss on images that the head was not fitted to.
    pub(super) losses: Vec<(f64, f64)>,
    /// The outputs for each row of the head that was fitted to the other parts, with the best strength.
    pub(super) held_out: Vec<Option<Vec<f64>>>,
    /// Of many images, the solution for the best strength: that for all images is near.
    pub(super) solution: Option<Solution>,
}

impl Compared {
    /// No cross-validation of `n` rows.
    pub(super) fn nothing(n: usize) -> Self {
        Self { losses: vec![], held_out: vec![None; n], solution: None }
    }
}

/// A part of a cross-validation, with the weights of all rows.
pub(super) struct Part {
    fold: usize,
    /// Those that the head is fitted to.
    pub(super) fitted: Vec<f64>,
    /// Those that are left out.
    held_out: Vec<f64>,
}

/// Compares strengths, from the strongest to the weakest. With `is_large`, only one part of the rows
/// validates.
pub(super) fn compare(
    problem: &Problem<'_>,
    (folds, n_folds): (&[usize], usize),
    is_large: bool,
    strengths: &[f64],
) -> Compared {
    let mut compared = Compared::nothing(folds.len());
    let parts = parts(problem, (folds, n_folds), if is_large { 1 } else { n_folds });
    if parts.is_empty() {
        return compared;
    }
    let mut warm: Vec<Option<Solution>> = vec![None; parts.len()];
    let mut n_worse = 0;
    let n_sampled = (LARGE / problem.features.n_columns()).max(1);
    let (strengths, patience) = if folds.len() > 3 * n_sampled {
        let weights = [&parts[0].fitted[..], &parts[0].held_out];
        (near_the_best(problem, weights, strengths, n_sampled, PATIENCE), 1)
    } else {
        (strengths, PATIENCE)
    };
    for &l2 in strengths {
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
        n_worse = if is_better { 0 } else { n_worse + 1 };
        if n_worse == patience {
            break;
        }
        if is_better {
            for (solution, part) in warm.iter().flatten().zip(&parts) {
                part.keep(&mut compared.held_out, &solution.outputs, folds);
            }
            if is_large {
                compared.solution.clone_from(&warm[0]);
            }
        }
    }
    compared
}

/// The first `most` parts of the rows that can validate. With few groups, a fold may be empty, or have all
/// images of a class.
pub(super) fn parts(
    problem: &Problem<'_>,
    (folds, n_folds): (&[usize], usize),
    most: usize,
) -> Vec<Part> {
    // The weights of the images for which it holds.
    let weights_where = |holds: &dyn Fn(usize) -> bool| -> Vec<f64> {
        let weights = problem.weights.iter().zip(folds);
        weights.map(|(weight, of)| if holds(*of) { *weight } else { 0.0 }).collect()
    };
    let is_some = |weights: &Vec<f64>| weights.iter().any(|weight| *weight > 0.0);
    let has_all = |part: &Part| problem.has_all_classes(&part.fitted, &part.held_out);
    (0..n_folds)
        .map(|fold| Part {
            fold,
            fitted: weights_where(&|of| of != fold),
            held_out: weights_where(&|of| of == fold),
        })
        .filter(|part| is_some(&part.fitted) && is_some(&part.held_out) && has_all(part))
        .take(most)
        .collect()
}

impl Part {
    /// Keeps the outputs for the rows that are left out, of outputs `[n, outputs]` for all rows.
    pub(super) fn keep(&self, held_out: &mut [Option<Vec<f64>>], outputs: &[f64], folds: &[usize]) {
        let rows = outputs.chunks_exact(outputs.len() / folds.len()).zip(folds).enumerate();
        for (row, (outputs, _)) in rows.filter(|(_, (_, fold))| **fold == self.fold) {
            held_out[row] = Some(outputs.to_vec());
        }
    }
}
