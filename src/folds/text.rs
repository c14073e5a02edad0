//! The result of a cross-validation as text for a terminal.

use std::fmt::Write as _;

use super::{CrossValidation, OverFolds};
use crate::base::text;
use crate::metrics::Measures;
use crate::report::tables::{four, interval, maybe};

/// The metrics that a terminal shows.
fn shown(measures: &Measures) -> [&'static str; 4] {
    match measures {
        Measures::Class(_) => ["accuracy", "balanced_accuracy", "macro_f1", "log_loss"],
        Measures::Several(_) => ["average_precision", "macro_f1", "subset_accuracy", "log_loss"],
        Measures::Number(_) => ["mae", "rmse", "r2", "spearman"],
    }
}

/// Renders the folds as a table, and the means below it.
pub fn render(found: &CrossValidation) -> String {
    let names = shown(&found.out_of_fold);
    let (heads, rows) = folds(found, &names);
    let all: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    let mut text = text::align(&all, &[1, 2, 3, 4, 5, 6]);
    text.push('\n');
    let shown = found.metrics.iter().filter(|metric| names.contains(&metric.name));
    let means: Vec<Vec<String>> =
        shown.map(|metric| vec![title(metric.name), mean(metric)]).collect();
    text.push_str(&text::align(&means, &[]));
    let (what, value, of) = headline(&found.out_of_fold);
    let _ = writeln!(
        text,
        "\nEach image once, by a model that was not trained on it: {what} {} ({} images; 95 % interval {})",
        four(value),
        text::thousands(found.out_of_fold.n_images()),
        interval(of)
    );
    text
}

/// The first metric of the out-of-fold predictions with its interval.
pub(super) fn headline(measures: &Measures) -> (&'static str, f64, [f64; 2]) {
    match measures {
        Measures::Class(of) => ("accuracy", of.accuracy, of.accuracy_interval),
        Measures::Several(of) => {
            ("subset accuracy", of.subset_accuracy, of.subset_accuracy_interval)
        }
        Measures::Number(of) => ("mean absolute error", of.mae, of.mae_interval),
    }
}

/// The folds as a table with these metrics.
pub(super) fn folds(
    found: &CrossValidation,
    metrics: &[&'static str],
) -> (Vec<String>, Vec<Vec<String>>) {
    let mut heads = ["fold", "training", "validation"].map(str::to_owned).to_vec();
    heads.extend(metrics.iter().map(|name| title(name)));
    let rows = found.folds.iter().map(|fold| {
        let mut cells =
            vec![fold.fold.to_string(), fold.n_train.to_string(), fold.n_validation.to_string()];
        cells.extend(metrics.iter().map(|name| maybe(fold.metrics[name])));
        cells
    });
    (heads, rows.collect())
}

/// The mean of a metric with its spread and interval.
fn mean(metric: &OverFolds) -> String {
    let interval = metric.interval.map(|of| format!(" (95 % interval {})", interval(of)));
    format!("{} ± {}{}", four(metric.mean), four(metric.deviation), interval.unwrap_or_default())
}

/// The name of a metric for readers.
pub(super) fn title(name: &str) -> String {
    match name {
        "macro_f1" => "macro F1".to_owned(),
        "roc_auc" => "ROC AUC".to_owned(),
        "micro_f1" => "micro F1".to_owned(),
        "hamming_loss" => "Hamming loss".to_owned(),
        "mae" => "mean absolute error".to_owned(),
        "rmse" => "root mean squared error".to_owned(),
        "r2" => "R²".to_owned(),
        "spearman" => "rank correlation".to_owned(),
        name => name.replace('_', " "),
    }
}
