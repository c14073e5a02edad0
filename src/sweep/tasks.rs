//! Which runs a sweep consists of, as plain data. Where they run is not decided here.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::search::{Epochs, Trial};
use crate::spec::{DatasetSource, PipelineSpec, Setting, SweepSpec};

/// A run of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Task {
    /// The name of its run directory.
    pub name: String,
    /// The number of its arm, from 1.
    pub arm: usize,
    /// The values that make the pipeline that of the run.
    pub settings: Vec<Setting>,
}

/// The runs of some arms in a round. All arms have the same folds and seeds.
pub fn tasks(pipeline: &PipelineSpec, sweep: &SweepSpec, trials: &[Trial]) -> Vec<Task> {
    let width = sweep.n_arms().to_string().len().max(2);
    let n_folds = sweep.folds.map_or(0, |folds| folds * sweep.repeats);
    let folds: Vec<Option<usize>> =
        if n_folds == 0 { vec![None] } else { (0..n_folds).map(Some).collect() };
    let seeds: Vec<Option<u64>> = if sweep.seeds.is_empty() {
        vec![None]
    } else {
        sweep.seeds.iter().copied().map(Some).collect()
    };
    let mut tasks = vec![];
    for Trial { arm, epochs } in trials {
        let mut name = format!("arm-{:0width$}", arm.number);
        if let Some(Epochs { n, .. }) = epochs {
            let _ = write!(name, "-epochs-{n}");
        }
        let of_round = epochs.iter().map(|Epochs { key, n }| setting(key, *n));
        for seed in &seeds {
            let (mut name, mut settings) = (name.clone(), arm.settings(sweep));
            settings.extend(of_round.clone());
            if let Some(seed) = seed {
                let _ = write!(name, "-seed-{seed}");
                settings.extend(pinned(pipeline, sweep));
                settings.push(setting("seed", *seed));
            }
            for fold in &folds {
                let of_fold = fold.zip(sweep.folds).map(|(fold, n)| {
                    let repeats = setting("dataset.split.repeats", sweep.repeats);
                    [
                        setting("dataset.split.folds", n),
                        repeats,
                        setting("dataset.split.fold", fold),
                    ]
                });
                let name = match fold {
                    Some(fold) => format!("{name}-fold-{fold}"),
                    None => name.clone(),
                };
                let settings = settings.iter().cloned().chain(of_fold.into_iter().flatten());
                tasks.push(Task { name, arm: arm.number, settings: settings.collect() });
            }
        }
    }
    tasks
}

/// The seeds that stay the same when the pipeline's own varies: of the split and of drawn images,
/// unless the sweep varies them.
fn pinned(pipeline: &PipelineSpec, sweep: &SweepSpec) -> Vec<Setting> {
    let mut settings = vec![setting("dataset.split.seed", pipeline.dataset.split.seed)];
    if let DatasetSource::Generator { generator } = &pipeline.dataset.source {
        settings.push(setting("dataset.generator.seed", generator.seed));
    }
    settings.retain(|setting| sweep.over.iter().all(|axis| axis.key != setting.key));
    settings
}

fn setting(key: &str, value: impl Into<Value>) -> Setting {
    Setting { key: key.to_owned(), value: value.into() }
}
