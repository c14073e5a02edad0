//! Figures as rows of text, for pages and for terminals.

use crate::metrics::Metrics;

/// The figures of each class: heads, and a row a class.
pub fn classes(metrics: &Metrics) -> (Vec<String>, Vec<Vec<String>>) {
    let heads = [
        "class",
        "pictures",
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

/// A figure with four decimals.
pub fn four(value: f64) -> String {
    format!("{value:.4}")
}

/// The same of a figure that need not be defined.
pub fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), four)
}

/// The two ends of an interval.
pub fn interval([low, high]: [f64; 2]) -> String {
    format!("{} to {}", four(low), four(high))
}
