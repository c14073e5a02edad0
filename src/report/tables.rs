//! Metrics as rows of text, for HTML pages and terminals.

use crate::metrics::Metrics;

/// The metrics of each class: column headings, and one row per class.
pub fn classes(metrics: &Metrics) -> (Vec<String>, Vec<Vec<String>>) {
    let heads = [
        "class",
        "images",
        "precision",
        "recall",
        "95 % interval",
        "F1",
        "ROC AUC",
        "average precision",
    ];
    let rows = metrics.classes.iter().map(|class| {
        vec![
            class.name.clone(),
            class.n_images.to_string(),
            four(class.precision),
            four(class.recall),
            interval(class.recall_interval),
            four(class.f1),
            maybe(class.roc_auc),
            maybe(class.average_precision),
        ]
    });
    (heads.map(str::to_owned).to_vec(), rows.collect())
}

/// A metric with four decimals.
pub fn four(value: f64) -> String {
    format!("{value:.4}")
}

/// A metric with four decimals, or a dash where it is not defined.
pub fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), four)
}

/// An interval as `low to high`.
pub fn interval([low, high]: [f64; 2]) -> String {
    format!("{} to {}", four(low), four(high))
}
