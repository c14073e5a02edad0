//! ROC and precision-recall curves of each class.

use super::palette::N_COLORS;
use super::short::class_names;
use super::square::{Label, MOST_CHARACTERS, Square, Words};
use crate::metrics::ranking::{Point, Ranking};
use crate::metrics::{Metrics, Scored};

/// A class with a curve in the plot.
struct Series {
    /// The index of its color. If all classes are drawn, a class has the same color in all plots.
    color: usize,
    name: String,
    ranking: Ranking,
    area: Option<f64>,
}

/// The classes to draw: all, or the worst ones if there are too many to tell apart. For two classes
/// only one curve is needed, because the other mirrors it.
fn series(
    metrics: &Metrics,
    scored: &[Scored<'_>],
    area: fn(&Ranking) -> Option<f64>,
) -> Vec<Series> {
    let names = class_names(metrics, MOST_CHARACTERS);
    let all = names.into_iter().enumerate().map(|(class, name)| {
        let ranking = Ranking::of_class(class, scored);
        let area = area(&ranking);
        Series { color: class, name, ranking, area }
    });
    let mut all: Vec<Series> = all.collect();
    if all.len() > N_COLORS {
        all.sort_by(|a, b| key(a).total_cmp(&key(b)));
        all.truncate(N_COLORS);
        all.iter_mut().enumerate().for_each(|(place, series)| series.color = place);
    }
    all
}

/// Sorts classes without an area last.
fn key(series: &Series) -> f64 {
    series.area.unwrap_or(f64::INFINITY)
}

fn summary(metrics: &Metrics, what: &str, mean: Option<f64>) -> String {
    let mean = mean.map_or_else(|| "not defined".to_owned(), |mean| format!("{mean:.3}"));
    let shown = if metrics.classes.len() > N_COLORS {
        format!("; worst {N_COLORS} of {}", metrics.classes.len())
    } else {
        String::new()
    };
    format!("{what} {mean}{shown}")
}

/// The area is one number for two classes, and the mean over the classes of more.
fn area_name(metrics: &Metrics) -> &'static str {
    if metrics.classes.len() == 2 { "area under the curve" } else { "mean area under the curve" }
}

/// The ROC curve of each class against all others.
pub(super) fn roc(metrics: &Metrics, scored: &[Scored<'_>]) -> String {
    let mut drawn = series(metrics, scored, Ranking::roc_auc);
    if metrics.classes.len() == 2 {
        // The curve of the other class is its mirror image.
        drawn.remove(0);
    }
    let words = Words {
        title: "ROC curve",
        summary: &summary(metrics, area_name(metrics), metrics.roc_auc),
        axes: ["false positive rate", "true positive rate"],
    };
    let mut chart = Square::new(&words, &labels(&drawn));
    chart.reference((0.0, 0.0), (1.0, 1.0));
    curves(&mut chart, &drawn, Ranking::roc_curve);
    chart.svg.finish()
}

/// The precision-recall curve of each class.
pub(super) fn precision_recall(metrics: &Metrics, scored: &[Scored<'_>]) -> String {
    let drawn = series(metrics, scored, Ranking::average_precision);
    let words = Words {
        title: "Precision-recall curve",
        summary: &summary(metrics, "mean average precision", metrics.average_precision),
        axes: ["recall", "precision"],
    };
    let mut chart = Square::new(&words, &labels(&drawn));
    curves(&mut chart, &drawn, |ranking| {
        let mut points = ranking.precision_recall_curve();
        // Starts at a recall of zero, as in scikit-learn.
        if let Some(first) = points.first().copied() {
            points.insert(0, Point { x: 0.0, ..first });
        }
        points
    });
    chart.svg.finish()
}

/// The label of each curve: its class and area.
fn labels(drawn: &[Series]) -> Vec<Label> {
    let labels = drawn.iter().map(|series| {
        let value = series.area.map_or_else(String::new, |area| format!("{area:.3}"));
        Label { color: series.color, name: series.name.clone(), value }
    });
    labels.collect()
}

fn curves(chart: &mut Square, drawn: &[Series], points: fn(&Ranking) -> Vec<Point>) {
    for series in drawn {
        let places: Vec<(f64, f64)> =
            points(&series.ranking).iter().map(|point| chart.at(point.x, point.y)).collect();
        chart.svg.path(&format!("line r{}", series.color), &places);
    }
}
