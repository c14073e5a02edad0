//! Calibration: whether probabilities match frequencies.

use serde::{Deserialize, Serialize};

use super::Scored;

/// Number of bins of confidence.
const N_BINS: usize = 15;

/// Images whose highest probability is in a range.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Bin {
    /// Range of the bin, without its lower end.
    pub range: [f64; 2],
    /// Number of images.
    pub n_images: usize,
    /// Mean of the highest probability of each image.
    pub confidence: f64,
    /// Fraction of the images that are classified correctly.
    pub accuracy: f64,
}

/// The bins that have images.
pub fn bins(scored: &[Scored<'_>]) -> Vec<Bin> {
    let mut sums = [(0usize, 0.0, 0usize); N_BINS];
    for Scored { label, predicted, probabilities } in scored {
        let confidence = probabilities[*predicted];
        let bin = ((confidence * N_BINS as f64).ceil() as usize).clamp(1, N_BINS) - 1;
        let (n, sum, n_correct) = &mut sums[bin];
        *n += 1;
        *sum += confidence;
        *n_correct += usize::from(label == predicted);
    }
    let edge = |at: usize| at as f64 / N_BINS as f64;
    sums.iter()
        .enumerate()
        .filter(|(_, (n, ..))| *n > 0)
        .map(|(at, (n, sum, n_correct))| Bin {
            range: [edge(at), edge(at + 1)],
            n_images: *n,
            confidence: sum / *n as f64,
            accuracy: *n_correct as f64 / *n as f64,
        })
        .collect()
}

/// The expected calibration error of some images.
pub fn error(scored: &[Scored<'_>]) -> f64 {
    expected_error(&bins(scored), scored.len())
}

/// The expected calibration error: the mean distance of confidence from accuracy over bins,
/// weighted by their images.
pub(super) fn expected_error(bins: &[Bin], n_images: usize) -> f64 {
    let distances =
        bins.iter().map(|bin| (bin.confidence - bin.accuracy).abs() * bin.n_images as f64);
    distances.sum::<f64>() / n_images as f64
}

/// The negative logarithm of a probability, in nats. A probability of zero counts as the smallest
/// step from one, as in scikit-learn.
pub fn surprise(probability: f64) -> f64 {
    -libm::log(probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON))
}

/// The positions of the `most` largest losses, largest first.
pub fn largest(losses: &[f64], most: usize) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..losses.len()).collect();
    positions.sort_by(|&a, &b| losses[b].total_cmp(&losses[a]));
    positions.truncate(most);
    positions
}

/// The log loss: the mean negative logarithm of the probability of the true class, in nats.
pub(super) fn log_loss(scored: &[Scored<'_>]) -> f64 {
    let surprises = scored.iter().map(|one| surprise(one.probabilities[one.label]));
    surprises.sum::<f64>() / scored.len() as f64
}

/// The Brier score: the mean squared distance of the probabilities from the true class. For two
/// classes it is half the sum over both, as in scikit-learn.
pub(super) fn brier_score(scored: &[Scored<'_>]) -> f64 {
    let distances = scored.iter().map(|one| {
        let squares = one.probabilities.iter().enumerate().map(|(class, probability)| {
            let off = probability - if class == one.label { 1.0 } else { 0.0 };
            off * off
        });
        let sum: f64 = squares.sum();
        if one.probabilities.len() == 2 { sum / 2.0 } else { sum }
    });
    distances.sum::<f64>() / scored.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(rows: &[(usize, [f64; 3])]) -> Vec<Scored<'_>> {
        let predicted = |row: &[f64; 3]| {
            (0..3).fold(0, |best, class| if row[class] > row[best] { class } else { best })
        };
        rows.iter()
            .map(|(label, row)| Scored {
                label: *label,
                predicted: predicted(row),
                probabilities: row,
            })
            .collect()
    }

    #[test]
    fn confident_mistakes_are_far_from_calibrated() {
        let rows = [(0, [0.9, 0.1, 0.0]), (1, [0.9, 0.1, 0.0]), (2, [0.0, 0.3, 0.7])];
        let scored = scored(&rows);
        let bins = bins(&scored);
        assert_eq!(bins.iter().map(|bin| bin.n_images).collect::<Vec<_>>(), [1, 2]);
        let error = expected_error(&bins, 3);
        assert!((error - (0.4 * 2.0 + 0.3) / 3.0).abs() < 1e-12, "{error}");
    }

    /// Values of scikit-learn's `log_loss` and `brier_score_loss`.
    #[test]
    fn losses_are_those_of_scikit_learn() {
        let rows = [(0, [0.7, 0.2, 0.1]), (1, [0.3, 0.4, 0.3]), (2, [0.5, 0.5, 0.0])];
        let scored = scored(&rows);
        let expected = -(0.7f64.ln() + 0.4f64.ln() + f64::EPSILON.ln()) / 3.0;
        assert!((log_loss(&scored) - expected).abs() < 1e-12);
        let expected = (0.09 + 0.04 + 0.01 + 0.09 + 0.36 + 0.09 + 0.25 + 0.25 + 1.0) / 3.0;
        assert!((brier_score(&scored) - expected).abs() < 1e-12);
    }
}
