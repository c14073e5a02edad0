//! The metrics of runs side by side.

use serde::Serialize;

use super::run::FinishedRun;
use crate::event::EpochMetrics;
use crate::metrics::Measures;
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
    const LOWER: [&str; 7] = [
        "loss",
        "log_loss",
        "brier_score",
        "expected_calibration_error",
        "hamming_loss",
        "mae",
        "rmse",
    ];
    /// The metrics that are neither good nor bad.
    const NEITHER: [&str; 5] =
        ["n_images", "epoch", "learning_rate", "mean_error", "labels_per_image"];
    let name = metric.rsplit('/').next().unwrap_or(metric);
    if change == 0.0 || NEITHER.contains(&name) {
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
        let best = best.and_then(|record| match record.soup {
            Some(_) => Some(&record.best),
            None => epochs.iter().find(|epoch| epoch.epoch == record.best.epoch),
        });
        for (which, epoch) in [("best", best), ("last", epochs.last())] {
            let Some(EpochMetrics { epoch, train, validation, .. }) = epoch else { continue };
            let mut add = |name: &str, value: f64| {
                figures.push((layout::METRICS, format!("{stage}/{which}/{name}"), value));
            };
            add(&format!("val/{}", validation.score.column()), validation.score.value());
            add("val/loss", validation.loss);
            add(&format!("train/{}", train.score.column()), train.score.value());
            add("train/loss", train.loss);
            add("epoch", *epoch as f64);
        }
    }
    if run.predictions.is_empty() {
        return figures;
    }
    let measured = of_predictions(&run.measured());
    figures.extend(measured.into_iter().map(|(name, value)| (layout::PREDICTIONS, name, value)));
    figures
}

/// The metrics of predictions, each with its name. Those that are not defined are left out.
fn of_predictions(measures: &Measures) -> Vec<(String, f64)> {
    let mut figures = vec![];
    let mut add = |name: &str, value: Option<f64>| {
        figures.extend(value.map(|value| (name.to_owned(), value)));
    };
    match measures {
        Measures::Class(all) => {
            add("accuracy", Some(all.accuracy));
            add("balanced_accuracy", Some(all.balanced_accuracy));
            add("macro_f1", Some(all.macro_f1));
            add("roc_auc", all.roc_auc);
            add("average_precision", all.average_precision);
            add("log_loss", Some(all.log_loss));
            add("brier_score", Some(all.brier_score));
            add("expected_calibration_error", Some(all.expected_calibration_error));
            for class in &all.classes {
                let name = &class.name;
                add(&format!("{name}/recall"), Some(class.recall));
                add(&format!("{name}/precision"), Some(class.precision));
                add(&format!("{name}/f1"), Some(class.f1));
            }
        }
        Measures::Several(all) => {
            add("average_precision", all.average_precision);
            add("micro_average_precision", all.micro_average_precision);
            add("macro_f1", Some(all.macro_f1));
            add("micro_f1", Some(all.micro_f1));
            add("subset_accuracy", Some(all.subset_accuracy));
            add("hamming_loss", Some(all.hamming_loss));
            add("roc_auc", all.roc_auc);
            add("log_loss", Some(all.log_loss));
            for class in &all.classes {
                let name = &class.name;
                add(&format!("{name}/average_precision"), class.average_precision);
                add(&format!("{name}/recall"), Some(class.recall));
                add(&format!("{name}/precision"), Some(class.precision));
                add(&format!("{name}/f1"), Some(class.f1));
            }
        }
        Measures::Number(all) => {
            add("mae", Some(all.mae));
            add("rmse", Some(all.rmse));
            add("mean_error", Some(all.mean_error));
            add("r2", all.r2);
            add("spearman", all.spearman);
        }
    }
    figures
}
