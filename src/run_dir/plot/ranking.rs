//! ROC and precision-recall curves of each class.

use super::palette::N_COLORS;
use super::short::told_apart;
use super::square::{Label, MOST_CHARACTERS, Square, Words};
use crate::metrics::ranking::{Point, Ranking};

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
fn series(of: &Ranked<'_>, area: fn(&Ranking) -> Option<f64>) -> Vec<Series> {
    let names = told_apart(of.names, MOST_CHARACTERS);
    let all = names.into_iter().enumerate().map(|(class, name)| {
        let ranking = (of.ranking)(class);
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

fn summary(n_classes: usize, what: &str, mean: Option<f64>) -> String {
    let mean = mean.map_or_else(|| "not defined".to_owned(), |mean| format!("{mean:.3}"));
    let shown = if n_classes > N_COLORS {
        format!("; worst {N_COLORS} of {n_classes}")
    } else {
        String::new()
    };
    format!("{what} {mean}{shown}")
}

/// The classes whose curves are drawn.
pub(super) struct Ranked<'a> {
    /// Names of the classes.
    pub(super) names: &'a [&'a str],
    /// The ranking of the images for a class.
    pub(super) ranking: &'a dyn Fn(usize) -> Ranking,
    /// Whether an image is of one of two classes, so that each curve mirrors the other.
    pub(super) is_choice_of_two: bool,
}

/// The ROC curve of each class against all others. `mean` is the mean of the areas.
pub(super) fn roc(of: &Ranked<'_>, mean: Option<f64>) -> String {
    let mut drawn = series(of, Ranking::roc_auc);
    let is_one = of.is_choice_of_two || of.names.len() == 1;
    if of.is_choice_of_two {
        // The curve of the other class is its mirror image.
        drawn.remove(0);
    }
    let what = if is_one { "area under the curve" } else { "mean area under the curve" };
    let words = Words {
        title: "ROC curve",
        summary: &summary(of.names.len(), what, mean),
        axes: ["false positive rate", "true positive rate"],
    };
    let mut chart = Square::new(&words, &labels(&drawn));
    chart.reference((0.0, 0.0), (1.0, 1.0));
    curves(&mut chart, &drawn, Ranking::roc_curve);
    chart.svg.finish()
}

/// The precision-recall curve of each class. `mean` is the mean of the average precisions.
pub(super) fn precision_recall(of: &Ranked<'_>, mean: Option<f64>) -> String {
    let drawn = series(of, Ranking::average_precision);
    let words = Words {
        title: "Precision-recall curve",
        summary: &summary(of.names.len(), "mean average precision", mean),
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
