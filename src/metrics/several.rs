//! Metrics of images that may have several classes. They are those of scikit-learn for matrices of
//! labels.
//!
//! Means over classes ("macro") weight all classes equally. Precision, recall and F1 of a class that no
//! image has and none is given are zero, and count. A class without images has no average precision
//! and no ROC curve, and does not count in their means.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::calibration::surprise;
use super::interval;
use super::ranking::Ranking;
use super::share;

/// The lowest probability with which an image is given a class, unless a threshold is chosen.
pub const THRESHOLD: f64 = 0.5;

/// The prediction for one image, and its true classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<'a> {
    /// Positions of its classes, ascending.
    pub labels: &'a [u32],
    /// Probability of each class.
    pub probabilities: &'a [f64],
}

impl Scored<'_> {
    /// Whether the image has a class.
    pub fn has(&self, class: usize) -> bool {
        self.labels.binary_search(&(class as u32)).is_ok()
    }

    /// Whether the classes given are exactly those of the image.
    pub fn is_exact(&self) -> bool {
        let mut all = self.probabilities.iter().enumerate();
        all.all(|(class, probability)| (*probability >= THRESHOLD) == self.has(class))
    }

    /// Log loss of the image: the mean over the classes of the negative logarithm of the probability
    /// of the truth, in nats.
    pub fn log_loss(&self) -> f64 {
        let losses = self.probabilities.iter().enumerate().map(|(class, probability)| {
            surprise(if self.has(class) { *probability } else { 1.0 - probability })
        });
        losses.sum::<f64>() / self.probabilities.len() as f64
    }
}

/// The positions of the classes with at least these probabilities.
pub fn given(probabilities: &[f64], threshold: f64) -> Vec<usize> {
    let all = probabilities.iter().enumerate();
    all.filter(|(_, probability)| **probability >= threshold).map(|(class, _)| class).collect()
}

/// The metrics over some images. Classes are given at a probability of one half or more.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Metrics {
    /// Number of images.
    pub n_images: usize,
    /// Mean number of classes of an image.
    pub labels_per_image: f64,
    /// Fraction of the images that are given exactly their classes.
    pub subset_accuracy: f64,
    /// 95 % confidence interval of the subset accuracy (Wilson 1927).
    pub subset_accuracy_interval: [f64; 2],
    /// Hamming loss: fraction of all pairs of an image and a class that are wrong.
    pub hamming_loss: f64,
    /// Mean precision of the classes.
    pub macro_precision: f64,
    /// Mean recall of the classes.
    pub macro_recall: f64,
    /// Mean F1 score of the classes.
    pub macro_f1: f64,
    /// F1 score over all pairs of an image and a class.
    pub micro_f1: f64,
    /// Log loss: mean over images and classes, in nats.
    pub log_loss: f64,
    /// Mean average precision (mAP) of the classes that have images.
    pub average_precision: Option<f64>,
    /// Average precision over all pairs of an image and a class.
    pub micro_average_precision: Option<f64>,
    /// Mean area under the ROC curves of the classes that have one.
    pub roc_auc: Option<f64>,
    /// Metrics of each class, in the order of the outputs.
    pub classes: Vec<ClassMetrics>,
}

/// The metrics of one class.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ClassMetrics {
    /// Name of the class.
    pub name: String,
    /// Number of images that have the class (its support).
    pub n_images: usize,
    /// Number of images that are given the class.
    pub n_given: usize,
    /// Precision: fraction of the images given the class that have it.
    pub precision: f64,
    /// Recall: fraction of the images with the class that are given it.
    pub recall: f64,
    /// 95 % confidence interval of the recall (Wilson 1927).
    pub recall_interval: [f64; 2],
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// The lowest probability that gives the highest F1 score on these images. `None` if no image has
    /// the class.
    pub best_threshold: Option<f64>,
    /// The F1 score with that threshold. It is too optimistic for other images.
    pub best_f1: Option<f64>,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Average precision: mean of the precisions at each recall, without interpolation.
    pub average_precision: Option<f64>,
}

/// Numbers of pairs of an image and a class.
#[derive(Clone, Copy, Default)]
struct Counts {
    /// Pairs that are true.
    true_ones: usize,
    /// Pairs that are given.
    given: usize,
    /// Pairs that are both.
    hits: usize,
}

