//! The result of a cross-validation as text for a terminal.

use std::fmt::Write as _;

use super::{CrossValidation, OverFolds};
use crate::base::text;
use crate::report::tables::{four, interval, maybe};

/// The metrics that a terminal shows.
const SHOWN: [&str; 4] = ["accuracy", "balanced_accuracy", "macro_f1", "log_loss"];

/// Renders the folds as a table, and the means below it.
pub fn render(found: &CrossValidation) -> String {
    let (heads, rows) = folds(found, &SHOWN);
    let all: Vec<Vec<String>> = std::iter::once(heads).chain(rows).collect();
    let mut text = text::align(&all, &[1, 2, 3, 4, 5, 6]);
    text.push('\n');
    let shown = found.metrics.iter().filter(|metric| SHOWN.contains(&metric.name));
    let means: Vec<Vec<String>> =
        shown.map(|metric| vec![title(metric.name), mean(metric)]).collect();
    text.push_str(&text::align(&means, &[]));
    let pooled = &found.out_of_fold;
    let _ = writeln!(
        text,
        "\nEach image once, by a model that was not trained on it: accuracy {} ({} images; 95 % interval {})",
        four(pooled.accuracy),
        text::thousands(pooled.n_images),
        interval(pooled.accuracy_interval)
    );
    text
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
        name => name.replace('_', " "),
    }
}
