//! The metrics of runs side by side.

use serde::Serialize;

use super::run::FinishedRun;
use crate::event::EpochMetrics;
use crate::run_dir::layout;

/// A metric in each run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricRow {
    /// The file that the metric is from.
    pub path: &'static str,
    /// The name of the metric.
    pub metric: String,
    /// The value in each run; `None` if a run does not have it.
    pub values: Vec<Option<f64>>,
    /// The second value minus the first, if there are exactly two runs and both have it.
    pub change: Option<f64>,
    /// Whether the runs differ in this metric.
    pub differs: bool,
}

/// The meaning of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Better,
    Worse,
}

/// Whether a change of a metric is for the better; `None` if it is neither.
pub(super) fn verdict(metric: &str, change: f64) -> Option<Verdict> {
    /// The metrics of which less is better.
    const LOWER: [&str; 4] = ["loss", "log_loss", "brier_score", "expected_calibration_error"];
    let name = metric.rsplit('/').next().unwrap_or(metric);
    if change == 0.0 || ["n_images", "epoch", "learning_rate"].contains(&name) {
        return None;
    }
    let is_lower = LOWER.contains(&name);
    Some(if (change < 0.0) == is_lower { Verdict::Better } else { Verdict::Worse })
}

/// All metrics: of the best and the last epoch of each stage, and of the predictions.
pub(super) fn metrics(runs: &[FinishedRun]) -> Vec<MetricRow> {
    let mut names: Vec<(&'static str, String)> = vec![];
    let figures: Vec<Vec<(&'static str, String, f64)>> = runs.iter().map(figures).collect();
    for (path, metric, _) in figures.iter().flatten() {
        if !names.iter().any(|(file, name)| file == path && name == metric) {
            names.push((path, metric.clone()));
        }
    }
    names
        .into_iter()
        .map(|(path, metric)| {
            let value = |figures: &Vec<(&str, String, f64)>| {
                let found = figures.iter().find(|(file, name, _)| *file == path && *name == metric);
                found.map(|(_, _, value)| *value)
            };
            let values: Vec<Option<f64>> = figures.iter().map(value).collect();
            let change = match values[..] {
                [Some(first), Some(second)] => Some(second - first),
                _ => None,
            };
            let differs = values.iter().any(|value| *value != values[0]);
            MetricRow { path, metric, values, change, differs }
        })
        .collect()
}

fn figures(run: &FinishedRun) -> Vec<(&'static str, String, f64)> {
    let mut figures = vec![];
    for (stage, epochs) in &run.stages {
        let best = run.manifest.stages.iter().find(|record| record.name == *stage);
        let best = best.and_then(|record| epochs.iter().find(|e| e.epoch == record.best.epoch));
        for (which, epoch) in [("best", best), ("last", epochs.last())] {
            let Some(EpochMetrics { epoch, train, validation, .. }) = epoch else { continue };
            let mut add = |name: &str, value: f64| {
                figures.push((layout::METRICS, format!("{stage}/{which}/{name}"), value));
            };
            add("val/accuracy", validation.accuracy);
            add("val/loss", validation.loss);
            add("train/accuracy", train.accuracy);
            add("train/loss", train.loss);
            add("epoch", *epoch as f64);
        }
    }
    if run.predictions.is_empty() {
        return figures;
    }
    let mut add = |name: &str, value: f64| {
        figures.push((layout::PREDICTIONS, name.to_owned(), value));
    };
    let all = run.measured();
    add("accuracy", all.accuracy);
    add("balanced_accuracy", all.balanced_accuracy);
    add("macro_f1", all.macro_f1);
    all.roc_auc.into_iter().for_each(|value| add("roc_auc", value));
    all.average_precision.into_iter().for_each(|value| add("average_precision", value));
    add("log_loss", all.log_loss);
    add("brier_score", all.brier_score);
    add("expected_calibration_error", all.expected_calibration_error);
    for class in all.classes {
        let name = &class.name;
        add(&format!("{name}/recall"), class.recall);
        add(&format!("{name}/precision"), class.precision);
        add(&format!("{name}/f1"), class.f1);
    }
    figures
}
