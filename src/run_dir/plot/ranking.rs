//! ROC and precision-recall curves, class by class.

use super::palette::N_COLORS;
use super::short::{MOST_CHARACTERS, class_names};
use super::square::{Label, Square, Words};
use crate::metrics::ranking::{Point, Ranking};
use crate::metrics::{Metrics, Scored};

/// A class whose curve is drawn.
struct Series {
    /// Its colour: where all classes are drawn, each has the same one in all drawings.
    color: usize,
    name: String,
    ranking: Ranking,
    area: Option<f64>,
}

/// The classes that are drawn: all, or the worst ones where they are too many to tell apart. Of two
/// classes the second one is the other way round of the first.
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

/// Classes without an area come last.
fn key(series: &Series) -> f64 {
    series.area.unwrap_or(f64::INFINITY)
}

fn summary(metrics: &Metrics, what: &str, mean: Option<f64>) -> String {
    let mean = mean.map_or_else(|| "not defined".to_owned(), |mean| format!("{mean:.3}"));
    let shown = if metrics.classes.len() > N_COLORS {
        format!("; the {N_COLORS} worst of {} classes", metrics.classes.len())
    } else {
        String::new()
    };
    format!("{what} {mean}{shown}")
}

/// The ROC curve of each class against all others.
pub(super) fn roc(metrics: &Metrics, scored: &[Scored<'_>]) -> String {
    let mut drawn = series(metrics, scored, Ranking::roc_auc);
    if metrics.classes.len() == 2 {
        // The curve of the other class is the same, turned round.
        drawn.remove(0);
    }
    let words = Words {
        title: "ROC curve",
        summary: &summary(metrics, "mean area under the curve", metrics.roc_auc),
        axes: ["false positives, share of all others", "true positives, share of the class"],
    };
    let mut chart = Square::new(&words, &labels(&drawn));
    chart.reference((0.0, 0.0), (1.0, 1.0));
    curves(&mut chart, &drawn, Ranking::roc_curve);
    chart.svg.finish()
}

/// The precision at each recall of each class.
pub(super) fn precision_recall(metrics: &Metrics, scored: &[Scored<'_>]) -> String {
    let drawn = series(metrics, scored, Ranking::average_precision);
    let words = Words {
        title: "Precision and recall",
        summary: &summary(metrics, "mean average precision", metrics.average_precision),
        axes: ["recall", "precision"],
    };
    let mut chart = Square::new(&words, &labels(&drawn));
    curves(&mut chart, &drawn, |ranking| {
        let mut points = ranking.precision_recall_curve();
        // From a recall of nothing on, as scikit-learn draws it.
        if let Some(first) = points.first().copied() {
            points.insert(0, Point { x: 0.0, ..first });
        }
        points
    });
    chart.svg.finish()
}

/// What each curve is and its area.
fn labels(drawn: &[Series]) -> Vec<Label> {
    let labels = drawn.iter().map(|series| {
        let area = series.area.map_or_else(String::new, |area| format!(" {area:.3}"));
        let text = format!("{}{area}", series.name);
        Label { color: series.color, text }
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
