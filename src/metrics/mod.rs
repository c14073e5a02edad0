//! The metrics of a classifier.
//!
//! Metrics agree with scikit-learn's, including edge cases: precision or recall without any case is
//! zero. Averages over classes ("macro") weight all classes equally, each against all others. As in
//! scikit-learn, they leave out a class that no image has and none is predicted as.

pub mod calibration;
pub mod confusion;
pub mod interval;
pub mod number;
pub mod paired;
pub mod ranking;
pub mod rates;
pub mod resample;
pub mod scores;
pub mod selection;
pub mod several;
pub mod suspects;
pub mod threshold;

use serde::{Deserialize, Serialize};

use self::calibration::Bin;
use self::confusion::ConfusionMatrix;

/// The prediction of a classifier for one image, and its true class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<'a> {
    /// True class of the image.
    pub label: usize,
    /// Predicted class.
    pub predicted: usize,
    /// Probability of each class.
    pub probabilities: &'a [f64],
}

/// The metrics over some images.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Metrics {
    /// Number of images.
    pub n_images: usize,
    /// Fraction of the images that are classified correctly.
    pub accuracy: f64,
    /// 95 % confidence interval of the accuracy (Wilson 1927).
    pub accuracy_interval: [f64; 2],
    /// Mean recall of the classes that have images.
    pub balanced_accuracy: f64,
    /// Mean precision of the classes that images have or are predicted as.
    pub macro_precision: f64,
    /// Mean recall of the same classes.
    pub macro_recall: f64,
    /// Mean F1 score of the same classes.
    pub macro_f1: f64,
    /// Log loss: mean negative logarithm of the probability of the true class, in nats.
    pub log_loss: f64,
    /// Brier score: mean squared distance of the probabilities from the true class (Brier 1950).
    /// For two classes it uses the probability of the second, which is half the sum over both.
    pub brier_score: f64,
    /// Expected calibration error over fifteen bins (Guo et al. 2017, arXiv 1706.04599).
    pub expected_calibration_error: f64,
    /// Mean area under the ROC curves of the classes that have one, which have some images but not
    /// all.
    pub roc_auc: Option<f64>,
    /// Mean average precision of the classes that have images.
    pub average_precision: Option<f64>,
    /// Metrics of each class, in the order of the outputs.
    pub classes: Vec<ClassMetrics>,
    /// Images by true class (rows) and predicted class (columns).
    pub confusion_matrix: ConfusionMatrix,
    /// Confidence and accuracy in each bin of the calibration.
    pub calibration: Vec<Bin>,
}

impl Metrics {
    /// Classes that no image has.
    pub fn absent(&self) -> Vec<&str> {
        let absent = self.classes.iter().filter(|class| class.n_images == 0);
        absent.map(|class| class.name.as_str()).collect()
    }
}

/// The metrics over some images, by what a model learns.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Measures {
    /// Of images of one class.
    Class(Box<Metrics>),
    /// Of images that may have several classes.
    Several(Box<several::Metrics>),
    /// Of images with a number.
    Number(Box<number::Metrics>),
}

impl Measures {
    /// Number of images.
    pub fn n_images(&self) -> usize {
        match self {
            Self::Class(metrics) => metrics.n_images,
            Self::Several(metrics) => metrics.n_images,
            Self::Number(metrics) => metrics.n_images,
        }
    }
}

/// The metrics of one class against all others.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ClassMetrics {
    /// Name of the class.
    pub name: String,
    /// Number of images of the class (its support).
    pub n_images: usize,
    /// Precision: fraction of the images predicted as the class that are of it.
    pub precision: f64,
    /// Recall: fraction of the images of the class that are predicted as it.
    pub recall: f64,
    /// 95 % confidence interval of the recall (Wilson 1927).
    pub recall_interval: [f64; 2],
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Area under the ROC curve.
    pub roc_auc: Option<f64>,
    /// Average precision: mean of the precisions at each recall, without interpolation.
    pub average_precision: Option<f64>,
}

/// The class with the highest probability. The first class wins a tie.
pub fn predicted(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, probability) in probabilities.iter().enumerate() {
        if *probability > probabilities[best] {
            best = class;
        }
    }
    best
}

