//! The arms of a sweep as pipelines, and all of their problems at once.

use serde_json::Value;

use super::{Fetching, teachers};
use crate::cli::exit::Failure;
use crate::cli::settings::Settings;
use crate::exec::plan::key::OF_TRAINABLE_PART;
use crate::exec::prepare::{self, Prepared};
use crate::pipeline::diagnostic;
use crate::pipeline::load::{Loaded, Rejected};
use crate::spec::{PipelineSpec, SearchSpec, SweepSpec};
use crate::sweep::search::{self, Trial};
use crate::sweep::tasks::{self, Task};

/// The arms of the first round of a sweep, with their runs.
pub(super) struct Arms {
    pub(super) sweep: SweepSpec,
    pub(super) trials: Vec<Trial>,
    pub(super) tasks: Vec<Task>,
}

/// Checks datasets and weights, once for arms in a row that have the same.
#[derive(Default)]
pub(super) struct Preparing {
    last: Option<(Value, Prepared)>,
}

impl Preparing {
    /// Checks the dataset and the weights of a pipeline.
    pub(super) fn prepare(
        &mut self,
        loaded: &Loaded,
        settings: &Settings,
    ) -> Result<Prepared, Rejected> {
        let decisive = decisive(&loaded.spec);
        if let Some((last, prepared)) = &self.last
            && *last == decisive
        {
            return Ok(prepared.clone());
        }
        let teachers = teachers::open(loaded, settings);
        let prepared = prepare::prepare(&loaded.spec, settings.cache_folder.as_deref(), teachers);
        let prepared = prepared.map_err(|problems| loaded.reject(problems))?;
        self.last = Some((decisive, prepared.clone()));
        Ok(prepared)
    }
}

/// The values of a pipeline that may decide whether its dataset and weights can be used: all but
/// those that are known not to.
fn decisive(spec: &PipelineSpec) -> Value {
    /// Values of a stage that decide how it trains, and are checked with the dataset or the layers.
    const CHECKED: [&str; 9] = [
        "from",
        "from_weights",
        "sampling",
        "batch_norm",
        "loss",
        "class_weights",
        "teacher",
        "best_by",
        "micro_batches",
    ];
    let of_training = OF_TRAINABLE_PART.iter().filter(|key| !CHECKED.contains(key));
    let mut values = serde_json::to_value(spec).expect("a spec is plain data");
    let mut remove = |path: &str, key: &str| {
        if let Some(Value::Object(entries)) = values.pointer_mut(path) {
            entries.remove(key);
        }
    };
    remove("", "name");
    remove("", "seed");
    remove("/dataset/split", "fold");
    for stage in &spec.stages {
        let path = format!("/stages/{}/train", stage.name);
        of_training.clone().for_each(|key| remove(&path, key));
    }
    values
}

impl Arms {
    /// The arms of a pipeline, if it describes a search.
    pub(super) fn of(loaded: &Loaded) -> Option<Self> {
        let sweep = loaded.sweep.clone()?;
        let trials = search::next(&sweep, &[]);
        let tasks = tasks::tasks(&loaded.spec, &sweep, &trials);
        Some(Self { sweep, trials, tasks })
    }

    /// Loads the pipeline of each arm, and checks its dataset and weights.
    pub(super) fn check(
        &self,
        loaded: &Loaded,
        settings: &Settings,
        fetching: Fetching<'_>,
    ) -> Result<(), Failure> {
        let mut rejected: Option<Rejected> = None;
        let mut reject = |more: Rejected| match &mut rejected {
            Some(all) => all.diagnostics.extend(more.diagnostics),
            None => rejected = Some(more),
        };
        // A search by results may come to other values than those of its first arms.
        let later = match self.sweep.search {
            SearchSpec::Tpe { .. } => search::covering(&self.sweep),
            SearchSpec::Grid | SearchSpec::Random { .. } | SearchSpec::Halving(_) => vec![],
        };
        let later: Vec<Trial> = later.into_iter().map(|arm| Trial { arm, epochs: None }).collect();
        let later = tasks::tasks(&loaded.spec, &self.sweep, &later);
        // The runs of an arm differ only in the number of the fold and in the seed.
        let each = self.sweep.runs_per_arm();
        let mut pipelines = vec![];
        for task in self.tasks.iter().chain(&later).step_by(each) {
            match loaded.with(&task.settings) {
                Ok(arm) => pipelines.push(arm),
                Err(more) => reject(more),
            }
        }
        let mut preparing = Preparing::default();
        for arm in pipelines {
            fetching.fetch(&arm, settings, None)?;
            if let Err(more) = preparing.prepare(&arm, settings) {
                reject(more);
            }
        }
        match rejected {
            None => Ok(()),
            Some(Rejected { sources, diagnostics }) => {
                let diagnostics = diagnostic::in_order(diagnostics);
                Err(Failure::Rejected(Rejected { sources, diagnostics }))
            }
        }
    }
}
