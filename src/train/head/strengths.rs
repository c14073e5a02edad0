//! Strengths of the penalty that are worth a comparison on many rows.

use super::ROUGH;
use super::link::Wanted;
use super::newton::{self, Problem};

/// The strengths that a problem with many rows needs to compare, from the strongest: those from one
/// before the best for about `n` rows at equal distances on. `part` and `held_out` are the weights of the
/// rows that are fitted and of those that validate; the search ends after `patience` strengths without
/// a lower loss. All, if the sample cannot tell.
pub(super) fn near_the_best<'a>(
    problem: &Problem<'_>,
    [part, held_out]: [&[f64]; 2],
    strengths: &'a [f64],
    n: usize,
    patience: usize,
) -> &'a [f64] {
    let rows: Vec<usize> = (0..part.len()).step_by((part.len() / n).max(1)).collect();
    let of = |weights: &[f64]| -> Vec<f64> { rows.iter().map(|row| weights[*row]).collect() };
    let [part, held_out] = [of(part), of(held_out)];
    let has_weight = |weights: &[f64]| weights.iter().any(|weight| *weight > 0.0);
    let targets: Vec<Wanted> = rows.iter().map(|row| problem.targets[*row].clone()).collect();
    let features = &problem.features.of_rows(&rows);
    let fitted = Problem { features, targets: &targets, weights: &part, ..*problem };
    if !has_weight(&part) || !has_weight(&held_out) || !fitted.has_all_classes(&part, &held_out) {
        return strengths;
    }
    let mut warm = None;
    let (mut best, mut least) = (0, f64::INFINITY);
    for (at, l2) in strengths.iter().enumerate() {
        let solution = newton::solve(&fitted, *l2, ROUGH, warm);
        let loss = Problem { weights: &held_out, ..fitted }.loss(&solution.outputs);
        warm = Some(solution);
        if loss < least {
            (best, least) = (at, loss);
        } else if at >= best + patience {
            break;
        }
    }
    &strengths[best.saturating_sub(1)..]
}

#[cfg(test)]
mod tests {
    use alpaca_random::SeedStream;

    use super::super::link::Link;
    use super::super::passes::Features;
    use super::*;
    use crate::base::cancel::Cancel;

    /// Two classes that overlap, and the strengths from one before the best for every third image on.
    #[test]
    fn strengths_near_the_best_of_a_sample_are_left() {
        let (n, d) = (600, 30);
        let random = &mut SeedStream::new(1).generator();
        let class = |row: usize| row / 7 % 2;
        let value = |i: usize| f64::from(random.between(-1.0, 1.0)) + 0.2 * class(i / d) as f64;
        let features = &Features::ready((0..n * d).map(value).collect(), d);
        let wanted = |row| Wanted::Classes(if class(row) == 1 { vec![0] } else { vec![] });
        let targets: Vec<Wanted> = (0..n).map(wanted).collect();
        let (all, cancel) = (vec![1.0; n], Cancel::new());
        let problem = Problem {
            features,
            sample: None,
            targets: &targets,
            weights: &all,
            link: Link::Sigmoids,
            n_outputs: 1,
            cancel: &cancel,
        };
        let folds = |holds: &dyn Fn(usize) -> bool| -> Vec<f64> {
            (0..n).map(|row| f64::from(u8::from(holds(row)))).collect()
        };
        let part = folds(&|row| row % 5 != 0);
        let held_out = folds(&|row| row % 5 == 0);
        let strengths = [1e2, 1e1, 1e0, 1e-1, 1e-2, 1e-3];
        let near = near_the_best(&problem, [&part, &held_out], &strengths, 200, 2);
        // Images that are not in the sample do not count, so this is its comparison.
        let in_sample = |weights: &[f64]| -> Vec<f64> {
            let rows = weights.iter().enumerate();
            rows.map(|(row, weight)| if row % 3 == 0 { *weight } else { 0.0 }).collect()
        };
        let losses = strengths.map(|l2| {
            let fitted = Problem { weights: &in_sample(&part), ..problem };
            let outputs = newton::solve(&fitted, l2, 1e-9, None).outputs;
            Problem { weights: &in_sample(&held_out), ..problem }.loss(&outputs)
        });
        let best = (0..losses.len()).reduce(|a, b| if losses[b] < losses[a] { b } else { a });
        let best = best.unwrap();
        assert!(best > 1 && best < 5, "{losses:?}");
        assert_eq!(near, &strengths[best - 1..]);
        // Without images to validate, or those of one class only, nothing is left out.
        let none = vec![0.0; n];
        assert_eq!(near_the_best(&problem, [&part, &none], &strengths, 200, 2), strengths);
        let ones = folds(&|row| class(row) == 1 && row % 5 != 0);
        assert_eq!(near_the_best(&problem, [&ones, &held_out], &strengths, 200, 2), strengths);
    }
}