/// Computes all metrics over some images. `classes` names the outputs.
///
/// # Panics
/// When there are no images.
pub fn measure(classes: &[String], scored: &[Scored<'_>]) -> Metrics {
    assert!(!scored.is_empty(), "metrics need at least one image");
    let confusion_matrix = ConfusionMatrix::count(classes.len(), scored);
    let n_correct = confusion_matrix.n_correct();
    let of_classes: Vec<ClassMetrics> = classes
        .iter()
        .enumerate()
        .map(|(class, name)| of_class(class, name, &confusion_matrix, scored))
        .collect();
    let occurring: Vec<&ClassMetrics> = of_classes
        .iter()
        .enumerate()
        .filter(|&(class, _)| {
            confusion_matrix.n_of(class) > 0 || confusion_matrix.n_given(class) > 0
        })
        .map(|(_, metrics)| metrics)
        .collect();
    let mean = |of: fn(&ClassMetrics) -> f64| {
        occurring.iter().map(|class| of(class)).sum::<f64>() / occurring.len().max(1) as f64
    };
    let mean_of_those = |of: fn(&ClassMetrics) -> Option<f64>| {
        let values: Vec<f64> = of_classes.iter().filter_map(of).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let seen: Vec<f64> =
        of_classes.iter().filter(|class| class.n_images > 0).map(|class| class.recall).collect();
    let calibration = calibration::bins(scored);
    Metrics {
        n_images: scored.len(),
        accuracy: n_correct as f64 / scored.len() as f64,
        accuracy_interval: interval::wilson(n_correct, scored.len()),
        balanced_accuracy: seen.iter().sum::<f64>() / seen.len().max(1) as f64,
        macro_precision: mean(|class| class.precision),
        macro_recall: mean(|class| class.recall),
        macro_f1: mean(|class| class.f1),
        log_loss: calibration::log_loss(scored),
        brier_score: calibration::brier_score(scored),
        expected_calibration_error: calibration::expected_error(&calibration, scored.len()),
        roc_auc: mean_of_those(|class| class.roc_auc),
        average_precision: mean_of_those(|class| class.average_precision),
        classes: of_classes,
        confusion_matrix,
        calibration,
    }
}

fn of_class(
    class: usize,
    name: &str,
    confusion: &ConfusionMatrix,
    scored: &[Scored<'_>],
) -> ClassMetrics {
    let (n_true, n_given) = (confusion.n_of(class), confusion.n_given(class));
    let n_hit = confusion.get(class, class);
    let ranking = ranking::Ranking::of_class(class, scored);
    ClassMetrics {
        name: name.to_owned(),
        n_images: n_true,
        precision: share(n_hit, n_given),
        recall: share(n_hit, n_true),
        recall_interval: interval::wilson(n_hit, n_true),
        f1: share(2 * n_hit, n_true + n_given),
        roc_auc: ranking.roc_auc(),
        average_precision: ranking.average_precision(),
    }
}

/// The fraction `n / of`; zero if `of` is zero.
fn share(n: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { n as f64 / of as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scikit-learn 1.9: `accuracy_score`, `balanced_accuracy_score`, `f1_score(average="macro")`,
    /// `precision_score`, `recall_score` of `[0, 0, 1, 1]` against `[0, 2, 1, 1]`, of four classes.
    #[test]
    fn classes_that_are_absent_count_as_in_scikit_learn() {
        let classes = ["a", "b", "c", "d"].map(str::to_owned);
        let rows = [
            [0.7, 0.1, 0.1, 0.1],
            [0.3, 0.1, 0.5, 0.1],
            [0.1, 0.8, 0.1, 0.0],
            [0.2, 0.6, 0.1, 0.1],
        ];
        let scored: Vec<Scored<'_>> = rows
            .iter()
            .zip([(0, 0), (0, 2), (1, 1), (1, 1)])
            .map(|(row, (label, predicted))| Scored { label, predicted, probabilities: row })
            .collect();
        let metrics = measure(&classes, &scored);
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found}");
        close(metrics.balanced_accuracy, 0.75);
        // Three classes occur; `d` does not.
        close(metrics.macro_f1, (2.0 / 3.0 + 1.0 + 0.0) / 3.0);
        close(metrics.macro_precision, 2.0 / 3.0);
        close(metrics.macro_recall, 0.5);
        assert_eq!(metrics.absent(), ["c", "d"]);
        assert_eq!((metrics.roc_auc, metrics.classes[2].roc_auc), (Some(1.0), None));
        assert_eq!(
            (metrics.average_precision, metrics.classes[3].average_precision),
            (Some(1.0), None)
        );
    }
}
