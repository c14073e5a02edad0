//! What a page says first about the metrics of a run: sentences for each kind of target.

use super::tables::{four, interval, maybe};
use crate::base::text::{self, escape};
use crate::metrics::{ClassMetrics, Measures, Metrics, number, several};

/// The result in the title of a page, which is the one thing that is seen of several.
pub(super) fn title(measures: &Measures) -> String {
    match measures {
        Measures::Class(metrics) => format!("{:.1} %", 100.0 * metrics.accuracy),
        Measures::Several(metrics) => format!("mAP {}", maybe(metrics.average_precision)),
        Measures::Number(metrics) => format!("MAE {}", four(metrics.mae)),
    }
}

/// The first metric with its confidence interval and a baseline.
pub(super) fn headline(measures: &Measures) -> String {
    match measures {
        Measures::Class(metrics) => of_class(metrics),
        Measures::Several(metrics) => of_several(metrics),
        Measures::Number(metrics) => of_number(metrics),
    }
}

fn of_class(metrics: &Metrics) -> String {
    let [low, high] = metrics.accuracy_interval;
    format!(
        "<p class=\"figure\">{:.1} %</p>\n\
         <p>{} of {} validation images are classified correctly (95 % confidence interval \
         {:.1} % to {:.1} %). {}</p>\n",
        100.0 * metrics.accuracy,
        metrics.confusion_matrix.n_correct(),
        metrics.n_images,
        100.0 * low,
        100.0 * high,
        guess(metrics),
    )
}

/// The accuracy of always predicting the most frequent class, as a sentence.
fn guess(metrics: &Metrics) -> String {
    let most = metrics.classes.iter().fold(None, |most: Option<&ClassMetrics>, class| match most {
        Some(other) if other.n_images >= class.n_images => most,
        _ => Some(class),
    });
    let Some(most) = most else { return String::new() };
    let share = most.n_images as f64 / metrics.n_images as f64;
    format!("Always predicting “{}” would reach {:.1} %.", escape(&most.name), 100.0 * share)
}

fn of_several(metrics: &several::Metrics) -> String {
    let [low, high] = metrics.subset_accuracy_interval;
    format!(
        "<p class=\"figure\">mAP {}</p>\n\
         <p>Mean average precision over {} on {}, which have {:.2} labels on average. {:.1} % of them \
         are given exactly their labels (subset accuracy, 95 % confidence interval {:.1} % to {:.1} %), \
         and {:.1} % of all pairs of an image and a class are wrong (Hamming loss).</p>\n",
        maybe(metrics.average_precision),
        text::count(metrics.classes.len(), "class"),
        text::count(metrics.n_images, "validation image"),
        metrics.labels_per_image,
        100.0 * metrics.subset_accuracy,
        100.0 * low,
        100.0 * high,
        100.0 * metrics.hamming_loss,
    )
}

fn of_number(metrics: &number::Metrics) -> String {
    format!(
        "<p class=\"figure\">MAE {}</p>\n\
         <p>Mean absolute error of {} on {} (95 % interval {}). The root mean squared error is {}; \
         always estimating their mean would have {}. R² is {}.</p>\n",
        four(metrics.mae),
        escape(&metrics.name),
        text::count(metrics.n_images, "validation image"),
        interval(metrics.mae_interval),
        four(metrics.rmse),
        four(metrics.deviation),
        maybe(metrics.r2),
    )
}

/// The number of images that are predicted wrongly; `None` for numbers.
pub(super) fn n_wrong(measures: &Measures) -> Option<usize> {
    match measures {
        Measures::Class(metrics) => Some(metrics.n_images - metrics.confusion_matrix.n_correct()),
        Measures::Several(metrics) => {
            let n = metrics.n_images as f64;
            Some(((1.0 - metrics.subset_accuracy) * n).round() as usize)
        }
        Measures::Number(_) => None,
    }
}

/// What class activation maps are of.
pub(super) fn supported(measures: &Measures) -> &'static str {
    match measures {
        Measures::Class(_) => "the predicted class",
        Measures::Several(_) => "the class that is most wrong",
        Measures::Number(_) => "a larger number",
    }
}

/// Which images are shown as the largest errors, as a sentence.
pub(super) fn worst(measures: &Measures) -> &'static str {
    match measures {
        Measures::Class(_) => "The misclassified validation images with the highest loss.",
        Measures::Several(_) => {
            "The validation images with wrong labels that have the highest loss."
        }
        Measures::Number(_) => "The validation images with the largest errors.",
    }
}