impl Counts {
    fn of_class(class: usize, scored: &[Scored<'_>]) -> Self {
        let mut counts = Self::default();
        for one in scored {
            let (is_true, is_given) = (one.has(class), one.probabilities[class] >= THRESHOLD);
            counts.true_ones += usize::from(is_true);
            counts.given += usize::from(is_given);
            counts.hits += usize::from(is_true && is_given);
        }
        counts
    }

    fn f1(self) -> f64 {
        share(2 * self.hits, self.true_ones + self.given)
    }
}

/// Computes all metrics over some images. `classes` names the outputs.
///
/// # Panics
/// When there are no images.
pub fn measure(classes: &[String], scored: &[Scored<'_>]) -> Metrics {
    assert!(!scored.is_empty(), "metrics need at least one image");
    let (n, n_classes) = (scored.len(), classes.len());
    let counts: Vec<Counts> =
        (0..n_classes).into_par_iter().map(|class| Counts::of_class(class, scored)).collect();
    let all = counts.iter().fold(Counts::default(), |all, of| Counts {
        true_ones: all.true_ones + of.true_ones,
        given: all.given + of.given,
        hits: all.hits + of.hits,
    });
    let of_classes: Vec<ClassMetrics> = classes
        .par_iter()
        .enumerate()
        .map(|(class, name)| of_class(name, counts[class], &ranking(class, scored)))
        .collect();
    let mean = |of: fn(&ClassMetrics) -> f64| {
        of_classes.iter().map(of).sum::<f64>() / n_classes.max(1) as f64
    };
    let n_exact = scored.iter().filter(|one| one.is_exact()).count();
    Metrics {
        n_images: n,
        labels_per_image: all.true_ones as f64 / n as f64,
        subset_accuracy: share(n_exact, n),
        subset_accuracy_interval: interval::wilson(n_exact, n),
        hamming_loss: share(all.true_ones + all.given - 2 * all.hits, n * n_classes),
        macro_precision: mean(|class| class.precision),
        macro_recall: mean(|class| class.recall),
        macro_f1: mean(|class| class.f1),
        micro_f1: all.f1(),
        log_loss: scored.iter().map(Scored::log_loss).sum::<f64>() / n as f64,
        average_precision: mean_of(of_classes.iter().filter_map(|class| class.average_precision)),
        micro_average_precision: micro(n_classes, scored).average_precision(),
        roc_auc: mean_of(of_classes.iter().filter_map(|class| class.roc_auc)),
        classes: of_classes,
    }
}

/// The ranking of the images by the probability of a class.
pub fn ranking(class: usize, scored: &[Scored<'_>]) -> Ranking {
    Ranking::of(scored.iter().map(|one| (one.probabilities[class], one.has(class))))
}

/// The ranking of all pairs of an image and a class.
fn micro(n_classes: usize, scored: &[Scored<'_>]) -> Ranking {
    let pairs = scored.iter().flat_map(|one| {
        (0..n_classes).map(move |class| (one.probabilities[class], one.has(class)))
    });
    Ranking::of(pairs)
}

fn mean_of(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0_usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

fn of_class(name: &str, counts: Counts, ranking: &Ranking) -> ClassMetrics {
    let Counts { true_ones: n_true, given: n_given, hits: n_hit } = counts;
    let best = ranking.best_f1();
    ClassMetrics {
        name: name.to_owned(),
        n_images: n_true,
        n_given,
        precision: share(n_hit, n_given),
        recall: share(n_hit, n_true),
        recall_interval: interval::wilson(n_hit, n_true),
        f1: counts.f1(),
        best_threshold: best.map(|(threshold, _)| threshold),
        best_f1: best.map(|(_, f1)| f1),
        roc_auc: ranking.roc_auc(),
        average_precision: ranking.average_precision(),
    }
}

/// The macro F1 score and the mean average precision alone, which each epoch has.
pub fn of_epoch(n_classes: usize, scored: &[Scored<'_>]) -> (f64, Option<f64>) {
    let of_class = |class: usize| {
        (Counts::of_class(class, scored).f1(), ranking(class, scored).average_precision())
    };
    let all: Vec<(f64, Option<f64>)> = (0..n_classes).into_par_iter().map(of_class).collect();
    let f1: f64 = all.iter().map(|(f1, _)| f1).sum();
    let precisions = all.iter().filter_map(|(_, precision)| *precision);
    (f1 / n_classes.max(1) as f64, mean_of(precisions))
}
