//! ROC and precision-recall curves of a class.

use super::Scored;

/// The images of a class and all others, by decreasing probability. Images of equal probability
/// form one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    steps: Vec<Step>,
    n_positive: usize,
    n_negative: usize,
}

/// Images at or above a probability.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    threshold: f64,
    n_true: usize,
    n_false: usize,
}

/// A point of a curve, with the lowest probability that counts as the class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Horizontal position, from 0 to 1.
    pub x: f64,
    /// Vertical position, from 0 to 1.
    pub y: f64,
    /// Threshold; infinite if nothing counts as the class.
    pub threshold: f64,
}

impl Ranking {
    /// Ranks images by the probability of a class.
    pub fn of_class(class: usize, scored: &[Scored<'_>]) -> Self {
        Self::of(scored.iter().map(|one| (one.probabilities[class], one.label == class)))
    }

    /// Ranks images by a probability, each with whether it is of the class.
    pub fn of(scored: impl Iterator<Item = (f64, bool)>) -> Self {
        let mut ranked: Vec<(f64, bool)> = scored.collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut steps: Vec<Step> = vec![];
        let (mut n_true, mut n_false) = (0, 0);
        for (threshold, is_true) in ranked {
            if is_true {
                n_true += 1;
            } else {
                n_false += 1;
            }
            let step = Step { threshold, n_true, n_false };
            match steps.last_mut() {
                Some(last) if last.threshold == threshold => *last = step,
                _ => steps.push(step),
            }
        }
        Self { steps, n_positive: n_true, n_negative: n_false }
    }

    /// The area under the ROC curve: how often an image of the class has a higher probability than
    /// another image, with ties counting half (Fawcett 2006). `None` without images of both kinds.
    pub fn roc_auc(&self) -> Option<f64> {
        if self.n_positive == 0 || self.n_negative == 0 {
            return None;
        }
        let mut before = (0, 0);
        // Twice the area, in whole images, so that it is exact.
        let mut area = 0u128;
        for step in &self.steps {
            let width = (step.n_false - before.1) as u128;
            area += width * (step.n_true + before.0) as u128;
            before = (step.n_true, step.n_false);
        }
        Some(area as f64 / 2.0 / (self.n_positive as f64 * self.n_negative as f64))
    }

    /// The average precision: the sum of precisions, each weighted by its increase of recall.
    /// `None` without images of the class.
    pub fn average_precision(&self) -> Option<f64> {
        if self.n_positive == 0 {
            return None;
        }
        let mut sum = 0.0;
        let mut n_before = 0;
        for step in &self.steps {
            let precision = step.n_true as f64 / (step.n_true + step.n_false) as f64;
            sum += (step.n_true - n_before) as f64 / self.n_positive as f64 * precision;
            n_before = step.n_true;
        }
        Some(sum)
    }

    /// The threshold with the highest F1 score, and that score. The highest of several thresholds.
    /// `None` without images of the class.
    pub fn best_f1(&self) -> Option<(f64, f64)> {
        if self.n_positive == 0 {
            return None;
        }
        let mut best = (f64::INFINITY, 0.0);
        for step in &self.steps {
            let n = self.n_positive + step.n_true + step.n_false;
            let f1 = (2 * step.n_true) as f64 / n as f64;
            if f1 > best.1 {
                best = (step.threshold, f1);
            }
        }
        Some(best)
    }

    /// The ROC curve: false positive rate (`x`) and true positive rate (`y`). Empty without images
    /// of both kinds.
    pub fn roc_curve(&self) -> Vec<Point> {
        if self.n_positive == 0 || self.n_negative == 0 {
            return vec![];
        }
        let start = Point { x: 0.0, y: 0.0, threshold: f64::INFINITY };
        let points = self.steps.iter().map(|step| Point {
            x: step.n_false as f64 / self.n_negative as f64,
            y: step.n_true as f64 / self.n_positive as f64,
            threshold: step.threshold,
        });
        std::iter::once(start).chain(points).collect()
    }

    /// The precision (`y`) at each recall (`x`). Empty without images of the class.
    pub fn precision_recall_curve(&self) -> Vec<Point> {
        if self.n_positive == 0 {
            return vec![];
        }
        self.steps
            .iter()
            .map(|step| Point {
                x: step.n_true as f64 / self.n_positive as f64,
                y: step.n_true as f64 / (step.n_true + step.n_false) as f64,
                threshold: step.threshold,
            })
            .collect()
    }

    /// The fraction of images that are of the class.
    pub fn prevalence(&self) -> f64 {
        self.n_positive as f64 / (self.n_positive + self.n_negative).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(scores: &[f64], labels: &[usize]) -> Ranking {
        let rows: Vec<[f64; 2]> = scores.iter().map(|score| [1.0 - score, *score]).collect();
        let scored: Vec<Scored<'_>> = rows
            .iter()
            .zip(labels)
            .map(|(row, &label)| Scored { label, predicted: 0, probabilities: row })
            .collect();
        Ranking::of_class(1, &scored)
    }

    /// Values of scikit-learn's `roc_auc_score` and `average_precision_score`.
    #[test]
    fn areas_are_those_of_scikit_learn() {
        let found = ranking(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1]);
        assert_eq!(found.roc_auc(), Some(0.75));
        assert!((found.average_precision().unwrap() - 0.833_333_333_333_333_3).abs() < 1e-15);
        let ties = ranking(&[0.5, 0.5, 0.5, 0.9, 0.1], &[0, 1, 1, 1, 0]);
        assert!((ties.roc_auc().unwrap() - 5.0 / 6.0).abs() < 1e-15);
        assert!((ties.average_precision().unwrap() - 0.833_333_333_333_333_3).abs() < 1e-15);
    }

    #[test]
    fn curves_begin_and_end_where_they_must() {
        let found = ranking(&[0.1, 0.4, 0.35, 0.8], &[0, 0, 1, 1]);
        let ends = |points: &[Point]| {
            let (first, last) = (points[0], points[points.len() - 1]);
            [first.x, first.y, last.x, last.y]
        };
        assert_eq!(ends(&found.roc_curve()), [0.0, 0.0, 1.0, 1.0]);
        assert_eq!(ends(&found.precision_recall_curve()), [0.5, 1.0, 1.0, 0.5]);
        assert_eq!(ranking(&[0.3, 0.2], &[0, 0]).roc_auc(), None);
        assert!(ranking(&[0.3, 0.2], &[0, 0]).precision_recall_curve().is_empty());
    }
}
