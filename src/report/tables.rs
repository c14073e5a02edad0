//! Metrics as rows of text, for HTML pages and terminals.

use crate::metrics::{Measures, Metrics, number, several};

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

/// The metrics of each class of which images may have several.
pub fn several(metrics: &several::Metrics) -> (Vec<String>, Vec<Vec<String>>) {
    let heads = [
        "class",
        "images",
        "precision",
        "recall",
        "95 % interval",
        "F1",
        "best threshold",
        "F1 with it",
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
            maybe(class.best_threshold),
            maybe(class.best_f1),
            maybe(class.roc_auc),
            maybe(class.average_precision),
        ]
    });
    (heads.map(str::to_owned).to_vec(), rows.collect())
}

/// All metrics over the classes, each with its name.
pub fn figures(measures: &Measures) -> Vec<(&'static str, String)> {
    match measures {
        Measures::Class(metrics) => of_class(metrics),
        Measures::Several(metrics) => of_several(metrics),
        Measures::Number(metrics) => of_number(metrics),
    }
}

fn of_class(metrics: &Metrics) -> Vec<(&'static str, String)> {
    vec![
        ("images", metrics.n_images.to_string()),
        ("accuracy", four(metrics.accuracy)),
        ("95 % interval", interval(metrics.accuracy_interval)),
        ("balanced accuracy", four(metrics.balanced_accuracy)),
        ("macro precision", four(metrics.macro_precision)),
        ("macro recall", four(metrics.macro_recall)),
        ("macro F1", four(metrics.macro_f1)),
        ("log-loss", four(metrics.log_loss)),
        ("Brier score", four(metrics.brier_score)),
        ("calibration error", four(metrics.expected_calibration_error)),
        ("ROC AUC", maybe(metrics.roc_auc)),
        ("average precision", maybe(metrics.average_precision)),
    ]
}

fn of_several(metrics: &several::Metrics) -> Vec<(&'static str, String)> {
    vec![
        ("images", metrics.n_images.to_string()),
        ("labels per image", four(metrics.labels_per_image)),
        ("mean average precision", maybe(metrics.average_precision)),
        ("micro average precision", maybe(metrics.micro_average_precision)),
        ("macro F1", four(metrics.macro_f1)),
        ("micro F1", four(metrics.micro_f1)),
        ("macro precision", four(metrics.macro_precision)),
        ("macro recall", four(metrics.macro_recall)),
        ("subset accuracy", four(metrics.subset_accuracy)),
        ("95 % interval", interval(metrics.subset_accuracy_interval)),
        ("Hamming loss", four(metrics.hamming_loss)),
        ("log-loss", four(metrics.log_loss)),
        ("ROC AUC", maybe(metrics.roc_auc)),
    ]
}

fn of_number(metrics: &number::Metrics) -> Vec<(&'static str, String)> {
    let maybe_interval = |of: Option<[f64; 2]>| of.map_or_else(|| "–".to_owned(), interval);
    vec![
        ("images", metrics.n_images.to_string()),
        ("mean absolute error", four(metrics.mae)),
        ("its 95 % interval", interval(metrics.mae_interval)),
        ("root mean squared error", four(metrics.rmse)),
        ("its interval", interval(metrics.rmse_interval)),
        ("R²", maybe(metrics.r2)),
        ("interval of R²", maybe_interval(metrics.r2_interval)),
        ("rank correlation", maybe(metrics.spearman)),
        ("interval of the rank correlation", maybe_interval(metrics.spearman_interval)),
        ("mean error", four(metrics.mean_error)),
        ("interval of the mean error", interval(metrics.mean_error_interval)),
        ("standard deviation of the numbers", four(metrics.deviation)),
    ]
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
