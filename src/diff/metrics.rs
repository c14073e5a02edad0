//! The figures of runs side by side.

use std::collections::BTreeSet;

use serde::Serialize;

use super::run::{FinishedRun, Prediction};
use crate::event::EpochMetrics;
use crate::run_dir::layout;

/// A figure of each run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricRow {
    /// The file it comes from.
    pub path: &'static str,
    /// Its name.
    pub metric: String,
    /// What it is in each run; none where a run does not have it.
    pub values: Vec<Option<f64>>,
    /// The second less the first, where there are two runs that have it.
    pub change: Option<f64>,
    /// Whether the runs differ in it.
    pub differs: bool,
}

/// All figures: of the best and the last epoch of each stage, and of the predictions.
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
    let said: Vec<&Prediction> = run.predictions.values().collect();
    let share = |n: usize, of: usize| n as f64 / of as f64;
    let mut add = |name: String, value: f64| figures.push((layout::PREDICTIONS, name, value));
    let n_correct = said.iter().filter(|said| said.is_correct()).count();
    add("accuracy".to_owned(), share(n_correct, said.len()));
    let log_loss: f64 = said.iter().map(|said| said.log_loss()).sum();
    add("log_loss".to_owned(), log_loss / said.len() as f64);
    let classes: BTreeSet<&String> = said.iter().map(|said| &said.label).collect();
    for class in classes {
        let count = |is: &dyn Fn(&Prediction) -> bool| said.iter().filter(|said| is(said)).count();
        let n_label = count(&|said| said.label == *class);
        let n_predicted = count(&|said| said.predicted == *class);
        let n_both = count(&|said| said.label == *class && said.predicted == *class);
        add(format!("{class}/recall"), share(n_both, n_label));
        if n_predicted > 0 {
            add(format!("{class}/precision"), share(n_both, n_predicted));
        }
    }
    figures
}
